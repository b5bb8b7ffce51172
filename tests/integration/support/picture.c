// Reading the headers of JPEG (ITU-T T.81 annex B) and WebP (RFC 9649).
#include "tests/integration/support/picture.h"

#include <string.h>

#define MARKER_SOS 0xda
#define MARKER_APP1 0xe1
#define MARKER_APP13 0xed

static uint32_t big16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static uint32_t little(const uint8_t *bytes, unsigned count)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

// SOF0 to SOF15 without DHT, JPG and DAC.
static bool is_frame(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// The next segment before the entropy-coded data: *at stands on its 0xff. Its payload is [*at + 4, *at + 2 + length).
static bool read_segment(const uint8_t *data, size_t length, size_t at, uint8_t *ret_marker, size_t *ret_length)
{
	if (at + 4 > length || data[at] != 0xff)
		return false;
	*ret_marker = data[at + 1];
	*ret_length = big16(data + at + 2);
	return *ret_length >= 2 && at + 2 + *ret_length <= length;
}

static bool read_jpeg(const uint8_t *data, size_t length, struct test_picture *picture)
{
	uint8_t marker;
	size_t size;
	picture->format = "jpeg";
	for (size_t at = 2; read_segment(data, length, at, &marker, &size); at += 2 + size) {
		if (marker == MARKER_SOS)
			return picture->width > 0;
		if (marker == MARKER_APP1 || marker == MARKER_APP13)
			picture->has_metadata = true;
		if (is_frame(marker) && size >= 7) {
			picture->height = big16(data + at + 5);
			picture->width = big16(data + at + 7);
		}
	}
	return false;
}

static void read_webp_size(const uint8_t *chunk, size_t size, struct test_picture *picture)
{
	const uint8_t *body = chunk + 8;
	if (memcmp(chunk, "VP8X", 4) == 0 && size >= 10) {
		picture->width = little(body + 4, 3) + 1;
		picture->height = little(body + 7, 3) + 1;
	} else if (memcmp(chunk, "VP8 ", 4) == 0 && size >= 10) {
		picture->width = little(body + 6, 2) & 0x3fff;
		picture->height = little(body + 8, 2) & 0x3fff;
	} else if (memcmp(chunk, "VP8L", 4) == 0 && size >= 5) {
		uint32_t bits = little(body + 1, 4);
		picture->width = (bits & 0x3fff) + 1;
		picture->height = (bits >> 14 & 0x3fff) + 1;
	}
}

static bool read_webp(const uint8_t *data, size_t length, struct test_picture *picture)
{
	picture->format = "webp";
	if (little(data + 4, 4) + 8 != length)
		return false;
	for (size_t at = 12; at + 8 <= length;) {
		size_t size = little(data + at + 4, 4);
		if (at + 8 + size > length)
			return false;
		if (memcmp(data + at, "EXIF", 4) == 0 || memcmp(data + at, "XMP ", 4) == 0)
			picture->has_metadata = true;
		read_webp_size(data + at, size, picture);
		at += 8 + size + size % 2;
	}
	return picture->width > 0;
}

bool test_picture_read(const void *data, size_t length, struct test_picture *ret_picture)
{
	const uint8_t *bytes = data;
	*ret_picture = (struct test_picture){ 0 };
	if (length > 4 && bytes[0] == 0xff && bytes[1] == 0xd8)
		return read_jpeg(bytes, length, ret_picture);
	if (length > 20 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
		return read_webp(bytes, length, ret_picture);
	return false;
}

bool test_picture_claim(void *jpeg, size_t length, uint16_t width, uint16_t height)
{
	uint8_t *data = jpeg, marker;
	size_t size;
	for (size_t at = 2; read_segment(data, length, at, &marker, &size); at += 2 + size) {
		if (!is_frame(marker))
			continue;
		data[at + 5] = (uint8_t)(height >> 8);
		data[at + 6] = (uint8_t)height;
		data[at + 7] = (uint8_t)(width >> 8);
		data[at + 8] = (uint8_t)width;
		return true;
	}
	return false;
}
