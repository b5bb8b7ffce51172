// Writing media as JSON.
#include "catalog/media_json.h"

#include <stdio.h>

#include "base/encoding.h"
#include "base/json_write.h"
#include "media/icon.h"

static void write_uuid(struct json_write *json, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE];
	uuid_format(id, text);
	json_write_text(json, name, text);
}

static void write_time(struct json_write *json, const char *name, int64_t time_us)
{
	if (time_us == DB_NO_TIME)
		json_write_null(json, name);
	else
		json_write_time(json, name, time_us);
}

// 0: not known.
static void write_number(struct json_write *json, const char *name, uint32_t number)
{
	if (number == 0)
		json_write_null(json, name);
	else
		json_write_int(json, name, number);
}

static void write_reason(struct json_write *json, const struct media_row *media)
{
	if (media->reason == REASON_NONE)
		return;
	json_write_object_begin(json, "reason");
	json_write_text(json, "code", media_reason_name(media->reason));
	json_write_text(json, "detail",
	                media->reason_detail == NULL ? media_reason_detail(media->reason) : media->reason_detail);
	json_write_object_end(json);
}

static void write_placeholders(struct json_write *json, const struct media_row *media)
{
	char thumbhash[BASE64_TEXT_SIZE(32)], colour[sizeof("#rrggbb")];
	bool has_thumbhash = media->thumbhash != NULL && media->thumbhash_length <= 32;
	if (has_thumbhash)
		encode_base64(media->thumbhash, media->thumbhash_length, thumbhash);
	json_write_text(json, "thumbhash", has_thumbhash ? thumbhash : NULL);
	json_write_text(json, "blurhash", media->blurhash);
	if (media->dominant_rgb >= 0)
		(void)snprintf(colour, sizeof(colour), "#%06x", (unsigned)media->dominant_rgb & 0xffffff);
	json_write_text(json, "dominant_color", media->dominant_rgb >= 0 ? colour : NULL);
}

static void write_hashes(struct json_write *json, const struct media_row *media)
{
	char hex[2 * 32 + 1];
	const uint8_t *sha256 = media->sha256 == NULL ? media->declared_sha256 : media->sha256;
	if (sha256 != NULL)
		encode_hex(sha256, 32, hex);
	json_write_text(json, "sha256", sha256 == NULL ? NULL : hex);
	write_placeholders(json, media);
}

static void write_focal(struct json_write *json, const struct media_row *media)
{
	if (!media->has_focal) {
		json_write_null(json, "focal_point");
		return;
	}
	json_write_object_begin(json, "focal_point");
	json_write_float(json, "x", media->focal_x);
	json_write_float(json, "y", media->focal_y);
	json_write_object_end(json);
}

static void write_type(struct json_write *json, const struct media_row *media)
{
	const char *content_type = media->content_type == NULL ? media->declared_type : media->content_type;
	json_write_text(json, "content_type", content_type);
	json_write_text(json, "kind", media_kind_name(media->kind));
	json_write_text(json, "icon", media_icon_name(content_type));
}

void catalog_media_write(struct json_write *json, const struct media_row *media)
{
	write_uuid(json, "id", &media->id);
	json_write_text(json, "state", media_state_name(media->state));
	write_reason(json, media);
	if (media->has_item)
		write_uuid(json, "item_id", &media->item_id);
	else
		json_write_null(json, "item_id");
	json_write_int(json, "position", media->position);
	json_write_text(json, "filename", media->filename);
	write_type(json, media);
	json_write_int(json, "size", media->size);
	write_hashes(json, media);
	write_number(json, "width", media->width);
	write_number(json, "height", media->height);
	write_number(json, "frames", media->frames);
	write_number(json, "pages", media->pages);
	write_focal(json, media);
	json_write_text(json, "alt", media->alt);
	json_write_text(json, "visibility", media->visibility);
	json_write_int(json, "version", media->version);
	write_time(json, "captured_at", media->captured_at);
	write_time(json, "created_at", media->created_at);
	write_time(json, "uploaded_at", media->uploaded_at);
	write_time(json, "preview_at", media->preview_at);
	write_time(json, "ready_at", media->ready_at);
	write_time(json, "updated_at", media->updated_at);
}

void catalog_media_write_shared(struct json_write *json, const struct media_row *media)
{
	write_uuid(json, "id", &media->id);
	json_write_text(json, "state", media_state_name(media->state));
	json_write_int(json, "position", media->position);
	write_type(json, media);
	write_placeholders(json, media);
	write_number(json, "width", media->width);
	write_number(json, "height", media->height);
	write_number(json, "frames", media->frames);
	write_number(json, "pages", media->pages);
	json_write_text(json, "alt", media->alt);
}
