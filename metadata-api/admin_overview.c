// GET /v1/admin/overview: pools as they work now and what waits for them, for an operator's page that asks each second.
#include "base/clock.h"
#include "bus/bus.h"
#include "bus/pools.h"
#include "http/request.h"
#include "metadata-api/admin.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

// What cannot be learned is null, with the reason beside it: the rest is wanted all the more.
static void add_part(json_t *document, const char *name, const char *problem, enum rc rc, json_t *taken,
                     const struct err *err)
{
	(void)json_object_set_new(document, name, rc == RC_OK ? taken : json_null());
	(void)json_object_set_new(document, problem, rc == RC_OK ? json_null() : json_string(err->text));
}

static void handle(struct http_request *request)
{
	const struct api *api = api_of(request);
	json_t *document = json_object(), *pools = NULL, *backlog = NULL;
	char now[CLOCK_TEXT_SIZE];
	struct err err = { 0 };
	clock_format_rfc3339(clock_now_us(), now);
	(void)json_object_set_new(document, "time", json_string(now));
	enum rc rc = bus_pools_read(api->bus, api->settings, &pools, &err);
	add_part(document, "pools", "pools_problem", rc, pools, &err);
	rc = admin_read(request, &catalog_backlog_statement, NULL, &backlog, &err);
	add_part(document, "backlog", "backlog_problem", rc, backlog, &err);
	admin_respond(request, RC_OK, document, NULL);
}

const struct route route_admin_overview = {
	.method = "GET",
	.path = "/v1/admin/overview",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Pools as they work now, and the backlog.",
};
