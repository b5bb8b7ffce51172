// The columns of an item row `i`, in the order that item_read decodes, and its cover.
#pragma once

#include "metadata-api/media_cards.h"

// Times and id have names of their own, so that they can be told from a media's beside them.
#define ITEM_COLUMN_COUNT 9
#define ITEM_COLUMN_CREATED_AT 6
#define ITEM_COLUMN_UPDATED_AT 7
#define ITEM_COLUMNS                                                                     \
	"i.id AS item_key, i.title, i.body, i.visibility, i.cover_media_id, i.version, " \
	"i.created_at AS item_created_at, i.updated_at AS item_updated_at, "             \
	"(SELECT coalesce(json_agg(t.tag ORDER BY t.tag), '[]')::text FROM item_tags t WHERE t.item_id = i.id) AS tags "

// The same and then which media is the cover (ITEM_COVER): NULLs when the item has no media.
#define ITEM_AND_COVER_COLUMNS \
	ITEM_COLUMNS           \
	", coalesce(cover.id, first.id) AS media_key, coalesce(cover.version, first.version) AS media_version "
#define ITEM_AND_COVER_COLUMN_COUNT (ITEM_COLUMN_COUNT + MEDIA_CARDS_COLUMN_COUNT)

// The cover of `i`: the media it names when that is one of its own, else its first one. Found by one look-up of an
// index, never by sorting (the second is asked only when the first has none); LIMIT keeps the planner from turning them
// into a join of whole tables.
#define ITEM_COVER(owner)                                                                                            \
	"LEFT JOIN LATERAL (SELECT c.id, c.version FROM media c WHERE c.id = i.cover_media_id AND c.item_id = i.id " \
	"  AND c.owner_id = " owner " AND c.deleted_at IS NULL LIMIT 1) cover ON true "                              \
	"LEFT JOIN LATERAL (SELECT n.id, n.version FROM media n WHERE cover.id IS NULL AND n.item_id = i.id "        \
	"  AND n.owner_id = " owner " AND n.deleted_at IS NULL ORDER BY n.position, n.id LIMIT 1) first ON true "
