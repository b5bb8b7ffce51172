// POST /v1/uploads/{id}/complete: the client says that its bytes are there; we look, and answer with the media.
#include "catalog/upload.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/settle.h"
#include "ingest/upload_view.h"

// No body, or an object without members. False when a problem was answered.
static bool read_nothing(struct http_request *request)
{
	size_t length = 0;
	(void)http_request_body(request, &length);
	if (length == 0)
		return true;
	struct body *body = body_open(request);
	return body != NULL && body_finish(body);
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

static void complete(void *argument)
{
	struct http_request *request = argument;
	struct ingest *ingest = ingest_of(request);
	struct uuid id;
	struct upload_row upload;
	struct db_result *result = NULL;
	struct settled settled;
	struct err err = { 0 };
	if (ingest_let_go_if_over(request) || !http_request_parameter_uuid(request, "id", &id) ||
	    !read_nothing(request))
		return;
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *owner_id = &http_request_principal(request)->user_id;
	enum rc rc = catalog_upload_find(&ingest->catalog, &call, owner_id, &id, &upload, &result, &err);
	if (rc == RC_OK)
		rc = settle_upload(ingest, &call, &upload, SETTLE_BY_CLIENT, &settled, &err);
	if (rc == RC_OK)
		answer(ingest, request, &settled, &upload.media_id);
	else
		upload_view_fail(request, &err);
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	ingest_run_settler(request, complete);
}

const struct route route_upload_complete = {
	.method = "POST",
	.path = "/v1/uploads/{id}/complete",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.body_limit = 4096,
	.handle = handle,
	.summary = "Say that the bytes are there: they are verified and the media's processing begins.",
};
