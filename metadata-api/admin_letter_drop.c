// DELETE /v1/admin/dead-letters/{id}: put it away without trying again.
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/admin.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct uuid id;
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	const struct catalog_call call = admin_call(request);
	const struct operator_actor actor = admin_actor(request);
	enum rc rc = catalog_letter_drop(&api_of(request)->catalog, &call, &id, &actor, &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else
		admin_respond(request, rc, NULL, &err);
}

const struct route route_admin_letter_drop = {
	.method = "DELETE",
	.path = "/v1/admin/dead-letters/{id}",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Put a dead letter away without trying again.",
};
