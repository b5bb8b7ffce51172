// GET /v1/items: the caller's items, newest first, each with its cover inline: a client draws the list from one answer.
#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "catalog/media.h"
#include "db/array.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"
#include "metadata-api/item_view.h"
#include "metadata-api/media_view.h"
#include "metadata-api/reply.h"
#include "metadata-api/routes.h"

// A listing on its way; lives in the request's arena.
struct listing {
	struct http_request *request;
	struct reply_page page;
	struct db_result *items;
};

// view is NULL for an empty page.
static void write_list(struct listing *listing, const struct media_view *view)
{
	struct db_result *items = listing->items;
	size_t rows = db_result_rows(items);
	bool has_next = rows > listing->page.limit;
	if (has_next)
		rows = listing->page.limit;
	struct buffer out;
	struct json_write json;
	struct item_row last = { 0 };
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < rows; row++) {
		item_read(items, row, &last);
		item_view_write(view, &json, &last);
	}
	json_write_array_end(&json);
	reply_write_next(listing->request, &json, &listing->page, CURSOR_ITEMS, has_next, last.created_at, &last.id);
	json_write_object_end(&json);
	reply_json(listing->request, 0, &out);
	db_result_free(items);
}

static void answer(struct media_view *view)
{
	write_list(view->context, view);
}

static void load_covers(struct listing *listing)
{
	struct http_request *request = listing->request;
	size_t count = db_result_rows(listing->items);
	struct uuid *ids = arena_alloc(http_request_arena(request), count * sizeof *ids);
	if (ids == NULL) {
		struct db_result *items = listing->items;
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		db_result_free(items);
		return;
	}
	for (size_t row = 0; row < count; row++) {
		struct item_row item;
		item_read(listing->items, row, &item);
		ids[row] = item.id;
	}
	struct buffer text;
	struct db_value values[3];
	buffer_init(&text, LIMIT_RESPONSE_BYTES);
	db_array_of_uuids(&text, ids, count);
	catalog_media_of_items_values(&http_request_principal(request)->user_id, buffer_text(&text), 1, values);
	media_view_continue(request, &catalog_media_of_items_statement, values, answer, listing);
	buffer_done(&text);
}

static void on_items(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct listing *listing = context;
	if (failure != NULL) {
		http_respond_rc(listing->request, &failure->err);
		return;
	}
	listing->items = result;
	if (db_result_rows(result) == 0)
		write_list(listing, NULL);
	else
		load_covers(listing);
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
	    !reply_read_page(request, CURSOR_ITEMS, NULL, 0, &listing->page))
		return;
	const struct reply_page *page = &listing->page;
	const struct db_value values[] = { db_uuid(&http_request_principal(request)->user_id), db_bool(page->has_after),
		                           db_time_us(page->after.sort_key), db_uuid(&page->after.id),
		                           db_int64(page->limit + 1) };
	http_request_defer(request);
	if (db_pipeline_submit(api_of(request)->pipeline, &item_list_statement, values, 5,
	                       http_request_deadline(request), on_items, listing, &err) != RC_OK)
		http_respond_rc(request, &err);
}

const struct route route_items_list = {
	.method = "GET",
	.path = "/v1/items",
	.auth = ROUTE_USER,
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "The caller's items, newest first, with their covers.",
};
