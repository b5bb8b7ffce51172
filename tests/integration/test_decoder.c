// The decoder on real photos: every variant right in size, orientation, colour and privacy. Needs no stack, only the
// binary.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

// With their GPS, serial numbers and thumbnails, as the phones wrote them.
static const char *const phones[] = {
	"Apple_iPhone_4S.jpg", "Apple_iPhone_6_plus.jpg",         "Nokia_Lumia_800.jpg",
	"Oppo_R7_Plus.jpg",    "Samsung_GT-I9100_Galaxy_SII.jpg", "Sony_D5403_Xperia_Z2.jpg"
};
static const char *const samples[] = { "ridges.jpg",      "tide.jpg", "ember.jpg",
	                               "dunes-exif6.jpg", "iris.png", "aurora.webp" };

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

static void assert_done(const char *name, const struct rig_result *result)
{
	if (result->rc != RC_OK)
		fail_msg("%s: %s", name, result->err.text);
	if (!result->outcome.done)
		fail_msg("%s: %s: %s", name, media_reason_name(result->outcome.reason), result->outcome.detail);
}

// (Words of three letters would turn up by chance among some megabytes of compressed pixels.)
static void assert_no_metadata(const struct rig_variant *variant, const char *name)
{
	static const char *const words[] = { "Exif",          "http://ns.adobe.com/xap",
		                             "Photoshop 3.0", "8BIM",
		                             "ICC_PROFILE",   "xmpmeta",
		                             "JFXX",          "EXIF",
		                             "XMP ",          "ICCP" };

	for (size_t i = 0; i < LENGTH_OF(words); i++) {
		if (memmem(variant->bytes, variant->about.bytes, words[i], strlen(words[i])) != NULL)
			fail_msg("%s %s contains \"%s\"", name, variant->about.name, words[i]);
	}
}

// Every planned variant, decodable by another decoder, of the size it claims and the preset plans.
static void assert_variants(const char *name, const struct rig_result *result)
{
	struct wire_planned plan[WIRE_STEPS];
	size_t count = wire_plan(&rig.job, result->facts.width, result->facts.height, plan);

	assert_int_equal(result->variant_count, count * rig.job.encoding_count);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < rig.job.encoding_count; j++) {
			const struct rig_variant *variant =
			        rig_find(result, plan[i].step->name, rig.job.encodings[j].format);
			struct picture_pixels pixels;
			unsigned width = 0, height = 0;

			assert_non_null(variant);
			assert_true(picture_read_size(variant->bytes, variant->about.bytes, &width, &height));
			assert_int_equal(width, plan[i].size.width);
			assert_int_equal(height, plan[i].size.height);
			assert_true(picture_decode(variant->bytes, variant->about.bytes, &pixels));
			assert_int_equal(pixels.width, width);
			assert_int_equal(pixels.height, height);
			free(pixels.rgba);
			assert_no_metadata(variant, name);
		}
	}
}

static void run_file(const char *folder, const char *name, struct rig_result *ret_result)
{
	uint8_t *bytes = NULL;
	size_t length;

	if (!rig_read(folder, name, &bytes, &length))
		fail_msg("cannot read %s/%s", folder, name);
	rig_run(&rig, bytes, length, ret_result);
	free(bytes);
	assert_done(name, ret_result);
}

// The preset's first step comes first, in all formats.
static void assert_preview_first(const struct rig_result *result)
{
	for (size_t i = 0; i < rig.job.encoding_count; i++)
		assert_string_equal(result->variants[i].about.name, rig.job.steps[0].name);
}

static void test_phone_photos(void **state)
{
	(void)state;
	if (rig_skip_without_data())
		skip();
	for (size_t i = 0; i < LENGTH_OF(phones); i++) {
		struct rig_result result;

		run_file(RIG_DATA "/phones", phones[i], &result);
		assert_variants(phones[i], &result);
		assert_preview_first(&result);
		assert_int_equal(result.facts.source, FORMAT_JPEG);
		assert_in_range(result.facts.thumbhash_length, 17, WIRE_THUMBHASH_BYTES);
		assert_int_equal(strlen(result.facts.blurhash), WIRE_BLURHASH_SIZE - 1);
		assert_true(result.facts.has_likeness);
		assert_false(result.facts.exif.has_position); // not asked for
		print_message(
		        "%s: first variant after %lld ms, all after %lld ms (decode %llu, encode %llu), peak %llu MB\n",
		        phones[i], (long long)result.first_variant_us / 1000, (long long)result.wall_us / 1000,
		        (unsigned long long)result.outcome.times.decode_us / 1000,
		        (unsigned long long)result.outcome.times.encode_us / 1000,
		        (unsigned long long)result.outcome.times.peak_bytes >> 20);
		rig_result_done(&result);
	}
}

static void test_sample_photos(void **state)
{
	const enum media_format formats[] = { FORMAT_JPEG, FORMAT_JPEG, FORMAT_JPEG,
		                              FORMAT_JPEG, FORMAT_PNG,  FORMAT_WEBP };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(samples); i++) {
		struct rig_result result;

		run_file(RIG_SAMPLES, samples[i], &result);
		assert_variants(samples[i], &result);
		assert_preview_first(&result);
		assert_int_equal(result.facts.source, formats[i]);
		assert_int_equal(result.facts.has_alpha, formats[i] == FORMAT_PNG);
		rig_result_done(&result);
	}
}

// WebP keeps what JPEG has to fill with white.
static void test_alpha(void **state)
{
	struct rig_result result;
	struct picture_pixels webp, jpeg;
	const struct rig_variant *variant;

	(void)state;
	run_file(RIG_SAMPLES, "iris.png", &result);
	variant = rig_find(&result, "w320", FORMAT_WEBP);
	assert_true(picture_decode(variant->bytes, variant->about.bytes, &webp));
	variant = rig_find(&result, "w320", FORMAT_JPEG);
	assert_true(picture_decode(variant->bytes, variant->about.bytes, &jpeg));
	assert_in_range(webp.rgba[3], 0, 8);     // the corner is clear
	assert_in_range(jpeg.rgba[0], 247, 255); // and white
	assert_in_range(jpeg.rgba[1], 247, 255);
	assert_in_range(jpeg.rgba[2], 247, 255);
	free(webp.rgba);
	free(jpeg.rgba);
	rig_result_done(&result);
}

static void decode_variant(const struct rig_result *result, const char *name, struct picture_pixels *ret_pixels)
{
	const struct rig_variant *variant = rig_find(result, name, FORMAT_JPEG);

	assert_non_null(variant);
	assert_true(picture_decode(variant->bytes, variant->about.bytes, ret_pixels));
}

// All orientations of one scene look like number 1. Each file has its number painted on, so they are not equal, but a
// picture that is turned or mirrored differs by far more.
static void check_orientations(const char *scene, unsigned width, unsigned height)
{
	struct picture_pixels upright = { 0 };

	for (unsigned number = 1; number <= 8; number++) {
		struct rig_result result;
		struct picture_pixels pixels;
		char name[64];
		double difference;

		(void)snprintf(name, sizeof(name), "%s_%u.jpg", scene, number);
		run_file(RIG_DATA "/orientation", name, &result);
		assert_int_equal(result.facts.orientation, number);
		assert_int_equal(result.facts.width, width);
		assert_int_equal(result.facts.height, height);
		assert_variants(name, &result);
		decode_variant(&result, "w640", &pixels);
		if (number == 1)
			upright = pixels;
		difference = picture_difference(&upright, &pixels);
		if (difference > 3)
			fail_msg("%s differs from number 1 by %.2f of 255", name, difference);
		if (number > 1)
			free(pixels.rgba);
		rig_result_done(&result);
	}
	free(upright.rgba);
}

static void test_orientations(void **state)
{
	(void)state;
	if (rig_skip_without_data())
		skip();
	check_orientations("Landscape", 1800, 1200);
	check_orientations("Portrait", 1200, 1800);
}

// The sample is stored lying: its orientation is baked in, its position at sea stays with us.
static void test_orientation_of_sample(void **state)
{
	struct rig_result result;

	(void)state;
	run_file(RIG_SAMPLES, "dunes-exif6.jpg", &result);
	assert_int_equal(result.facts.orientation, 6);
	assert_int_equal(result.facts.width, 1200);
	assert_int_equal(result.facts.height, 1600);
	rig_result_done(&result);
}

// What exiftool says of the same files.
static void test_exif_of_phones(void **state)
{
	struct rig_result result;
	const struct wire_exif *exif = &result.facts.exif;

	(void)state;
	if (rig_skip_without_data())
		skip();
	rig.job.keep_position = true;
	run_file(RIG_DATA "/phones", "Apple_iPhone_6_plus.jpg", &result);
	assert_string_equal(exif->make, "Apple");
	assert_string_equal(exif->model, "iPhone 6 Plus");
	assert_string_equal(exif->lens, "iPhone 6 Plus back camera 4.15mm f/2.2");
	assert_true(exif->has_time);
	assert_int_equal(exif->local_seconds, 1414762357); // 2014-10-31 13:32:37
	assert_false(exif->has_offset);
	assert_int_equal(exif->exposure.below / exif->exposure.above, 30);
	assert_int_equal(exif->iso, 32);
	assert_int_equal(exif->focal_length_35mm, 29);
	assert_true(exif->has_position);
	assert_int_equal(exif->latitude_e6, 51482995);
	assert_int_equal(exif->longitude_e6, -3185337);
	assert_true(exif->has_altitude);
	assert_int_equal(exif->altitude_mm, -166309);
	rig_result_done(&result);
	run_file(RIG_DATA "/phones", "Nokia_Lumia_800.jpg", &result);
	assert_string_equal(exif->model, "Nokia Lumia 800");
	assert_int_equal(exif->iso, 0);
	assert_int_equal(exif->latitude_e6, 53359465);
	assert_int_equal(exif->longitude_e6, -6258231);
	rig_result_done(&result);
	run_file(RIG_DATA "/phones", "Sony_D5403_Xperia_Z2.jpg", &result);
	assert_string_equal(exif->make, "Sony");
	assert_false(exif->has_position);
	rig_result_done(&result);
	rig.job.keep_position = false;
}

// AVIF has boxes of its own for EXIF and XMP: none of the photo's traces is in them, nor is its thumbnail anywhere.
static void test_avif_has_no_traces(void **state)
{
	const struct wire_job before = rig.job;
	struct rig_result result;

	(void)state;
	rig.job.keep_position = true;
	rig.job.preview_first = false;
	rig.job.step_count = 2;
	rig.job.encoding_count = 1;
	rig.job.encodings[0] = (struct wire_encoding){ .format = FORMAT_AVIF, .quality = 50, .effort = 0 };
	run_file(RIG_SAMPLES, "dunes-exif6.jpg", &result);
	assert_true(result.facts.exif.has_position);
	assert_true(result.variant_count > 0);
	for (size_t i = 0; i < result.variant_count; i++) {
		assert_no_metadata(&result.variants[i], "dunes-exif6.jpg");
		assert_null(memmem(result.variants[i].bytes, result.variants[i].about.bytes, "mime", 4));
		assert_null(memmem(result.variants[i].bytes, result.variants[i].about.bytes, "\xff\xd8\xff", 3));
	}
	rig_result_done(&result);
	rig.job = before;
}

// The sample's position is at the point furthest from any land. It leaves the child only when asked for.
static void test_position_of_sample(void **state)
{
	struct rig_result result;

	(void)state;
	rig.job.keep_position = true;
	run_file(RIG_SAMPLES, "dunes-exif6.jpg", &result);
	rig.job.keep_position = false;
	assert_true(result.facts.exif.has_position);
	assert_int_equal(result.facts.exif.latitude_e6, -48876667);
	assert_int_equal(result.facts.exif.longitude_e6, -123393333);
	assert_variants("dunes-exif6.jpg", &result); // and not even then into a variant
	rig_result_done(&result);
	run_file(RIG_SAMPLES, "dunes-exif6.jpg", &result);
	assert_false(result.facts.exif.has_position);
	rig_result_done(&result);
}

static uint64_t likeness_of(const void *bytes, size_t length)
{
	struct rig_result result;
	uint64_t likeness;

	rig_run(&rig, bytes, length, &result);
	assert_done("likeness", &result);
	assert_true(result.facts.has_likeness);
	likeness = result.facts.likeness;
	rig_result_done(&result);
	return likeness;
}

// A photo and its own small variant in another format are near duplicates, two photos are not.
static void test_likeness(void **state)
{
	static const char *const names[] = { "ridges.jpg", "tide.jpg", "ember.jpg", "dunes-exif6.jpg" };
	uint64_t likenesses[LENGTH_OF(names)];

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;
		const struct rig_variant *variant;
		int distance;

		run_file(RIG_SAMPLES, names[i], &result);
		likenesses[i] = result.facts.likeness;
		variant = rig_find(&result, "w320", FORMAT_WEBP);
		assert_non_null(variant);
		distance = __builtin_popcountll(likenesses[i] ^ likeness_of(variant->bytes, variant->about.bytes));
		print_message("%s and its w320.webp: %d of 64 bits differ\n", names[i], distance);
		assert_in_range(distance, 0, 4);
		rig_result_done(&result);
		for (size_t other = 0; other < i; other++)
			assert_in_range(__builtin_popcountll(likenesses[i] ^ likenesses[other]), 17, 64);
	}
}

// Planted where metadata can stand, and behind the end of the picture: none of it comes out.
static void test_planted_bytes_stay_inside(void **state)
{
	static const char canary[] = "CANARY-7f3a9c51";
	static const struct {
		uint8_t marker;
		const char *prefix;
		size_t length;
	} segments[] = { { 0xfe, "", 0 },                                   // comment
		         { 0xe1, "http://ns.adobe.com/xap/1.0/\0<x>", 32 }, // XMP
		         { 0xed,
		           "Photoshop 3.0\0"
		           "8BIM\x04\x04\0\0\0\0\0\x10",
		           26 }, // IPTC
		         { 0xe5, "maker", 5 } };
	struct buffer jpeg, next;
	struct rig_result result;

	(void)state;
	buffer_init(&jpeg, 16u << 20);
	picture_make_jpeg(700, 500, &jpeg);
	for (size_t i = 0; i < LENGTH_OF(segments); i++) {
		char payload[64];

		memcpy(payload, segments[i].prefix, segments[i].length);
		memcpy(payload + segments[i].length, canary, sizeof(canary));
		buffer_init(&next, 16u << 20);
		picture_insert_segment(jpeg.data, jpeg.length, segments[i].marker, payload,
		                       segments[i].length + sizeof(canary), &next);
		buffer_done(&jpeg);
		jpeg = next;
	}
	buffer_append(&jpeg, "PK\x03\x04<html><script>", 19);
	buffer_append_text(&jpeg, canary);
	rig_run(&rig, jpeg.data, jpeg.length, &result);
	assert_done("planted", &result);
	assert_variants("planted", &result);
	for (size_t i = 0; i < result.variant_count; i++) {
		const struct rig_variant *variant = &result.variants[i];

		assert_null(memmem(variant->bytes, variant->about.bytes, canary, strlen(canary)));
		assert_null(memmem(variant->bytes, variant->about.bytes, "<html>", 6));
	}
	rig_result_done(&result);
	buffer_done(&jpeg);
}

// Sizes that divide badly, and pictures smaller than every step.
static void test_odd_sizes(void **state)
{
	static const unsigned sizes[][2] = { { 1, 1 },       { 2, 3 },     { 7, 999 },   { 999, 7 },
		                             { 161, 159 },   { 319, 321 }, { 2047, 13 }, { 2049, 33 },
		                             { 4097, 1023 }, { 1, 3000 },  { 3000, 1 } };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
		struct buffer jpeg;
		struct rig_result result;
		char name[32];

		(void)snprintf(name, sizeof(name), "%u x %u", sizes[i][0], sizes[i][1]);
		buffer_init(&jpeg, 16u << 20);
		picture_make_jpeg(sizes[i][0], sizes[i][1], &jpeg);
		rig_run(&rig, jpeg.data, jpeg.length, &result);
		assert_done(name, &result);
		assert_int_equal(result.facts.width, sizes[i][0]);
		assert_int_equal(result.facts.height, sizes[i][1]);
		assert_variants(name, &result);
		rig_result_done(&result);
		buffer_done(&jpeg);
	}
}

// A job without preview, of other formats, and of one step only.
static void test_other_jobs(void **state)
{
	const struct wire_job before = rig.job;
	struct rig_result result;

	(void)state;
	rig.job.preview_first = false;
	rig.job.encoding_count = 1;
	rig.job.encodings[0] = (struct wire_encoding){ FORMAT_AVIF, 50, 1 };
	run_file(RIG_SAMPLES, "ember.jpg", &result);
	assert_int_equal(result.variant_count,
	                 4); // the picture is 1120 wide, so the step of 2048 would be a second 1120
	for (size_t i = 0; i < result.variant_count; i++)
		assert_memory_equal(result.variants[i].bytes + 4, "ftypavif", 8);
	rig_result_done(&result);

	rig.job = before;
	rig.job.step_count = 1;
	run_file(RIG_SAMPLES, "iris.png", &result);
	assert_int_equal(result.variant_count, 2);
	assert_variants("one step", &result);
	rig_result_done(&result);
	rig.job = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_photos),
		cmocka_unit_test(test_alpha),
		cmocka_unit_test(test_orientation_of_sample),
		cmocka_unit_test(test_position_of_sample),
		cmocka_unit_test(test_avif_has_no_traces),
		cmocka_unit_test(test_likeness),
		cmocka_unit_test(test_planted_bytes_stay_inside),
		cmocka_unit_test(test_odd_sizes),
		cmocka_unit_test(test_other_jobs),
		cmocka_unit_test(test_phone_photos),
		cmocka_unit_test(test_exif_of_phones),
		cmocka_unit_test(test_orientations),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
