// A media as clients see it (api.md's shape), written the same by every service that shows one.
#pragma once

#include "catalog/media.h"

struct json_write;

// Write the members of a media's object, from "id" to "updated_at", without its braces: the caller opens the object,
// may add members (variants, srcset), and closes it. EXIF is left to the caller: only owners see it.
void catalog_media_write(struct json_write *json, const struct media_row *media);

// The same for holders of a share link: what is needed to draw it. No file name, hashes, versions, capture or upload
// times, nor who owns it.
void catalog_media_write_shared(struct json_write *json, const struct media_row *media);
