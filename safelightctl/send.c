// Begin, PUT, complete.
#include "safelightctl/send.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "safelightctl/report.h"
#include "safelightctl/session.h"

#define LIMITED_PAUSE_MS 500
#define LIMITED_MS 70000 // limits are by the minute

const char *send_content_type(const char *path)
{
	static const struct {
		const char *extension;
		const char *type;
	} TYPES[] = {
		{ ".jpg", "image/jpeg" },      { ".jpeg", "image/jpeg" }, { ".png", "image/png" },
		{ ".webp", "image/webp" },     { ".gif", "image/gif" },   { ".avif", "image/avif" },
		{ ".heic", "image/heic" },     { ".heif", "image/heif" }, { ".jxl", "image/jxl" },
		{ ".tif", "image/tiff" },      { ".tiff", "image/tiff" }, { ".svg", "image/svg+xml" },
		{ ".pdf", "application/pdf" },
	};
	const char *dot = strrchr(path, '.');
	for (size_t i = 0; dot != NULL && i < sizeof TYPES / sizeof TYPES[0]; i++)
		if (strcasecmp(dot, TYPES[i].extension) == 0)
			return TYPES[i].type;
	return "application/octet-stream";
}

// POST, and again while the rate limit says to wait; takes body over.
static enum rc post(struct session *session, const char *path, json_t *body, struct sent *sent, unsigned *ret_status,
                    json_t **ret_json, struct err *err)
{
	struct deadline deadline = deadline_after_ms(LIMITED_MS);
	json_auto_t *taken_over = body;
	for (;; clock_sleep_ms(LIMITED_PAUSE_MS)) {
		json_t *answer = NULL;
		enum rc rc = session_call(session, "POST", path, json_incref(taken_over), ret_status, &answer, err);
		if (rc != RC_OK || *ret_status != 429 || deadline_passed(deadline)) {
			*ret_json = answer;
			return rc;
		}
		json_decref(answer);
		sent->waits++;
	}
}

static enum rc begin(struct session *session, const struct sending *sending, struct sent *sent, json_t **ret_begun,
                     struct err *err)
{
	const char *slash = strrchr(sending->path, '/');
	unsigned status = 0;
	int64_t began_us = clock_monotonic_us();
	json_t *body = json_pack("{s:s, s:s, s:I, s:s*}", "filename", slash == NULL ? sending->path : slash + 1,
	                         "content_type", send_content_type(sending->path), "size", (json_int_t)sending->length,
	                         "sha256", sending->sha256);
	enum rc rc = post(session, "/v1/uploads", body, sent, &status, ret_begun, err);
	sent->begin_us = clock_monotonic_us() - began_us;
	sent->is_known = rc == RC_OK && status == 200;
	if (rc != RC_OK || status == 200 || status == 201)
		return rc;
	return session_refused(status, *ret_begun, "beginning the upload", err);
}

static enum rc put(struct session *session, const struct sending *sending, const json_t *begun, struct sent *sent,
                   struct err *err)
{
	unsigned status = 0;
	int64_t began_us = clock_monotonic_us();
	enum rc rc = session_put(session, report_text(begun, "url"), json_object_get(begun, "headers"), sending->data,
	                         sending->length, &status, err);
	sent->put_us = clock_monotonic_us() - began_us;
	if (rc != RC_OK || status / 100 == 2)
		return rc;
	return err_set(err, RC_DENIED, "the store answered the PUT with %u", status);
}

static enum rc complete(struct session *session, const json_t *begun, struct sent *sent, struct err *err)
{
	json_auto_t *completed = NULL;
	unsigned status = 0;
	char path[96];
	int64_t began_us = clock_monotonic_us();
	(void)snprintf(path, sizeof path, "/v1/uploads/%s/complete", report_text(begun, "upload_id"));
	enum rc rc = post(session, path, json_object(), sent, &status, &completed, err);
	sent->complete_us = clock_monotonic_us() - began_us;
	if (rc != RC_OK || status == 200 || status == 202)
		return rc;
	return session_refused(status, completed, "completing the upload", err);
}

enum rc send_file(struct session *session, const struct sending *sending, struct sent *ret_sent, struct err *err)
{
	json_auto_t *begun = NULL;
	*ret_sent = (struct sent){ 0 };
	enum rc rc = begin(session, sending, ret_sent, &begun, err);
	if (rc != RC_OK)
		return rc;
	(void)snprintf(ret_sent->media_id, sizeof ret_sent->media_id, "%s",
	               report_text(begun, ret_sent->is_known ? "media.id" : "media_id"));
	if (ret_sent->is_known)
		return RC_OK;
	rc = put(session, sending, begun, ret_sent, err);
	return rc == RC_OK ? complete(session, begun, ret_sent, err) : rc;
}
