// POST /v1/webhooks/{id}/deliveries/{delivery}/retry: post it again now, under the same id, whatever became of it.
#include "base/background.h"
#include "base/cleanup.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

// $1 owner, $2 webhook, $3 delivery. The schedule begins anew.
static const struct db_statement WEBHOOK_RETRY = {
	.name = "webhook_retry",
	.sql = "WITH d AS (UPDATE webhook_deliveries d SET state = 'pending', attempts = 0, next_at = now() FROM webhooks w "
	       "  WHERE d.id = $3 AND d.webhook_id = $2 AND w.id = d.webhook_id AND w.user_id = $1 RETURNING d.webhook_id), "
	       "w AS (UPDATE webhooks SET not_before = now() WHERE id IN (SELECT webhook_id FROM d)) "
	       "SELECT count(*) FROM d",
	.parameter_count = 3,
};

static void handle(struct http_request *request)
{
	struct uuid id, delivery;
	struct err err = { 0 };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	if (!http_request_parameter_uuid(request, "id", &id) ||
	    !http_request_parameter_uuid(request, "delivery", &delivery))
		return;
	struct api *api = api_of(request);
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id), db_uuid(&id),
		                           db_uuid(&delivery) };
	if (db_pipeline_query(api->pipeline, &WEBHOOK_RETRY, values, 3, http_request_deadline(request), &result,
	                      &err) != RC_OK) {
		http_respond_rc(request, &err);
	} else if (db_result_int64(result, 0, 0) == 0) {
		http_respond_problem(request, 404, "not-found", "There is no such delivery.");
	} else {
		http_respond_empty(request, 202);
	}
}

const struct route route_webhook_retry = {
	.method = "POST",
	.path = "/v1/webhooks/{id}/deliveries/{delivery}/retry",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Post a delivery again.",
};
