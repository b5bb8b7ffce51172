// POST /sign: one request of an S3 client signed, for @uppy/aws-s3's signRequest (from 6 on), which names what it wants
// to do: {method, key, uploadId?, partNumber?, contentType?, expiresIn?}. The page adds what it knows of the file
// (filename, type, size) to requests without an uploadId whose key is not one of ours yet; the answer's key then takes
// its place.
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/settings.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/upload_view.h"
#include "ingest/uppy.h"
#include "store/store_multipart.h"
#include "store/store_presign.h"

enum sign_method { SIGN_PUT, SIGN_POST, SIGN_DELETE, SIGN_GET };
static const char *const METHODS[] = { "PUT", "POST", "DELETE", "GET", NULL };

struct wanted {
	enum sign_method method;
	const char *key;
	const char *upload_id; // NULL: none
	unsigned part;         // 0: none
	struct uppy_file file;
};

static bool read_wanted(struct http_request *request, struct wanted *ret_wanted)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	struct wanted wanted = { .key = body_text(body, "key", BODY_REQUIRED, 1, LIMIT_OBJECT_KEY_BYTES) };
	wanted.method = (enum sign_method)body_choice(body, "method", BODY_REQUIRED, METHODS, SIGN_PUT);
	wanted.upload_id = body_text(body, "uploadId", BODY_NULLABLE, 1, STORE_UPLOAD_ID_SIZE - 1);
	wanted.part = (unsigned)body_int(body, "partNumber", BODY_NULLABLE, 1, STORE_PARTS_MAX, 0);
	(void)body_int(body, "expiresIn", BODY_NULLABLE, 1, 604800, 0); // ours to say
	const char *content_type = body_text(body, "contentType", BODY_NULLABLE, 0, 1024);
	wanted.file.filename = body_text(body, "filename", BODY_NULLABLE, 1, 4096);
	wanted.file.content_type = body_text(body, "type", BODY_NULLABLE, 0, 1024);
	if (wanted.file.content_type == NULL)
		wanted.file.content_type = content_type;
	int64_t size = body_int(body, "size", BODY_NULLABLE, 0, INT64_MAX, -1);
	if (size >= 0)
		wanted.file.size = arena_format(http_request_arena(request), "%lld", (long long)size);
	if ((wanted.part != 0) != (wanted.method == SIGN_PUT && wanted.upload_id != NULL))
		body_error(body, "partNumber", "goes with the PUT of a part, and with nothing else");
	if (wanted.upload_id == NULL && wanted.method >= SIGN_DELETE)
		body_error(body, "uploadId", "is missing: objects are neither read nor deleted here");
	*ret_wanted = wanted;
	return body_finish(body);
}

static void answer(struct http_request *request, const struct store_presign *presign, bool has_right, const char *key)
{
	struct ingest *ingest = ingest_of(request);
	struct store_signed_request signed_request = { 0 };
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	// The presign key may only put; lists and removals of parts are ingest's own.
	enum rc rc =
	        store_presign_request(has_right ? ingest->presigner : ingest->store, presign, &signed_request, &err);
	if (rc != RC_OK) {
		upload_view_fail(request, &err);
		return;
	}
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "url", signed_request.url);
	json_write_text(&json, "key", key);
	json_write_object_begin(&json, "headers");
	// Browsers set the length themselves, and let nobody else.
	for (size_t i = 0; i < signed_request.header_count; i++)
		if (strcmp(signed_request.headers[i].name, "content-length") != 0)
			json_write_text(&json, signed_request.headers[i].name, signed_request.headers[i].value);
	json_write_object_end(&json);
	json_write_object_end(&json);
	http_respond_json(request, 200, &out);
	store_signed_request_done(&signed_request);
}

// PUT of a whole object, or the begin of one in parts.
static void sign_first(struct http_request *request, const struct wanted *wanted)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_request upload;
	char length[24];
	bool in_parts = wanted->method == SIGN_POST;
	if (!uppy_begin(request, &wanted->file, in_parts ? UPLOAD_MULTIPART : UPLOAD_PUT, &upload))
		return;
	(void)snprintf(length, sizeof length, "%lld", (long long)upload.new.size);
	const struct store_pair headers[] = { { "content-type", upload.new.content_type },
		                              { "content-length", length } };
	const struct store_pair uploads = { "uploads", "" };
	answer(request,
	       &(struct store_presign){ .method = METHODS[wanted->method],
	                                .bucket = ingest->settings->store_originals_bucket,
	                                .key = upload.object_key,
	                                .query = &uploads,
	                                .query_count = in_parts,
	                                .headers = headers,
	                                .header_count = in_parts ? 1 : 2,
	                                .seconds = upload_view_url_seconds(ingest, upload.new.expires_at) },
	       true, upload.object_key);
}

// The client began the upload at the store itself: its id is noted with the first request that names it.
static bool note_id(struct http_request *request, const struct wanted *wanted, const struct upload_row *upload)
{
	struct ingest *ingest = ingest_of(request);
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	if (upload->multipart_id != NULL && strcmp(upload->multipart_id, wanted->upload_id) == 0)
		return true;
	enum rc rc = RC_CONFLICT;
	if (upload->multipart_id == NULL && upload->method == UPLOAD_MULTIPART)
		rc = catalog_upload_set_multipart(&ingest->catalog, &call, &upload->id, wanted->upload_id, &err);
	if (rc == RC_CONFLICT)
		uppy_refuse(request, 404, "there is no such upload");
	else if (rc != RC_OK)
		upload_view_fail(request, &err);
	return rc == RC_OK;
}

static void sign_next(struct http_request *request, const struct wanted *wanted)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_row upload;
	struct db_result *result = NULL;
	char number[16];
	if (!uppy_find(request, wanted->key, &upload, &result))
		return;
	(void)snprintf(number, sizeof number, "%u", wanted->part);
	const struct store_pair query[] = { { "uploadId", wanted->upload_id }, { "partNumber", number } };
	if (upload.media_state != MEDIA_AWAITING_UPLOAD)
		uppy_refuse(request, 409, "this upload has ended");
	else if (note_id(request, wanted, &upload))
		answer(request,
		       &(struct store_presign){ .method = METHODS[wanted->method],
		                                .bucket = ingest->settings->store_originals_bucket,
		                                .key = upload.object_key,
		                                .query = query,
		                                .query_count = wanted->part == 0 ? 1 : 2,
		                                .seconds = uppy_seconds(ingest, &upload) },
		       wanted->method <= SIGN_POST, upload.object_key);
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	struct wanted wanted;
	if (!read_wanted(request, &wanted))
		return;
	if (wanted.upload_id == NULL)
		sign_first(request, &wanted);
	else
		sign_next(request, &wanted);
}

const struct route route_uppy_sign = { .method = "POST",
	                               .path = "/sign",
	                               .auth = ROUTE_USER,
	                               .run = ROUTE_WORKER,
	                               .body_limit = 32 * 1024,
	                               .idempotency = ROUTE_KEYS_ELSEWHERE,
	                               .handle = handle,
	                               .summary = "Uppy: one request to the store, signed." };
