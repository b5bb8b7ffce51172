// Pictures for tests, and a second opinion on pictures: decoders other than the one under test.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "media/format.h"

// Append a JPEG of that size with structure in it (libjpeg-turbo, quality 90, 4:2:0).
void picture_make_jpeg(unsigned width, unsigned height, struct buffer *out);

// Append a JPEG with a ramp of each colour, so that whatever is displaced shows, and an EXIF orientation; subsampling
// and flags are turbojpeg's.
void picture_make_ramp(unsigned width, unsigned height, int subsampling, int flags, unsigned orientation,
                       struct buffer *out);

// Append jpeg with an extra segment behind its first marker.
void picture_insert_segment(const void *jpeg, size_t length, uint8_t marker, const void *payload, size_t payload_length,
                            struct buffer *out);

// Width and height that a JPEG's frame header or a WebP's first chunk states, read by hand. False when it is neither.
bool picture_read_size(const uint8_t *bytes, size_t length, unsigned *ret_width, unsigned *ret_height);

struct picture_pixels {
	unsigned width, height;
	uint8_t *rgba; // free()
};

// Decode a JPEG by libjpeg-turbo or a WebP by libwebp; false when they refuse. The caller frees ret_pixels->rgba.
bool picture_decode(const uint8_t *bytes, size_t length, struct picture_pixels *ret_pixels);

// Mean absolute difference of all colour values, 0..255; 255 for pictures of different sizes.
double picture_difference(const struct picture_pixels *a, const struct picture_pixels *b);
