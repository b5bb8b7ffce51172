// Answering pages of items.
#include "metadata-api/item_page.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json_write.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/item_columns.h"
#include "metadata-api/item_view.h"
#include "metadata-api/media_view.h"
#include "metadata-api/reply.h"

// A page on its way; lives in the request's arena.
struct answering {
	const struct reply_page *page;
	enum cursor_list list;
	item_sort_key *sort_key;
};

static void write_page(struct media_view *view)
{
	const struct answering *answering = view->context;
	const struct db_result *items = view->media;
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
		item_view_write(view, &json, &last, row, row + 1);
	}
	json_write_array_end(&json);
	reply_write_next(view->request, &json, answering->page, answering->list, has_next, sort_key, &last.id);
	json_write_object_end(&json);
	reply_json(view->request, 0, &out);
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
	*answering = (struct answering){ .page = page, .list = list, .sort_key = sort_key };
	media_view_take(request, taken, ITEM_COLUMN_COUNT, write_page, answering);
}
