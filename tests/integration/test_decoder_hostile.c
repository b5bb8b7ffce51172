// The decoder on files made to harm it: each ends in time, within memory, with the right reason, and the next job
// works.
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/bombs.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define HEADER_MS_MOST 1000              // a claim is refused without decoding
#define HEADER_PEAK_BYTES (150ull << 20) // the warm process itself is half of it

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

// A decoder may say that it cannot, or be killed for taking too long. It must not crash, break the protocol or meet its
// sandbox.
static void assert_orderly(const char *name, const struct rig_result *result)
{
	const struct child_outcome *outcome = &result->outcome;

	if (result->rc != RC_OK)
		fail_msg("%s: %s", name, result->err.text);
	if (outcome->misbehaved || outcome->sandbox_killed ||
	    (!outcome->done && (outcome->reason == REASON_CRASHED || outcome->reason == REASON_INTERNAL)))
		fail_msg("%s: %s: %s", name, media_reason_name(outcome->reason), outcome->detail);
}

static void assert_reason(const char *name, const struct rig_result *result, enum media_reason reason)
{
	assert_orderly(name, result);
	if (result->outcome.reason != reason || result->outcome.done != (reason == REASON_NONE))
		fail_msg("%s ended %s (%s), it should have ended %s", name, media_reason_name(result->outcome.reason),
		         result->outcome.detail, media_reason_name(reason));
	assert_true(result->outcome.usable);
}

// The child that has just held a bomb still does its work.
static void assert_works(void)
{
	struct buffer jpeg;
	struct rig_result result;

	buffer_init(&jpeg, 1u << 20);
	picture_make_jpeg(200, 100, &jpeg);
	rig_run(&rig, jpeg.data, jpeg.length, &result);
	assert_reason("a good picture", &result, REASON_NONE);
	rig_result_done(&result);
	buffer_done(&jpeg);
}

static void run_bomb(const struct bomb *bomb)
{
	struct buffer file;
	struct rig_result result;

	buffer_init(&file, BOMB_BYTES_MOST);
	bomb->make(&file);
	assert_true(buffer_ok(&file));
	rig_done(&rig); // a fresh child, so that its peak is this bomb's
	rig_run(&rig, file.data, file.length, &result);
	print_message("%-16s %7zu bytes: %s in %lld ms, peak %llu MB\n", bomb->name, file.length,
	              result.outcome.done ? "done" : media_reason_name(result.outcome.reason),
	              (long long)result.wall_us / 1000,
	              child_is_alive(rig.child) ? (unsigned long long)rig_peak_bytes(&rig) >> 20 : 0);
	if (bomb->any_end)
		assert_orderly(bomb->name, &result);
	else
		assert_reason(bomb->name, &result, bomb->reason);
	if (!bomb->any_end && bomb->reason != REASON_NONE)
		assert_in_range(result.wall_us, 0, HEADER_MS_MOST * 1000);
	if (child_is_alive(rig.child) && !rig_is_sanitized())
		assert_in_range(rig_peak_bytes(&rig), 1, HEADER_PEAK_BYTES);
	assert_works();
	rig_result_done(&result);
	buffer_done(&file);
}

static void test_bombs(void **state)
{
	(void)state;
	for (size_t i = 0; i < bomb_count; i++)
		run_bomb(&bombs[i]);
}

// Other formats, whatever they are named: no loader of theirs is ever asked.
static void test_other_types_are_refused(void **state)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t length;
	} files[] = {
#define FILE_OF(name, literal) { name, literal, sizeof(literal) - 1 }
		FILE_OF("text", "just some text, named .jpg"),
		FILE_OF("html", "<!DOCTYPE html><html><script>alert(1)</script></html>"),
		FILE_OF("svg",
		        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>"),
		FILE_OF("pdf", "%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj trailer<</Root 1 0 R>>"),
		FILE_OF("postscript", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
		FILE_OF("photoshop", "8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\1\0\10\0\3"),
		FILE_OF("zip", "PK\3\4\24\0\0\0\0\0"),
		FILE_OF("mp4", "\0\0\0\x18"
		               "ftypisom\0\0\2\0isommp42"),
		FILE_OF("bmp", "BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0"),
		FILE_OF("ppm", "P6\n1 1\n255\nabc"),
		FILE_OF("openexr", "\x76\x2f\x31\x01\2\0\0\0"),
		FILE_OF("radiance", "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n"),
		FILE_OF("fits", "SIMPLE  =                    T / conforms to FITS standard"),
		FILE_OF("jpeg xl", "\xff\x0a\xff\x0f\0\0\0\0"),
		FILE_OF("jpeg 2000", "\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14"
		                     "ftypjp2 "),
		FILE_OF("vips", "\xb6\xa6\xf2\x08\0\0\0\1"),
		FILE_OF("matlab", "MATLAB 5.0 MAT-file, Platform: GLNXA64"),
		FILE_OF("nifti", "\x5c\1\0\0nifti"),
		FILE_OF("csv", "1,2,3\n4,5,6\n"),
		FILE_OF("analyze", "\x5c\1\0\0dsr      analyze 7.5"),
		FILE_OF("jpeg xl in boxes", "\0\0\0\x0cJXL \r\n\x87\n"),
		FILE_OF("mirax slide", "[GENERAL]\nSLIDE_VERSION = 01.02\nSLIDE_ID = x\n"),
		FILE_OF("hamamatsu slide", "[Virtual Microscope Specimen]\nNoLayers=1\n"),
		// what ImageMagick's loader would take
		FILE_OF("icon", "\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0"),
		FILE_OF("gimp", "gimp xcf v011\0\0\0\0\1"),
		FILE_OF("sgi", "\1\xda\1\1\0\3\0\1\0\1\0\3"),
		FILE_OF("pcx", "\x0a\5\1\x08\0\0\0\0\1\0\1\0"),
		FILE_OF("windows metafile", "\xd7\xcd\xc6\x9a\0\0\0\0\0\0"),
		FILE_OF("mvg", "push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/x'\npop graphic-context\n"),
		FILE_OF("msl", "<?xml version=\"1.0\"?><image><read filename=\"/etc/passwd\"/></image>"),
		FILE_OF("xpm", "/* XPM */\nstatic char *x[] = {\"1 1 1 1\"};"),
		FILE_OF("riff without webp", "RIFF\x24\0\0\0WAVEfmt "),
		FILE_OF("webp without riff", "ABCD\x24\0\0\0WEBPVP8 "),
		FILE_OF("one byte", "\xff"),
		FILE_OF("two bytes", "\xff\xd8"),
#undef FILE_OF
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(files); i++) {
		struct rig_result result;

		rig_run(&rig, files[i].bytes, files[i].length, &result);
		assert_reason(files[i].name, &result, REASON_UNSUPPORTED_TYPE);
		assert_false(result.has_facts);
		rig_result_done(&result);
	}
}

static void test_empty_file(void **state)
{
	struct rig_result result;

	(void)state;
	rig_run(&rig, "", 0, &result);
	assert_reason("empty", &result, REASON_EMPTY);
	rig_result_done(&result);
}

// A JPEG cut anywhere behind its header is `truncated`, never half a picture that passes for whole; cut within it, it
// fails, too.
static void test_truncated_jpeg(void **state)
{
	struct buffer jpeg;

	(void)state;
	buffer_init(&jpeg, 4u << 20);
	picture_make_jpeg(900, 600, &jpeg);
	for (size_t percent = 0; percent < 100; percent++) {
		size_t length = jpeg.length * percent / 100 + 3;
		struct rig_result result;

		rig_run(&rig, jpeg.data, length, &result);
		assert_orderly("truncated", &result);
		assert_false(result.outcome.done);
		if (percent >= 10)
			assert_reason("truncated", &result, REASON_TRUNCATED);
		rig_result_done(&result);
	}
	buffer_done(&jpeg);
}

// Other formats cut in half: the same.
static void test_truncated_others(void **state)
{
	static const char *const names[] = { "iris.png", "aurora.webp", "tide.jpg" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;
		uint8_t *bytes = NULL;
		size_t length;

		assert_true(rig_read(RIG_SAMPLES, names[i], &bytes, &length));
		rig_run(&rig, bytes, length / 2, &result);
		assert_reason(names[i], &result, REASON_TRUNCATED);
		rig_result_done(&result);
		free(bytes);
	}
}

// Bytes turned at random, seeded: any end, but an orderly one.
static void test_damaged_files(void **state)
{
	static const char *const names[] = { "ember.jpg", "iris.png", "aurora.webp", "tide.jpg" };
	uint32_t seed = 20261124;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		uint8_t *bytes = NULL;
		size_t length;

		assert_true(rig_read(RIG_SAMPLES, names[i], &bytes, &length));
		for (int round = 0; round < 12; round++) {
			uint8_t *copy = malloc(length);
			struct rig_result result;

			assert_non_null(copy);
			memcpy(copy, bytes, length);
			for (int hit = 0; hit < 1 << (round / 2); hit++) {
				seed = seed * 1103515245u + 12345u;
				copy[(seed >> 4) % (round % 2 == 0 ? length : 1000)] ^=
				        (uint8_t)(1u << (seed >> 8 & 7));
			}
			rig_run(&rig, copy, length, &result);
			assert_orderly(names[i], &result);
			rig_result_done(&result);
			free(copy);
		}
		free(bytes);
	}
	assert_works();
}

// The limits of the job, each just missed.
static void test_limits_of_the_job(void **state)
{
	const struct wire_job before = rig.job;
	struct buffer jpeg;
	struct rig_result result;

	(void)state;
	buffer_init(&jpeg, 4u << 20);
	picture_make_jpeg(400, 300, &jpeg);
	rig.job.limits.max_pixels = 400 * 300 - 1;
	rig_run(&rig, jpeg.data, jpeg.length, &result);
	assert_reason("pixels", &result, REASON_TOO_MANY_PIXELS);
	rig_result_done(&result);
	rig.job.limits.max_pixels = 400 * 300;
	rig.job.limits.max_side = 399;
	rig_run(&rig, jpeg.data, jpeg.length, &result);
	assert_reason("side", &result, REASON_TOO_LARGE_SIDE);
	rig_result_done(&result);
	rig.job.limits.max_side = 400;
	rig.job.limits.max_output_bytes = 500;
	rig_run(&rig, jpeg.data, jpeg.length, &result);
	assert_reason("output", &result, REASON_OUTPUT_TOO_LARGE);
	rig_result_done(&result);
	rig.job = before;
	assert_works();
	buffer_done(&jpeg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_types_are_refused),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_limits_of_the_job),
		cmocka_unit_test(test_truncated_jpeg),
		cmocka_unit_test(test_truncated_others),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_bombs),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
