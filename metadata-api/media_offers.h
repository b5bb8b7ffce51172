// What of a media can be fetched besides its published variants: sizes made on demand, and the original.
#pragma once

#include <stdint.h>

struct api;
struct buffer;
struct delivery_grant;
struct json_write;
struct media_row;

// Append the whole delivery URL of a grant.
void media_offers_append_url(struct buffer *out, const struct api *api, const struct delivery_grant *grant);

// Write "on_demand": [{name, width, height, formats, url, expires_at}], the sizes that are made when somebody first
// asks for them; empty when cdn.on_demand is off or the media is not ready. The URLs are negotiated by Accept.
void media_offers_write_on_demand(struct json_write *json, const struct api *api, const struct media_row *media,
                                  int64_t expiry);
