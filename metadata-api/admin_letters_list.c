// GET /v1/admin/dead-letters: jobs that ended without success, the latest first.
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json_write.h"
#include "catalog/run.h"
#include "db/result.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/admin.h"
#include "metadata-api/api.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// The one row of catalog_letters_statement.
static void answer(struct http_request *request, const struct reply_page *page, const struct db_result *result)
{
	struct buffer out;
	struct json_write json;
	const char *letters = db_result_text(result, 0, 0);
	struct uuid last = db_result_uuid(result, 0, 3);
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_raw(&json, "items", letters, strlen(letters));
	reply_write_next(request, &json, page, CURSOR_DEAD_LETTERS, db_result_bool(result, 0, 1),
	                 db_result_time_us(result, 0, 2), &last);
	json_write_object_end(&json);
	http_respond_json(request, 200, &out);
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "state", "limit", "cursor", NULL };
	const char *state = http_request_query(request, "state");
	const struct catalog_call call = admin_call(request);
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	struct reply_page page;
	struct err err = { 0 };
	if (!http_request_query_only(request, NAMES))
		return;
	if (state != NULL && strcmp(state, "open") != 0 && strcmp(state, "all") != 0) {
		http_respond_problem(request, 400, "invalid-request", "state must be open or all.");
		return;
	}
	bool shows_all = state != NULL && strcmp(state, "all") == 0;
	if (!reply_read_page(request, CURSOR_DEAD_LETTERS, (const char *const[]){ shows_all ? "all" : "open" }, 1,
	                     &page))
		return;
	const struct db_value values[CATALOG_LETTERS_VALUES] = { db_bool(shows_all), db_int64(page.limit),
		                                                 db_bool(page.has_after),
		                                                 db_time_us(page.after.sort_key),
		                                                 db_uuid(&page.after.id) };
	if (catalog_run(&api_of(request)->catalog, &call, &catalog_letters_statement, values, CATALOG_LETTERS_VALUES,
	                &result, &err) != RC_OK)
		http_respond_rc(request, &err);
	else
		answer(request, &page, result);
}

const struct route route_admin_letters_list = {
	.method = "GET",
	.path = "/v1/admin/dead-letters",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Jobs that ended without success, the latest first.",
};
