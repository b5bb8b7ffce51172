// SQL of items: each change bumps the version and writes its event in the same transaction.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "db/result.h"
#include "db/statement.h"

struct api;
struct catalog_call;

struct item_row {
	struct uuid id;
	const char *title;
	const char *body;
	const char *visibility;
	bool has_cover;
	struct uuid cover_media_id;
	int64_t version;
	int64_t created_at;
	int64_t updated_at;
	const char *tags; // a JSON array of texts
};

// One item of an owner ($1 owner, $2 id). Deleted ones are excluded.
extern const struct db_statement item_find_statement;

// The living ones among several. $1 owner, $2 ids (db_array_of_uuids).
extern const struct db_statement items_of_ids_statement;
// The same item with all its media, at most ITEM_MEDIA_MAX, in their order, as media columns (catalog/media_columns.h)
// behind the item's: a row each, of which only the first has the item's own columns.
#define ITEM_MEDIA_MAX 1000
extern const struct db_statement item_with_media_statement;

// Decode row `row` of them, or of a listing (item_list_store.h). Texts live as long as the result.
void item_read(const struct db_result *result, size_t row, struct item_row *ret_item);

// What a client may set; has_… says what it did set.
struct item_fields {
	const char *title; // NULL: not set (so are the following)
	const char *body;
	const char *visibility;
	bool has_cover;
	const struct uuid *cover_media_id; // with has_cover; NULL: none
	const char *const *tags;           // NULL: not set
	size_t tag_count;
};

// Insert. RC_CONFLICT: the cover is not a media of the owner's.
enum rc item_create(struct api *api, const struct catalog_call *call, const struct uuid *owner_id,
                    const struct uuid *item_id, const struct item_fields *fields, struct err *err) MUST_CHECK;

// Change. version: the one it must have, 0 for any. RC_NOT_FOUND; RC_CONFLICT: another version, or a cover that is not
// a media of this item (err says which).
enum rc item_change(struct api *api, const struct catalog_call *call, const struct uuid *owner_id,
                    const struct uuid *item_id, int64_t version, const struct item_fields *fields,
                    struct err *err) MUST_CHECK;

// Delete the item and all its media (objects and edge copies follow). RC_NOT_FOUND, RC_CONFLICT as above.
enum rc item_delete(struct api *api, const struct catalog_call *call, const struct uuid *owner_id,
                    const struct uuid *item_id, int64_t version, struct err *err) MUST_CHECK;
