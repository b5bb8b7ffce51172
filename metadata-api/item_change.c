// PATCH /v1/items/{id}: change what is named, under If-Match if given.
#include "catalog/catalog.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/item_view.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct uuid id;
	int64_t version;
	struct item_fields fields;
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id) || !reply_read_if_match(request, &version) ||
	    !item_view_read_fields(request, &fields))
		return;
	struct catalog_call call = { .deadline = http_request_deadline(request),
		                     .traceparent = http_request_traceparent(request) };
	enum rc rc = item_change(api_of(request), &call, &http_request_principal(request)->user_id, &id, version,
	                         &fields, &err);
	if (rc == RC_OK)
		item_view_answer(request, &id, 200);
	else
		item_view_fail(request, &err);
}

const struct route route_item_change = {
	.method = "PATCH",
	.path = "/v1/items/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 256 * 1024,
	.handle = handle,
	.summary = "Change an item.",
};
