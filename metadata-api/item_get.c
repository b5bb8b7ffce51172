// GET /v1/items/{id}: one item with all its media.
#include "http/request.h"
#include "metadata-api/item_view.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct uuid id;
	if (http_request_parameter_uuid(request, "id", &id))
		item_view_answer(request, &id, 200);
}

const struct route route_item_get = {
	.method = "GET",
	.path = "/v1/items/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "One item with its media.",
};
