// Reading EXIF: libexif finds the entries, we take from them what has the type and the range it must have.
#include "transcoder/decoder/exif.h"

#include <libexif/exif-data.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define HEADER "Exif\0"         // and the literal's own NUL
#define BYTES_MOST (64u * 1024) // what a JPEG's segment can hold

struct reader {
	const ExifData *data;
	ExifByteOrder order;
};

// The entry when it is there with that format and at least so many values.
static const ExifEntry *find(const struct reader *reader, ExifIfd directory, unsigned tag, ExifFormat format,
                             unsigned long count)
{
	const ExifEntry *entry = exif_content_get_entry(reader->data->ifd[directory], (ExifTag)tag);

	if (entry == NULL || entry->format != format || entry->data == NULL || entry->components < count ||
	    entry->size < count * exif_format_get_size(format))
		return NULL;
	return entry;
}

// Up to the first NUL, without the blanks around it.
static void read_text(const struct reader *reader, ExifIfd directory, unsigned tag, char *ret_text, size_t size)
{
	const ExifEntry *entry = find(reader, directory, tag, EXIF_FORMAT_ASCII, 1);
	const char *text;
	size_t length;

	ret_text[0] = '\0';
	if (entry == NULL)
		return;
	text = (const char *)entry->data;
	length = strnlen(text, entry->size);
	for (; length > 0 && *text == ' '; length--)
		text++;
	while (length > 0 && text[length - 1] == ' ')
		length--;
	(void)snprintf(ret_text, size, "%.*s", (int)(length < size ? length : size - 1), text);
}

static struct wire_ratio ratio_at(const struct reader *reader, const ExifEntry *entry, size_t index)
{
	ExifRational ratio =
	        exif_get_rational(entry->data + index * exif_format_get_size(EXIF_FORMAT_RATIONAL), reader->order);

	return ratio.denominator == 0 ? (struct wire_ratio){ 0 }
	                              : (struct wire_ratio){ ratio.numerator, ratio.denominator };
}

static struct wire_ratio read_ratio(const struct reader *reader, unsigned tag)
{
	const ExifEntry *entry = find(reader, EXIF_IFD_EXIF, tag, EXIF_FORMAT_RATIONAL, 1);
	struct wire_ratio ratio = { 0 };

	if (entry != NULL)
		ratio = ratio_at(reader, entry, 0);
	return ratio.above == 0 ? (struct wire_ratio){ 0 } : ratio; // of nothing here 0 is a value
}

static uint32_t read_short(const struct reader *reader, unsigned tag)
{
	const ExifEntry *entry = find(reader, EXIF_IFD_EXIF, tag, EXIF_FORMAT_SHORT, 1);

	return entry == NULL ? 0 : exif_get_short(entry->data, reader->order);
}

// ---- time ----

// "2026:11:24 06:35:01" as seconds, as if it were UTC.
static bool parse_time(const char *text, int64_t *ret_seconds)
{
	char standard[32];
	int64_t epoch_us;

	if (strlen(text) != 19 || text[4] != ':' || text[7] != ':' || text[10] != ' ')
		return false;
	(void)snprintf(standard, sizeof(standard), "%.4s-%.2s-%.2sT%.8sZ", text, text + 5, text + 8, text + 11);
	if (!clock_parse_rfc3339(standard, &epoch_us) || epoch_us / 1000000 < WIRE_EXIF_LEAST_SECONDS ||
	    epoch_us / 1000000 > WIRE_EXIF_MOST_SECONDS)
		return false;
	*ret_seconds = epoch_us / 1000000;
	return true;
}

// "+02:00" in minutes.
static bool parse_offset(const char *text, int *ret_minutes)
{
	int minutes;

	if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
		return false;
	for (size_t i = 1; i < 6; i++) {
		if (i != 3 && (text[i] < '0' || text[i] > '9'))
			return false;
	}
	minutes = ((text[1] - '0') * 10 + text[2] - '0') * 60 + (text[4] - '0') * 10 + text[5] - '0';
	if (minutes > WIRE_EXIF_OFFSET_MOST || text[4] > '5')
		return false;
	*ret_minutes = text[0] == '-' ? -minutes : minutes;
	return true;
}

// When the picture was taken; failing that, when it was made digital.
static void read_time(const struct reader *reader, struct wire_exif *exif)
{
	static const unsigned tags[][2] = {
		{ EXIF_TAG_DATE_TIME_ORIGINAL, EXIF_TAG_OFFSET_TIME_ORIGINAL },
		{ EXIF_TAG_DATE_TIME_DIGITIZED, EXIF_TAG_OFFSET_TIME_DIGITIZED },
	};
	char text[32] = { 0 };

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]) && !exif->has_time; i++) {
		read_text(reader, EXIF_IFD_EXIF, tags[i][0], text, sizeof(text));
		exif->has_time = parse_time(text, &exif->local_seconds);
		if (!exif->has_time)
			continue;
		read_text(reader, EXIF_IFD_EXIF, tags[i][1], text, sizeof(text));
		exif->has_offset = parse_offset(text, &exif->offset_minutes);
	}
}

// ---- position ----

// Degrees, minutes and seconds with their direction, in millionths of a degree.
static bool read_angle(const struct reader *reader, unsigned tag, unsigned reference_tag, const char *directions,
                       int most, int *ret_angle)
{
	const ExifEntry *entry = find(reader, EXIF_IFD_GPS, tag, EXIF_FORMAT_RATIONAL, 3);
	double degrees = 0;
	char reference[4];

	read_text(reader, EXIF_IFD_GPS, reference_tag, reference, sizeof(reference));
	if (entry == NULL || strlen(reference) != 1 || strchr(directions, reference[0]) == NULL)
		return false;
	for (size_t i = 0; i < 3; i++) {
		static const double units[] = { 1, 60, 3600 };
		struct wire_ratio ratio = ratio_at(reader, entry, i);

		if (ratio.below == 0) // phones without a fix write 0/0
			return false;
		degrees += (double)ratio.above / ratio.below / units[i];
	}
	if (degrees * 1e6 > most)
		return false;
	*ret_angle = (int)lround(degrees * 1e6) * (reference[0] == directions[0] ? 1 : -1);
	return true;
}

static void read_altitude(const struct reader *reader, struct wire_exif *exif)
{
	const ExifEntry *entry = find(reader, EXIF_IFD_GPS, EXIF_TAG_GPS_ALTITUDE, EXIF_FORMAT_RATIONAL, 1);
	const ExifEntry *reference = find(reader, EXIF_IFD_GPS, EXIF_TAG_GPS_ALTITUDE_REF, EXIF_FORMAT_BYTE, 1);
	struct wire_ratio ratio = { 0 };
	double millimetres;

	if (entry != NULL)
		ratio = ratio_at(reader, entry, 0);
	if (ratio.below == 0)
		return;
	millimetres = 1000.0 * ratio.above / ratio.below;
	if (millimetres > WIRE_EXIF_ALTITUDE_MOST)
		return;
	exif->has_altitude = true;
	exif->altitude_mm = (int)lround(millimetres) * (reference != NULL && reference->data[0] == 1 ? -1 : 1);
}

static void read_position(const struct reader *reader, struct wire_exif *exif)
{
	exif->has_position = read_angle(reader, EXIF_TAG_GPS_LATITUDE, EXIF_TAG_GPS_LATITUDE_REF, "NS",
	                                WIRE_EXIF_LATITUDE_MOST, &exif->latitude_e6) &&
	                     read_angle(reader, EXIF_TAG_GPS_LONGITUDE, EXIF_TAG_GPS_LONGITUDE_REF, "EW",
	                                WIRE_EXIF_LONGITUDE_MOST, &exif->longitude_e6);
	if (exif->has_position)
		read_altitude(reader, exif);
}

// libexif wants the header that JPEG has and others leave out; and its own rules ("fixing" an entry's type, dropping
// what it does not know) are not ours. NULL: no memory.
static ExifData *load(const uint8_t *bytes, size_t length)
{
	size_t skipped = length >= sizeof(HEADER) && memcmp(bytes, HEADER, sizeof(HEADER)) == 0 ? sizeof(HEADER) : 0;
	size_t room = sizeof(HEADER) + length - skipped;
	ExifData *data = exif_data_new();
	uint8_t *copy = malloc(room);

	if (data != NULL && copy != NULL) {
		memcpy(copy, HEADER, sizeof(HEADER));
		memcpy(copy + sizeof(HEADER), bytes + skipped, length - skipped);
		exif_data_unset_option(data, EXIF_DATA_OPTION_IGNORE_UNKNOWN_TAGS);
		exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
		exif_data_load_data(data, copy, (unsigned)room);
	}
	free(copy);
	return data;
}

void exif_read(const uint8_t *bytes, size_t length, bool with_position, struct wire_exif *ret_exif)
{
	struct reader reader = { .data = NULL };
	ExifData *data = NULL;

	*ret_exif = (struct wire_exif){ 0 };
	if (length > 0 && length <= BYTES_MOST)
		data = load(bytes, length);
	if (data == NULL)
		return;
	reader = (struct reader){ .data = data, .order = exif_data_get_byte_order(data) };
	read_time(&reader, ret_exif);
	read_text(&reader, EXIF_IFD_0, EXIF_TAG_MAKE, ret_exif->make, sizeof(ret_exif->make));
	read_text(&reader, EXIF_IFD_0, EXIF_TAG_MODEL, ret_exif->model, sizeof(ret_exif->model));
	read_text(&reader, EXIF_IFD_EXIF, EXIF_TAG_LENS_MODEL, ret_exif->lens, sizeof(ret_exif->lens));
	ret_exif->exposure = read_ratio(&reader, EXIF_TAG_EXPOSURE_TIME);
	ret_exif->f_number = read_ratio(&reader, EXIF_TAG_FNUMBER);
	ret_exif->focal_length = read_ratio(&reader, EXIF_TAG_FOCAL_LENGTH);
	ret_exif->focal_length_35mm = read_short(&reader, EXIF_TAG_FOCAL_LENGTH_IN_35MM_FILM);
	ret_exif->iso = read_short(&reader, EXIF_TAG_ISO_SPEED_RATINGS);
	if (with_position)
		read_position(&reader, ret_exif);
	exif_data_unref(data);
}
