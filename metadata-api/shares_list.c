// GET /v1/items/{id}/shares: an item's links, newest first, without their tokens.
#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"
#include "metadata-api/share_view.h"

// A listing on its way; lives in the request's arena.
struct listing {
	struct http_request *request;
	struct reply_page page;
};

static void write_list(const struct listing *listing, const struct db_result *result)
{
	struct share_row share = { 0 };
	struct buffer out;
	struct json_write json;
	size_t rows = share_read(result, 0, &share) ? db_result_rows(result) : 0;
	bool has_next = rows > listing->page.limit;
	if (has_next)
		rows = listing->page.limit;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < rows; row++) {
		(void)share_read(result, row, &share);
		share_view_write(listing->request, &json, &share, NULL);
	}
	json_write_array_end(&json);
	reply_write_next(listing->request, &json, &listing->page, CURSOR_SHARES, has_next, share.created_at, &share.id);
	json_write_object_end(&json);
	reply_json(listing->request, 0, &out);
}

static void on_shares(void *context, struct db_result *result, const struct db_failure *failure)
{
	const struct listing *listing = context;
	if (failure != NULL)
		http_respond_rc(listing->request, &failure->err);
	else if (db_result_rows(result) == 0)
		http_respond_problem(listing->request, 404, "not-found", "There is no such item.");
	else
		write_list(listing, result);
	db_result_free(result);
}

static void handle(struct http_request *request)
{
	static const char *const NAMES[] = { "limit", "cursor", NULL };
	static const struct uuid last = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		                            255 } };
	struct uuid item_id;
	struct err err = { 0 };
	struct listing *listing = arena_alloc(http_request_arena(request), sizeof *listing);
	if (listing == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		return;
	}
	const char *const filters[] = { http_request_parameter(request, "id") };
	*listing = (struct listing){ .request = request };
	if (!http_request_parameter_uuid(request, "id", &item_id) || !http_request_query_only(request, NAMES) ||
	    !reply_read_page(request, CURSOR_SHARES, filters, 1, &listing->page))
		return;
	const struct reply_page *page = &listing->page;
	const struct db_value values[] = {
		db_uuid(&http_request_principal(request)->user_id),
		db_uuid(&item_id),
		db_time_us(page->has_after ? page->after.sort_key : INT64_MAX),
		db_uuid(page->has_after ? &page->after.id : &last),
		db_int64(page->limit + 1),
	};
	http_request_defer(request);
	if (db_pipeline_submit(api_of(request)->pipeline, &share_list_statement, values, 5,
	                       http_request_deadline(request), on_shares, listing, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_shares_list = {
	.method = "GET",
	.path = "/v1/items/{id}/shares",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "An item's links, newest first.",
};
