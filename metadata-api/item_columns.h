// The columns of an item row `i`, in the order that item_read decodes, and those of its cover.
#pragma once

#include "catalog/media_columns.h"

// Times and id have names of their own, so that they can be told from a media's beside them.
#define ITEM_COLUMN_COUNT 9
#define ITEM_COLUMN_CREATED_AT 6
#define ITEM_COLUMN_UPDATED_AT 7
#define ITEM_COLUMNS                                                                     \
	"i.id AS item_key, i.title, i.body, i.visibility, i.cover_media_id, i.version, " \
	"i.created_at AS item_created_at, i.updated_at AS item_updated_at, "             \
	"(SELECT coalesce(json_agg(t.tag ORDER BY t.tag), '[]')::text FROM item_tags t WHERE t.item_id = i.id) AS tags "

// The same and then the cover `m` (ITEM_COVER): NULLs when the item has no media.
#define ITEM_AND_COVER_COLUMNS ITEM_COLUMNS ", " MEDIA_COLUMNS("NULL::jsonb")

// The cover of `i`: the media it names when that is one of its own, else its first one. Found by two look-ups of an
// index, never by sorting (coalesce asks the second only when the first has none); LIMIT keeps the planner from turning
// them into a join of whole tables.
#define ITEM_COVER(owner)                                                                                         \
	"LEFT JOIN LATERAL (SELECT * FROM media o WHERE o.id = coalesce("                                         \
	"  (SELECT c.id FROM media c WHERE c.id = i.cover_media_id AND c.item_id = i.id AND c.owner_id = " owner  \
	"     AND c.deleted_at IS NULL), "                                                                        \
	"  (SELECT n.id FROM media n WHERE n.item_id = i.id AND n.owner_id = " owner " AND n.deleted_at IS NULL " \
	"     ORDER BY n.position, n.id LIMIT 1)) LIMIT 1) m ON true "
