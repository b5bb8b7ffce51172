// Reading media and variants.
#include "catalog/media.h"

#include <assert.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "catalog/media_columns.h"
#include "catalog/read.h"
#include "catalog/run.h"
#include "db/array.h"
#include "db/batch.h"

enum media_column {
	COLUMN_ID,
	COLUMN_OWNER_ID,
	COLUMN_ITEM_ID,
	COLUMN_POSITION,
	COLUMN_STATE,
	COLUMN_REASON_CODE,
	COLUMN_REASON_DETAIL,
	COLUMN_FILENAME,
	COLUMN_DECLARED_TYPE,
	COLUMN_CONTENT_TYPE,
	COLUMN_KIND,
	COLUMN_SIZE,
	COLUMN_DECLARED_SHA256,
	COLUMN_SHA256,
	COLUMN_ORIGINAL_KEY,
	COLUMN_ORIGINAL_ETAG,
	COLUMN_GENERATION,
	COLUMN_PUBLISHED_GENERATION,
	COLUMN_WIDTH,
	COLUMN_HEIGHT,
	COLUMN_ORIENTATION,
	COLUMN_FRAMES,
	COLUMN_PAGES,
	COLUMN_THUMBHASH,
	COLUMN_BLURHASH,
	COLUMN_DOMINANT_COLOR,
	COLUMN_EXIF,
	COLUMN_ALT,
	COLUMN_CAPTURED_AT,
	COLUMN_VISIBILITY,
	COLUMN_VERSION,
	COLUMN_CREATED_AT,
	COLUMN_UPDATED_AT,
	COLUMN_UPLOADED_AT,
	COLUMN_PREVIEW_AT,
	COLUMN_READY_AT,
	COLUMN_FOCAL_X,
	COLUMN_FOCAL_Y,
	COLUMN_PRESET,
	COLUMN_COUNT,
};
static_assert(COLUMN_COUNT == MEDIA_COLUMN_COUNT, "each column is selected");

static const struct db_batch find_batch = { .types = { DB_BATCH_UUID, DB_BATCH_UUID } };
static const struct db_batch of_items_batch = { .types = { DB_BATCH_UUID, DB_BATCH_TEXT, DB_BATCH_BIGINT },
	                                        .order = "r.item_place, r.position, r.id" };
static const struct db_batch variants_batch = { .types = { DB_BATCH_TEXT },
	                                        .order = "r.media_id, r.width, r.name, r.format" };

const struct db_statement catalog_media_find_statement = {
	.name = "media_find",
	.sql = "SELECT " MEDIA_COLUMNS(
	        "m.exif") "FROM media m WHERE m.owner_id = $1 AND m.id = $2 AND m.deleted_at IS NULL",
	.parameter_count = 2,
	.read_only = true,
	.batch = &find_batch,
};

#define EXIF_WITH_POSITION                                                                                        \
	"coalesce((SELECT coalesce(m.exif, '{}') || jsonb_build_object('gps', jsonb_strip_nulls("                 \
	"jsonb_build_object('latitude', p.latitude_e6 / 1e6::float8, 'longitude', p.longitude_e6 / 1e6::float8, " \
	"'altitude', p.altitude_mm / 1e3::float8))) FROM media_positions p WHERE p.media_id = m.id), m.exif)"

const struct db_statement catalog_media_find_own_statement = {
	.name = "media_find_own",
	.sql = "SELECT " MEDIA_COLUMNS(
	        EXIF_WITH_POSITION) "FROM media m WHERE m.owner_id = $1 AND m.id = $2 AND m.deleted_at IS NULL",
	.parameter_count = 2,
	.read_only = true,
};

const struct db_statement catalog_media_of_items_statement = {
	.name = "media_of_items",
	.sql = "SELECT " MEDIA_COLUMNS(
	        "NULL::jsonb") ", wanted.place AS item_place "
	                       "FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (item_id, place) "
	                       "JOIN items i ON i.id = wanted.item_id "
	                       "CROSS JOIN LATERAL (SELECT * FROM media n WHERE n.item_id = wanted.item_id AND n.owner_id = $1 "
	                       "AND n.deleted_at IS NULL ORDER BY $3::bigint = 1 AND n.id IS NOT DISTINCT FROM i.cover_media_id DESC, "
	                       "n.position, n.id LIMIT $3) m ORDER BY wanted.place, m.position, m.id",
	.parameter_count = 3,
	.read_only = true,
	.batch = &of_items_batch,
};

static const struct db_statement find_by_sha256_statement = {
	.name = "media_find_by_sha256",
	.sql = "SELECT " MEDIA_COLUMNS(
	        "NULL::jsonb") "FROM media m WHERE m.owner_id = $1 AND m.sha256 = $2 "
	                       "AND m.deleted_at IS NULL AND m.state IN ('uploaded', 'processing', 'ready') "
	                       "ORDER BY m.created_at, m.id LIMIT 1",
	.parameter_count = 2,
	.read_only = true,
};

const struct db_statement catalog_variants_statement = {
	.name = "variants",
	.sql = "SELECT v.media_id, v.generation, v.name, v.format, v.state, v.reason_code, v.width, v.height, v.bytes, "
	       "v.object_key, v.sha256, m.version FROM variants v JOIN media m ON m.id = v.media_id "
	       "WHERE v.media_id = ANY ($1::uuid[]) AND v.generation = m.published_generation "
	       "ORDER BY v.media_id, v.width, v.name, v.format",
	.parameter_count = 1,
	.read_only = true,
	.batch = &variants_batch,
};

void catalog_media_find_values(const struct uuid *owner_id, const struct uuid *media_id, struct db_value ret_values[2])
{
	ret_values[0] = db_uuid(owner_id);
	ret_values[1] = db_uuid(media_id);
}

void catalog_media_of_items_values(const struct uuid *owner_id, const char *item_ids, unsigned limit,
                                   struct db_value ret_values[3])
{
	ret_values[0] = db_uuid(owner_id);
	ret_values[1] = db_text(item_ids);
	ret_values[2] = db_int64(limit);
}

static void read_facts(const struct db_result *result, size_t row, struct media_row *media)
{
	media->width = read_number(result, row, COLUMN_WIDTH);
	media->height = read_number(result, row, COLUMN_HEIGHT);
	media->orientation = read_number(result, row, COLUMN_ORIENTATION);
	media->frames = read_number(result, row, COLUMN_FRAMES);
	media->pages = read_number(result, row, COLUMN_PAGES);
	media->thumbhash = db_result_bytes(result, row, COLUMN_THUMBHASH, &media->thumbhash_length);
	media->blurhash = db_result_text(result, row, COLUMN_BLURHASH);
	media->dominant_rgb = db_result_is_null(result, row, COLUMN_DOMINANT_COLOR)
	                              ? -1
	                              : (int32_t)db_result_int64(result, row, COLUMN_DOMINANT_COLOR);
	media->exif = db_result_text(result, row, COLUMN_EXIF);
	media->captured_at = db_result_time_us(result, row, COLUMN_CAPTURED_AT);
	media->has_focal = !db_result_is_null(result, row, COLUMN_FOCAL_X);
	media->focal_x = db_result_double(result, row, COLUMN_FOCAL_X);
	media->focal_y = db_result_double(result, row, COLUMN_FOCAL_Y);
	media->preset = db_result_text(result, row, COLUMN_PRESET);
}

static void read_times(const struct db_result *result, size_t row, struct media_row *media)
{
	media->created_at = db_result_time_us(result, row, COLUMN_CREATED_AT);
	media->updated_at = db_result_time_us(result, row, COLUMN_UPDATED_AT);
	media->uploaded_at = db_result_time_us(result, row, COLUMN_UPLOADED_AT);
	media->preview_at = db_result_time_us(result, row, COLUMN_PREVIEW_AT);
	media->ready_at = db_result_time_us(result, row, COLUMN_READY_AT);
}

void catalog_media_read(const struct db_result *result, size_t row, struct media_row *ret_media)
{
	*ret_media = (struct media_row){
		.id = db_result_uuid(result, row, COLUMN_ID),
		.owner_id = db_result_uuid(result, row, COLUMN_OWNER_ID),
		.has_item = !db_result_is_null(result, row, COLUMN_ITEM_ID),
		.item_id = db_result_uuid(result, row, COLUMN_ITEM_ID),
		.position = (int32_t)db_result_int64(result, row, COLUMN_POSITION),
		.state = read_state(result, row, COLUMN_STATE),
		.reason = read_reason(result, row, COLUMN_REASON_CODE),
		.reason_detail = db_result_text(result, row, COLUMN_REASON_DETAIL),
		.filename = db_result_text(result, row, COLUMN_FILENAME),
		.declared_type = db_result_text(result, row, COLUMN_DECLARED_TYPE),
		.content_type = db_result_text(result, row, COLUMN_CONTENT_TYPE),
		.kind = read_kind(result, row, COLUMN_KIND),
		.size = db_result_int64(result, row, COLUMN_SIZE),
		.declared_sha256 = read_sha256(result, row, COLUMN_DECLARED_SHA256),
		.sha256 = read_sha256(result, row, COLUMN_SHA256),
		.original_key = db_result_text(result, row, COLUMN_ORIGINAL_KEY),
		.original_etag = db_result_text(result, row, COLUMN_ORIGINAL_ETAG),
		.generation = read_number(result, row, COLUMN_GENERATION),
		.published_generation = read_number(result, row, COLUMN_PUBLISHED_GENERATION),
		.alt = db_result_text(result, row, COLUMN_ALT),
		.visibility = db_result_text(result, row, COLUMN_VISIBILITY),
		.version = db_result_int64(result, row, COLUMN_VERSION),
	};
	read_facts(result, row, ret_media);
	read_times(result, row, ret_media);
}

void catalog_media_read_key(const struct db_result *result, size_t row, struct uuid *ret_id, int64_t *ret_version)
{
	*ret_id = db_result_uuid(result, row, COLUMN_ID);
	*ret_version = db_result_int64(result, row, COLUMN_VERSION);
}

// The first row whose media is not before media_id (after: behind it); rows are in the order of the ids' bytes.
static size_t find_variant_row(const struct db_result *result, const struct uuid *media_id, bool after)
{
	size_t low = 0, high = db_result_rows(result);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct uuid id = db_result_uuid(result, middle, 0);
		int order = memcmp(id.bytes, media_id->bytes, sizeof(id.bytes));

		if (order < 0 || (after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void catalog_variants_find(const struct db_result *result, const struct uuid *media_id, size_t *ret_first,
                           size_t *ret_end)
{
	*ret_first = find_variant_row(result, media_id, false);
	*ret_end = find_variant_row(result, media_id, true);
}

static enum variant_state read_variant_state(const struct db_result *result, size_t row, size_t column)
{
	const char *name = db_result_text(result, row, column);

	return name[0] == 'r' ? VARIANT_READY : name[0] == 'f' ? VARIANT_FAILED : VARIANT_PENDING;
}

void catalog_variant_read(const struct db_result *result, size_t row, struct variant_row *ret_variant)
{
	*ret_variant = (struct variant_row){
		.media_id = db_result_uuid(result, row, 0),
		.generation = read_number(result, row, 1),
		.name = db_result_text(result, row, 2),
		.format = read_format(result, row, 3),
		.state = read_variant_state(result, row, 4),
		.reason = read_reason(result, row, 5),
		.width = read_number(result, row, 6),
		.height = read_number(result, row, 7),
		.bytes = db_result_int64(result, row, 8),
		.object_key = db_result_text(result, row, 9),
		.sha256 = read_sha256(result, row, 10),
		.media_version = db_result_int64(result, row, 11),
	};
}

// Run a statement that finds one media at most.
static enum rc find_one(const struct catalog *catalog, const struct catalog_call *call,
                        const struct db_statement *statement, const struct db_value values[2],
                        struct media_row *ret_media, struct db_result **ret_result, struct err *err)
{
	struct db_result *result;
	enum rc rc = catalog_run(catalog, call, statement, values, 2, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0) {
		db_result_free(result);
		return err_set(err, RC_NOT_FOUND, "there is no such media");
	}
	catalog_media_read(result, 0, ret_media);
	*ret_result = result;
	return RC_OK;
}

enum rc catalog_media_find(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *owner_id,
                           const struct uuid *media_id, struct media_row *ret_media, struct db_result **ret_result,
                           struct err *err)
{
	struct db_value values[2];

	catalog_media_find_values(owner_id, media_id, values);
	return find_one(catalog, call, &catalog_media_find_statement, values, ret_media, ret_result, err);
}

enum rc catalog_media_find_by_sha256(const struct catalog *catalog, const struct catalog_call *call,
                                     const struct uuid *owner_id, const uint8_t sha256[32], struct media_row *ret_media,
                                     struct db_result **ret_result, struct err *err)
{
	const struct db_value values[2] = { db_uuid(owner_id), db_bytes(sha256, 32) };

	return find_one(catalog, call, &find_by_sha256_statement, values, ret_media, ret_result, err);
}

enum rc catalog_variants(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *media_ids,
                         size_t count, struct db_result **ret_result, struct err *err)
{
	struct buffer ids;
	struct db_value value;
	enum rc rc;

	buffer_init(&ids, CATALOG_ARGUMENT_BYTES);
	db_array_of_uuids(&ids, media_ids, count);
	value = db_text(buffer_text(&ids));
	rc = catalog_run(catalog, call, &catalog_variants_statement, &value, 1, ret_result, err);
	buffer_done(&ids);
	return rc;
}
