// A media's variants as JSON, with their signed URLs, and srcset ready to paste.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct api;
struct db_result;
struct json_write;
struct media_row;
struct variant_key;

// Write the members "variants", "srcset" and "on_demand" of the media's object. variants: rows of
// catalog_variants_statement, NULL: it has none. keep_as: the name under which the text is kept for others
// (variant_cache.h); NULL: it is not.
void variant_view_write(const struct api *api, const struct db_result *variants, const struct media_row *media,
                        int64_t expiry, struct json_write *json, const struct variant_key *keep_as);

// True when the variants are what the media has at the version that it was read with: they were read then too, or it
// shows none. What is written of both may be kept under that version.
bool variant_view_is_of_version(const struct db_result *variants, const struct media_row *media);
