// POST /v1/uploads/{id}/parts: fresh URLs of any parts of an open upload, at any time before it expires.
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/encoding.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "catalog/upload.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/routes.h"
#include "ingest/upload_request.h"
#include "ingest/upload_view.h"
#include "media/part_layout.h"

struct parts_wanted {
	struct http_request *request;
	struct uuid upload_id;
	size_t count;
	struct multipart_part parts[MULTIPART_URLS_MAX];
	uint8_t content_md5[MULTIPART_URLS_MAX][CONTENT_MD5_BYTES];
};

static void read_part(struct body *body, struct parts_wanted *wanted, size_t index)
{
	struct body *object = body_array_object(body, "parts", index);
	size_t length = 0;
	if (object == NULL)
		return;
	wanted->parts[index].number = (unsigned)body_int(object, "number", BODY_REQUIRED, 1, PART_LAYOUT_PARTS_MAX, 1);
	const char *text = body_text(object, "content_md5", BODY_NULLABLE, 1, BASE64_TEXT_SIZE(CONTENT_MD5_BYTES));
	if (text == NULL)
		return;
	wanted->parts[index].content_md5 = wanted->content_md5[index];
	if (!decode_base64(text, strlen(text), wanted->content_md5[index], CONTENT_MD5_BYTES, &length) ||
	    length != CONTENT_MD5_BYTES)
		body_error(object, "content_md5", "must be the 16 bytes of the part's MD5 in base64");
}

// {"numbers": […]}, or {"parts": [{"number", "content_md5"?}]} for those who want the store to check each part.
static bool read_wanted(struct http_request *request, struct parts_wanted *wanted)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	size_t numbers = body_array(body, "numbers", BODY_OPTIONAL, 1, MULTIPART_URLS_MAX);
	for (size_t i = 0; i < numbers; i++)
		wanted->parts[i].number = (unsigned)body_array_int(body, "numbers", i, 1, PART_LAYOUT_PARTS_MAX);
	wanted->count = numbers;
	size_t parts = body_array(body, "parts", BODY_OPTIONAL, 1, MULTIPART_URLS_MAX);
	if (body_has(body, "numbers") == body_has(body, "parts"))
		body_error(body, NULL, "must have either numbers or parts");
	else if (numbers == 0) {
		for (size_t i = 0; i < parts; i++)
			read_part(body, wanted, i);
		wanted->count = parts;
	}
	return body_finish(body);
}

static void answer_urls(struct ingest *ingest, const struct parts_wanted *wanted, const struct upload_row *upload,
                        const char *multipart_id)
{
	struct buffer out;
	struct json_write json;
	struct err err = { 0 };
	enum rc rc = RC_OK;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "urls");
	for (size_t i = 0; i < wanted->count && rc == RC_OK; i++)
		rc = multipart_write_url(ingest, &json, upload, multipart_id, &wanted->parts[i], &err);
	json_write_array_end(&json);
	json_write_object_end(&json);
	if (rc == RC_OK)
		http_respond_json(wanted->request, 200, &out);
	else
		upload_view_fail(wanted->request, &err);
	buffer_done(&out);
}

// False when a problem was answered.
static bool are_there(const struct parts_wanted *wanted, const struct upload_row *upload)
{
	struct part_layout layout;
	if (!part_layout_read(upload->size, upload->part_size, &layout)) {
		http_respond_problem(wanted->request, 409, "not-multipart", "This upload does not go in parts.");
		return false;
	}
	if (upload->media_state != MEDIA_AWAITING_UPLOAD) {
		http_respond_problem(wanted->request, 409, "upload-ended", "This upload has ended; its media is %s.",
		                     media_state_name(upload->media_state));
		return false;
	}
	for (size_t i = 0; i < wanted->count; i++) {
		if (wanted->parts[i].number <= layout.count)
			continue;
		http_respond_problem(wanted->request, 422, "invalid-field", "This upload has parts 1 to %u.",
		                     layout.count);
		return false;
	}
	return true;
}

static void answer(void *argument)
{
	const struct parts_wanted *wanted = argument;
	struct ingest *ingest = ingest_of(wanted->request);
	struct upload_row upload;
	struct db_result *result = NULL;
	struct err err = { 0 };
	char multipart_id[STORE_UPLOAD_ID_SIZE];
	if (ingest_let_go_if_over(wanted->request))
		return;
	const struct catalog_call call = ingest_call_of(wanted->request);
	const struct uuid *owner_id = &http_request_principal(wanted->request)->user_id;
	enum rc rc = catalog_upload_find(&ingest->catalog, &call, owner_id, &wanted->upload_id, &upload, &result, &err);
	if (rc != RC_OK) {
		upload_view_fail(wanted->request, &err);
		return;
	}
	if (are_there(wanted, &upload)) {
		rc = multipart_open(ingest, &call, &upload, multipart_id, &err);
		if (rc == RC_OK)
			answer_urls(ingest, wanted, &upload, multipart_id);
		else if (rc == RC_CONFLICT)
			http_respond_problem(wanted->request, 409, "upload-ended", "This upload has ended meanwhile.");
		else
			upload_view_fail(wanted->request, &err);
	}
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	struct parts_wanted *wanted = arena_alloc(http_request_arena(request), sizeof *wanted);
	if (wanted == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a list of parts" });
		return;
	}
	wanted->request = request;
	if (http_request_parameter_uuid(request, "id", &wanted->upload_id) && read_wanted(request, wanted))
		ingest_run_settler(request, answer, wanted);
}

const struct route route_upload_parts = {
	.method = "POST",
	.path = "/v1/uploads/{id}/parts",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = 32 * 1024,
	.idempotency = ROUTE_KEYS_ELSEWHERE,
	.handle = handle,
	.summary = "Fresh URLs of any parts of an open upload.",
};
