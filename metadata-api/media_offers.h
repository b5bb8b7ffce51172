// What of a media can be fetched besides its published variants: sizes made on demand, and the original.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct api;
struct buffer;
struct delivery_grant;
struct json_write;
struct media_row;

// True when its original may be given out: verified at upload, and not rejected since.
bool media_offers_has_original(const struct media_row *media);

// Write the original's "url", "filename", "content_type", "size" and "expires_at" into the open object. The URL names
// the file as `filename` does; NULL: by the media's id, for those who may not see the owner's name for it.
void media_offers_write_original(struct json_write *json, const struct api *api, const struct media_row *media,
                                 const char *filename, int64_t expiry);

// Append the whole delivery URL of a grant.
void media_offers_append_url(struct buffer *out, const struct api *api, const struct delivery_grant *grant);

// Write "on_demand": [{name, width, height, formats, url, expires_at}], the sizes that are made when somebody first
// asks for them; empty when cdn.on_demand is off or the media is not ready. The URLs are negotiated by Accept.
void media_offers_write_on_demand(struct json_write *json, const struct api *api, const struct media_row *media,
                                  int64_t expiry);
