// /s3/…: the calls of Uppy's Companion (https://uppy.io/docs/companion/). Each URL that is handed out is for one object
// of the caller's.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/routes.h"
#include "ingest/settle.h"
#include "ingest/upload_view.h"
#include "ingest/uppy.h"
#include "store/store_presign.h"

#define METADATA_BYTES 8192
#define BATCH_MAX 1000
#define FILENAME_SENT_BYTES 4096
#define CONTENT_TYPE_SENT_BYTES 1024

static void respond(struct http_request *request, enum rc rc, const struct err *err, struct buffer *out)
{
	if (rc == RC_OK)
		http_respond_json(request, 200, out);
	else
		upload_view_fail(request, err);
	buffer_done(out);
}

// ---- a form for a whole file ---------------------------------------------------------------------------------------

static void write_form(struct json_write *json, const struct store_form *form, int64_t seconds)
{
	json_write_object_begin(json, NULL);
	json_write_text(json, "method", "POST");
	json_write_text(json, "url", form->url);
	json_write_object_begin(json, "fields");
	for (size_t i = 0; i < form->field_count; i++)
		json_write_text(json, form->fields[i].name, form->fields[i].value);
	json_write_object_end(json);
	json_write_int(json, "expires", seconds);
	json_write_object_end(json);
}

static enum rc write_put(struct ingest *ingest, struct json_write *json, const struct upload_new *new, int64_t seconds,
                         struct err *err)
{
	struct store_signed_request signed_request = { 0 };
	char length[24];
	(void)snprintf(length, sizeof length, "%lld", (long long)new->size);
	const struct store_pair headers[] = { { "content-type", new->content_type }, { "content-length", length } };
	const struct store_presign presign = { .method = "PUT",
		                               .bucket = ingest->settings->store_originals_bucket,
		                               .key = new->object_key,
		                               .headers = headers,
		                               .header_count = 2,
		                               .seconds = seconds };
	enum rc rc = store_presign_request(ingest->presigner, &presign, &signed_request, err);
	if (rc != RC_OK)
		return rc;
	json_write_object_begin(json, NULL);
	json_write_text(json, "method", "PUT");
	json_write_text(json, "url", signed_request.url);
	json_write_object_begin(json, "fields");
	json_write_object_end(json);
	json_write_object_begin(json, "headers");
	json_write_text(json, "content-type", new->content_type);
	json_write_object_end(json);
	json_write_int(json, "expires", seconds);
	json_write_object_end(json);
	store_signed_request_done(&signed_request);
	return RC_OK;
}

static enum rc post_form(struct ingest *ingest, struct json_write *json, const struct upload_new *new, int64_t seconds,
                         struct err *err)
{
	static const struct store_pair CREATED = { "success_action_status", "201" };
	struct store_form form = { 0 };
	const struct store_form_options options = { .bucket = ingest->settings->store_originals_bucket,
		                                    .key = new->object_key,
		                                    .least_bytes = (uint64_t) new->size,
		                                    .most_bytes = (uint64_t) new->size,
		                                    .content_type = new->content_type,
		                                    .fields = &CREATED,
		                                    .field_count = 1,
		                                    .seconds = seconds };
	enum rc rc = store_presign_form(ingest->presigner, &options, &form, err);
	if (rc == RC_OK)
		write_form(json, &form, seconds);
	store_form_done(&form);
	return rc;
}

// Plugins up to 5 wait for the headers ETag and Location in the answer to a POST, which Ceph does not send: their pages
// ask for a PUT by the file's metadata. Those from 6 on take nothing but a POST here.
static bool wants_put(const struct http_request *request)
{
	const char *method = http_request_query(request, "metadata[method]");
	return method != NULL && strcmp(method, "PUT") == 0;
}

static void params(struct http_request *request)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_request upload;
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	bool is_put = wants_put(request);
	const struct uppy_file file = { .filename = http_request_query(request, "filename"),
		                        .content_type = http_request_query(request, "type"),
		                        .size = http_request_query(request, "metadata[size]") };
	if (!uppy_begin(request, &file, is_put ? UPLOAD_PUT : UPLOAD_POST, &upload))
		return;
	int64_t seconds = upload_view_url_seconds(ingest, upload.new.expires_at);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	enum rc rc = is_put ? write_put(ingest, &json, &upload.new, seconds, &err)
	                    : post_form(ingest, &json, &upload.new, seconds, &err);
	respond(request, rc, &err, &out);
}

const struct route route_uppy_params = { .method = "GET",
	                                 .path = "/s3/params",
	                                 .auth = ROUTE_USER,
	                                 .run = ROUTE_WORKER,
	                                 .handle = params,
	                                 .summary = "Uppy: begin an upload and get the form to POST it with." };

// ---- parts ---------------------------------------------------------------------------------------------------------

// The size within the metadata, a number or its text; NULL when there is none.
static const char *size_in(struct http_request *request, const char *metadata)
{
	json_t *json = metadata == NULL ? NULL : json_loads(metadata, 0, NULL);
	const json_t *size = json_object_get(json, "size");
	const char *text = NULL;
	if (json_is_integer(size))
		text = arena_format(http_request_arena(request), "%lld", (long long)json_integer_value(size));
	else if (json_is_string(size))
		text = arena_copy_text(http_request_arena(request), json_string_value(size));
	json_decref(json);
	return text;
}

static void answer_created(struct http_request *request, const struct upload_request *upload, const char *multipart_id)
{
	struct buffer out;
	struct json_write json;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "key", upload->object_key);
	json_write_text(&json, "uploadId", multipart_id);
	json_write_text(&json, "bucket", ingest_of(request)->settings->store_originals_bucket);
	json_write_object_end(&json);
	http_respond_json(request, 200, &out);
}

static void create(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct upload_request upload;
	char multipart_id[STORE_UPLOAD_ID_SIZE];
	struct err err = { 0 };
	if (ingest_let_go_if_over(request))
		return;
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	struct uppy_file file = { .filename = body_text(body, "filename", BODY_REQUIRED, 1, FILENAME_SENT_BYTES),
		                  .content_type = body_text(body, "type", BODY_REQUIRED, 0, CONTENT_TYPE_SENT_BYTES) };
	file.size = size_in(request, body_json(body, "metadata", BODY_NULLABLE, METADATA_BYTES));
	if (!body_finish(body) || !uppy_begin(request, &file, UPLOAD_MULTIPART, &upload))
		return;
	const struct upload_row row = { .id = upload.new.upload_id,
		                        .object_key = upload.object_key,
		                        .content_type = upload.new.content_type };
	const struct catalog_call call = ingest_call_of(request);
	if (multipart_open(ingest, &call, &row, multipart_id, &err) == RC_OK)
		answer_created(request, &upload, multipart_id);
	else
		upload_view_fail(request, &err);
}

// The caller's open upload of the path's uploadId and the query's key. False when an error was answered.
static bool find(struct http_request *request, struct upload_row *ret_upload, struct db_result **ret_result)
{
	struct db_result *result = NULL;
	if (ingest_let_go_if_over(request) || !uppy_find(request, NULL, ret_upload, &result))
		return false;
	if (ret_upload->multipart_id != NULL &&
	    strcmp(ret_upload->multipart_id, http_request_parameter(request, "uploadId")) == 0) {
		*ret_result = result;
		return true;
	}
	db_result_free(result);
	uppy_refuse(request, 404, "there is no such upload");
	return false;
}

static enum rc sign_part(struct ingest *ingest, const struct upload_row *upload, unsigned number,
                         struct store_signed_request *ret_request, struct err *err)
{
	char text[16];
	(void)snprintf(text, sizeof text, "%u", number);
	const struct store_pair query[] = { { "partNumber", text }, { "uploadId", upload->multipart_id } };
	const struct store_presign presign = { .method = "PUT",
		                               .bucket = ingest->settings->store_originals_bucket,
		                               .key = upload->object_key,
		                               .query = query,
		                               .query_count = 2,
		                               .seconds = uppy_seconds(ingest, upload) };
	return store_presign_request(ingest->presigner, &presign, ret_request, err);
}

static enum rc write_part_url(struct ingest *ingest, struct json_write *json, const char *name,
                              const struct upload_row *upload, unsigned number, struct err *err)
{
	struct store_signed_request signed_request = { 0 };
	enum rc rc = sign_part(ingest, upload, number, &signed_request, err);
	if (rc == RC_OK)
		json_write_text(json, name, signed_request.url);
	store_signed_request_done(&signed_request);
	return rc;
}

static void sign(struct http_request *request)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_row upload;
	struct db_result *result = NULL;
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	unsigned number = uppy_part_number(http_request_parameter(request, "partNumber"));
	if (number == 0) {
		uppy_refuse(request, 400, "the part number must be a number between 1 and 10000");
		return;
	}
	if (!find(request, &upload, &result))
		return;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	enum rc rc = write_part_url(ingest, &json, "url", &upload, number, &err);
	json_write_int(&json, "expires", uppy_seconds(ingest, &upload));
	json_write_object_end(&json);
	db_result_free(result);
	respond(request, rc, &err, &out);
}

static void sign_batch(struct http_request *request)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_row upload;
	struct db_result *result = NULL;
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	enum rc rc = RC_OK;
	const char *numbers = http_request_query(request, "partNumbers");
	if (!find(request, &upload, &result))
		return;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_object_begin(&json, "presignedUrls");
	size_t count = 0;
	for (const char *at = numbers; at != NULL && rc == RC_OK; count++) {
		char text[16];
		size_t length = strcspn(at, ",");
		(void)snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : 0, at);
		unsigned number = count < BATCH_MAX ? uppy_part_number(text) : 0;
		rc = number == 0 ? err_set(&err, RC_INVALID, "numbers")
		                 : write_part_url(ingest, &json, text, &upload, number, &err);
		at = at[length] == ',' ? at + length + 1 : NULL;
	}
	json_write_object_end(&json);
	json_write_object_end(&json);
	db_result_free(result);
	if (rc == RC_INVALID || count == 0)
		uppy_refuse(request, 400, "partNumbers must be a list of up to %d numbers between 1 and 10000",
		            BATCH_MAX);
	else
		respond(request, rc, &err, &out);
	buffer_done(&out);
}

static void list(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct upload_row upload;
	struct db_result *result = NULL;
	struct store_parts parts = { 0 };
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	if (!find(request, &upload, &result))
		return;
	const struct store_target target = { .bucket = ingest->settings->store_originals_bucket,
		                             .key = upload.object_key,
		                             .timeout_ms = ingest_store_ms(ingest, http_request_deadline(request)) };
	enum rc rc = store_upload_list_parts(ingest->store, &target, upload.multipart_id, &parts, &err);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_array_begin(&json, NULL);
	for (size_t i = 0; rc == RC_OK && i < parts.count; i++) {
		char etag[STORE_ETAG_SIZE + 2];
		(void)snprintf(etag, sizeof etag, "\"%s\"", parts.parts[i].etag);
		json_write_object_begin(&json, NULL);
		json_write_int(&json, "PartNumber", parts.parts[i].number);
		json_write_int(&json, "Size", (int64_t)parts.parts[i].size);
		json_write_text(&json, "ETag", etag);
		json_write_object_end(&json);
	}
	json_write_array_end(&json);
	store_parts_done(&parts);
	db_result_free(result);
	respond(request, rc, &err, &out);
}

// ---- the end -------------------------------------------------------------------------------------------------------

static void read_part(struct body *body, size_t index, struct store_part *ret_part)
{
	struct body *object = body_array_object(body, "parts", index);
	if (object == NULL)
		return;
	ret_part->number = (unsigned)body_int(object, "PartNumber", BODY_REQUIRED, 1, STORE_PARTS_MAX, 1);
	const char *etag = body_text(object, "ETag", BODY_REQUIRED, 1, STORE_ETAG_SIZE - 1);
	if (etag != NULL)
		(void)snprintf(ret_part->etag, sizeof ret_part->etag, "%s", etag);
}

// NULL when an error was answered.
static struct store_part *read_parts(struct http_request *request, size_t *ret_count)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return NULL;
	size_t count = body_array(body, "parts", BODY_REQUIRED, 1, STORE_PARTS_MAX);
	struct store_part *parts = arena_alloc(http_request_arena(request), (count + 1) * sizeof *parts);
	if (parts == NULL)
		body_error(body, "parts", "has more values than there is memory for");
	for (size_t i = 0; parts != NULL && i < count; i++)
		read_part(body, i, &parts[i]);
	*ret_count = count;
	return body_finish(body) ? parts : NULL;
}

static void answer_completed(struct http_request *request, const struct upload_row *upload)
{
	const struct settings *settings = ingest_of(request)->settings;
	struct buffer out;
	struct json_write json;
	char location[2048];
	(void)snprintf(location, sizeof location, "%s/%s/%s", settings->store_public_endpoint,
	               settings->store_originals_bucket, upload->object_key);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "location", location);
	json_write_text(&json, "key", upload->object_key);
	json_write_text(&json, "bucket", settings->store_originals_bucket);
	json_write_object_end(&json);
	http_respond_json(request, 200, &out);
}

static void complete_found(struct http_request *request, const struct upload_row *upload)
{
	struct ingest *ingest = ingest_of(request);
	struct multipart_assembled assembled = { 0 };
	struct settled settled;
	struct err err = { 0 };
	enum rc rc = RC_OK;
	size_t count = 0;
	const struct catalog_call call = ingest_call_of(request);
	const struct store_part *parts = read_parts(request, &count);
	if (parts == NULL)
		return;
	if (upload->media_state == MEDIA_AWAITING_UPLOAD)
		rc = multipart_assemble(ingest, &call, upload, parts, count, &assembled, &err);
	if (rc == RC_OK && (assembled.outcome == MULTIPART_INCOMPLETE || assembled.outcome == MULTIPART_MISMATCH)) {
		uppy_refuse(request, 409, "part %u is missing, or not as it was said to be", assembled.number);
		return;
	}
	if (rc == RC_OK)
		rc = settle_upload(ingest, &call, upload, SETTLE_BY_CLIENT, &settled, &err);
	if (rc == RC_OK)
		answer_completed(request, upload);
	else
		upload_view_fail(request, &err);
}

static void complete(void *argument)
{
	struct http_request *request = argument;
	struct upload_row upload;
	struct db_result *result = NULL;
	if (find(request, &upload, &result))
		complete_found(request, &upload);
	db_result_free(result);
}

static void cancel(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct upload_row upload;
	struct upload_ended ended;
	struct db_result *result = NULL;
	struct buffer out;
	struct err err = { 0 };
	if (!find(request, &upload, &result))
		return;
	const struct catalog_call call = ingest_call_of(request);
	enum rc rc = RC_OK;
	if (upload.media_state == MEDIA_AWAITING_UPLOAD) {
		rc = catalog_upload_abort(&ingest->catalog, &call, &upload.id, &ended, &err);
		if (rc == RC_OK) {
			metric_add(ingest->counters.aborted, ended.changed);
			multipart_abort(ingest, &call, &upload);
		}
	}
	db_result_free(result);
	buffer_init(&out, 64);
	buffer_append_text(&out, "{}");
	respond(request, rc, &err, &out);
}

static void run_create(struct http_request *request)
{
	ingest_run_settler(request, create, request);
}

static void run_list(struct http_request *request)
{
	ingest_run_settler(request, list, request);
}

static void run_complete(struct http_request *request)
{
	ingest_run_settler(request, complete, request);
}

static void run_cancel(struct http_request *request)
{
	ingest_run_settler(request, cancel, request);
}

const struct route route_uppy_create = { .method = "POST",
	                                 .path = "/s3/multipart",
	                                 .auth = ROUTE_USER,
	                                 .run = ROUTE_EVENT,
	                                 .body_limit = 32 * 1024,
	                                 .handle = run_create,
	                                 .summary = "Uppy: begin an upload in parts." };
const struct route route_uppy_list = { .method = "GET",
	                               .path = "/s3/multipart/{uploadId}",
	                               .auth = ROUTE_USER,
	                               .run = ROUTE_EVENT,
	                               .handle = run_list,
	                               .summary = "Uppy: the parts that are stored." };
const struct route route_uppy_sign_part = { .method = "GET",
	                                    .path = "/s3/multipart/{uploadId}/{partNumber}",
	                                    .auth = ROUTE_USER,
	                                    .run = ROUTE_WORKER,
	                                    .handle = sign,
	                                    .summary = "Uppy: the URL of a part." };
const struct route route_uppy_sign_batch = { .method = "GET",
	                                     .path = "/s3/multipart/{uploadId}/batch",
	                                     .auth = ROUTE_USER,
	                                     .run = ROUTE_WORKER,
	                                     .handle = sign_batch,
	                                     .summary = "Uppy: the URLs of several parts." };
const struct route route_uppy_complete = { .method = "POST",
	                                   .path = "/s3/multipart/{uploadId}/complete",
	                                   .auth = ROUTE_USER,
	                                   .run = ROUTE_EVENT,
	                                   .body_limit = LIMIT_REQUEST_BODY_BYTES,
	                                   .handle = run_complete,
	                                   .summary = "Uppy: all parts are there." };
const struct route route_uppy_cancel = { .method = "DELETE",
	                                 .path = "/s3/multipart/{uploadId}",
	                                 .auth = ROUTE_USER,
	                                 .run = ROUTE_EVENT,
	                                 .handle = run_cancel,
	                                 .summary = "Uppy: give an upload in parts up." };
