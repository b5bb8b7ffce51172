// A media as clients see it (api.md's shape), written the same by every service that shows one.
#pragma once

#include "catalog/media.h"

struct json_write;

// Write the members of a media's object, from "id" to "updated_at", without its braces: the caller opens the object,
// may add members (variants, srcset), and closes it. EXIF is left to the caller: only owners see it.
void catalog_media_write(struct json_write *json, const struct media_row *media);
