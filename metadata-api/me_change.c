// PATCH /v1/me: change the caller's name, and whether we keep where their pictures were taken. Addresses and passwords
// have calls of their own, which ask for the password.
#include "base/limits.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/body.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"
#include "metadata-api/me_view.h"
#include "metadata-api/routes.h"

// Parameters: user id, name, keep_positions, address, user agent, request id; NULL leaves as it is. When positions are
// no longer kept, a trigger removes those that are there (migrations/0010).
static const struct db_statement ME_CHANGE = {
	.name = "me_change",
	.sql = "WITH before AS (SELECT id, keep_positions FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE), "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, address, user_agent, request_id, detail) "
	       "  SELECT id, id, 'account.positions', $4::inet, $5, $6, jsonb_build_object('kept', $3::boolean) "
	       "  FROM before WHERE keep_positions <> $3) "
	       "UPDATE users u SET name = coalesce($2, u.name), keep_positions = coalesce($3, u.keep_positions), "
	       "  updated_at = now() FROM before WHERE u.id = before.id RETURNING " ME_COLUMNS,
	.parameter_count = 6,
};

static void handle(struct http_request *request)
{
	struct err err = { 0 };
	struct db_result *result = NULL;
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	const char *name = body_text(body, "name", BODY_OPTIONAL, 0, LIMIT_TITLE_BYTES);
	bool has_positions = body_has(body, "keep_positions");
	bool keep_positions = body_bool(body, "keep_positions", BODY_OPTIONAL, false);
	if (!body_finish(body))
		return;
	struct session_origin origin = auth_origin(request, NULL);
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id),
		                           db_text(name),
		                           has_positions ? db_bool(keep_positions) : db_null(),
		                           db_text(origin.address),
		                           db_text(origin.user_agent),
		                           db_text(origin.request_id) };
	if (db_pipeline_query(api_of(request)->pipeline, &ME_CHANGE, values, 6, http_request_deadline(request), &result,
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
	.summary = "Change the caller's name, and whether positions are kept.",
};
