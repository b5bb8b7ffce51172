// The columns of a media row `m` that statements select, to be decoded by catalog_media_read.
#pragma once

// In the order of enum media_column (media.c). EXIF is large and only wanted of one media at a time, so its place takes
// an argument.
#define MEDIA_COLUMN_COUNT 39
#define MEDIA_COLUMNS(exif)                                                                                   \
	"m.id, m.owner_id, m.item_id, m.position, m.state, m.reason_code, m.reason_detail, m.filename, "      \
	"m.declared_type, m.content_type, m.kind, m.size, m.declared_sha256, m.sha256, m.original_key, "      \
	"m.original_etag, m.generation, m.published_generation, m.width, m.height, m.orientation, m.frames, " \
	"m.pages, m.thumbhash, m.blurhash, m.dominant_color, " exif ", m.alt, m.captured_at, m.visibility, "  \
	"m.version, m.created_at, m.updated_at, m.uploaded_at, m.preview_at, m.ready_at, m.focal_x, "         \
	"m.focal_y, m.preset "
