// Answers that reads have in common: ETags from the content, list envelopes, cursors.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fingerprint.h"
#include "base/limits.h"
#include "media/cursor.h"

struct buffer;
struct http_request;
struct json_write;

// 200 with the JSON in `taken`, or 304 when the caller has it already: the ETag is `"<version>.<hash of the JSON>"`, so
// that it names both the content (If-None-Match) and the row's version (If-Match). version 0: no version in it.
void reply_json(struct http_request *request, int64_t version, struct buffer *taken);

// The same for an answer that is told by its fingerprint: sets the ETag, and is true when 304 has been answered.
bool reply_is_known(struct http_request *request, int64_t version, const uint8_t fingerprint[FINGERPRINT_SIZE]);

// The version that If-Match asks for: a quoted ETag of ours, or a quoted plain version. False when there is a header
// that is neither: 400 has been answered. *ret_version is 0 when there is none, or "*". A weak tag counts as well,
// against RFC 9110 §13.1.1: the edge makes it weak when it compresses an answer, and the version in it stays exact.
bool reply_read_if_match(struct http_request *request, int64_t *ret_version);

// ?limit= and ?cursor= of a listing.
struct reply_page {
	unsigned limit;
	bool has_after;
	struct cursor after;
	uint64_t filter; // of the caller and the listing's filters; goes into the next cursor
};

// filters: what else chose the rows (NULL-terminated texts), besides the caller. False when 400 has been answered.
bool reply_read_page(struct http_request *request, enum cursor_list list, const char *const *filters,
                     size_t filter_count, struct reply_page *ret_page);

// "next_cursor": behind the row with this sort key and id, or null.
void reply_write_next(struct http_request *request, struct json_write *json, const struct reply_page *page,
                      enum cursor_list list, bool has_next, int64_t sort_key, const struct uuid *id);
