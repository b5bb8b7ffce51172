// GET /v1/me: the caller's account.
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/me_view.h"
#include "metadata-api/routes.h"

static const struct db_statement ME_FIND = {
	.name = "me_find",
	.sql = "SELECT " ME_COLUMNS " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

static void answer(void *context, struct db_result *result, const struct db_failure *failure)
{
	if (failure != NULL)
		http_respond_rc(context, &failure->err);
	else
		me_answer(context, result);
}

static void handle(struct http_request *request)
{
	struct err err = { 0 };
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id) };
	http_request_defer(request);
	if (db_pipeline_submit(api_of(request)->pipeline, &ME_FIND, values, 1, http_request_deadline(request), answer,
	                       request, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_me_get = {
	.method = "GET",
	.path = "/v1/me",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's account.",
};
