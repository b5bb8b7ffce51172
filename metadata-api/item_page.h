// A page of items as an answer, each with its cover inline: what the listing, the search and others share.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "media/cursor.h"
#include "metadata-api/item_store.h"

struct http_request;
struct reply_page;

// What the next cursor carries for this row of the result.
typedef int64_t item_sort_key(const struct db_result *result, size_t row);

// Answer a suspended request with the rows of `taken` (ITEM_AND_COVER_COLUMNS come first; one more than page->limit
// means that there is a next page), which is freed. page must live in the request's arena. Any thread; never blocks.
void item_page_answer(struct http_request *request, struct db_result *taken, const struct reply_page *page,
                      enum cursor_list list, item_sort_key *sort_key);
