// Scores, references and cuts.
#include "tests/hostile/grading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

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

// Luma, blue and red difference of a pixel.
static double component(const uint8_t *rgb, unsigned which)
{
	double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];

	return which == 0 ? luma : which == 1 ? (rgb[2] - luma) / 1.772 : (rgb[0] - luma) / 1.402;
}

// SSIM of one window of luma.
static double window_ssim(const struct picture_pixels *a, const struct picture_pixels *b, unsigned left, unsigned top,
                          unsigned width, unsigned height)
{
	double sum_a = 0, sum_b = 0, squares_a = 0, squares_b = 0, products = 0, count = width * height;
	double mean_a, mean_b, variances, covariance;

	for (unsigned y = top; y < top + height; y++) {
		for (unsigned x = left; x < left + width; x++) {
			double luma_a = component(a->rgba + 4 * ((size_t)y * a->width + x), 0);
			double luma_b = component(b->rgba + 4 * ((size_t)y * b->width + x), 0);

			sum_a += luma_a;
			sum_b += luma_b;
			squares_a += luma_a * luma_a;
			squares_b += luma_b * luma_b;
			products += luma_a * luma_b;
		}
	}
	mean_a = sum_a / count;
	mean_b = sum_b / count;
	variances = squares_a / count - mean_a * mean_a + squares_b / count - mean_b * mean_b;
	covariance = products / count - mean_a * mean_b;
	return (2 * mean_a * mean_b + 6.5025) * (2 * covariance + 58.5225) /
	       ((mean_a * mean_a + mean_b * mean_b + 6.5025) * (variances + 58.5225));
}

struct score grading_score(const struct picture_pixels *picture, const struct picture_pixels *reference)
{
	unsigned width = picture->width < 8 ? picture->width : 8, height = picture->height < 8 ? picture->height : 8;
	struct score score = { 0 };
	size_t pixels = (size_t)picture->width * picture->height, windows = 0;
	unsigned stride = picture->width < 64 ? 4 : 8;

	for (unsigned y = 0; y + height <= picture->height; y += stride) {
		for (unsigned x = 0; x + width <= picture->width; x += stride, windows++)
			score.ssim += window_ssim(picture, reference, x, y, width, height);
	}
	score.ssim /= (double)windows;
	for (size_t i = 0; i < pixels; i++) {
		for (unsigned which = 1; which < 3; which++)
			score.chroma += fabs(component(picture->rgba + 4 * i, which) -
			                     component(reference->rgba + 4 * i, which));
	}
	score.chroma /= (double)(2 * pixels);
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
