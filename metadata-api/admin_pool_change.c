// PATCH /v1/admin/pools/{name}: turn a pool while it runs, as `safelightctl pool set` does.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "bus/pools.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/admin.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

// Transcoders follow within two seconds; a page asks again by itself.
#define TAKEN_MS 1000

// What of the pool's settings shall change; *ret_expected: the revision that it must have, -1: any. NULL: it was
// answered.
static json_t *read_change(struct http_request *request, int64_t *ret_expected)
{
	struct body *body = body_open(request);
	if (body == NULL)
		return NULL;
	json_t *change = json_object();
	for (const struct bus_pool_range *range = BUS_POOL_RANGES; range->name != NULL; range++) {
		int64_t value = body_int(body, range->name, BODY_OPTIONAL, range->least, range->most, range->least);
		if (body_has(body, range->name))
			(void)json_object_set_new(change, range->name, json_integer(value));
	}
	bool is_paused = body_bool(body, "paused", BODY_OPTIONAL, false);
	if (body_has(body, "paused"))
		(void)json_object_set_new(change, "paused", json_boolean(is_paused));
	*ret_expected = body_int(body, "if_revision", BODY_OPTIONAL, 0, INT64_MAX / 2, -1);
	if (json_object_size(change) == 0)
		body_error(body, NULL, "Say what to change: workers, prefetch, nice, paused, …");
	if (body_finish(body))
		return change;
	json_decref(change);
	return NULL;
}

static enum rc write_audit(struct http_request *request, const char *name, json_t *change, struct err *err)
{
	const struct catalog_call call = admin_call(request);
	const struct operator_actor actor = admin_actor(request);
	json_auto_t *detail = json_pack("{s:s, s:O}", "pool", name, "change", change);
	CLEANUP(free_pointer) char *text = json_dumps(detail, JSON_COMPACT);
	return catalog_operator_audit(&api_of(request)->catalog, &call, "pool.set", "pool", NULL, text, &actor, err);
}

static void handle(struct http_request *request)
{
	const struct api *api = api_of(request);
	const char *name = http_request_parameter(request, "name");
	char who[UUID_TEXT_SIZE];
	int64_t expected;
	struct err err = { 0 };
	json_t *pool = NULL;
	json_auto_t *change = read_change(request, &expected);
	if (change == NULL)
		return;
	uuid_format(&http_request_principal(request)->user_id, who);
	enum rc rc = bus_pool_change(api->bus, api->settings, name, json_incref(change), expected, who, &err);
	if (rc == RC_OK)
		rc = write_audit(request, name, change, &err);
	if (rc == RC_OK)
		rc = bus_pool_await(api->bus, api->settings, name, TAKEN_MS, &pool, &err);
	admin_respond(request, rc, pool, &err);
}

const struct route route_admin_pool_change = {
	.method = "PATCH",
	.path = "/v1/admin/pools/{name}",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.body_limit = 4096,
	.handle = handle,
	.summary = "Turn a pool while it runs.",
};
