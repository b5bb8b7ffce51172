// GET /v1/auth/sessions: where the caller is logged in, newest first.
#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "metadata-api/api.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// Parameters: user id, has_after, after created_at, after id, limit.
static const struct db_statement SESSION_LIST = {
	.name = "session_list",
	.sql = "SELECT id, device, host(address), user_agent, created_at, last_used_at, expires_at FROM sessions "
	       "WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now() "
	       "AND (NOT $2::boolean OR (created_at, id) < ($3::timestamptz, $4::uuid)) "
	       "ORDER BY created_at DESC, id DESC LIMIT $5::bigint",
	.parameter_count = 5,
	.read_only = true,
};

struct listing {
	struct http_request *request;
	struct reply_page page;
};

static void write_session(struct json_write *json, const struct db_result *result, size_t row,
                          const struct uuid *current)
{
	char text[UUID_TEXT_SIZE];
	struct uuid id = db_result_uuid(result, row, 0);
	uuid_format(&id, text);
	json_write_object_begin(json, NULL);
	json_write_text(json, "id", text);
	json_write_text(json, "device", db_result_text(result, row, 1));
	json_write_text(json, "address", db_result_text(result, row, 2));
	json_write_text(json, "user_agent", db_result_text(result, row, 3));
	json_write_time(json, "created_at", db_result_time_us(result, row, 4));
	json_write_time(json, "last_used_at", db_result_time_us(result, row, 5));
	json_write_time(json, "expires_at", db_result_time_us(result, row, 6));
	json_write_bool(json, "current", uuid_equal(&id, current));
	json_write_object_end(json);
}

static void answer(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct listing *listing = context;
	struct http_request *request = listing->request;
	if (failure != NULL) {
		http_respond_rc(request, &failure->err);
		return;
	}
	size_t rows = db_result_rows(result);
	bool has_next = rows > listing->page.limit;
	if (has_next)
		rows = listing->page.limit;
	struct buffer out;
	struct json_write json;
	struct uuid last = { 0 };
	int64_t last_at = 0;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < rows; row++) {
		write_session(&json, result, row, &http_request_principal(request)->session_id);
		last = db_result_uuid(result, row, 0);
		last_at = db_result_time_us(result, row, 4);
	}
	json_write_array_end(&json);
	reply_write_next(request, &json, &listing->page, CURSOR_SESSIONS, has_next, last_at, &last);
	json_write_object_end(&json);
	reply_json(request, 0, &out);
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	struct err err = { 0 };
	struct listing *listing = arena_alloc(http_request_arena(request), sizeof *listing);
	if (listing == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	*listing = (struct listing){ .request = request };
	if (!http_request_query_only(request, NAMES) ||
	    !reply_read_page(request, CURSOR_SESSIONS, NULL, 0, &listing->page))
		return;
	const struct reply_page *page = &listing->page;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id), db_bool(page->has_after),
		                           db_time_us(page->after.sort_key), db_uuid(&page->after.id),
		                           db_int64(page->limit + 1) };
	http_request_defer(request);
	if (db_pipeline_submit(api_of(request)->pipeline, &SESSION_LIST, values, 5, http_request_deadline(request),
	                       answer, listing, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_session_list = {
	.method = "GET",
	.path = "/v1/auth/sessions",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "Where the caller is logged in, newest first.",
};
