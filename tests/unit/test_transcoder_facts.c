// Facts on their way from the decoder into the catalog: each under its own name, times and texts as the API shows them.
#include "transcoder/facts.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "tests/unit/cmocka_all.h"

// No two numbers alike, so that whatever is mixed up shows.
static const struct wire_facts whole = {
	.width = 4001,
	.height = 3002,
	.frames = 7,
	.pages = 9,
	.orientation = 6,
	.has_alpha = true,
	.source = FORMAT_TIFF,
	.dominant_rgb = 0x123456,
	.thumbhash_length = 3,
	.thumbhash = { 1, 2, 3 },
	.blurhash = "LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
	.has_likeness = true,
	.likeness = 0xfedcba9876543210,
	.exif = { .has_time = true,
	          .local_seconds = 1782086398,
	          .has_offset = true,
	          .offset_minutes = -210,
	          .make = "Lamp & Co",
	          .model = "L-1",
	          .lens = "Lens \"4.25\"",
	          .exposure = { 1, 1493 },
	          .f_number = { 18, 10 },
	          .focal_length = { 425, 100 },
	          .focal_length_35mm = 26,
	          .iso = 400,
	          .has_position = true,
	          .latitude_e6 = 64145867,
	          .longitude_e6 = -21940500,
	          .has_altitude = true,
	          .altitude_mm = -12345 },
};

static struct media_facts describe(const struct wire_facts *wire, json_t **ret_exif)
{
	static const uint8_t sha256[32] = { 1 };
	static struct buffer exif; // what is described points into it
	buffer_init(&exif, 4096);
	struct media_facts facts = facts_describe(wire, sha256, &exif);
	assert_true(buffer_ok(&exif));
	assert_ptr_equal(facts.sha256, sha256);
	*ret_exif = facts.exif == NULL ? NULL : json_loads(facts.exif, 0, NULL);
	buffer_done(&exif);
	return facts;
}

static void assert_text(const json_t *exif, const char *name, const char *text)
{
	const char *has = json_string_value(json_object_get(exif, name));
	if (has == NULL || strcmp(has, text) != 0)
		fail_msg("%s is %s, not %s", name, has == NULL ? "nothing" : has, text);
}

static void assert_number(const json_t *exif, const char *name, const char *number)
{
	char text[64];
	(void)snprintf(text, sizeof text, "%.10g", json_number_value(json_object_get(exif, name)));
	assert_string_equal(text, number);
}

static void each_fact_under_its_name(void **state)
{
	(void)state;
	json_t *exif;
	struct media_facts facts = describe(&whole, &exif);
	assert_int_equal(facts.width, 4001);
	assert_int_equal(facts.height, 3002);
	assert_int_equal(facts.orientation, 6);
	assert_int_equal(facts.frames, 7);
	assert_int_equal(facts.pages, 9);
	assert_true(facts.has_alpha);
	assert_int_equal(facts.thumbhash_length, 3);
	assert_memory_equal(facts.thumbhash, "\1\2\3", 3);
	assert_string_equal(facts.blurhash, whole.blurhash);
	assert_int_equal(facts.dominant_rgb, 0x123456);
	assert_true(facts.has_likeness);
	assert_true(facts.likeness == 0xfedcba9876543210);
	assert_true(facts.has_position && facts.has_altitude);
	assert_int_equal(facts.latitude_e6, 64145867);
	assert_int_equal(facts.longitude_e6, -21940500);
	assert_int_equal(facts.altitude_mm, -12345);
	assert_text(exif, "captured_at", "2026-06-21T23:59:58-03:30");
	assert_text(exif, "make", "Lamp & Co");
	assert_text(exif, "model", "L-1");
	assert_text(exif, "lens", "Lens \"4.25\"");
	assert_number(exif, "exposure_time", "0.0006698");
	assert_number(exif, "f_number", "1.8");
	assert_number(exif, "focal_length", "4.25");
	assert_number(exif, "focal_length_35mm", "26");
	assert_number(exif, "iso", "400");
	assert_int_equal(json_object_size(exif), 9); // no position, nor anything else
	json_decref(exif);
}

// Half past three in the morning UTC of the next day; without an offset the clock itself is UTC; without a time none.
static void times(void **state)
{
	static const struct {
		bool has_time, has_offset;
		int minutes;
		const char *text, *utc;
	} rows[] = {
		{ true, true, -210, "2026-06-21T23:59:58-03:30", "2026-06-22T03:29:58Z" },
		{ true, true, 840, "2026-06-21T23:59:58+14:00", "2026-06-21T09:59:58Z" },
		{ true, true, 0, "2026-06-21T23:59:58+00:00", "2026-06-21T23:59:58Z" },
		{ true, false, 0, "2026-06-21T23:59:58", "2026-06-21T23:59:58Z" },
		{ false, false, 0, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct wire_facts wire = whole;
		json_t *exif;
		int64_t utc = 0;
		wire.exif.has_time = rows[i].has_time;
		wire.exif.has_offset = rows[i].has_offset;
		wire.exif.offset_minutes = rows[i].minutes;
		struct media_facts facts = describe(&wire, &exif);
		assert_true(rows[i].utc == NULL || clock_parse_rfc3339(rows[i].utc, &utc));
		assert_int_equal(facts.captured_at, utc);
		if (rows[i].text != NULL)
			assert_text(exif, "captured_at", rows[i].text);
		else
			assert_null(json_object_get(exif, "captured_at"));
		json_decref(exif);
	}
}

static void what_is_not_known_is_left_out(void **state)
{
	static const struct wire_facts bare = { .width = 1, .height = 2, .frames = 1, .pages = 1, .orientation = 1 };
	(void)state;
	json_t *exif;
	struct media_facts facts = describe(&bare, &exif);
	assert_null(exif);
	assert_null(facts.exif);
	assert_null(facts.thumbhash);
	assert_null(facts.blurhash);
	assert_false(facts.has_likeness || facts.has_position || facts.has_altitude || facts.has_alpha);
	assert_int_equal(facts.captured_at, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fact_under_its_name),
		cmocka_unit_test(times),
		cmocka_unit_test(what_is_not_known_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
