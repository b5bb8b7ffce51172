// Walking three directories of a TIFF, and writing what is wanted of them anew.
#include "transcoder/decoder/tiff_exif.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

#define HEADER_BYTES 8
#define ENTRY_BYTES 12
#define VALUE_BYTES_MOST 512 // of a text; a longer one is cut
#define ENTRIES_LOOKED_AT 512
#define TAG_EXIF 0x8769
#define TAG_GPS 0x8825
#define TYPE_ASCII 2
#define TYPE_LONG 4

struct tiff {
	const uint8_t *bytes;
	size_t length;
	bool is_big_endian;
};

// One entry, its value still in the file.
struct entry {
	uint16_t tag;
	uint16_t type;
	uint32_t count;
	size_t value_at;
	size_t value_bytes;
};

#define ENTRIES_MOST 10
struct directory {
	struct entry entries[ENTRIES_MOST];
	size_t count;
};

// As exif.c reads them, rising.
static const uint16_t MAIN_TAGS[] = { 0x010f, 0x0110, TAG_EXIF, TAG_GPS, 0 };
static const uint16_t EXIF_TAGS[] = {
	0x829a, 0x829d, 0x8827, 0x9003, 0x9004, 0x9011, 0x9012, 0x920a, 0xa405, 0xa434, 0
};
static const uint16_t GPS_TAGS[] = { 1, 2, 3, 4, 5, 6, 0 };

static uint32_t get(const struct tiff *tiff, size_t at, unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint32_t)tiff->bytes[at + i] << 8 * (tiff->is_big_endian ? bytes - 1 - i : i);
	return value;
}

static bool open_tiff(const uint8_t *bytes, size_t length, struct tiff *ret_tiff)
{
	if (length < HEADER_BYTES || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
		return false;
	*ret_tiff = (struct tiff){ bytes, length, bytes[0] == 'M' };
	return true;
}

static size_t size_of(uint16_t type)
{
	static const uint8_t sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8 };

	return type < sizeof sizes ? sizes[type] : 0;
}

static bool read_entry(const struct tiff *tiff, size_t at, struct entry *ret_entry)
{
	struct entry entry = { (uint16_t)get(tiff, at, 2), (uint16_t)get(tiff, at + 2, 2), get(tiff, at + 4, 4), at + 8,
		               0 };
	size_t size = size_of(entry.type);

	if (entry.type == TYPE_ASCII && entry.count > VALUE_BYTES_MOST)
		entry.count = VALUE_BYTES_MOST;
	if (size == 0 || entry.count == 0 || entry.count > VALUE_BYTES_MOST / size)
		return false;
	entry.value_bytes = size * entry.count;
	if (entry.value_bytes > 4)
		entry.value_at = get(tiff, at + 8, 4);
	if (entry.value_at > tiff->length || entry.value_bytes > tiff->length - entry.value_at)
		return false;
	*ret_entry = entry;
	return true;
}

static bool is_wanted(const uint16_t *tags, uint16_t tag)
{
	while (*tags != 0 && *tags != tag)
		tags++;
	return *tags == tag && tag != 0;
}

// The wanted entries of the directory at that offset; none when it does not lie in the file. A tag counts once.
static void read_directory(const struct tiff *tiff, uint32_t at, const uint16_t *tags, struct directory *ret_directory)
{
	*ret_directory = (struct directory){ .count = 0 };
	if (at < HEADER_BYTES || at > tiff->length || tiff->length - at < 2)
		return;
	size_t count = get(tiff, at, 2), room = (tiff->length - at - 2) / ENTRY_BYTES;
	if (count > room)
		count = room;
	if (count > ENTRIES_LOOKED_AT)
		count = ENTRIES_LOOKED_AT;
	for (size_t i = 0; i < count && ret_directory->count < ENTRIES_MOST; i++) {
		struct entry entry;

		if (!read_entry(tiff, at + 2 + ENTRY_BYTES * i, &entry) || !is_wanted(tags, entry.tag) ||
		    (ret_directory->count > 0 &&
		     entry.tag <= ret_directory->entries[ret_directory->count - 1].tag)) // sorted, by the format
			continue;
		ret_directory->entries[ret_directory->count++] = entry;
	}
}

// Where the entry with that tag leads; 0: nowhere.
static uint32_t offset_of(const struct tiff *tiff, const struct directory *directory, uint16_t tag)
{
	for (size_t i = 0; i < directory->count; i++)
		if (directory->entries[i].tag == tag && directory->entries[i].type == TYPE_LONG)
			return get(tiff, directory->entries[i].value_at, 4);
	return 0;
}

// ---- writing: in the file's own byte order, so that values are copied as they are ----

static void put(const struct tiff *tiff, struct buffer *out, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buffer_append_char(out, (char)(value >> 8 * (tiff->is_big_endian ? bytes - 1 - i : i)));
}

static uint32_t directory_bytes(const struct directory *directory)
{
	size_t bytes = 2 + ENTRY_BYTES * directory->count + 4;

	for (size_t i = 0; i < directory->count; i++)
		bytes += directory->entries[i].value_bytes > 4 ? directory->entries[i].value_bytes : 0;
	return (uint32_t)bytes;
}

// start: of the structure in out. Entries that name directories get exif_at and gps_at as their value.
static void put_directory(const struct tiff *tiff, const struct directory *directory, size_t start, uint32_t exif_at,
                          uint32_t gps_at, struct buffer *out)
{
	uint32_t value_at = (uint32_t)(out->length - start + 2 + ENTRY_BYTES * directory->count + 4);

	put(tiff, out, (uint32_t)directory->count, 2);
	for (size_t i = 0; i < directory->count; i++) {
		const struct entry *entry = &directory->entries[i];

		put(tiff, out, entry->tag, 2);
		put(tiff, out, entry->type, 2);
		put(tiff, out, entry->count, 4);
		if (entry->tag == TAG_EXIF || entry->tag == TAG_GPS) {
			put(tiff, out, entry->tag == TAG_EXIF ? exif_at : gps_at, 4);
		} else if (entry->value_bytes <= 4) {
			buffer_append(out, tiff->bytes + entry->value_at, entry->value_bytes);
			put(tiff, out, 0, (unsigned)(4 - entry->value_bytes));
		} else {
			put(tiff, out, value_at, 4);
			value_at += (uint32_t)entry->value_bytes;
		}
	}
	put(tiff, out, 0, 4); // no further directory
	for (size_t i = 0; i < directory->count; i++)
		if (directory->entries[i].value_bytes > 4)
			buffer_append(out, tiff->bytes + directory->entries[i].value_at,
			              directory->entries[i].value_bytes);
}

void tiff_exif_append(const uint8_t *bytes, size_t length, struct buffer *out)
{
	struct tiff tiff;
	struct directory main_directory, exif, gps;
	size_t start = out->length;

	if (!open_tiff(bytes, length, &tiff))
		return;
	read_directory(&tiff, get(&tiff, 4, 4), MAIN_TAGS, &main_directory);
	read_directory(&tiff, offset_of(&tiff, &main_directory, TAG_EXIF), EXIF_TAGS, &exif);
	read_directory(&tiff, offset_of(&tiff, &main_directory, TAG_GPS), GPS_TAGS, &gps);
	uint32_t exif_at = HEADER_BYTES + directory_bytes(&main_directory), gps_at = exif_at + directory_bytes(&exif);
	buffer_append(out, bytes, 4);
	put(&tiff, out, HEADER_BYTES, 4);
	put_directory(&tiff, &main_directory, start, exif_at, gps_at, out);
	put_directory(&tiff, &exif, start, 0, 0, out);
	put_directory(&tiff, &gps, start, 0, 0, out);
}

bool tiff_exif_read_text(const uint8_t *bytes, size_t length, uint16_t tag, char *ret_text, size_t size)
{
	const uint16_t tags[] = { tag, 0 };
	struct tiff tiff;
	struct directory directory = { .count = 0 };

	if (open_tiff(bytes, length, &tiff))
		read_directory(&tiff, get(&tiff, 4, 4), tags, &directory);
	if (directory.count == 0 || directory.entries[0].type != TYPE_ASCII)
		return false;
	(void)snprintf(ret_text, size, "%.*s", (int)directory.entries[0].value_bytes,
	               (const char *)bytes + directory.entries[0].value_at);
	return ret_text[0] != '\0';
}
