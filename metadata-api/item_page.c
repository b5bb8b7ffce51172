// Answering pages of items.
#include "metadata-api/item_page.h"

#include "base/arena.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/item_columns.h"
#include "metadata-api/item_view.h"
#include "metadata-api/media_cards.h"
#include "metadata-api/reply.h"
#include "metadata-api/reply_pieces.h"

// A page on its way; lives in the request's arena.
struct answering {
	const struct reply_page *page;
	enum cursor_list list;
	item_sort_key *sort_key;
};

static void write_page(struct media_cards *media)
{
	const struct answering *answering = media->context;
	const struct db_result *items = media->rows;
	size_t rows = db_result_rows(items);
	bool has_next = rows > answering->page->limit;
	if (has_next)
		rows = answering->page->limit;
	struct reply_pieces pieces;
	struct item_row last = { 0 };
	int64_t sort_key = 0;
	reply_pieces_init(&pieces, rows);
	json_write_object_begin(&pieces.json, NULL);
	json_write_array_begin(&pieces.json, "items");
	for (size_t row = 0; row < rows; row++) {
		item_read(items, row, &last);
		sort_key = answering->sort_key(items, row);
		item_view_write(media, &pieces, &last, row, row + 1);
	}
	json_write_array_end(&pieces.json);
	reply_write_next(media->request, &pieces.json, answering->page, answering->list, has_next, sort_key, &last.id);
	json_write_object_end(&pieces.json);
	reply_pieces_answer(media->request, 0, &pieces);
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
	media_cards_take(request, taken, ITEM_COLUMN_COUNT, write_page, answering);
}
