// Variants on demand: what they are made from, and their rows.
#include "catalog/on_demand.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "catalog/read.h"
#include "catalog/run.h"

static const struct db_statement find_statement = {
	.name = "on_demand_find",
	.sql = "SELECT owner_id, kind, content_type, size, original_key, original_etag, width, height, "
	       "preset, focal_x, focal_y FROM media WHERE id = $1 AND state = 'ready' AND published_generation = $2::integer",
	.parameter_count = 2,
	.read_only = true,
};

// The lock keeps the media from being deleted, and its generation from being retired, between the look and the row.
static const struct db_statement publish_statement = {
	.name = "on_demand_publish",
	.sql = "WITH m AS (SELECT id FROM media WHERE id = $1 AND state = 'ready' AND published_generation = "
	       "$2::integer FOR SHARE) "
	       "INSERT INTO variants (media_id, generation, name, format, state, width, height, bytes, object_key, "
	       "  sha256) SELECT id, $2::integer, $3, $4, 'ready', $5::integer, $6::integer, $7::bigint, $8, "
	       "  decode($9, 'hex') FROM m "
	       "ON CONFLICT (media_id, generation, name, format) DO UPDATE SET state = 'ready', reason_code = NULL, "
	       "  width = excluded.width, height = excluded.height, bytes = excluded.bytes, "
	       "  object_key = excluded.object_key, sha256 = excluded.sha256 RETURNING 1",
	.parameter_count = 9,
};

static void copy_text(const struct db_result *result, size_t column, char *ret_text, size_t size)
{
	const char *text = db_result_text(result, 0, column);

	(void)snprintf(ret_text, size, "%s", text == NULL ? "" : text);
}

static enum rc not_found(struct err *err)
{
	return err_set(err, RC_NOT_FOUND, "there is no such media, or it shows another generation");
}

enum rc catalog_on_demand_find(const struct catalog *catalog, const struct catalog_call *call,
                               const struct uuid *media_id, uint32_t generation, struct on_demand_source *ret_source,
                               struct err *err)
{
	const struct db_value values[] = { db_uuid(media_id), db_int64(generation) };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	enum rc rc = catalog_run(catalog, call, &find_statement, values, 2, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return not_found(err);
	*ret_source = (struct on_demand_source){
		.claim = { .media_id = *media_id,
		           .owner_id = db_result_uuid(result, 0, 0),
		           .generation = generation,
		           .media_state = MEDIA_READY,
		           .kind = read_kind(result, 0, 1),
		           .size = db_result_int64(result, 0, 3),
		           .published_generation = generation,
		           .has_focal = !db_result_is_null(result, 0, 9),
		           .focal_x = db_result_double(result, 0, 9),
		           .focal_y = db_result_double(result, 0, 10) },
		.width = read_number(result, 0, 6),
		.height = read_number(result, 0, 7),
	};
	copy_text(result, 2, ret_source->claim.content_type, sizeof(ret_source->claim.content_type));
	copy_text(result, 4, ret_source->claim.original_key, sizeof(ret_source->claim.original_key));
	copy_text(result, 5, ret_source->claim.original_etag, sizeof(ret_source->claim.original_etag));
	copy_text(result, 8, ret_source->claim.preset, sizeof(ret_source->claim.preset));
	return RC_OK;
}

enum rc catalog_on_demand_publish(const struct catalog *catalog, const struct catalog_call *call,
                                  const struct uuid *media_id, uint32_t generation, const struct variant_new *variant,
                                  struct err *err)
{
	char sha256[2 * 32 + 1];
	int64_t written = 0;

	encode_hex(variant->sha256, 32, sha256);
	const struct db_value values[] = { db_uuid(media_id),        db_int64(generation),
		                           db_text(variant->name),   db_text(media_format_info(variant->format)->name),
		                           db_int64(variant->width), db_int64(variant->height),
		                           db_int64(variant->bytes), db_text(variant->object_key),
		                           db_text(sha256) };
	enum rc rc = catalog_run_number(catalog, call, &publish_statement, values, 9, &written, err);
	if (rc != RC_OK)
		return rc;
	return written == 1 ? RC_OK : not_found(err);
}
