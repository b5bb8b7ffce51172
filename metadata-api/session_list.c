// GET /v1/auth/sessions: where the caller is logged in, newest first.
#include "base/json_write.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"

static const struct db_statement SESSION_LIST = {
	.name = "session_list",
	.sql = "SELECT id, created_at, device, host(address), user_agent, last_used_at, expires_at FROM sessions "
	       "WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() "
	       "AND (NOT $2::boolean OR (created_at, id) < ($3::timestamptz, $4::uuid)) "
	       "ORDER BY created_at DESC, id DESC LIMIT $5::bigint",
	.parameter_count = 5,
	.read_only = true,
};

static void write_session(const struct http_request *request, struct json_write *json, const struct db_result *result,
                          size_t row)
{
	struct uuid id = db_result_uuid(result, row, 0);
	listing_write_uuid(json, "id", result, row, 0);
	json_write_text(json, "device", db_result_text(result, row, 2));
	json_write_text(json, "address", db_result_text(result, row, 3));
	json_write_text(json, "user_agent", db_result_text(result, row, 4));
	json_write_time(json, "created_at", db_result_time_us(result, row, 1));
	json_write_time(json, "last_used_at", db_result_time_us(result, row, 5));
	json_write_time(json, "expires_at", db_result_time_us(result, row, 6));
	json_write_bool(json, "current", uuid_equal(&id, &http_request_principal(request)->session_id));
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	static const struct listing_kind KIND = {
		.statement = &SESSION_LIST, .list = CURSOR_SESSIONS, .sorts_by_time = true, .write_row = write_session
	};
	if (http_request_query_only(request, NAMES))
		listing_answer(request, &KIND);
}

const struct route route_session_list = {
	.method = "GET",
	.path = "/v1/auth/sessions",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "Where the caller is logged in, newest first.",
};
