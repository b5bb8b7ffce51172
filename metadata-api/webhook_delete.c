// DELETE /v1/webhooks/{id}: no more posts; what waits goes with it.
#include "base/cleanup.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/audit_origin.h"
#include "metadata-api/routes.h"

// $5 id.
static const struct db_statement WEBHOOK_DELETE = {
	.name = "webhook_delete",
	.sql = "WITH w AS (DELETE FROM webhooks WHERE id = $5 AND user_id = $1 RETURNING id), " AUDIT_LOGGED(
	        "w", "webhook.deleted", "webhook") "SELECT id FROM w",
	.parameter_count = 5,
};

static void handle(struct http_request *request)
{
	struct uuid id;
	struct err err = { 0 };
	struct db_value values[5];
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	audit_origin_values(request, values);
	values[4] = db_uuid(&id);
	if (db_pipeline_query(api_of(request)->pipeline, &WEBHOOK_DELETE, values, 5, http_request_deadline(request),
	                      &result, &err) != RC_OK)
		http_respond_rc(request, &err);
	else if (db_result_rows(result) == 0)
		http_respond_problem(request, 404, "not-found", "There is no such webhook.");
	else
		http_respond_empty(request, 204);
}

const struct route route_webhook_delete = {
	.method = "DELETE",
	.path = "/v1/webhooks/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Remove a webhook.",
};
