// DELETE /v1/auth/sessions/{id}: ends a session of the caller's, this one or another.
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/routes.h"

static void handle(struct http_request *request)
{
	struct uuid id;
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	struct session_origin origin = auth_origin(request, NULL);
	enum rc rc = session_revoke(api_of(request), &id, &http_request_principal(request)->user_id, "revoked", &origin,
	                            http_request_deadline(request), &err);
	if (rc == RC_OK)
		http_respond_empty(request, 204);
	else if (rc == RC_NOT_FOUND)
		http_respond_problem(request, 404, "not-found", "There is no such session.");
	else
		http_respond_rc(request, &err);
}

const struct route route_session_revoke = {
	.method = "DELETE",
	.path = "/v1/auth/sessions/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "End a session.",
};
