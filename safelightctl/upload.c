// safelightctl upload: files through the public API exactly as a phone sends them, timed: a smoke test of everything.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/settings.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/progress.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "safelightctl/send.h"
#include "safelightctl/session.h"

#define FILE_BYTES_MOST (200 * 1024 * 1024)
#define FILES_MOST 100000
#define TIMEOUT_SECONDS 60
#define LOOK_MS 50
#define DELIVERY_MS 20000

// One file on its way.
struct journey {
	struct session *session;
	const struct call *call;
	json_t *report; // {"file", "media_id", "state", "uploaded_ms", "preview_ms", "ready_ms", "delivered", …}
	int64_t began_us;
	int64_t timeout_ms;
};

// Note how long it took to come here, once; for people at once, as the line grows.
static void note(struct journey *journey, const char *what)
{
	char name[32];
	int64_t ms = (clock_monotonic_us() - journey->began_us) / 1000;
	(void)snprintf(name, sizeof name, "%s_ms", what);
	if (json_object_get(journey->report, name) != NULL)
		return;
	(void)json_object_set_new(journey->report, name, json_integer(ms));
	if (!journey->call->json) {
		(void)printf("  %s %lld ms", what, (long long)ms);
		(void)fflush(stdout);
	}
}

// Begin, PUT, complete.
static enum rc send_one(struct journey *journey, const char *path, const void *data, size_t length, struct err *err)
{
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_TEXT_SIZE];
	struct sent sent;
	sha256_of(data, length, digest);
	encode_hex(digest, sizeof digest, hex);
	const struct sending sending = { .path = path, .data = data, .length = length, .sha256 = hex };
	enum rc rc = send_file(journey->session, &sending, &sent, err);
	if (sent.media_id[0] != '\0')
		(void)json_object_set_new(journey->report, "media_id", json_string(sent.media_id));
	if (rc != RC_OK)
		return rc;
	if (sent.is_known)
		(void)json_object_set_new(journey->report, "known", json_true());
	else
		note(journey, "uploaded");
	return RC_OK;
}

// The URL of a variant that can be fetched; NULL when there is none yet.
static const char *find_url(const json_t *media)
{
	size_t index = 0;
	json_t *variant = NULL;
	json_array_foreach(json_object_get(media, "variants"), index, variant)
	{
		const char *url = json_string_value(json_object_get(variant, "url"));
		if (url != NULL)
			return url;
	}
	return NULL;
}

static bool has_failed(const char *state)
{
	return strcmp(state, "failed") == 0 || strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0 ||
	       strcmp(state, "deleted") == 0;
}

// Fetch a variant by its signed URL, through the edge.
static enum rc fetch_variant(struct journey *journey, const json_t *media, struct err *err)
{
	unsigned status = 0;
	const char *url = find_url(media);
	if (url == NULL)
		return err_set(err, RC_NOT_FOUND, "it is ready and has no variant");
	enum rc rc = reach_get(journey->session->http, url, DELIVERY_MS, &status, NULL, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "fetching a variant");
	(void)json_object_set_new(journey->report, "delivered", json_integer(status));
	return status == 200 ? RC_OK : err_set(err, RC_DENIED, "the edge answered a signed URL with %u", status);
}

static enum rc follow(struct journey *journey, struct err *err)
{
	struct deadline deadline = deadline_after_ms(journey->timeout_ms);
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/media/%s", report_text(journey->report, "media_id"));
	for (;; clock_sleep_ms(LOOK_MS)) {
		json_auto_t *media = NULL;
		unsigned status = 0;
		enum rc rc = session_call(journey->session, "GET", path, NULL, &status, &media, err);
		if (rc != RC_OK && !rc_is_transient(rc))
			return rc;
		if (rc == RC_OK && status != 200 && status < 500)
			return session_refused(status, media, "asking for the media", err);
		const char *state = report_text(media, "state");
		if (rc == RC_OK && status == 200)
			(void)json_object_set_new(journey->report, "state", json_string(state));
		if (find_url(media) != NULL)
			note(journey, "preview");
		if (strcmp(state, "ready") == 0) {
			note(journey, "ready");
			return fetch_variant(journey, media, err);
		}
		if (has_failed(state))
			return err_set(err, RC_CONFLICT, "%s: %s (%s)", state, report_text(media, "reason.detail"),
			               report_text(media, "reason.code"));
		if (deadline_passed(deadline))
			return err_set(err, RC_CONFLICT, "not ready after %lld s (state %s)",
			               (long long)(journey->timeout_ms / 1000), state);
	}
}

static enum rc travel(struct journey *journey, const char *path, struct err *err)
{
	CLEANUP(free_pointer) char *data = NULL;
	size_t length = 0;
	enum rc rc = file_read(path, FILE_BYTES_MOST, &data, &length, err);
	if (rc != RC_OK)
		return rc;
	journey->began_us = clock_monotonic_us();
	rc = send_one(journey, path, data, length, err);
	return rc == RC_OK ? follow(journey, err) : rc;
}

// What was only a test must not stay: neither the files nor the account.
static void clean_up(struct session *session, json_t *reports)
{
	bool is_gone = session_erase(session);
	size_t index = 0;
	json_t *report = NULL;
	json_array_foreach(reports, index, report)(void) json_object_set_new(report, "removed", json_boolean(is_gone));
}

static json_t *run_one(const struct call *call, struct session *session, const char *path, int64_t timeout_ms)
{
	struct err err = { 0 };
	struct journey journey = {
		.session = session, .call = call, .report = json_pack("{s:s}", "file", path), .timeout_ms = timeout_ms
	};
	if (!call->json)
		(void)printf("%s", path);
	enum rc rc = travel(&journey, path, &err);
	(void)json_object_set_new(journey.report, "ok", json_boolean(rc == RC_OK));
	if (rc != RC_OK)
		(void)json_object_set_new(journey.report, "error", json_string(err.text));
	if (!call->json)
		(void)printf("  %s%s\n", rc == RC_OK ? "delivered" : "FAILED: ", rc == RC_OK ? "" : err.text);
	return journey.report;
}

static enum rc run(const struct call *call, struct err *err)
{
	struct session session = { 0 };
	int64_t seconds = TIMEOUT_SECONDS, failures = 0;
	const char *url = call_option(call, "--url");
	json_auto_t *reports = json_array();
	enum rc rc = call_number(call, "--timeout", 1, 3600, &seconds, err);
	if (rc == RC_OK)
		rc = session_begin(&session, url == NULL ? call->settings->cdn_public_url : url, 1, err);
	struct progress progress; // for people each file is a line
	progress_begin(&progress, "files", call->argument_count);
	for (int i = 0; rc == RC_OK && i < call->argument_count; i++) {
		json_t *report = run_one(call, &session, call->arguments[i], seconds * 1000);
		failures += !report_bool(report, "ok");
		(void)json_array_append_new(reports, report);
		if (call->json)
			progress_show(&progress, i + 1);
	}
	progress_end(&progress);
	if (rc == RC_OK && session_is_throw_away(&session) && call_option(call, "--keep") == NULL)
		clean_up(&session, reports);
	session_done(&session);
	if (rc == RC_OK && call->json)
		report_json(reports);
	if (rc == RC_OK && failures > 0)
		return err_set(err, RC_CONFLICT, "%lld of %d files did not become ready", (long long)failures,
		               call->argument_count);
	return rc;
}

static const struct command_option OPTIONS[] = {
	{ "--url", "URL", "where the edge answers ([cdn] public_url)" },
	{ "--timeout", "SECONDS", "how long one file may take to become ready, 1 to 3600 (60)" },
	{ "--keep", NULL, "do not delete the throw-away account afterwards" },
	{ 0 },
};

const struct command command_upload = {
	.name = "upload",
	.arguments = "FILE…",
	.summary = "take files through the public API as a phone does, timed (smoke test)",
	.options = OPTIONS,
	.least_arguments = 1,
	.most_arguments = FILES_MOST,
	.secrets = "",
	.run = run,
};
