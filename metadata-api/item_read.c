// Reading items: one, with and without its media, and rows of both.
#include "db/batch.h"
#include "metadata-api/item_columns.h"
#include "metadata-api/item_store.h"

const struct db_statement items_of_ids_statement = {
	.name = "items_of_ids",
	.sql = "SELECT " ITEM_COLUMNS
	       "FROM items i WHERE i.owner_id = $1 AND i.id = ANY ($2::uuid[]) AND i.deleted_at IS NULL",
	.parameter_count = 2,
	.read_only = true,
};

const struct db_statement item_find_statement = {
	.name = "item_find",
	.sql = "SELECT " ITEM_COLUMNS "FROM items i WHERE i.owner_id = $1 AND i.id = $2 AND i.deleted_at IS NULL",
	.parameter_count = 2,
	.read_only = true,
};

#define TEXT_OF(number) TEXT_OF_EXPANDED(number)
#define TEXT_OF_EXPANDED(number) #number

static const struct db_batch WITH_MEDIA_BATCH = { .types = { DB_BATCH_UUID, DB_BATCH_UUID },
	                                          .order = "r.media_position, r.media_key" };

const struct db_statement item_with_media_statement = {
	.name = "item_with_media",
	.sql = "SELECT " ITEM_COLUMNS ", m.id AS media_key, m.version AS media_version, m.position AS media_position "
	       "FROM (SELECT id FROM items WHERE owner_id = $1 AND id = $2 AND deleted_at IS NULL) w "
	       "LEFT JOIN LATERAL (SELECT n.id, n.version, n.position, row_number() OVER (ORDER BY n.position, n.id) AS turn "
	       "  FROM media n WHERE n.item_id = w.id AND n.owner_id = $1 AND n.deleted_at IS NULL "
	       "  ORDER BY n.position, n.id LIMIT " TEXT_OF(
	               ITEM_MEDIA_MAX) ") m ON true "
	                               "LEFT JOIN items i ON i.id = w.id AND coalesce(m.turn, 1) = 1 ORDER BY m.position, m.id",
	.parameter_count = 2,
	.read_only = true,
	.batch = &WITH_MEDIA_BATCH,
};

void item_read(const struct db_result *result, size_t row, struct item_row *ret_item)
{
	*ret_item = (struct item_row){
		.id = db_result_uuid(result, row, 0),
		.title = db_result_text(result, row, 1),
		.body = db_result_text(result, row, 2),
		.visibility = db_result_text(result, row, 3),
		.has_cover = !db_result_is_null(result, row, 4),
		.cover_media_id = db_result_uuid(result, row, 4),
		.version = db_result_int64(result, row, 5),
		.created_at = db_result_time_us(result, row, 6),
		.updated_at = db_result_time_us(result, row, 7),
		.tags = db_result_text(result, row, 8),
	};
}
