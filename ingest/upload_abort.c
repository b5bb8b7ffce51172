// DELETE /v1/uploads/{id}: the client gives up; its reservation is freed and what it had sent is removed.
#include "base/metrics.h"
#include "catalog/upload.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart.h"
#include "ingest/routes.h"
#include "ingest/upload_view.h"

// Nothing is held by an upload that expired or was rejected: giving it up is done.
static bool is_given_up(enum media_state state)
{
	return state == MEDIA_DELETED || state == MEDIA_EXPIRED || state == MEDIA_REJECTED;
}

static enum rc abort_upload(struct ingest *ingest, const struct catalog_call *call, const struct upload_row *upload,
                            struct err *err)
{
	struct upload_ended ended;
	if (is_given_up(upload->media_state))
		return RC_OK;
	enum rc rc = catalog_upload_abort(&ingest->catalog, call, &upload->id, &ended, err);
	if (rc != RC_OK)
		return rc;
	metric_add(ingest->counters.aborted, ended.changed);
	multipart_abort(ingest, call, upload);
	return RC_OK;
}

static void handle(struct http_request *request)
{
	struct ingest *ingest = ingest_of(request);
	struct uuid id;
	struct upload_row upload;
	struct db_result *result = NULL;
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *owner_id = &http_request_principal(request)->user_id;
	enum rc rc = catalog_upload_find(&ingest->catalog, &call, owner_id, &id, &upload, &result, &err);
	if (rc == RC_OK)
		rc = abort_upload(ingest, &call, &upload, &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else if (rc == RC_CONFLICT)
		http_respond_problem(request, 409, "upload-completed",
		                     "This upload is complete. Delete its media instead.");
	else
		upload_view_fail(request, &err);
	db_result_free(result);
}

const struct route route_upload_abort = {
	.method = "DELETE",
	.path = "/v1/uploads/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Give an upload up and free what it reserved.",
};
