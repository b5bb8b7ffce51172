// POST /v1/uploads/{id}/complete: the client says that its bytes are there; we look, and answer with the media.
#include <stdio.h>

#include "base/arena.h"
#include "base/limits.h"
#include "catalog/upload.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/routes.h"
#include "ingest/settle.h"
#include "ingest/upload_view.h"

// What a settler is to complete; in the request's arena.
struct completion {
	struct http_request *request;
	struct uuid upload_id;
	struct store_part *parts; // as the client believes to have sent them
	size_t count;             // 0: whatever the store lists
};

static void read_part(struct body *body, size_t index, struct store_part *ret_part)
{
	struct body *object = body_array_object(body, "parts", index);
	if (object == NULL)
		return;
	ret_part->number = (unsigned)body_int(object, "number", BODY_REQUIRED, 1, STORE_PARTS_MAX, 1);
	const char *etag = body_text(object, "etag", BODY_REQUIRED, 1, STORE_ETAG_SIZE - 1);
	if (etag != NULL)
		(void)snprintf(ret_part->etag, sizeof ret_part->etag, "%s", etag);
}

// No body, or {"parts": [{"number", "etag"}]?}. False when a problem was answered.
static bool read_completion(struct http_request *request, struct completion *completion)
{
	size_t length = 0;
	(void)http_request_body(request, &length);
	if (length == 0)
		return true;
	struct body *body = body_open(request);
	if (body == NULL)
		return false;
	size_t count = body_array(body, "parts", BODY_NULLABLE, 1, STORE_PARTS_MAX);
	completion->parts = arena_alloc(http_request_arena(request), (count + 1) * sizeof *completion->parts);
	if (completion->parts == NULL)
		body_error(body, "parts", "has more values than there is memory for");
	for (size_t i = 0; completion->parts != NULL && i < count; i++)
		read_part(body, i, &completion->parts[i]);
	completion->count = count;
	return body_finish(body);
}

static void answer(struct ingest *ingest, struct http_request *request, const struct settled *settled,
                   const struct uuid *media_id)
{
	if (settled->outcome == SETTLE_ABSENT)
		http_respond_problem(request, 409, "not-uploaded",
		                     "The bytes are not there yet. PUT them to the upload's URL, then complete it.");
	else if (settled->media_state == MEDIA_EXPIRED)
		http_respond_problem(request, 409, "upload-expired",
		                     "The bytes did not come in time. Begin a new upload.");
	else
		upload_view_answer_media(ingest, request, 202, media_id);
}

// False when a problem was answered: then the upload is as it was, and the client can mend it.
static bool is_assembled(struct http_request *request, const struct multipart_assembled *assembled)
{
	static const char RESUME[] = "GET the upload to see which parts are stored.";
	if (assembled->outcome == MULTIPART_INCOMPLETE && assembled->number == 0)
		http_respond_problem(request, 409, "not-uploaded", "Bytes are missing. %s", RESUME);
	else if (assembled->outcome == MULTIPART_INCOMPLETE)
		http_respond_problem(request, 409, "not-uploaded", "Part %u is not there yet. %s", assembled->number,
		                     RESUME);
	else if (assembled->outcome == MULTIPART_MISMATCH)
		http_respond_problem(request, 409, "parts-mismatch",
		                     "Part %u is not stored as you say, or not as long as it must be. %s",
		                     assembled->number, RESUME);
	else
		return true;
	return false;
}

static void complete_upload(struct ingest *ingest, const struct completion *completion, const struct catalog_call *call,
                            const struct upload_row *upload)
{
	struct multipart_assembled assembled = { 0 };
	struct settled settled;
	struct err err = { 0 };
	enum rc rc = RC_OK;
	if (upload->method == UPLOAD_MULTIPART && upload->media_state == MEDIA_AWAITING_UPLOAD) {
		rc = multipart_assemble(ingest, call, upload, completion->parts, completion->count, &assembled, &err);
		if (rc == RC_OK && !is_assembled(completion->request, &assembled))
			return;
	}
	if (rc == RC_OK)
		rc = settle_upload(ingest, call, upload, SETTLE_BY_CLIENT, &settled, &err);
	if (rc == RC_OK)
		answer(ingest, completion->request, &settled, &upload->media_id);
	else
		upload_view_fail(completion->request, &err);
}

static void complete(void *argument)
{
	const struct completion *completion = argument;
	struct ingest *ingest = ingest_of(completion->request);
	struct upload_row upload;
	struct db_result *result = NULL;
	struct err err = { 0 };
	if (ingest_let_go_if_over(completion->request))
		return;
	const struct catalog_call call = ingest_call_of(completion->request);
	const struct uuid *owner_id = &http_request_principal(completion->request)->user_id;
	if (catalog_upload_find(&ingest->catalog, &call, owner_id, &completion->upload_id, &upload, &result, &err) ==
	    RC_OK)
		complete_upload(ingest, completion, &call, &upload);
	else
		upload_view_fail(completion->request, &err);
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	struct completion *completion = arena_alloc(http_request_arena(request), sizeof *completion);
	if (completion == NULL) {
		http_respond_rc(request, &(struct err){ RC_NO_MEMORY, "no memory for a completion" });
		return;
	}
	completion->request = request;
	if (http_request_parameter_uuid(request, "id", &completion->upload_id) && read_completion(request, completion))
		ingest_run_settler(request, complete, completion);
}

const struct route route_upload_complete = {
	.method = "POST",
	.path = "/v1/uploads/{id}/complete",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = LIMIT_REQUEST_BODY_BYTES,
	.idempotency = ROUTE_KEYS_ELSEWHERE,
	.handle = handle,
	.summary = "Say that the bytes are there: they are verified and the media's processing begins.",
};
