// The object store: buckets, what each key may do and must not, what the store really does, its clock.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "base/uuid.h"
#include "http/client.h"
#include "safelightctl/command.h"
#include "safelightctl/doctor.h"
#include "safelightctl/probe.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "store/store.h"
#include "store/store_admin.h"

#define CALL_MS 10000

static const char MEND_POLICY[] = "run safelightctl store init: it writes the buckets' policies";

// One right of one key: reading an object that is there.
static void check_read(struct doctor *doctor, const char *name, const char *access_key, const char *secret_key,
                       const struct store_target *target, bool is_allowed)
{
	struct store *store = NULL;
	struct store_object object;
	struct err err = { 0 };
	enum rc rc = store_open_configured(doctor->call->settings, access_key, secret_key, NULL, &store, &err);
	if (rc == RC_OK)
		rc = store_head(store, target, &object, &err);
	if (rc == RC_OK)
		store_object_done(&object);
	store_free(store);
	doctor_add(doctor, name, is_allowed ? rc == RC_OK : rc == RC_DENIED, MEND_POLICY, "%s %s %s%s%s", access_key,
	           rc == RC_OK ? "can read" : "cannot read", target->bucket, is_allowed && rc != RC_OK ? ": " : "",
	           is_allowed && rc != RC_OK ? err.text : "");
}

// Rights are tried on one object of each bucket, which the owner's key puts there and removes again.
static void check_rights(struct doctor *doctor, struct store *owner)
{
	const struct settings *settings = doctor->call->settings;
	char key[64] = ".probe/";
	struct uuid id = uuid_new();
	struct err err = { 0 };
	uuid_format(&id, key + strlen(key));
	const struct store_target original = { settings->store_originals_bucket, key, CALL_MS };
	const struct store_target variant = { settings->store_media_bucket, key, CALL_MS };
	const struct store_body body = { .data = "probe", .length = 5 };
	enum rc rc = store_put(owner, &original, &body, NULL, NULL, &err);
	if (rc == RC_OK)
		rc = store_put(owner, &variant, &body, NULL, NULL, &err);
	doctor_add(doctor, "store: owner's key", rc == RC_OK, "the [admin] key must own both buckets", "%s%s",
	           settings->admin_access_key, rc == RC_OK ? " can write" : err.text);
	if (rc == RC_OK) {
		check_read(doctor, "store: ingest", settings->ingest_access_key, settings->ingest_secret_key, &original,
		           true);
		check_read(doctor, "store: transcoder", settings->transcoder_access_key,
		           settings->transcoder_secret_key, &original, true);
		check_read(doctor, "store: edge", settings->edge_access_key, settings->edge_secret_key, &variant, true);
		check_read(doctor, "store: edge, originals", settings->edge_access_key, settings->edge_secret_key,
		           &original, true); // originals that their owners download
		check_read(doctor, "store: presign key", settings->ingest_presign_access_key,
		           settings->ingest_presign_secret_key, &original, false);
	}
	rc = store_delete(owner, &original, &err);
	if (rc == RC_OK)
		rc = store_delete(owner, &variant, &err);
	if (rc != RC_OK)
		doctor_add(doctor, "store: clean-up", false, "remove the object .probe/… by hand", "%s", err.text);
}

// Nobody without a key.
static void check_stranger(struct doctor *doctor, const char *bucket)
{
	char url[600];
	struct err err = { 0 };
	unsigned status = 0;
	(void)snprintf(url, sizeof url, "%s/%s?list-type=2", doctor->call->settings->store_endpoint, bucket);
	enum rc rc = reach_get(doctor->http, url, CALL_MS, &status, NULL, &err);
	doctor_add(doctor, "store: strangers", rc == RC_OK && (status == 403 || status == 401), MEND_POLICY,
	           "listing %s without a key is answered %u", bucket, status);
}

static void check_capabilities(struct doctor *doctor, struct store *owner)
{
	struct store_capabilities can;
	struct err err = { 0 };
	enum rc rc = store_probe(owner, owner, doctor->call->settings->store_originals_bucket, &can, &err);
	if (rc != RC_OK) {
		doctor_add(doctor, "store: capabilities", false,
		           "see the error; the owner's key must be able to do all", "%s", err.text);
		return;
	}
	doctor_add(doctor, "store: capabilities", can.put_if_absent && can.get_if_match && can.multipart,
	           "a store without If-None-Match on PUT lets a client overwrite what was checked: use another version",
	           "If-None-Match %s, If-Match %s, Content-MD5 %s, multipart %s", can.put_if_absent ? "yes" : "no",
	           can.get_if_match ? "yes" : "no", can.content_md5 ? "yes" : "no", can.multipart ? "yes" : "no");
}

void doctor_check_store(struct doctor *doctor)
{
	const struct settings *settings = doctor->call->settings;
	json_auto_t *part = probe_store(doctor->call);
	struct store *owner = NULL;
	struct err err = { 0 };
	doctor_add(doctor, "store", report_bool(part, "ok"),
	           "start the store; check [store] endpoint, region and the [admin] key; run safelightctl store init",
	           "%s%s%s", settings->store_endpoint, report_bool(part, "ok") ? " answers" : ": ",
	           report_bool(part, "ok") ? "" : report_text(part, "detail"));
	if (!report_bool(part, "ok"))
		return;
	int64_t skew_ms = report_int(part, "clock_skew_ms");
	doctor_add(doctor, "store: clock", llabs(skew_ms) < PROBE_SKEW_MS, "run chrony or systemd-timesyncd on both",
	           "%+lld ms against ours", (long long)skew_ms);
	if (store_open_configured(settings, settings->admin_access_key, settings->admin_secret_key, NULL, &owner,
	                          &err) != RC_OK)
		return;
	check_rights(doctor, owner);
	check_stranger(doctor, settings->store_originals_bucket);
	check_stranger(doctor, settings->store_media_bucket);
	check_capabilities(doctor, owner);
	store_free(owner);
}
