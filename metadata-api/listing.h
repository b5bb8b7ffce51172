// Listings that are one statement and one object a row: pages by keyset, newest first.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "media/cursor.h"

struct db_result;
struct db_statement;
struct http_request;
struct json_write;

// What a listing shows. Its statement takes: caller's id, has_after, sort key of the row before, id of the row before,
// limit; its first two columns are the row's id (uuid) and sort key.
struct listing_kind {
	const struct db_statement *statement;
	enum cursor_list list;
	bool sorts_by_time; // the sort key is a timestamptz, else a bigint
	bool is_of_object;  // the statement takes the path's {id} besides (sixth); no row means that it is not the
	                    // caller's, one of NULLs that it has none
	const char *scope;  // one more thing that the cursor is bound to; NULL: none
	// Write the row's members; the object is begun and ended by the listing.
	void (*write_row)(const struct http_request *request, struct json_write *json, const struct db_result *result,
	                  size_t row);
};

// Answer the page that ?limit= and ?cursor= ask for. Defers the request: the handler's last act, on an event thread.
// kind must live for ever.
void listing_answer(struct http_request *request, const struct listing_kind *kind);

// A uuid column as a member; null for SQL NULL.
void listing_write_uuid(struct json_write *json, const char *name, const struct db_result *result, size_t row,
                        size_t column);
