// POST /v1/items: a new item.
#include "catalog/catalog.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/item_view.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct item_fields fields;
	struct err err = { 0 };
	if (!item_view_read_fields(request, &fields))
		return;
	struct uuid id = uuid_new();
	struct catalog_call call = { .deadline = http_request_deadline(request),
		                     .traceparent = http_request_traceparent(request) };
	enum rc rc = item_create(api_of(request), &call, &http_request_principal(request)->user_id, &id, &fields, &err);
	if (rc == RC_OK)
		item_view_answer(request, &id, 201);
	else
		item_view_fail(request, &err);
}

const struct route route_items_create = {
	.method = "POST",
	.path = "/v1/items",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 256 * 1024,
	.handle = handle,
	.summary = "Make an item.",
};
