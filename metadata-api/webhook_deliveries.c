// GET /v1/webhooks/{id}/deliveries: what was posted or waits, newest first, and what became of it.
#include <string.h>

#include "base/json_write.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"

static const struct db_statement WEBHOOK_DELIVERY_LIST = {
	.name = "webhook_delivery_list",
	.sql = "SELECT d.id, d.created_at, d.event_type, d.event_id, d.state, d.attempts, d.next_at, d.last_at, "
	       "  d.last_status, d.last_error, d.last_ms, d.payload FROM webhooks w LEFT JOIN LATERAL (SELECT * FROM "
	       "  webhook_deliveries p WHERE p.webhook_id = w.id "
	       "  AND (NOT $2::boolean OR (p.created_at, p.id) < ($3::timestamptz, $4::uuid)) "
	       "  ORDER BY p.created_at DESC, p.id DESC LIMIT $5::bigint) d ON true WHERE w.id = $6 AND w.user_id = $1",
	.parameter_count = 6,
	.read_only = true,
};

static void write_delivery(const struct http_request *request, struct json_write *json, const struct db_result *result,
                           size_t row)
{
	(void)request;
	const char *payload = db_result_text(result, row, 11);
	listing_write_uuid(json, "id", result, row, 0);
	json_write_text(json, "type", db_result_text(result, row, 2));
	listing_write_uuid(json, "event_id", result, row, 3);
	json_write_text(json, "state", db_result_text(result, row, 4));
	json_write_int(json, "attempts", db_result_int64(result, row, 5));
	if (strcmp(db_result_text(result, row, 4), "pending") == 0)
		json_write_time(json, "next_at", db_result_time_us(result, row, 6));
	if (!db_result_is_null(result, row, 7)) {
		json_write_time(json, "last_at", db_result_time_us(result, row, 7));
		json_write_int(json, "last_status", db_result_int64(result, row, 8));
		json_write_text(json, "last_error", db_result_text(result, row, 9));
		json_write_int(json, "last_milliseconds", db_result_int64(result, row, 10));
	}
	json_write_raw(json, "payload", payload, strlen(payload));
	json_write_time(json, "created_at", db_result_time_us(result, row, 1));
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	static const struct listing_kind KIND = { .statement = &WEBHOOK_DELIVERY_LIST,
		                                  .list = CURSOR_WEBHOOK_DELIVERIES,
		                                  .sorts_by_time = true,
		                                  .is_of_object = true,
		                                  .write_row = write_delivery };
	if (http_request_query_only(request, NAMES))
		listing_answer(request, &KIND);
}

const struct route route_webhook_deliveries = {
	.method = "GET",
	.path = "/v1/webhooks/{id}/deliveries",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "What a webhook was sent, newest first.",
};
