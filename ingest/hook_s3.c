// POST /hooks/s3: a store tells that an object was made. Same effect as the client's complete; a failure is answered
// 503 so that the store tells again (behind it stands the reconciler).
//
// Who may tell: whoever knows [ingest] hook_token, as `Authorization: Bearer` (MinIO, EventBridge), or in every
// record's opaqueData (Ceph). What is told is only a hint to look: a forged or repeated event does no more than a GET
// would.
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/settings.h"
#include "catalog/sweep.h"
#include "catalog/upload.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/s3_event.h"
#include "ingest/settle.h"
#include "ingest/sns.h"
#include "media/object_key.h"

// Digests are compared, so neither the token's length nor its bytes show in the time taken.
static bool is_token(const struct ingest *ingest, const char *text)
{
	const char *token = ingest->settings->ingest_hook_token;
	uint8_t wanted[SHA256_SIZE], given[SHA256_SIZE];
	if (token[0] == '\0' || text == NULL)
		return false;
	sha256_of(token, strlen(token), wanted);
	sha256_of(text, strlen(text), given);
	return crypto_equal(wanted, given, SHA256_SIZE);
}

static bool has_bearer(const struct ingest *ingest, const struct http_request *request)
{
	static const char SCHEME[] = "Bearer ";
	const char *header = http_request_header(request, "Authorization");
	return header != NULL && strncasecmp(header, SCHEME, sizeof SCHEME - 1) == 0 &&
	       is_token(ingest, header + sizeof SCHEME - 1);
}

static bool is_authentic(const struct ingest *ingest, const struct s3_events *events)
{
	for (size_t i = 0; i < events->count; i++)
		if (!is_token(ingest, events->items[i].opaque))
			return false;
	return events->count > 0;
}

// Bytes that came for an upload that has ended without them (their PUT began before): nobody will ever want them.
static enum rc drop_late_bytes(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                               struct err *err)
{
	return catalog_deletion_add(&ingest->catalog, call, DELETION_ORIGINAL, &upload->media_id, upload->object_key, 0,
	                            err);
}

static bool is_dead(enum media_state state)
{
	return state == MEDIA_EXPIRED || state == MEDIA_DELETED || state == MEDIA_REJECTED;
}

static enum rc settle_row(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                          struct err *err)
{
	struct settled settled;
	if (is_dead(upload->media_state))
		return drop_late_bytes(ingest, call, upload, err);
	return settle_upload(ingest, call, upload, SETTLE_BY_EVENT, &settled, err);
}

static enum rc take_event(struct ingest *ingest, const struct catalog_call *call, const struct s3_event *event,
                          struct err *err)
{
	struct uuid media_id;
	struct upload_row upload;
	struct db_result *result = NULL;
	if (!event->is_created || strcmp(event->bucket, ingest->settings->store_originals_bucket) != 0 ||
	    !object_key_parse_original(event->key, strlen(event->key), &media_id, NULL))
		return RC_OK;
	enum rc rc = catalog_upload_find_by_media(&ingest->catalog, call, &media_id, &upload, &result, err);
	if (rc == RC_OK && strcmp(upload.object_key, event->key) == 0)
		rc = settle_row(ingest, call, &upload, err);
	db_result_free(result);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void take_all(struct ingest *ingest, struct http_request *request, const struct s3_events *events)
{
	const struct catalog_call call = ingest_call_of(request);
	struct err err = { 0 };
	enum rc rc = RC_OK;
	// The rest is done even when one fails: all of them are told again then, and those done cost little.
	for (size_t i = 0; i < events->count; i++) {
		struct err one = { 0 };
		if (take_event(ingest, &call, &events->items[i], &one) != RC_OK && rc == RC_OK) {
			err = one;
			rc = one.rc;
		}
	}
	if (rc == RC_OK) {
		http_respond_empty(request, 204);
		return;
	}
	LOG_FAILURE(LOG_WARNING, "hook_failed", &err, LOG_INT("events", events->count));
	http_respond_retry_after(request, 5);
	http_respond_problem(request, 503, "unavailable", "The events could not be handled now. Send them again.");
}

static void refuse_message(struct http_request *request, const struct err *err)
{
	LOG_FAILURE(LOG_WARNING, "sns_refused", err);
	if (err->rc == RC_DENIED || err->rc == RC_CORRUPT) {
		http_respond_problem(request, 401, "unauthorized", "The message is not to be believed.");
	} else if (err->rc == RC_INVALID) {
		http_respond_problem(request, 400, "invalid-event", "%s.", err->text);
	} else {
		http_respond_retry_after(request, 5);
		http_respond_problem(request, 503, "unavailable",
		                     "The message could not be checked now. Send it again.");
	}
}

// A message of Amazon SNS: its signature stands for the token.
static void take_message(struct ingest *ingest, struct http_request *request, const char *data, size_t length)
{
	struct sns_envelope envelope;
	struct s3_events events = { 0 };
	struct err err = { 0 };
	struct arena *arena = http_request_arena(request);
	enum rc rc = sns_receive(ingest->sns, data, length, arena, http_request_deadline(request), &envelope, &err);
	if (rc == RC_OK && envelope.kind == SNS_NOTIFICATION)
		rc = s3_events_parse(envelope.message, strlen(envelope.message), arena, &events, &err);
	if (rc == RC_OK)
		take_all(ingest, request, &events);
	else
		refuse_message(request, &err);
}

static void take(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct s3_events events;
	struct err err = { 0 };
	size_t length = 0;
	if (ingest_let_go_if_over(request))
		return;
	const char *data = http_request_body(request, &length);
	if (http_request_header(request, "x-amz-sns-message-type") != NULL) {
		take_message(ingest, request, data, length);
		return;
	}
	bool is_trusted = has_bearer(ingest, request);
	enum rc rc = s3_events_parse(data, length, http_request_arena(request), &events, &err);
	// A stranger does not learn what was wrong with the events.
	if (!is_trusted && (rc != RC_OK || !is_authentic(ingest, &events)))
		http_respond_problem(request, 401, "unauthorized", "Send the hook's token.");
	else if (rc == RC_INVALID)
		http_respond_problem(request, 400, "invalid-event", "%s.", err.text);
	else if (rc != RC_OK)
		http_respond_rc(request, &err);
	else
		take_all(ingest, request, &events);
}

static void handle(struct http_request *request)
{
	ingest_run_settler(request, take, request);
}

const struct route route_hook_s3 = {
	.method = "POST",
	.path = "/hooks/s3",
	.auth = ROUTE_PUBLIC,
	.run = ROUTE_EVENT,
	.body_limit = 256 * 1024,
	.handle = handle,
	.summary = "Object-created events of the store.",
};
