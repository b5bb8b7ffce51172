// Placeholders and the perceptual hash from a small copy of the picture.
#include "transcoder/decoder/placeholder.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "transcoder/decoder/blurhash.h"
#include "transcoder/decoder/likeness.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/thumbhash.h"

#define BINS_A_BAND 8
#define BINS (BINS_A_BAND * BINS_A_BAND * BINS_A_BAND)

struct bin {
	uint64_t weight;           // sum of alpha
	uint64_t red, green, blue; // sums, weighted by alpha
};

// The mean of the fullest cell of a coarse colour histogram: a colour that is really there, as an average often is not.
static uint32_t find_dominant(const uint8_t *rgba, size_t pixels)
{
	struct bin bins[BINS] = { { 0 } };
	const struct bin *fullest = &bins[0];

	for (size_t i = 0; i < pixels; i++) {
		const uint8_t *pixel = rgba + 4 * i;
		struct bin *bin =
		        &bins[pixel[0] / 32 * BINS_A_BAND * BINS_A_BAND + pixel[1] / 32 * BINS_A_BAND + pixel[2] / 32];

		bin->weight += pixel[3];
		bin->red += (uint64_t)pixel[0] * pixel[3];
		bin->green += (uint64_t)pixel[1] * pixel[3];
		bin->blue += (uint64_t)pixel[2] * pixel[3];
	}
	for (size_t i = 1; i < BINS; i++) {
		if (bins[i].weight > fullest->weight)
			fullest = &bins[i];
	}
	if (fullest->weight == 0)
		return 0xffffff; // all transparent
	return (uint32_t)(fullest->red / fullest->weight << 16 | fullest->green / fullest->weight << 8 |
	                  fullest->blue / fullest->weight);
}

// A copy of at most THUMBHASH_SIDE_MOST a side with 4 bands.
static bool make_small(VipsImage *image, VipsImage **ret_small, struct failure *failure)
{
	CLEANUP(picture_unref) VipsImage *small = image;
	VipsImage *made = NULL;
	double width = vips_image_get_width(image), height = vips_image_get_height(image);
	double scale = THUMBHASH_SIDE_MOST / (width > height ? width : height);

	g_object_ref(image);
	if (scale < 1) {
		uint32_t small_width = (uint32_t)(width * scale + 0.5), small_height = (uint32_t)(height * scale + 0.5);

		if (!picture_resize(&small, small_width < 1 ? 1 : small_width, small_height < 1 ? 1 : small_height,
		                    failure))
			return false;
	}
	if (vips_image_get_bands(small) == 3) {
		if (vips_bandjoin_const1(small, &made, 255, NULL) != 0)
			return picture_failed(failure, "placeholder");
	} else {
		made = g_object_ref(small);
	}
	if (!picture_hold(&made, failure)) {
		g_object_unref(made);
		return false;
	}
	*ret_small = made;
	return true;
}

bool placeholder_make(VipsImage *image, struct wire_facts *facts, struct failure *failure)
{
	CLEANUP(picture_unref) VipsImage *small = NULL;
	unsigned width, height;
	size_t length = 0;
	uint8_t *rgba;

	if (!make_small(image, &small, failure))
		return false;
	width = (unsigned)vips_image_get_width(small);
	height = (unsigned)vips_image_get_height(small);
	rgba = vips_image_write_to_memory(small, &length);
	if (rgba == NULL)
		return picture_failed(failure, "placeholder");
	facts->dominant_rgb = find_dominant(rgba, (size_t)width * height);
	facts->thumbhash_length = (unsigned)thumbhash_encode(width, height, rgba, facts->thumbhash);
	blurhash_encode(width, height, rgba, facts->blurhash);
	facts->has_likeness = likeness_hash(width, height, rgba, &facts->likeness);
	g_free(rgba);
	if (facts->thumbhash_length == 0)
		return failure_set(failure, REASON_DECODE_MEMORY, "placeholder: no memory");
	return true;
}
