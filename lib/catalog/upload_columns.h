// The columns that catalog_upload_read decodes, of uploads u and media m. Private to lib/catalog.
#pragma once

#define UPLOAD_COLUMNS                                                                                   \
	"u.id, u.media_id, u.owner_id, u.object_key, u.method, u.multipart_id, u.size, u.content_type, " \
	"u.content_md5, m.declared_sha256, u.expires_at, u.created_at, u.completed_at IS NOT NULL, "     \
	"u.aborted_at IS NOT NULL, m.state, m.filename, u.part_size "
