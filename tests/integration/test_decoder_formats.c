// The decoder on one small picture of every kind that phones, cameras and desktops write: upright, in the right
// colours, moving where it moved. tests/pictures/make.sh made them. Needs no stack, only the binary.
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
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

// What the quarters are to look like: red, green, blue, white.
enum look {
	COLOURS,
	GREY,
	TURNED, // as the grid's irot and imir say: red, blue, green, white, and that twice each way
};

static void assert_near(const char *name, const struct picture_pixels *pixels, unsigned x, unsigned y, uint32_t colour,
                        int most)
{
	const uint8_t *pixel = pixels->rgba + 4 * (y * pixels->width + x);
	const int wanted[] = { (int)(colour >> 16), (int)(colour >> 8 & 255), (int)(colour & 255) };

	for (int i = 0; i < 3; i++)
		if (abs(pixel[i] - wanted[i]) > most)
			fail_msg("%s at %u,%u is %u %u %u, not %06x", name, x, y, pixel[0], pixel[1], pixel[2], colour);
}

static void assert_quarters(const char *name, const struct picture_pixels *pixels, enum look look, int most)
{
	static const uint32_t colours[][4] = { [COLOURS] = { 0xe02020, 0x20c020, 0x2020e0, 0xf0f0f0 },
		                               [GREY] = { 0x7a7a7a, 0xa8a8a8, 0x515151, 0xf0f0f0 },
		                               [TURNED] = { 0xe02020, 0x2020e0, 0x20c020, 0xf0f0f0 } };
	unsigned parts = look == TURNED ? 4 : 2;

	for (unsigned i = 0; i < parts * parts; i++)
		assert_near(name, pixels, (2 * (i % parts) + 1) * pixels->width / (2 * parts),
		            (2 * (i / parts) + 1) * pixels->height / (2 * parts),
		            colours[look][i % parts % 2 + 2 * (i / parts % 2)], most);
}

static void run(const char *name, struct rig_result *ret_result)
{
	rig_run_file(&rig, PICTURES, name, ret_result);
}

static void decode(const struct rig_result *result, const char *name, enum media_format format,
                   struct picture_pixels *ret_pixels)
{
	const struct rig_variant *variant = rig_find(result, name, format);

	assert_non_null(variant);
	assert_true(picture_decode(variant->bytes, variant->about.bytes, ret_pixels));
}

static void test_stills(void **state)
{
	static const struct {
		const char *name;
		enum media_format source;
		enum look look;
		int most; // a CMYK press has no such green and blue
		unsigned width, height, pages;
	} rows[] = {
		{ "progressive.jpg", FORMAT_JPEG, COLOURS, 12, 96, 64, 1 },
		{ "grey.jpg", FORMAT_JPEG, GREY, 12, 96, 64, 1 },
		{ "cmyk.jpg", FORMAT_JPEG, COLOURS, 90, 96, 64, 1 },
		{ "p3.jpg", FORMAT_JPEG, COLOURS, 14, 96, 64, 1 },
		{ "deep.png", FORMAT_PNG, COLOURS, 12, 96, 64, 1 },
		{ "palette.png", FORMAT_PNG, COLOURS, 14, 96, 64, 1 },
		{ "lossy.webp", FORMAT_WEBP, COLOURS, 14, 96, 64, 1 },
		{ "plain.heic", FORMAT_HEIF, COLOURS, 16, 96, 64, 1 },
		{ "grid.heic", FORMAT_HEIF, TURNED, 16, 128, 192, 1 },
		{ "still.avif", FORMAT_AVIF, COLOURS, 16, 96, 64, 1 },
		{ "lzw.tiff", FORMAT_TIFF, COLOURS, 12, 96, 64, 1 },
		{ "cmyk.tiff", FORMAT_TIFF, COLOURS, 90, 96, 64, 1 },
		{ "pages.tiff", FORMAT_TIFF, COLOURS, 12, 96, 64, 4 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct rig_result result;
		struct picture_pixels pixels;

		run(rows[i].name, &result);
		assert_int_equal(result.facts.source, rows[i].source);
		assert_int_equal(result.facts.width, rows[i].width);
		assert_int_equal(result.facts.height, rows[i].height);
		assert_int_equal(result.facts.pages, rows[i].pages);
		assert_int_equal(result.facts.frames, 1);
		assert_false(result.facts.has_alpha);
		for (size_t j = 0; j < rig.job.encoding_count; j++) {
			decode(&result, "w320", rig.job.encodings[j].format, &pixels);
			assert_int_equal(pixels.width, rows[i].width); // nothing is enlarged
			assert_quarters(rows[i].name, &pixels, rows[i].look, rows[i].most);
			free(pixels.rgba);
		}
		rig_result_done(&result);
	}
}

// WebP keeps what is transparent; JPEG shows it on white, never on black.
static void test_transparent(void **state)
{
	static const char *const names[] = { "alpha-interlaced.png", "lossless.webp" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;
		struct picture_pixels webp, jpeg;

		run(names[i], &result);
		assert_true(result.facts.has_alpha);
		decode(&result, "w320", FORMAT_WEBP, &webp);
		decode(&result, "w320", FORMAT_JPEG, &jpeg);
		const uint8_t *clear = webp.rgba + 4 * (16 * 96 + 24); // the red quarter's alpha is 32
		assert_in_range(clear[3], 22, 42);
		assert_near(names[i], &jpeg, 24, 16, 0xfbe3e3, 12); // a seventh of red on white
		free(webp.rgba);
		free(jpeg.rgba);
		rig_result_done(&result);
	}
}

// How many frames an animated WebP has, walked by hand; 0: it does not move.
static unsigned count_frames(const struct rig_variant *variant)
{
	unsigned frames = 0;

	for (size_t at = 12; at + 8 <= variant->about.bytes;) {
		const uint8_t *chunk = variant->bytes + at;
		size_t length = chunk[4] | (size_t)chunk[5] << 8 | (size_t)chunk[6] << 16 | (size_t)chunk[7] << 24;

		frames += memcmp(chunk, "ANMF", 4) == 0;
		at += 8 + length + (length & 1);
	}
	return frames;
}

// The ladder's WebP moves; preview and JPEG stand, on the first frame.
static void test_animations(void **state)
{
	static const char *const names[] = { "animated.gif", "animated.webp" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;
		struct picture_pixels jpeg;

		run(names[i], &result);
		assert_int_equal(result.facts.frames, 4);
		const struct rig_variant *moving = rig_find(&result, "w320", FORMAT_WEBP);
		assert_non_null(moving);
		assert_int_equal(count_frames(moving), 4);
		assert_memory_equal(moving->bytes + 24, "\x5f\0\0\x3f\0\0", 6); // the canvas: 96 - 1, 64 - 1
		assert_int_equal(count_frames(rig_find(&result, "square", FORMAT_WEBP)), 0);
		decode(&result, "w320", FORMAT_JPEG, &jpeg);
		assert_quarters(names[i], &jpeg, COLOURS, 14);
		free(jpeg.rgba);
		rig_result_done(&result);
	}
}

static void test_too_many_frames_and_pages(void **state)
{
	static const struct {
		const char *name;
		enum media_reason reason;
	} rows[] = { { "animated.gif", REASON_TOO_MANY_FRAMES },
		     { "animated.webp", REASON_TOO_MANY_FRAMES },
		     { "pages.tiff", REASON_TOO_MANY_PAGES } };
	const struct wire_limits before = rig.job.limits;

	(void)state;
	rig.job.limits.max_frames = rig.job.limits.max_pages = 3;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		struct rig_result result;
		uint8_t *bytes = NULL;
		size_t length;

		assert_true(rig_read(PICTURES, rows[i].name, &bytes, &length));
		rig_run(&rig, bytes, length, &result);
		free(bytes);
		assert_int_equal(result.rc, RC_OK);
		assert_false(result.outcome.done);
		assert_int_equal(result.outcome.reason, rows[i].reason);
		rig_result_done(&result);
	}
	rig.job.limits = before;
}

// A picture that needs more than a child may have fails for that reason, and the next one is done.
static void test_decode_memory(void **state)
{
	const struct child_config config = rig.config;
	const struct wire_job job = rig.job;
	struct rig_result result;
	struct buffer jpeg;

	(void)state;
	if (rig_is_sanitized())
		skip();
	buffer_init(&jpeg, 64u << 20);
	picture_make_jpeg(7000, 7000, &jpeg);
	rig_done(&rig);
	rig.config.memory_bytes = 400ull << 20;
	rig.job.preview_first = false;
	rig.job.steps[rig.job.step_count++] = (struct preset_step){ .name = "whole", .width = 7000 };
	rig_run(&rig, jpeg.data, jpeg.length, &result);
	assert_int_equal(result.rc, RC_OK);
	assert_false(result.outcome.done);
	assert_int_equal(result.outcome.reason, REASON_DECODE_MEMORY);
	rig_result_done(&result);
	rig.job = job;
	run("progressive.jpg", &result);
	rig_result_done(&result);
	rig_done(&rig);
	rig.config = config;
	buffer_done(&jpeg);
}

// The written rule (docs/media.md): what lacks an end fails as truncated, whatever of it could still be shown; a GIF
// shows the frames that are whole.
static void test_truncated(void **state)
{
	static const char *const names[] = { "progressive.jpg", "p3.jpg",     "deep.png", "alpha-interlaced.png",
		                             "lossy.webp",      "plain.heic", "lzw.tiff" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;
		uint8_t *bytes = NULL;
		size_t length;

		assert_true(rig_read(PICTURES, names[i], &bytes, &length));
		rig_run(&rig, bytes, length - length / 5, &result);
		free(bytes);
		assert_int_equal(result.rc, RC_OK);
		if (result.outcome.done || (result.outcome.reason != REASON_TRUNCATED))
			fail_msg("%s ended %s: %s", names[i], media_reason_name(result.outcome.reason),
			         result.outcome.detail);
		rig_result_done(&result);
	}
	struct rig_result result;
	uint8_t *bytes = NULL;
	size_t length;
	assert_true(rig_read(PICTURES, "animated.gif", &bytes, &length));
	rig_run(&rig, bytes, length - length / 5, &result);
	assert_true(result.outcome.done);
	assert_in_range(result.facts.frames, 1, 4);
	rig_result_done(&result);
	rig_run(&rig, bytes, length / 8, &result);
	assert_int_equal(result.outcome.reason, REASON_TRUNCATED);
	rig_result_done(&result);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stills),        cmocka_unit_test(test_transparent),
		cmocka_unit_test(test_animations),    cmocka_unit_test(test_too_many_frames_and_pages),
		cmocka_unit_test(test_decode_memory), cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
