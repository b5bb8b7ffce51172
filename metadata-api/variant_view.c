// Writing variants: each URL is signed once and stands in both lists.
#include "metadata-api/variant_view.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/limits.h"
#include "catalog/media.h"
#include "media/preset_set.h"
#include "metadata-api/api.h"
#include "metadata-api/media_offers.h"
#include "metadata-api/variant_cache.h"

// A variant and where its URL stands in the URLs' buffer; empty for one that is not ready.
struct shown {
	struct variant_row row;
	bool is_on_demand;
	size_t url_at;
	size_t url_length;
};

// The variants of one media on their way into JSON.
struct writing {
	const struct api *api;
	const struct media_row *media;
	const struct db_result *variants;
	int64_t expiry;
	struct shown *shown;
	size_t count;
	struct buffer url_texts;
};

// Read rows [first, first + count) and sign a URL for each that is ready.
static void read_and_sign(struct writing *writing, size_t first)
{
	const struct preset *preset = preset_set_choose(writing->api->presets, writing->media->preset);
	for (size_t i = 0; i < writing->count; i++) {
		struct shown *shown = &writing->shown[i];
		struct variant_row *variant = &shown->row;
		catalog_variant_read(writing->variants, first + i, variant);
		// What was made on demand stands with what can be: the answer is the same before and after somebody
		// asked for it.
		shown->is_on_demand = preset_find_on_demand(preset, variant->name) != NULL;
		shown->url_at = writing->url_texts.length;
		if (variant->state != VARIANT_READY || shown->is_on_demand)
			continue;
		struct delivery_grant grant = { .media_id = variant->media_id,
			                        .generation = variant->generation,
			                        .format = variant->format,
			                        .expiry = writing->expiry };
		memcpy(grant.variant, variant->name, strnlen(variant->name, sizeof grant.variant - 1));
		media_offers_append_url(&writing->url_texts, writing->api, &grant);
		shown->url_length = writing->url_texts.length - shown->url_at;
	}
}

static const char *const VARIANT_STATES[] = {
	[VARIANT_PENDING] = "pending", [VARIANT_READY] = "ready", [VARIANT_FAILED] = "failed"
};

static void write_variants(const struct writing *writing, struct json_write *json)
{
	char expires_at[CLOCK_TEXT_SIZE];
	clock_format_rfc3339(writing->expiry * 1000000, expires_at);
	json_write_array_begin(json, "variants");
	for (size_t i = 0; i < writing->count; i++) {
		const struct shown *shown = &writing->shown[i];
		const struct variant_row *variant = &shown->row;
		if (shown->is_on_demand)
			continue;
		json_write_object_begin(json, NULL);
		json_write_text(json, "name", variant->name);
		json_write_text(json, "format", media_format_info(variant->format)->name);
		json_write_text(json, "state", VARIANT_STATES[variant->state]);
		if (variant->state == VARIANT_FAILED)
			json_write_text(json, "reason", media_reason_name(variant->reason));
		json_write_int(json, "width", variant->width);
		json_write_int(json, "height", variant->height);
		json_write_int(json, "bytes", variant->bytes);
		if (variant->state == VARIANT_READY) {
			json_write_text_length(json, "url", buffer_text(&writing->url_texts) + shown->url_at,
			                       shown->url_length);
			json_write_text(json, "expires_at", expires_at);
		}
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

// The whole picture, within a pixel: no crop, nothing around it. Presets change, so the sizes are asked, not the names.
static bool shows_whole(const struct variant_row *variant, const struct media_row *media)
{
	uint64_t across = (uint64_t)variant->width * media->height, down = (uint64_t)variant->height * media->width;
	uint64_t off = across > down ? across - down : down - across;
	return off <= (media->width > media->height ? media->width : media->height);
}

// srcset of one format: every picture with the original's proportions, by rising width.
static void write_set(const struct writing *writing, enum media_format format, struct json_write *json,
                      struct buffer *scratch)
{
	buffer_clear(scratch);
	for (size_t i = 0; i < writing->count; i++) {
		const struct shown *shown = &writing->shown[i];
		if (shown->url_length == 0 || shown->row.format != format || !shows_whole(&shown->row, writing->media))
			continue;
		if (scratch->length > 0)
			buffer_append_text(scratch, ", ");
		buffer_append(scratch, buffer_text(&writing->url_texts) + shown->url_at, shown->url_length);
		buffer_append_format(scratch, " %uw", shown->row.width);
	}
	if (scratch->length > 0)
		json_write_text(json, media_format_info(format)->name, buffer_text(scratch));
}

static void write_srcset(const struct writing *writing, struct json_write *json)
{
	static const enum media_format FORMATS[] = { FORMAT_AVIF, FORMAT_WEBP, FORMAT_JPEG };
	struct buffer scratch;
	buffer_init(&scratch, LIMIT_RESPONSE_BYTES);
	json_write_object_begin(json, "srcset");
	for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++)
		write_set(writing, FORMATS[i], json, &scratch);
	json_write_object_end(json);
	buffer_done(&scratch);
}

bool variant_view_is_of_version(const struct db_result *variants, const struct media_row *media)
{
	struct variant_row variant;
	size_t first = 0, end = 0;
	if (variants != NULL)
		catalog_variants_find(variants, &media->id, &first, &end);
	if (first == end)
		return media->published_generation == 0;
	catalog_variant_read(variants, first, &variant);
	return variant.media_version == media->version;
}

static void keep(const struct api *api, const struct variant_key *key, const char *text, size_t length)
{
	const struct variant_text *made = variant_text_new(key, text, length);
	if (made != NULL)
		variant_cache_keep(api->variants, made);
	variant_text_release(made);
}

// Write an object with all members. Without its braces it is the text that is kept.
static void write_object(struct writing *writing, struct buffer *out)
{
	struct json_write json;
	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	write_variants(writing, &json);
	write_srcset(writing, &json);
	media_offers_write_on_demand(&json, writing->api, writing->media, writing->expiry);
	json_write_object_end(&json);
}

void variant_view_write(const struct api *api, const struct db_result *variants, const struct media_row *media,
                        int64_t expiry, struct json_write *json, const struct variant_key *keep_as)
{
	struct writing writing = { .api = api, .media = media, .variants = variants, .expiry = expiry };
	struct buffer object;
	size_t first = 0, end = 0;
	if (variants != NULL)
		catalog_variants_find(variants, &media->id, &first, &end);
	writing.count = end - first;
	buffer_init(&object, LIMIT_RESPONSE_BYTES);
	buffer_init(&writing.url_texts, LIMIT_RESPONSE_BYTES);
	writing.shown = calloc(writing.count + 1, sizeof *writing.shown);
	if (writing.shown != NULL) {
		read_and_sign(&writing, first);
		write_object(&writing, &object);
	}
	if (writing.shown != NULL && buffer_ok(&object) && buffer_ok(&writing.url_texts)) {
		const char *members = buffer_text(&object) + 1;
		json_write_raw(json, NULL, members, object.length - 2);
		if (keep_as != NULL && variant_view_is_of_version(variants, media))
			keep(api, keep_as, members, object.length - 2);
	} else {
		json->out->failed = true; // shows as "the answer would not fit"
	}
	free(writing.shown);
	buffer_done(&writing.url_texts);
	buffer_done(&object);
}
