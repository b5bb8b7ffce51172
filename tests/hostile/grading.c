// Scores, references and cuts.
#include "tests/hostile/grading.h"

#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#include "tests/hostile/ssim.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/picture.h"

// ---- pictures ----

// A held or lazy sRGB picture as malloc'd pixels.
static void take_pixels(VipsImage *image, struct picture_pixels *ret_pixels)
{
	VipsImage *opaque = NULL;
	size_t length;
	void *pixels;

	assert_int_equal(vips_bandjoin_const1(image, &opaque, 255, NULL), 0);
	pixels = vips_image_write_to_memory(opaque, &length);
	assert_non_null(pixels);
	ret_pixels->width = (unsigned)vips_image_get_width(image);
	ret_pixels->height = (unsigned)vips_image_get_height(image);
	ret_pixels->rgba = malloc(length);
	assert_non_null(ret_pixels->rgba);
	memcpy(ret_pixels->rgba, pixels, length);
	g_free(pixels);
	g_object_unref(opaque);
}

void grading_decode_avif(const void *bytes, size_t length, struct picture_pixels *ret_pixels)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;

	assert_int_equal(vips_heifload_buffer((void *)bytes, length, &image, NULL), 0);
	take_pixels(image, ret_pixels);
}

// ---- scores ----

// The three planes of a picture, one behind the other.
static uint8_t *split(const struct picture_pixels *picture)
{
	size_t count = (size_t)picture->width * picture->height;
	uint8_t *planes = malloc(3 * count);

	assert_non_null(planes);
	ssim_split(picture->rgba, 4, count, (uint8_t *const[3]){ planes, planes + count, planes + 2 * count });
	return planes;
}

struct score grading_score(const struct picture_pixels *picture, const struct picture_pixels *reference)
{
	size_t count = (size_t)picture->width * picture->height;
	CLEANUP(free_pointer) uint8_t *ours = split(picture);
	CLEANUP(free_pointer) uint8_t *theirs = split(reference);
	struct score score = { .ssim = ssim_mean(ours, theirs, picture->width, picture->height) };

	assert_true(score.ssim >= -1);
	for (size_t i = count; i < 3 * count; i++)
		score.chroma += abs(ours[i] - theirs[i]);
	score.chroma /= (double)(2 * count);
	return score;
}

// The original in that size, straight from all of its pixels.
void grading_make_reference(const void *bytes, size_t length, unsigned width, unsigned height,
                            struct picture_pixels *ret_pixels)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;
	struct failure failure;

	assert_int_equal(vips_jpegload_buffer((void *)bytes, length, &image, NULL), 0);
	assert_true(picture_hold(&image, &failure));
	assert_true(picture_turn_upright(&image, (unsigned)vips_image_get_orientation(image), &failure));
	assert_true(picture_resize(&image, width, height, &failure));
	assert_true(picture_to_srgb(&image, &failure));
	take_pixels(image, ret_pixels);
}

static double difference_at(const struct picture_pixels *cut, const struct picture_pixels *whole, unsigned left,
                            unsigned top)
{
	double sum = 0;

	for (unsigned y = 0; y < cut->height; y++) {
		for (unsigned x = 0; x < cut->width * 4; x++)
			sum += abs(cut->rgba[4 * (size_t)y * cut->width + x] -
			           whole->rgba[4 * ((size_t)(top + y) * whole->width + left) + x]);
	}
	return sum / (3.0 * cut->width * cut->height); // alpha is the same
}

// From the window of the whole that it is most like.
double grading_cut_difference(const struct picture_pixels *cut, const struct picture_pixels *whole)
{
	double least = 255;

	for (unsigned top = 0; top + cut->height <= whole->height; top++) {
		for (unsigned left = 0; left + cut->width <= whole->width; left++) {
			double difference = difference_at(cut, whole, left, top);

			if (difference < least)
				least = difference;
		}
	}
	return least;
}
