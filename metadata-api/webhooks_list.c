// GET /v1/webhooks: the caller's, newest first. Secrets are not shown.
#include "db/statement.h"
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"
#include "metadata-api/webhook_view.h"

static const struct db_statement WEBHOOK_LIST = {
	.name = "webhook_list",
	.sql = "SELECT " WEBHOOK_COLUMNS "FROM webhooks w WHERE user_id = $1 "
	       "AND (NOT $2::boolean OR (created_at, id) < ($3::timestamptz, $4::uuid)) "
	       "ORDER BY created_at DESC, id DESC LIMIT $5::bigint",
	.parameter_count = 5,
	.read_only = true,
};

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	static const struct listing_kind KIND = { .statement = &WEBHOOK_LIST,
		                                  .list = CURSOR_WEBHOOKS,
		                                  .sorts_by_time = true,
		                                  .write_row = webhook_view_write };
	if (http_request_query_only(request, NAMES))
		listing_answer(request, &KIND);
}

const struct route route_webhooks_list = {
	.method = "GET",
	.path = "/v1/webhooks",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's webhooks, newest first.",
};
