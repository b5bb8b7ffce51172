// GET /v1/uploads/{id}: how far an upload is, with fresh URLs and the parts that are stored while it is open, so that a
// client can go on.
#include "catalog/upload.h"
#include "http/request.h"
#include "ingest/ingest.h"
#include "ingest/multipart_view.h"
#include "ingest/routes.h"
#include "ingest/upload_view.h"

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
	if (catalog_upload_find(&ingest->catalog, &call, owner_id, &id, &upload, &result, &err) != RC_OK) {
		upload_view_fail(request, &err);
		return;
	}
	const struct upload_view view = upload_view_of(&upload);
	if (upload.part_size != 0 && upload.media_state == MEDIA_AWAITING_UPLOAD)
		multipart_view_answer(request, &upload.id, 200, true);
	else
		upload_view_answer(ingest, request, 200, &view);
	db_result_free(result);
}

const struct route route_upload_get = {
	.method = "GET",
	.path = "/v1/uploads/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "The state of an upload; while it is open, what is stored of it and where to PUT the rest.",
};
