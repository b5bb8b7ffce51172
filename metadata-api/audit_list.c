// GET /v1/audit: what happened to the caller's account, newest first; for administrators, with ?scope=all, to all.
#include <string.h>

#include "base/json_write.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/listing.h"
#include "metadata-api/routes.h"

#define COLUMNS                                                                                                        \
	"chain, id, at, actor_id, owner_id, action, subject_kind, subject_id, host(address), user_agent, request_id, " \
	"detail::text, number, encode(hash, 'hex')"
#define PAGE "AND (NOT $2::boolean OR (id, chain) < ($3::bigint, $4::uuid)) ORDER BY id DESC LIMIT $5::bigint"

static const struct db_statement AUDIT_MINE = {
	.name = "audit_mine",
	.sql = "SELECT " COLUMNS " FROM audit_log WHERE owner_id = $1 " PAGE,
	.parameter_count = 5,
	.read_only = true,
};

static const struct db_statement AUDIT_ALL = {
	.name = "audit_all",
	.sql = "SELECT " COLUMNS " FROM audit_log WHERE $1::uuid IS NOT NULL " PAGE,
	.parameter_count = 5,
	.read_only = true,
};

static void write_entry(const struct http_request *request, struct json_write *json, const struct db_result *result,
                        size_t row)
{
	(void)request;
	const char *detail = db_result_text(result, row, 11);
	json_write_int(json, "id", db_result_int64(result, row, 1));
	json_write_time(json, "at", db_result_time_us(result, row, 2));
	json_write_text(json, "action", db_result_text(result, row, 5));
	listing_write_uuid(json, "actor_id", result, row, 3);
	listing_write_uuid(json, "owner_id", result, row, 4);
	json_write_text(json, "subject_kind", db_result_text(result, row, 6));
	listing_write_uuid(json, "subject_id", result, row, 7);
	json_write_text(json, "address", db_result_text(result, row, 8));
	json_write_text(json, "user_agent", db_result_text(result, row, 9));
	json_write_text(json, "request_id", db_result_text(result, row, 10));
	json_write_raw(json, "detail", detail, strlen(detail));
	json_write_int(json, "number", db_result_int64(result, row, 12));
	json_write_text(json, "hash", db_result_text(result, row, 13));
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", "scope", NULL };
	static const struct listing_kind MINE = {
		.statement = &AUDIT_MINE, .list = CURSOR_AUDIT, .scope = "mine", .write_row = write_entry
	};
	static const struct listing_kind ALL = {
		.statement = &AUDIT_ALL, .list = CURSOR_AUDIT, .scope = "all", .write_row = write_entry
	};
	if (!http_request_query_only(request, NAMES))
		return;
	const char *scope = http_request_query(request, "scope");
	if (scope == NULL || strcmp(scope, "mine") == 0)
		listing_answer(request, &MINE);
	else if (strcmp(scope, "all") != 0)
		http_respond_problem(request, 400, "invalid-request", "scope must be mine or all.");
	else if (!http_request_principal(request)->is_admin)
		http_respond_problem(request, 403, "forbidden", "Only administrators see everybody's history.");
	else
		listing_answer(request, &ALL);
}

const struct route route_audit_list = {
	.method = "GET",
	.path = "/v1/audit",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "What happened to the caller's account, newest first.",
};
