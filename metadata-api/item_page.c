// Answering pages of items.
#include "metadata-api/item_page.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "catalog/media.h"
#include "db/array.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/item_view.h"
#include "metadata-api/media_view.h"
#include "metadata-api/reply.h"

// A page on its way; lives in the request's arena.
struct answering {
	struct http_request *request;
	struct db_result *items;
	const struct reply_page *page;
	enum cursor_list list;
	item_sort_key *sort_key;
};

// view is NULL for an empty page.
static void write_page(struct answering *answering, const struct media_view *view)
{
	struct db_result *items = answering->items;
	size_t rows = db_result_rows(items);
	bool has_next = rows > answering->page->limit;
	if (has_next)
		rows = answering->page->limit;
	struct buffer out;
	struct json_write json;
	struct item_row last = { 0 };
	int64_t sort_key = 0;
	buffer_init(&out, LIMIT_RESPONSE_BYTES);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_array_begin(&json, "items");
	for (size_t row = 0; row < rows; row++) {
		item_read(items, row, &last);
		sort_key = answering->sort_key(items, row);
		item_view_write(view, &json, &last);
	}
	json_write_array_end(&json);
	reply_write_next(answering->request, &json, answering->page, answering->list, has_next, sort_key, &last.id);
	json_write_object_end(&json);
	reply_json(answering->request, 0, &out);
	db_result_free(items);
}

static void answer(struct media_view *view)
{
	write_page(view->context, view);
}

static void load_covers(struct answering *answering)
{
	struct http_request *request = answering->request;
	size_t count = db_result_rows(answering->items);
	struct uuid *ids = arena_alloc(http_request_arena(request), count * sizeof *ids);
	if (ids == NULL) {
		struct db_result *items = answering->items;
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		db_result_free(items);
		return;
	}
	for (size_t row = 0; row < count; row++) {
		struct item_row item;
		item_read(answering->items, row, &item);
		ids[row] = item.id;
	}
	struct buffer text;
	struct db_value values[3];
	buffer_init(&text, LIMIT_RESPONSE_BYTES);
	db_array_of_uuids(&text, ids, count);
	catalog_media_of_items_values(&http_request_principal(request)->user_id, buffer_text(&text), 1, values);
	media_view_continue(request, &catalog_media_of_items_statement, values, answer, answering);
	buffer_done(&text);
}

void item_page_answer(struct http_request *request, struct db_result *taken, const struct reply_page *page,
                      enum cursor_list list, item_sort_key *sort_key)
{
	struct answering *answering = arena_alloc(http_request_arena(request), sizeof *answering);
	if (answering == NULL) {
		http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		db_result_free(taken);
		return;
	}
	*answering = (struct answering){
		.request = request, .items = taken, .page = page, .list = list, .sort_key = sort_key
	};
	if (db_result_rows(taken) == 0)
		write_page(answering, NULL);
	else
		load_covers(answering);
}
