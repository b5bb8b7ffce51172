// Opaque cursors of keyset-paged listings: where the last page ended, MACed, so that a client can neither forge nor
// bend one.
//
//   base64url of: version 1 | list 1 | sort key 8 | id 16 | filter 8 | first 16 bytes of HMAC-SHA256 of what is before
//   (numbers in bytes, big-endian)
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/uuid.h"

// Which listing a cursor belongs to; a cursor of another one is refused. Values are on the wire: never renumber.
enum cursor_list {
	CURSOR_ITEMS = 1,
	CURSOR_MEDIA = 2,
	CURSOR_SEARCH = 3,
	CURSOR_CHANGES = 4,
	CURSOR_NOTIFICATIONS = 5,
	CURSOR_AUDIT = 6,
	CURSOR_WEBHOOKS = 7,
	CURSOR_WEBHOOK_DELIVERIES = 8,
	CURSOR_SESSIONS = 9,
	CURSOR_DEVICES = 10,
	CURSOR_SHARES = 11,
	CURSOR_SIMILAR = 12,
	CURSOR_DEAD_LETTERS = 13,
};

struct cursor {
	enum cursor_list list;
	int64_t sort_key; // of the last row: created_at or updated_at in microseconds, or what else the list sorts by
	struct uuid id;   // of the last row: breaks ties
	uint64_t filter;  // cursor_filter_hash of all that chose the rows, the caller's id included
};

// Room for the text and its NUL.
#define CURSOR_TEXT_SIZE 69

// The key of the api.cursor_key setting: 64 hex digits. RC_INVALID otherwise.
enum rc cursor_key_parse(const char *text, struct hmac_key *ret_key, struct err *err) MUST_CHECK;

// A hash of the filters of a listing: parts in a fixed order, NULL for one that was not given (differs from "").
uint64_t cursor_filter_hash(const char *const *parts, size_t count);

void cursor_encode(const struct hmac_key *key, const struct cursor *cursor, char ret_text[CURSOR_TEXT_SIZE]);

// RC_INVALID for anything but a cursor that we made for this list and these filters (one bit changed is enough). Any
// thread.
enum rc cursor_decode(const struct hmac_key *key, const char *text, enum cursor_list list, uint64_t filter,
                      struct cursor *ret_cursor, struct err *err) MUST_CHECK;
