// POST /v1/uploads: a media and an upload are begun, and the client learns where to PUT the bytes.
#include "base/metrics.h"
#include "catalog/upload.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/upload_request.h"
#include "ingest/upload_view.h"

static void refuse(struct http_request *request, const struct upload_new *new, const struct err *err)
{
	static const struct http_field_error NO_ITEM = { "/item_id", "there is no such item of yours" };
	switch (err->rc) {
	case RC_LIMIT:
		http_respond_problem(request, 507, "quota-exceeded",
		                     "This upload would exceed your quota. Delete something, or finish or cancel "
		                     "uploads that you have begun.");
		break;
	case RC_CONFLICT:
		http_respond_problem(request, 422, "idempotency-key-reused",
		                     "This Idempotency-Key was used for another request. Use a new one for each.");
		break;
	case RC_NOT_FOUND:
		if (new->item_id == NULL)
			http_respond_problem(request, 422, "idempotency-key-reused",
			                     "What was begun with this Idempotency-Key is gone. Use a new one.");
		else
			http_respond_problem_fields(request, 422, "invalid-field", "One field is not right.", &NO_ITEM,
			                            1);
		break;
	case RC_DENIED:
		http_respond_problem(request, 401, "unauthorized", "This account does not exist any more.");
		break;
	default:
		upload_view_fail(request, err);
	}
}

// The client asked this before and did not get the answer: the same upload, with a fresh URL.
static void answer_earlier(struct ingest *ingest, struct http_request *request, const struct uuid *upload_id)
{
	struct upload_row upload;
	struct db_result *result = NULL;
	struct err err = { 0 };
	const struct catalog_call call = ingest_call_of(request);
	const struct uuid *owner_id = &http_request_principal(request)->user_id;
	if (catalog_upload_find(&ingest->catalog, &call, owner_id, upload_id, &upload, &result, &err) != RC_OK) {
		upload_view_fail(request, &err);
		return;
	}
	const struct upload_view view = upload_view_of(&upload);
	upload_view_answer(ingest, request, 201, &view);
	db_result_free(result);
}

static void answer_new(struct ingest *ingest, struct http_request *request, const struct upload_new *new)
{
	const struct upload_view view = {
		.upload_id = new->upload_id,
		.media_id = new->media_id,
		.state = MEDIA_AWAITING_UPLOAD,
		.object_key = new->object_key,
		.content_type = new->content_type,
		.size = new->size,
		.content_md5 = new->content_md5,
		.expires_at = new->expires_at,
	};
	upload_view_answer(ingest, request, 201, &view);
}

static void handle(struct http_request *request)
{
	struct ingest *ingest = ingest_of(request);
	struct upload_request upload;
	struct upload_begun begun;
	struct err err = { 0 };
	if (!upload_request_read(ingest, request, &upload))
		return;
	const struct catalog_call call = ingest_call_of(request);
	if (catalog_upload_begin(&ingest->catalog, &call, &upload.new, &begun, &err) != RC_OK) {
		refuse(request, &upload.new, &err);
		return;
	}
	switch (begun.outcome) {
	case UPLOAD_BEGUN:
		metric_add(ingest->counters.begun, 1);
		answer_new(ingest, request, &upload.new);
		break;
	case UPLOAD_REPEATED:
		metric_add(ingest->counters.repeated, 1);
		answer_earlier(ingest, request, &begun.upload_id);
		break;
	case UPLOAD_DUPLICATE:
		metric_add(ingest->counters.duplicates, 1);
		upload_view_answer_media(ingest, request, 200, &begun.media_id);
		break;
	}
}

const struct route route_upload_begin = {
	.method = "POST",
	.path = "/v1/uploads",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 32 * 1024,
	.handle = handle,
	.summary = "Begin an upload and get the URL to PUT it to.",
};
