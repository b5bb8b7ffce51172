// Test pictures through libjpeg-turbo and libwebp.
#include "tests/hostile/pictures.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <webp/decode.h>

void picture_make_jpeg(unsigned width, unsigned height, struct buffer *out)
{
	uint8_t *rgb = malloc((size_t)width * height * 3);
	tjhandle handle = tjInitCompress();
	unsigned char *jpeg = NULL;
	unsigned long length = 0;
	int result;

	assert(rgb != NULL && handle != NULL);
	for (unsigned y = 0; y < height; y++) {
		for (unsigned x = 0; x < width; x++) {
			uint8_t *pixel = rgb + 3 * ((size_t)y * width + x);

			pixel[0] = (uint8_t)(x * 255 / width);
			pixel[1] = (uint8_t)(y * 255 / height);
			pixel[2] = (uint8_t)((x / 16 + y / 16) % 2 * 200);
		}
	}
	result = tjCompress2(handle, rgb, (int)width, 0, (int)height, TJPF_RGB, &jpeg, &length, TJSAMP_420, 90, 0);
	assert(result == 0);
	buffer_append(out, jpeg, length);
	tjFree(jpeg);
	(void)tjDestroy(handle);
	free(rgb);
}

void picture_insert_segment(const void *jpeg, size_t length, uint8_t marker, const void *payload, size_t payload_length,
                            struct buffer *out)
{
	const char start[] = { (char)0xff, (char)marker, (char)((payload_length + 2) >> 8),
		               (char)(payload_length + 2) };

	buffer_append(out, jpeg, 2);
	buffer_append(out, start, sizeof(start));
	buffer_append(out, payload, payload_length);
	buffer_append(out, (const char *)jpeg + 2, length - 2);
}

void picture_make_ramp(unsigned width, unsigned height, int subsampling, int flags, unsigned orientation,
                       struct buffer *out)
{
	const uint8_t exif[] = { 'E', 'x', 'i', 'f', 0,    0, 'M', 'M', 0, 42, 0, 0, 0,
		                 8,   0,   1,   1,   0x12, 0, 3,   0,   0, 0,  1, 0, (uint8_t)orientation,
		                 0,   0,   0,   0,   0,    0 };
	uint8_t *rgb = malloc((size_t)width * height * 3);
	tjhandle handle = tjInitCompress();
	unsigned char *jpeg = NULL;
	unsigned long length = 0;
	int result;

	assert(rgb != NULL && handle != NULL);
	for (unsigned y = 0; y < height; y++) {
		for (unsigned x = 0; x < width; x++) {
			uint8_t *pixel = rgb + 3 * ((size_t)y * width + x);

			pixel[0] = (uint8_t)(20 + x * 200 / width);
			pixel[1] = (uint8_t)(120 + (x + y) * 60 / (width + height));
			pixel[2] = (uint8_t)(220 - y * 200 / height);
		}
	}
	result = tjCompress2(handle, rgb, (int)width, 0, (int)height, TJPF_RGB, &jpeg, &length, subsampling, 95, flags);
	assert(result == 0);
	picture_insert_segment(jpeg, length, 0xe1, exif, sizeof(exif), out);
	tjFree(jpeg);
	(void)tjDestroy(handle);
	free(rgb);
}

// ---- sizes by hand ----

static bool read_jpeg_size(const uint8_t *bytes, size_t length, unsigned *ret_width, unsigned *ret_height)
{
	for (size_t at = 2; at + 9 < length && bytes[at] == 0xff;) {
		uint8_t marker = bytes[at + 1];

		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
			*ret_height = (unsigned)(bytes[at + 5] << 8 | bytes[at + 6]);
			*ret_width = (unsigned)(bytes[at + 7] << 8 | bytes[at + 8]);
			return true;
		}
		at += 2 + (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);
	}
	return false;
}

static unsigned read_little(const uint8_t *bytes, unsigned count)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++)
		value |= (unsigned)bytes[i] << (8 * i);
	return value;
}

static bool read_webp_size(const uint8_t *bytes, unsigned *ret_width, unsigned *ret_height)
{
	if (memcmp(bytes + 12, "VP8 ", 4) == 0) {
		*ret_width = read_little(bytes + 26, 2) & 0x3fff;
		*ret_height = read_little(bytes + 28, 2) & 0x3fff;
	} else if (memcmp(bytes + 12, "VP8L", 4) == 0) {
		*ret_width = (read_little(bytes + 21, 4) & 0x3fff) + 1;
		*ret_height = (read_little(bytes + 21, 4) >> 14 & 0x3fff) + 1;
	} else if (memcmp(bytes + 12, "VP8X", 4) == 0) {
		*ret_width = read_little(bytes + 24, 3) + 1;
		*ret_height = read_little(bytes + 27, 3) + 1;
	} else {
		return false;
	}
	return true;
}

static bool is_webp(const uint8_t *bytes, size_t length)
{
	return length > 30 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

bool picture_read_size(const uint8_t *bytes, size_t length, unsigned *ret_width, unsigned *ret_height)
{
	if (length > 2 && bytes[0] == 0xff && bytes[1] == 0xd8)
		return read_jpeg_size(bytes, length, ret_width, ret_height);
	return is_webp(bytes, length) && read_webp_size(bytes, ret_width, ret_height);
}

// ---- pixels ----

static bool decode_jpeg(const uint8_t *bytes, size_t length, struct picture_pixels *ret_pixels)
{
	tjhandle handle = tjInitDecompress();
	int width, height, subsampling, colours;
	uint8_t *rgba = NULL;
	bool done = false;

	assert(handle != NULL);
	if (tjDecompressHeader3(handle, bytes, length, &width, &height, &subsampling, &colours) == 0) {
		rgba = malloc((size_t)width * (size_t)height * 4);
		assert(rgba != NULL);
		done = tjDecompress2(handle, bytes, length, rgba, width, 0, height, TJPF_RGBA, 0) == 0;
	}
	(void)tjDestroy(handle);
	if (!done) {
		free(rgba);
		return false;
	}
	*ret_pixels = (struct picture_pixels){ (unsigned)width, (unsigned)height, rgba };
	return true;
}

static bool decode_webp(const uint8_t *bytes, size_t length, struct picture_pixels *ret_pixels)
{
	int width, height;
	uint8_t *pixels = WebPDecodeRGBA(bytes, length, &width, &height);
	uint8_t *rgba;

	if (pixels == NULL)
		return false;
	rgba = malloc((size_t)width * (size_t)height * 4);
	assert(rgba != NULL);
	memcpy(rgba, pixels, (size_t)width * (size_t)height * 4);
	WebPFree(pixels);
	*ret_pixels = (struct picture_pixels){ (unsigned)width, (unsigned)height, rgba };
	return true;
}

bool picture_decode(const uint8_t *bytes, size_t length, struct picture_pixels *ret_pixels)
{
	return is_webp(bytes, length) ? decode_webp(bytes, length, ret_pixels) : decode_jpeg(bytes, length, ret_pixels);
}

double picture_difference(const struct picture_pixels *a, const struct picture_pixels *b)
{
	size_t values = (size_t)a->width * a->height * 4;
	double sum = 0;

	if (a->width != b->width || a->height != b->height)
		return 255;
	for (size_t i = 0; i < values; i++)
		sum += a->rgba[i] > b->rgba[i] ? a->rgba[i] - b->rgba[i] : b->rgba[i] - a->rgba[i];
	return sum / (double)values;
}
