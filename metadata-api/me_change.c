// PATCH /v1/me: change the caller's name. Addresses and passwords have calls of their own, which ask for the password.
#include "base/limits.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/me_view.h"
#include "metadata-api/routes.h"

static const struct db_statement ME_CHANGE = {
	.name = "me_change",
	.sql = "UPDATE users u SET name = coalesce($2, name), updated_at = now() WHERE u.id = $1 AND u.deleted_at IS NULL "
	       "RETURNING " ME_COLUMNS,
	.parameter_count = 2,
};

static void handle(struct http_request *request)
{
	struct err err = { 0 };
	struct db_result *result = NULL;
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *name = body_text(body, "name", BODY_OPTIONAL, 0, LIMIT_TITLE_BYTES);
	if (!body_finish(body))
		return;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id), db_text(name) };
	if (db_pipeline_query(api_of(request)->pipeline, &ME_CHANGE, values, 2, http_request_deadline(request), &result,
	                      &err) == RC_OK)
		me_answer(request, result);
	else
		http_respond_rc(request, &err);
}

const struct route route_me_change = {
	.method = "PATCH",
	.path = "/v1/me",
	.auth = ROUTE_USER,
	.run = ROUTE_WORKER,
	.body_limit = 4096,
	.handle = handle,
	.summary = "Change the caller's name.",
};
