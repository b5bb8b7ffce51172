// Facts for the catalog, and the EXIF subset as JSON.
#include "transcoder/facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"

// Four significant digits: 1/1493 s is 0.0006698.
static void write_ratio(struct json_write *json, const char *name, const struct wire_ratio *ratio)
{
	double value, step;

	if (ratio->below == 0 || ratio->above == 0)
		return;
	value = (double)ratio->above / ratio->below;
	step = pow(10, floor(log10(value)) - 3);
	json_write_float(json, name, step < 1 ? round(value / step) / round(1 / step) : round(value));
}

static void write_text(struct json_write *json, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_write_text(json, name, text);
}

static void write_number(struct json_write *json, const char *name, uint32_t number)
{
	if (number != 0)
		json_write_int(json, name, number);
}

// The camera's clock, with its offset where the file tells: "2026-06-21T23:59:58-03:30".
static void write_time(struct json_write *json, const struct wire_exif *exif)
{
	char text[CLOCK_TEXT_SIZE + 8];
	size_t seconds = sizeof("2026-06-21T23:59:58") - 1;
	int minutes = exif->offset_minutes < 0 ? -exif->offset_minutes : exif->offset_minutes;

	if (!exif->has_time)
		return;
	clock_format_rfc3339(exif->local_seconds * 1000000, text);
	text[seconds] = '\0';
	if (exif->has_offset)
		(void)snprintf(text + seconds, sizeof(text) - seconds, "%c%02d:%02d",
		               exif->offset_minutes < 0 ? '-' : '+', minutes / 60, minutes % 60);
	json_write_text(json, "captured_at", text);
}

static void write_exif(const struct wire_exif *exif, struct buffer *out)
{
	struct json_write json;

	json_write_init(&json, out);
	json_write_object_begin(&json, NULL);
	write_time(&json, exif);
	write_text(&json, "make", exif->make);
	write_text(&json, "model", exif->model);
	write_text(&json, "lens", exif->lens);
	write_ratio(&json, "exposure_time", &exif->exposure);
	write_ratio(&json, "f_number", &exif->f_number);
	write_number(&json, "iso", exif->iso);
	write_ratio(&json, "focal_length", &exif->focal_length);
	write_number(&json, "focal_length_35mm", exif->focal_length_35mm);
	json_write_object_end(&json);
}

struct media_facts facts_describe(const struct wire_facts *wire, const uint8_t *sha256, struct buffer *exif)
{
	const struct wire_exif *said = &wire->exif;
	// Without an offset the camera's clock is taken for UTC: wrong by hours at most, where nothing better is known.
	int64_t captured = (said->local_seconds - (said->has_offset ? said->offset_minutes * 60 : 0)) * 1000000;

	write_exif(said, exif);
	return (struct media_facts){
		.width = wire->width,
		.height = wire->height,
		.orientation = wire->orientation,
		.frames = wire->frames,
		.pages = wire->pages,
		.has_alpha = wire->has_alpha,
		.thumbhash = wire->thumbhash_length == 0 ? NULL : wire->thumbhash,
		.thumbhash_length = wire->thumbhash_length,
		.blurhash = wire->blurhash[0] == '\0' ? NULL : wire->blurhash,
		.dominant_rgb = (int32_t)wire->dominant_rgb,
		.has_likeness = wire->has_likeness,
		.likeness = wire->likeness,
		.exif = strcmp(buffer_text(exif), "{}") == 0 ? NULL : buffer_text(exif),
		.has_position = said->has_position,
		.latitude_e6 = said->latitude_e6,
		.longitude_e6 = said->longitude_e6,
		.has_altitude = said->has_altitude,
		.altitude_mm = said->altitude_mm,
		.captured_at = said->has_time ? captured : 0,
		.sha256 = sha256,
	};
}
