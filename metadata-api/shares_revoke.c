// DELETE /v1/items/{id}/shares and …/shares/{share}: links that end now. Every process refuses them with its next read;
// pictures already handed out end with their URLs, api.share_url_seconds later at most.
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_origin.h"
#include "metadata-api/routes.h"
#include "metadata-api/share_view.h"

static void revoke(struct http_request *request, const struct uuid *share_id)
{
	struct uuid item_id;
	struct err err = { 0 };
	struct db_value origin[AUDIT_ORIGIN_COUNT];
	if (!http_request_parameter_uuid(request, "id", &item_id))
		return;
	audit_origin_values(request, origin);
	if (share_revoke(api_of(request), origin, &item_id, share_id, http_request_deadline(request), &err) == RC_OK)
		http_respond_empty(request, 204);
	else
		share_view_fail(request, &err);
}

static void handle_all(struct http_request *request)
{
	revoke(request, NULL);
}

static void handle_one(struct http_request *request)
{
	struct uuid share_id;
	if (http_request_parameter_uuid(request, "share", &share_id))
		revoke(request, &share_id);
}

const struct route route_shares_revoke = {
	.method = "DELETE",
	.path = "/v1/items/{id}/shares",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle_all,
	.summary = "End all links to an item.",
};

const struct route route_share_revoke = {
	.method = "DELETE",
	.path = "/v1/items/{id}/shares/{share}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle_one,
	.summary = "End a link to an item.",
};
