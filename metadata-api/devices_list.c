// GET /v1/devices: where the caller gets push messages, newest first. Tokens are not shown.
#include <string.h>

#include "base/json_write.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/route.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"

static const struct db_statement DEVICE_LIST = {
	.name = "device_list",
	.sql = "SELECT id, created_at, platform, name, updated_at, session_id, to_json(muted)::text FROM devices WHERE user_id = $1 "
	       "AND (NOT $2::boolean OR (created_at, id) < ($3::timestamptz, $4::uuid)) "
	       "ORDER BY created_at DESC, id DESC LIMIT $5::bigint",
	.parameter_count = 5,
	.read_only = true,
};

static void write_device(const struct http_request *request, struct json_write *json, const struct db_result *result,
                         size_t row)
{
	(void)request;
	listing_write_uuid(json, "id", result, row, 0);
	json_write_text(json, "platform", db_result_text(result, row, 2));
	json_write_text(json, "name", db_result_text(result, row, 3));
	listing_write_uuid(json, "session_id", result, row, 5);
	json_write_raw(json, "muted", db_result_text(result, row, 6), strlen(db_result_text(result, row, 6)));
	json_write_time(json, "created_at", db_result_time_us(result, row, 1));
	json_write_time(json, "updated_at", db_result_time_us(result, row, 4));
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	static const struct listing_kind KIND = {
		.statement = &DEVICE_LIST, .list = CURSOR_DEVICES, .sorts_by_time = true, .write_row = write_device
	};
	if (http_request_query_only(request, NAMES))
		listing_answer(request, &KIND);
}

const struct route route_devices_list = {
	.method = "GET",
	.path = "/v1/devices",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "Where the caller gets push messages, newest first.",
};
