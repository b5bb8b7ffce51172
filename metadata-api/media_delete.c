// DELETE /v1/media/{id}: the media goes at once for its owner; objects and edge copies follow within seconds.
#include "catalog/media.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct api *api = api_of(request);
	struct uuid id;
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	struct catalog_call call = { .deadline = http_request_deadline(request),
		                     .traceparent = http_request_traceparent(request) };
	enum rc rc = catalog_media_delete(&api->catalog, &call, &http_request_principal(request)->user_id, &id, &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else if (rc == RC_NOT_FOUND)
		http_respond_problem(request, 404, "not-found", "There is no such media.");
	else
		http_respond_rc(request, &err);
}

const struct route route_media_delete = {
	.method = "DELETE",
	.path = "/v1/media/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Delete a media with its objects and edge copies.",
};
