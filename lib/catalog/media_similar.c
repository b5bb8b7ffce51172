// Finding what looks like a given media, by multi-index hashing (migrations/0010 says why these indexes suffice).
#include "catalog/media.h"
#include "catalog/media_columns.h"

// The owner's media one of whose bands is near the given one's.
#define LIKE_IN_BAND(band)                                                                                    \
	"SELECT m.id, m.perceptual_hash FROM media m WHERE m.owner_id = $1 AND m.deleted_at IS NULL "         \
	"AND m.perceptual_hash IS NOT NULL AND " band " = ANY (ARRAY(SELECT " band " # k.mask FROM given m, " \
	"masks k WHERE m.perceptual_hash IS NOT NULL))"
#define LIKE_0 LIKE_IN_BAND("(m.perceptual_hash & 65535)")
#define LIKE_1 LIKE_IN_BAND("(m.perceptual_hash >> 16 & 65535)")
#define LIKE_2 LIKE_IN_BAND("(m.perceptual_hash >> 32 & 65535)")
#define LIKE_3 LIKE_IN_BAND("(m.perceptual_hash >> 48 & 65535)")
#define COLUMNS MEDIA_COLUMNS("NULL::jsonb")

// Parameters: owner, media, distance, after distance, after id, limit. masks: all ways in which a band may differ, of
// no bit up to distance / 4 bits. UNION drops what several bands have found.
const struct db_statement catalog_media_similar_statement = {
	.name = "media_similar",
	.sql = "WITH given AS MATERIALIZED (SELECT id, perceptual_hash FROM media "
	       "  WHERE owner_id = $1 AND id = $2 AND deleted_at IS NULL), "
	       "masks AS MATERIALIZED (SELECT 0::bigint AS mask UNION ALL "
	       "  SELECT (1::bigint << i) | (1::bigint << j) FROM generate_series(0, 15) i, generate_series(i, 15) j "
	       "  WHERE $3::bigint >= 4 AND (i = j OR $3 >= 8)), "
	       "near AS (" LIKE_0 " UNION " LIKE_1 " UNION " LIKE_2 " UNION " LIKE_3 "), "
	       "found AS (SELECT id, -1::bigint AS distance FROM given UNION ALL (SELECT l.id, l.distance FROM "
	       "  (SELECT n.id, bit_count((n.perceptual_hash # g.perceptual_hash)::bit(64)) AS distance "
	       "    FROM near n, given g WHERE n.id <> g.id) l "
	       "  WHERE l.distance <= $3 AND (l.distance, l.id) > ($4::bigint, $5::uuid) "
	       "  ORDER BY l.distance, l.id LIMIT $6::bigint)) "
	       "SELECT " COLUMNS ", f.distance FROM found f JOIN media m ON m.id = f.id ORDER BY f.distance, f.id",
	.parameter_count = 6,
	.read_only = true,
};

void catalog_media_similar_values(const struct media_similar_page *page, struct db_value ret_values[6])
{
	ret_values[0] = db_uuid(&page->owner_id);
	ret_values[1] = db_uuid(&page->media_id);
	ret_values[2] = db_int64(page->distance);
	ret_values[3] = db_int64(page->has_after ? page->after_distance : -1);
	ret_values[4] = db_uuid(&page->after_id);
	ret_values[5] = db_int64(page->limit);
}

unsigned catalog_media_similar_distance(const struct db_result *result, size_t row)
{
	return (unsigned)db_result_int64(result, row, db_result_columns(result) - 1);
}
