// The columns of an item row `i`, in the order that item_read decodes.
#pragma once

#define ITEM_COLUMNS                                                                                     \
	"i.id, i.title, i.body, i.visibility, i.cover_media_id, i.version, i.created_at, i.updated_at, " \
	"(SELECT coalesce(json_agg(t.tag ORDER BY t.tag), '[]')::text FROM item_tags t WHERE t.item_id = i.id) "
