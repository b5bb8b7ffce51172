// POST /v1/uploads/batch: up to a hundred uploads begun in one transaction, all or none; a camera roll.
#include <stdio.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "catalog/upload.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/upload_begun.h"
#include "ingest/upload_request.h"
#include "ingest/upload_view.h"

static enum rc write_earlier(struct ingest *ingest, struct http_request *request, struct json_write *json,
                             const struct uuid *upload_id, struct err *err)
{
	struct upload_row upload;
	struct db_result *result = NULL;
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *owner_id = &http_request_principal(request)->user_id;
	enum rc rc = catalog_upload_find(&ingest->catalog, &call, owner_id, upload_id, &upload, &result, err);
	if (rc != RC_OK)
		return rc;
	const struct upload_view view = upload_view_of(&upload);
	rc = upload_view_write(ingest, json, &view, err);
	db_result_free(result);
	return rc;
}

// As POST /v1/uploads would have answered, with the status that it would have had.
static enum rc write_one(struct ingest *ingest, struct http_request *request, struct json_write *json,
                         const struct upload_new *new, const struct upload_begun *begun, struct err *err)
{
	enum rc rc = RC_OK;
	json_write_object_begin(json, NULL);
	json_write_int(json, "status", begun->outcome == UPLOAD_DUPLICATE ? 200 : 201);
	if (begun->outcome == UPLOAD_BEGUN) {
		const struct upload_view view = upload_view_of_new(new);
		rc = upload_view_write(ingest, json, &view, err);
	} else if (begun->outcome == UPLOAD_REPEATED) {
		rc = write_earlier(ingest, request, json, &begun->upload_id, err);
	} else {
		rc = upload_view_write_media(ingest, request, json, &begun->media_id, err);
	}
	json_write_object_end(json);
	return rc;
}

static void answer(struct ingest *ingest, struct http_request *request, const struct upload_new *uploads,
                   const struct upload_begun *begun, size_t count)
{
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	enum rc rc = RC_OK;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "uploads");
	for (size_t i = 0; i < count && rc == RC_OK; i++)
		rc = write_one(ingest, request, &json, &uploads[i], &begun[i], &err);
	json_write_array_end(&json);
	json_write_object_end(&json);
	if (rc == RC_OK)
		http_respond_json(request, 201, &out);
	else
		upload_view_fail(request, &err);
	buffer_done(&out);
}

static void begin(struct ingest *ingest, struct http_request *request, const struct upload_new *uploads,
                  struct upload_begun *begun, size_t count)
{
	struct err err = { 0 };
	char pointer[32];
	size_t index = 0;
	const struct catalog_call call = ingest_call_of(request);
	if (catalog_upload_begin_many(&ingest->catalog, &call, uploads, count, begun, &index, &err) != RC_OK) {
		index = index < count ? index : count - 1;
		(void)snprintf(pointer, sizeof pointer, "/uploads/%zu", index);
		upload_begun_refuse(request, &uploads[index], pointer, &err);
		return;
	}
	for (size_t i = 0; i < count; i++)
		upload_begun_count(ingest, &begun[i]);
	answer(ingest, request, uploads, begun, count);
}

static void handle(struct http_request *request)
{
	struct ingest *ingest = ingest_of(request);
	struct arena *arena = http_request_arena(request);
	struct upload_request *requests = NULL;
	size_t count = upload_request_read_batch(ingest, request, &requests);
	if (count == 0)
		return;
	struct upload_new *uploads = arena_alloc(arena, count * sizeof *uploads);
	struct upload_begun *begun = arena_alloc(arena, count * sizeof *begun);
	if (uploads == NULL || begun == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a batch" });
		return;
	}
	for (size_t i = 0; i < count; i++)
		uploads[i] = requests[i].new;
	begin(ingest, request, uploads, begun, count);
}

const struct route route_upload_batch = {
	.method = "POST",
	.path = "/v1/uploads/batch",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = LIMIT_REQUEST_BODY_BYTES,
	.idempotency = ROUTE_KEYS_ELSEWHERE,
	.handle = handle,
	.summary = "Begin up to a hundred uploads in one transaction, all or none.",
};
