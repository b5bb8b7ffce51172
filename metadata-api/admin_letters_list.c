// GET /v1/admin/dead-letters: jobs that ended without success, the latest first.
#include <string.h>

#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/admin.h"
#include "metadata-api/routes.h"

#define LETTERS 50
#define LETTERS_MOST 500

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "state", "limit", NULL };
	const char *state = http_request_query(request, "state");
	struct err err = { 0 };
	json_t *letters = NULL;
	int64_t limit;
	if (!http_request_query_only(request, NAMES))
		return;
	if (state != NULL && strcmp(state, "open") != 0 && strcmp(state, "all") != 0) {
		http_respond_problem(request, 400, "invalid-request", "state must be open or all.");
		return;
	}
	enum rc rc = http_request_query_int(request, "limit", LETTERS, 1, LETTERS_MOST, &limit, &err);
	if (rc == RC_OK) {
		const struct db_value values[] = { db_bool(state != NULL && strcmp(state, "all") == 0),
			                           db_int64(limit) };
		rc = admin_read(request, &catalog_letters_statement, values, &letters, &err);
	}
	admin_respond(request, rc, rc == RC_OK ? json_pack("{s:o}", "items", letters) : NULL, &err);
}

const struct route route_admin_letters_list = {
	.method = "GET",
	.path = "/v1/admin/dead-letters",
	.auth = ROUTE_ADMIN,
	.run = ROUTE_WORKER,
	.handle = handle,
	.summary = "Jobs that ended without success, the latest first.",
};
