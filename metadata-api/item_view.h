// Items with their media as JSON, and the fields that clients may set.
#pragma once

#include "metadata-api/item_store.h"

struct http_request;
struct json_write;
struct media_cards;
struct reply_pieces;

// Answer with the caller's item `id` (as it is now) and all its media; status 200 carries an ETag and honours
// If-None-Match. Suspends the request; call as the last act of a handler.
void item_view_answer(struct http_request *request, const struct uuid *id, unsigned status);

// Write an item's object with the media of rows [first, end) of the page.
void item_view_write(const struct media_cards *cards, struct reply_pieces *pieces, const struct item_row *item,
                     size_t first, size_t end);

// Write the members of an item's object, without its braces and without media.
void item_view_write_fields(struct json_write *json, const struct item_row *item);

// Read the fields of a create or change from the body into *ret_fields (memory: the request's arena). False when the
// problem has been answered.
bool item_view_read_fields(struct http_request *request, struct item_fields *ret_fields);

// Answer a failed item_… call.
void item_view_fail(struct http_request *request, const struct err *err);
