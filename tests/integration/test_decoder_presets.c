// The decoder doing what presets may ask for: crops that keep a point, backgrounds, sharpening, kept copyright and
// profile. Needs no stack, only the binary.
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define PICTURES "tests/pictures"

static struct rig rig;

static int open_rig(void **state)
{
	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

// A job of one step in JPEG and WebP.
static void ask(const struct preset_step *step)
{
	const struct wire_limits limits = rig.job.limits;

	rig.job = (struct wire_job){ .limits = limits,
		                     .step_count = 1,
		                     .steps = { *step },
		                     .encoding_count = 2,
		                     .encodings = { { FORMAT_JPEG, 95, 0 }, { FORMAT_WEBP, 95, 4 } } };
}

static void run(const char *folder, const char *name, struct rig_result *ret_result)
{
	uint8_t *bytes = NULL;
	size_t length;

	assert_true(rig_read(folder, name, &bytes, &length));
	rig_run(&rig, bytes, length, ret_result);
	free(bytes);
	if (ret_result->rc != RC_OK || !ret_result->outcome.done)
		fail_msg("%s: %s %s", name, ret_result->err.text, ret_result->outcome.detail);
}

static void decode(const struct rig_result *result, size_t index, struct picture_pixels *ret_pixels)
{
	const struct rig_variant *variant = &result->variants[index];

	assert_true(index < result->variant_count);
	assert_true(picture_decode(variant->bytes, variant->about.bytes, ret_pixels));
}

static void assert_colour(const struct picture_pixels *pixels, unsigned x, unsigned y, uint32_t colour)
{
	const uint8_t *pixel = pixels->rgba + 4 * (y * pixels->width + x);

	if (abs(pixel[0] - (int)(colour >> 16)) > 14 || abs(pixel[1] - (int)(colour >> 8 & 255)) > 14 ||
	    abs(pixel[2] - (int)(colour & 255)) > 14)
		fail_msg("%u,%u is %u %u %u, not %06x", x, y, pixel[0], pixel[1], pixel[2], colour);
}

// A crop of a sixth of the picture holds the colour of the quarter that the point lies in.
static void test_focal_point(void **state)
{
	static const struct {
		uint32_t x, y, colour;
	} rows[] = { { 0, 0, 0xe02020 },
		     { 10000, 0, 0x20c020 },
		     { 2500, 9000, 0x2020e0 },
		     { 10000, 10000, 0xf0f0f0 },
		     { 7500, 7000, 0xf0f0f0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig_result result;
		struct picture_pixels pixels;

		// As wide as the picture is, so that only the height is cut, and the other way round.
		ask(&(struct preset_step){ .name = "strip", .width = 96, .height = 20, .fit = PRESET_COVER });
		rig.job.has_focal = true;
		rig.job.focal_x = rows[i].x;
		rig.job.focal_y = rows[i].y;
		run(PICTURES, "lzw.tiff", &result);
		decode(&result, 0, &pixels);
		assert_int_equal(pixels.height, 20);
		assert_colour(&pixels, rows[i].x < 5000 ? 24 : 72, 10, rows[i].colour);
		free(pixels.rgba);
		rig_result_done(&result);
		ask(&(struct preset_step){ .name = "tower", .width = 20, .height = 64, .fit = PRESET_COVER });
		rig.job.has_focal = true;
		rig.job.focal_x = rows[i].x;
		rig.job.focal_y = rows[i].y;
		run(PICTURES, "lzw.tiff", &result);
		decode(&result, 1, &pixels);
		assert_colour(&pixels, 10, rows[i].y < 5000 ? 16 : 48, rows[i].colour);
		free(pixels.rgba);
		rig_result_done(&result);
	}
}

// The modes differ where they should: the centre is the centre, and each comes in the size asked for.
static void test_crop_modes(void **state)
{
	struct picture_pixels pixels[3];

	(void)state;
	for (unsigned focus = PRESET_ATTENTION; focus <= PRESET_CENTRE; focus++) {
		struct rig_result result;

		ask(&(struct preset_step){ .name = "tower",
		                           .width = 150,
		                           .height = 400,
		                           .fit = PRESET_COVER,
		                           .focus = (enum preset_focus)focus });
		run(RIG_SAMPLES, "ember.jpg", &result);
		decode(&result, 0, &pixels[focus]);
		assert_int_equal(pixels[focus].width, 150);
		assert_int_equal(pixels[focus].height, 400);
		rig_result_done(&result);
	}
	assert_true(picture_difference(&pixels[PRESET_CENTRE], &pixels[PRESET_ATTENTION]) > 1);
	for (unsigned focus = 0; focus < 3; focus++)
		free(pixels[focus].rgba);
	struct rig_result result;
	ask(&(struct preset_step){
	        .name = "mid", .width = 96, .height = 20, .fit = PRESET_COVER, .focus = PRESET_CENTRE });
	run(PICTURES, "lzw.tiff", &result);
	decode(&result, 0, &pixels[0]);
	assert_colour(&pixels[0], 20, 4, 0xe02020); // the border runs through the middle
	assert_colour(&pixels[0], 20, 16, 0x2020e0);
	free(pixels[0].rgba);
	rig_result_done(&result);
}

// The whole picture on its background; what is smaller than the box is not enlarged.
static void test_contain(void **state)
{
	struct rig_result result;
	struct picture_pixels pixels;

	(void)state;
	ask(&(struct preset_step){
	        .name = "card", .width = 200, .height = 100, .fit = PRESET_CONTAIN, .background = 0x334455 });
	run(PICTURES, "lzw.tiff", &result);
	for (size_t i = 0; i < 2; i++) {
		decode(&result, i, &pixels);
		assert_int_equal(pixels.width, 200);
		assert_int_equal(pixels.height, 100);
		assert_colour(&pixels, 5, 5, 0x334455);
		assert_colour(&pixels, 40, 50, 0x334455); // 52 pixels on each side
		assert_colour(&pixels, 76, 34, 0xe02020);
		assert_colour(&pixels, 124, 66, 0xf0f0f0);
		assert_colour(&pixels, 160, 50, 0x334455);
		free(pixels.rgba);
	}
	rig_result_done(&result);
	ask(&(struct preset_step){ .name = "card", .width = 48, .height = 48, .fit = PRESET_CONTAIN });
	run(PICTURES, "alpha-interlaced.png", &result); // and what is clear lies on the background
	decode(&result, 1, &pixels);
	assert_colour(&pixels, 24, 3, 0x000000);
	assert_int_equal(pixels.rgba[4 * (16 * 48 + 12) + 3], 255);
	assert_colour(&pixels, 12, 16, 0x1c0404);
	free(pixels.rgba);
	rig_result_done(&result);
}

static double roughness(const struct picture_pixels *pixels)
{
	double sum = 0;

	for (size_t y = 0; y < pixels->height; y++)
		for (size_t x = 1; x < pixels->width; x++)
			sum += abs(pixels->rgba[4 * (y * pixels->width + x) + 1] -
			           pixels->rgba[4 * (y * pixels->width + x) - 3]);
	return sum;
}

static void test_sharpening(void **state)
{
	struct picture_pixels pixels[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig_result result;

		ask(&(struct preset_step){ .name = "w", .width = 400, .sharpen = i * PRESET_SHARPEN_MOST });
		run(RIG_SAMPLES, "ridges.jpg", &result);
		decode(&result, 0, &pixels[i]);
		rig_result_done(&result);
	}
	assert_true(roughness(&pixels[1]) > 1.02 * roughness(&pixels[0]));
	free(pixels[0].rgba);
	free(pixels[1].rgba);
}

static bool has(const struct rig_variant *variant, const char *text)
{
	return memmem(variant->bytes, variant->about.bytes, text, strlen(text)) != NULL;
}

// Copyright and artist stay where the preset says so, the position and the serial number nowhere.
static void test_copyright(void **state)
{
	struct rig_result result;

	(void)state;
	for (unsigned kept = 0; kept < 2; kept++) {
		ask(&(struct preset_step){ .name = "w", .width = 90 });
		rig.job.encodings[rig.job.encoding_count++] = (struct wire_encoding){ FORMAT_AVIF, 50, 1 };
		rig.job.keep_copyright = kept == 1;
		run(PICTURES, "copyright.jpg", &result);
		assert_int_equal(result.variant_count, 3);
		for (size_t i = 0; i < result.variant_count; i++) {
			struct picture_pixels pixels;

			assert_int_equal(has(&result.variants[i], "(c) 2026 Example, all rights reserved"), kept);
			assert_int_equal(has(&result.variants[i], "Ansel Example"), kept);
			assert_false(has(&result.variants[i], "SERIAL-4711"));
			assert_false(memmem(result.variants[i].bytes, result.variants[i].about.bytes,
			                    "\x30\0\0\0\1\0\0\0\x08", 9) != NULL); // 48 degrees
			if (i == 2)
				continue; // AVIF
			decode(&result, i, &pixels);
			assert_int_equal(pixels.width, 90);
			assert_colour(&pixels, 22, 15, 0xe02020);
			free(pixels.rgba);
		}
		rig_result_done(&result);
	}
}

// Display P3 stays Display P3: the numbers are those of the file, the profile comes along.
static void test_profile(void **state)
{
	struct rig_result result;
	struct picture_pixels pixels;

	(void)state;
	for (unsigned kept = 0; kept < 2; kept++) {
		ask(&(struct preset_step){ .name = "w", .width = 96 });
		rig.job.keep_profile = kept == 1;
		run(PICTURES, "p3.jpg", &result);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(has(&result.variants[i], i == 0 ? "ICC_PROFILE" : "ICCP"), kept);
			decode(&result, i, &pixels);
			assert_colour(&pixels, 24, 16, kept == 1 ? 0xcd3a2d : 0xe02020);
			free(pixels.rgba);
		}
		rig_result_done(&result);
	}
	// CMYK is no profile to keep.
	ask(&(struct preset_step){ .name = "w", .width = 96 });
	rig.job.keep_profile = true;
	run(PICTURES, "cmyk.jpg", &result);
	assert_false(has(&result.variants[0], "ICC_PROFILE"));
	rig_result_done(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_focal_point), cmocka_unit_test(test_crop_modes), cmocka_unit_test(test_contain),
		cmocka_unit_test(test_sharpening),  cmocka_unit_test(test_copyright),  cmocka_unit_test(test_profile),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
