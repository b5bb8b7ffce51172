// SQL of item listings.
#include "metadata-api/item_list_store.h"

#include <string.h>

#include "db/batch.h"
#include "metadata-api/item_columns.h"

// $1 owner, $2 and $3 behind which row, $4 limit, $5 visibility, $6 tag. The page is found first, then each of its
// items' cover: one row an item.
#define WITH_COVERS(page, time, id, direction)         \
	"SELECT " ITEM_AND_COVER_COLUMNS "FROM (" page \
	" LIMIT $4::bigint) i " ITEM_COVER("$1") "ORDER BY " time " " direction ", " id " " direction

#define ALL_ITEMS(column, compare, direction)                                                                       \
	WITH_COVERS("SELECT i.* FROM items i WHERE i.owner_id = $1 AND i.deleted_at IS NULL AND ($5::text IS NULL " \
	            "OR i.visibility = $5) AND (i." column ", i.id) " compare " ($2::timestamptz, $3::uuid) "       \
	            "ORDER BY i." column " " direction ", i.id " direction,                                         \
	            "i." column, "i.id", direction)

// shared and public, which are few.
#define RARE_ITEMS(column, compare, direction)                                                                    \
	WITH_COVERS("SELECT i.* FROM items i WHERE i.owner_id = $1 AND i.deleted_at IS NULL AND i.visibility <> " \
	            "'private' AND i.visibility = $5 AND (i." column ", i.id) " compare                           \
	            " ($2::timestamptz, $3::uuid) ORDER BY i." column " " direction ", i.id " direction,          \
	            "i." column, "i.id", direction)

// Tags carry their item's times; their index gives the order.
#define TAGGED_ITEMS(column, compare, direction)                                                                  \
	WITH_COVERS("SELECT i.*, g." column " AS tag_at, g.item_id AS tag_item FROM item_tags g JOIN items i ON " \
	            "i.id = g.item_id WHERE g.owner_id = $1 AND g.tag = $6 AND i.owner_id = $1 AND i.deleted_at " \
	            "IS NULL AND ($5::text IS NULL OR i.visibility = $5) AND (g." column ", g.item_id) " compare  \
	            " ($2::timestamptz, $3::uuid) ORDER BY g." column " " direction ", g.item_id " direction,     \
	            "i.tag_at", "i.tag_item", direction)

#define BATCH(column, direction)                                                                                         \
	&(const struct db_batch)                                                                                         \
	{                                                                                                                \
		.types = { DB_BATCH_UUID, DB_BATCH_TIME, DB_BATCH_UUID, DB_BATCH_BIGINT, DB_BATCH_TEXT, DB_BATCH_TEXT }, \
		.order = "r.item_" column " " direction ", r.item_key " direction                                        \
	}

#define STATEMENT(title, items, column, compare, direction, parameters)                                              \
	{                                                                                                            \
		.name = "item_list_" title, .sql = items(column, compare, direction), .parameter_count = parameters, \
		.read_only = true, .batch = BATCH(column, direction)                                                 \
	}

enum filter { FILTER_NONE, FILTER_RARE, FILTER_TAG };
#define FILTERS 3

// In the order of enum filter, within each order of rows, within each enum item_sort.
const struct db_statement ITEM_PAGE_STATEMENTS[] = {
	STATEMENT("created_newest", ALL_ITEMS, "created_at", "<", "DESC", 5),
	STATEMENT("created_newest_rare", RARE_ITEMS, "created_at", "<", "DESC", 5),
	STATEMENT("created_newest_tag", TAGGED_ITEMS, "created_at", "<", "DESC", 6),
	STATEMENT("created_oldest", ALL_ITEMS, "created_at", ">", "ASC", 5),
	STATEMENT("created_oldest_rare", RARE_ITEMS, "created_at", ">", "ASC", 5),
	STATEMENT("created_oldest_tag", TAGGED_ITEMS, "created_at", ">", "ASC", 6),
	STATEMENT("updated_newest", ALL_ITEMS, "updated_at", "<", "DESC", 5),
	STATEMENT("updated_newest_rare", RARE_ITEMS, "updated_at", "<", "DESC", 5),
	STATEMENT("updated_newest_tag", TAGGED_ITEMS, "updated_at", "<", "DESC", 6),
	STATEMENT("updated_oldest", ALL_ITEMS, "updated_at", ">", "ASC", 5),
	STATEMENT("updated_oldest_rare", RARE_ITEMS, "updated_at", ">", "ASC", 5),
	STATEMENT("updated_oldest_tag", TAGGED_ITEMS, "updated_at", ">", "ASC", 6),
};
const size_t ITEM_PAGE_STATEMENT_COUNT = sizeof ITEM_PAGE_STATEMENTS / sizeof ITEM_PAGE_STATEMENTS[0];

const struct db_statement *item_page_statement(const struct item_page *page,
                                               struct db_value ret_values[ITEM_PAGE_VALUES])
{
	// A page without a beginning starts before every row, so that one plan serves all pages.
	static const struct uuid first = { { 0 } };
	static const struct uuid last = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		                            255 } };
	enum filter filter = FILTER_NONE;
	if (page->tag != NULL)
		filter = FILTER_TAG;
	else if (page->visibility != NULL && strcmp(page->visibility, "private") != 0)
		filter = FILTER_RARE;
	ret_values[0] = db_uuid(&page->owner_id);
	ret_values[1] = db_time_us(page->has_after ? page->after_time : page->is_ascending ? 0 : INT64_MAX);
	ret_values[2] = db_uuid(page->has_after ? &page->after_id : page->is_ascending ? &first : &last);
	ret_values[3] = db_int64(page->limit);
	ret_values[4] = db_text(page->visibility);
	ret_values[5] = db_text(page->tag);
	return &ITEM_PAGE_STATEMENTS[((size_t)page->sort * 2 + page->is_ascending) * FILTERS + filter];
}
