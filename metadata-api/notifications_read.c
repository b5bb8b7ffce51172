// POST /v1/notifications/{id}/read and POST /v1/notifications/read: the caller has seen one, or all of them.
#include "base/cleanup.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

// $2 the one; NULL: all that there are by now.
static const struct db_statement NOTIFICATIONS_READ = {
	.name = "notifications_read",
	.sql = "WITH n AS (UPDATE notifications SET read_at = now() WHERE user_id = $1 AND read_at IS NULL "
	       "  AND ($2::uuid IS NULL OR id = $2)) "
	       "SELECT $2 IS NULL OR EXISTS (SELECT FROM notifications WHERE user_id = $1 AND id = $2)",
	.parameter_count = 2,
};

static void mark(struct http_request *request, const struct uuid *id)
{
	struct err err = { 0 };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id),
		                           id == NULL ? db_null() : db_uuid(id) };
	if (db_pipeline_query(api_of(request)->pipeline, &NOTIFICATIONS_READ, values, 2, http_request_deadline(request),
	                      &result, &err) != RC_OK)
		http_respond_rc(request, &err);
	else if (!db_result_bool(result, 0, 0))
		http_respond_problem(request, 404, "not-found", "There is no such notification.");
	else
		http_respond_empty(request, 204);
}

static void handle_one(struct http_request *request)
{
	struct uuid id;
	if (http_request_parameter_uuid(request, "id", &id))
		mark(request, &id);
}

static void handle_all(struct http_request *request)
{
	mark(request, NULL);
}

const struct route route_notification_read = {
	.method = "POST",
	.path = "/v1/notifications/{id}/read",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle_one,
	.summary = "One notification has been seen.",
};

const struct route route_notifications_read = {
	.method = "POST",
	.path = "/v1/notifications/read",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle_all,
	.summary = "All notifications have been seen.",
};
