// DELETE /v1/items/{id}: the item and all its media.
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
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id) || !reply_read_if_match(request, &version))
		return;
	struct catalog_call call = { .deadline = http_request_deadline(request),
		                     .traceparent = http_request_traceparent(request) };
	enum rc rc = item_delete(api_of(request), &call, &http_request_principal(request)->user_id, &id, version, &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else
		item_view_fail(request, &err);
}

const struct route route_item_delete = {
	.method = "DELETE",
	.path = "/v1/items/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Delete an item with its media.",
};
