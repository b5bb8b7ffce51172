// Sizes on demand and originals, as signed URLs.
#include "metadata-api/media_offers.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/settings.h"
#include "catalog/media.h"
#include "media/delivery_original.h"
#include "media/preset_set.h"
#include "metadata-api/api.h"

#define URL_BYTES 4096

void media_offers_append_url(struct buffer *out, const struct api *api, const struct delivery_grant *grant)
{
	char path[DELIVERY_URL_SIZE];
	size_t length = delivery_sign(&api->delivery, grant, path);
	buffer_append_text(out, api->settings->cdn_public_url);
	buffer_append(out, path, length);
}

static void write_formats(struct json_write *json, unsigned formats)
{
	static const enum media_format ALL[] = { FORMAT_AVIF, FORMAT_WEBP, FORMAT_JPEG };
	json_write_array_begin(json, "formats");
	for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++)
		if ((formats & FORMAT_BIT(ALL[i])) != 0)
			json_write_text(json, NULL, media_format_info(ALL[i])->name);
	json_write_array_end(json);
}

static void write_offer(struct json_write *json, const struct api *api, const struct preset_planned *planned,
                        struct delivery_grant *grant)
{
	struct buffer url;
	buffer_init(&url, URL_BYTES);
	(void)snprintf(grant->variant, sizeof grant->variant, "%s", planned->step->name);
	media_offers_append_url(&url, api, grant);
	json_write_object_begin(json, NULL);
	json_write_text(json, "name", planned->step->name);
	json_write_int(json, "width", planned->size.width);
	json_write_int(json, "height", planned->size.height);
	write_formats(json, grant->formats);
	json_write_text(json, "url", buffer_text(&url));
	json_write_time(json, "expires_at", grant->expiry * 1000000);
	json_write_object_end(json);
	buffer_done(&url);
}

void media_offers_write_on_demand(struct json_write *json, const struct api *api, const struct media_row *media,
                                  int64_t expiry)
{
	const struct preset *preset = preset_set_choose(api->presets, media->preset);
	struct preset_planned plan[PRESET_STEPS_MAX];
	struct delivery_grant grant = { .media_id = media->id,
		                        .generation = media->published_generation,
		                        .formats = preset_on_demand_formats(preset),
		                        .expiry = expiry };
	size_t count = 0;
	if (api->settings->cdn_on_demand && media->state == MEDIA_READY && media->width > 0 && media->height > 0 &&
	    preset_kind_has_on_demand(media->kind))
		count = preset_plan_on_demand(preset, media->width, media->height, plan);
	json_write_array_begin(json, "on_demand");
	for (size_t i = 0; i < count; i++)
		write_offer(json, api, &plan[i], &grant);
	json_write_array_end(json);
}

bool media_offers_has_original(const struct media_row *media)
{
	return media->state == MEDIA_UPLOADED || media->state == MEDIA_PROCESSING || media->state == MEDIA_READY ||
	       media->state == MEDIA_FAILED;
}

void media_offers_write_original(struct json_write *json, const struct api *api, const struct media_row *media,
                                 const char *filename, int64_t expiry)
{
	struct delivery_original original = { .expiry = expiry };
	char path[DELIVERY_ORIGINAL_URL_SIZE], own_name[FILENAME_SIZE], id[UUID_TEXT_SIZE];
	struct buffer url;
	// A key that is none of ours cannot be: it is written by ingest alone.
	if (!object_key_parse_original(media->original_key, strlen(media->original_key), &original.media_id,
	                               original.random))
		return;
	uuid_format(&media->id, id);
	enum media_format format = media_format_by_content_type(media->content_type);
	(void)snprintf(own_name, sizeof own_name, "%s.%s", id, media_format_info(format)->extension);
	const char *name = filename != NULL ? filename : own_name;
	filename_clean(name, strlen(name), original.filename);
	buffer_init(&url, URL_BYTES);
	size_t length = delivery_original_sign(&api->delivery, &original, path);
	buffer_append_text(&url, api->settings->cdn_public_url);
	buffer_append(&url, path, length);
	json_write_text(json, "url", buffer_text(&url));
	json_write_text(json, "filename", original.filename);
	json_write_text(json, "content_type",
	                media->content_type != NULL ? media->content_type : "application/octet-stream");
	json_write_int(json, "size", media->size);
	json_write_time(json, "expires_at", expiry * 1000000);
	buffer_done(&url);
}
