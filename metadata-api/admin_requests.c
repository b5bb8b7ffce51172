// GET /v1/admin/requests: what this process answered late or with an error of ours, the latest first.
#include "base/clock.h"
#include "http/notable.h"
#include "http/request.h"
#include "http/server.h"
#include "metadata-api/admin.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

static json_t *describe(const struct http_notable *one)
{
	char at[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(one->at_us, at);
	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:s}", "at", at, "method", one->method, "route", one->route,
	                 "status", (int)one->status, "milliseconds", (json_int_t)(one->took_us / 1000), "request_id",
	                 one->request_id);
}

static void handle(struct http_request *request)
{
	struct http_notable latest[HTTP_NOTABLES];
	json_t *items = json_array();
	size_t count = http_server_notables(api_of(request)->server, latest);
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(items, describe(&latest[i]));
	admin_respond(
	        request, RC_OK,
	        json_pack("{s:I, s:o}", "slow_milliseconds", (json_int_t)(HTTP_NOTABLE_US / 1000), "items", items),
	        NULL);
}

const struct route route_admin_requests = {
	.method = "GET",
	.path = "/v1/admin/requests",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "What was answered late or failed on our side, the latest first.",
};
