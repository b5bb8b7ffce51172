// DELETE /v1/devices/{id}: no more push messages for a device.
#include "base/cleanup.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/routes.h"

static const struct db_statement DEVICE_DELETE = {
	.name = "device_delete",
	.sql = "DELETE FROM devices WHERE id = $1 AND user_id = $2",
	.parameter_count = 2,
};

static void handle(struct http_request *request)
{
	struct uuid id;
	struct err err = { 0 };
	if (!http_request_parameter_uuid(request, "id", &id))
		return;
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(&id), db_uuid(&http_request_principal(request)->user_id) };
	if (db_pipeline_query(api_of(request)->pipeline, &DEVICE_DELETE, values, 2, http_request_deadline(request),
	                      &result, &err) != RC_OK)
		http_respond_rc(request, &err);
	else if (db_result_affected(result) == 0)
		http_respond_problem(request, 404, "not-found", "There is no such device.");
	else
		http_respond_empty(request, 204);
}

const struct route route_devices_delete = {
	.method = "DELETE",
	.path = "/v1/devices/{id}",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Forget a device's push token.",
};
