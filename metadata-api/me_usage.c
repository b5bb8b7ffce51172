// GET /v1/me/usage: what the caller's originals take, and how much they may.
#include "base/buffer.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/me_view.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

static const struct db_statement ME_USAGE = {
	.name = "me_usage",
	.sql = "SELECT " ME_USAGE_COLUMNS " FROM usage q WHERE q.owner_id = $1",
	.parameter_count = 1,
	.read_only = true,
};

static void answer(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct http_request *request = context;
	struct buffer out;
	struct json_write json;
	if (failure != NULL) {
		http_respond_rc(request, &failure->err);
		return;
	}
	if (db_result_rows(result) == 0) {
		http_respond_problem(request, 404, "not-found", "This account is gone.");
		db_result_free(result);
		return;
	}
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	me_write_usage(&json, NULL, result, 0);
	reply_json(request, 0, &out);
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	struct err err = { 0 };
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id) };
	http_request_defer(request);
	if (db_pipeline_submit(api_of(request)->pipeline, &ME_USAGE, values, 1, http_request_deadline(request), answer,
	                       request, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_me_usage = {
	.method = "GET",
	.path = "/v1/me/usage",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "What the caller's originals take, and how much they may.",
};
