// What a picture's own bytes say, read without any image library.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_picture {
	const char *format; // "jpeg", "webp"
	uint32_t width;
	uint32_t height;
	bool has_metadata; // EXIF, XMP or IPTC stands in it
};

// Walks the segments of a JPEG or the chunks of a WebP file. False when it is neither or ends too early.
bool test_picture_read(const void *data, size_t length, struct test_picture *ret_picture);

// A JPEG whose frame header claims another size; the picture's data stays as it is. False when there is none.
bool test_picture_claim(void *jpeg, size_t length, uint16_t width, uint16_t height);
