// POST /v1/uploads: a media and an upload are begun, and the client learns where to PUT the bytes.
#include "base/metrics.h"
#include "catalog/upload.h"
#include "http/request.h"
#include "http/respond.h"
#include "ingest/ingest.h"
#include "ingest/multipart_view.h"
#include "ingest/routes.h"
#include "ingest/upload_begun.h"
#include "ingest/upload_request.h"
#include "ingest/upload_view.h"

// The client asked this before and did not get the answer: the same upload, with fresh URLs.
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
	if (upload.part_size != 0)
		multipart_view_answer(request, &upload.id, 201, false);
	else
		upload_view_answer(ingest, request, 201, &view);
	db_result_free(result);
}

static void answer_new(struct ingest *ingest, struct http_request *request, const struct upload_new *new)
{
	const struct upload_view view = upload_view_of_new(new);
	if (new->part_size != 0)
		multipart_view_answer(request, &new->upload_id, 201, false);
	else
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
		upload_begun_refuse(request, &upload.new, "", &err);
		return;
	}
	upload_begun_count(ingest, &begun);
	switch (begun.outcome) {
	case UPLOAD_BEGUN:
		answer_new(ingest, request, &upload.new);
		break;
	case UPLOAD_REPEATED:
		answer_earlier(ingest, request, &begun.upload_id);
		break;
	case UPLOAD_DUPLICATE:
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
	.idempotency = ROUTE_KEYS_ELSEWHERE,
	.handle = handle,
	.summary = "Begin an upload and get the URL to PUT it to, or, when it goes in parts, those of the first parts.",
};
