// GET /v1/media/{id}: one media with its variants and srcset.
#include "http/request.h"
#include "metadata-api/media_view.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct uuid id;
	if (http_request_parameter_uuid(request, "id", &id))
		media_view_answer(request, &id);
}

const struct route route_media_get = {
	.method = "GET",
	.path = "/v1/media/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "One media with its variants.",
};
