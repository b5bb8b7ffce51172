// Tests of the default preset: sizes, the plan for small and odd originals, pools.
#include <stdio.h>
#include <string.h>

#include "media/object_key.h"
#include "media/preset.h"
#include "tests/unit/cmocka_all.h"

static void test_default_preset(void **state)
{
	(void)state;
	const struct preset *preset = preset_default();
	assert_non_null(preset);
	assert_int_equal(preset->step_count, 5);
	for (size_t i = 0; i < preset->step_count; i++) {
		const struct preset_step *step = &preset->steps[i];
		assert_true(variant_name_is_valid(step->name, strlen(step->name)));
		assert_ptr_equal(preset_find_step(preset, step->name), step);
		assert_true((step->height != 0) == (step->fit == PRESET_COVER));
	}
	assert_null(preset_find_step(preset, "w641"));
	for (size_t i = 0; i < preset->on_demand_count; i++) {
		const struct preset_step *step = &preset->on_demand[i];
		assert_true(variant_name_is_valid(step->name, strlen(step->name)));
		assert_ptr_equal(preset_find_on_demand(preset, step->name), step);
		assert_null(preset_find_step(preset, step->name));
	}
	assert_null(preset_find_on_demand(preset, "w640"));
	assert_int_equal(preset_on_demand_formats(preset), FORMAT_BIT(FORMAT_JPEG) | FORMAT_BIT(FORMAT_WEBP));
	for (size_t i = 0; i < preset->encoding_count; i++)
		assert_true(media_format_info(preset->encodings[i].format)->is_output);
}

static void test_plan_on_demand(void **state)
{
	(void)state;
	static const struct {
		uint32_t width, height;
		const char *names;
	} rows[] = {
		{ 4000, 3000, "w960 w1600 w3840 " },
		{ 2500, 10,
		  "w960 w1600 w3840 " }, // the last is the original's own size, which the ladder does not have
		{ 2048, 1536, "w960 w1600 " },
		{ 1600, 1200, "w960 " }, // the ladder ends with the original's size
		{ 900, 900, "" },
		{ 1, 1, "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct preset_planned plan[PRESET_STEPS_MAX];
		char names[256] = "";
		size_t count = preset_plan_on_demand(preset_default(), rows[i].width, rows[i].height, plan);
		for (size_t j = 0; j < count; j++) {
			size_t length = strlen(names);
			(void)snprintf(names + length, sizeof(names) - length, "%s ", plan[j].step->name);
		}
		assert_string_equal(names, rows[i].names);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *step;
		uint32_t width, height, expected_width, expected_height;
	} rows[] = {
		{ "w320", 4000, 3000, 320, 240 },
		{ "w2048", 4000, 3000, 2048, 1536 },
		{ "w320", 3, 2, 3, 2 },                // nothing is enlarged
		{ "w640", 640, 480, 640, 480 },        // exactly the step
		{ "w640", 641, 481, 640, 480 },        // 480.25
		{ "w320", 4032, 3024, 320, 240 },      // a phone
		{ "w320", 640, 1, 320, 1 },            // 0.5 rounds up
		{ "w320", 641, 1, 320, 1 },            // 0.499 would be 0: at least 1
		{ "w320", 640, 3, 320, 2 },            // 1.5 rounds up
		{ "w320", 1000, 333, 320, 107 },       // 106.56
		{ "w320", 1000, 336, 320, 108 },       // 107.52
		{ "w320", 1000, 335, 320, 107 },       // 107.2
		{ "w2048", 2048, 30000, 1118, 16383 }, // a strip: WebP's limit decides (1118.4)
		{ "w320", 1000, 30000, 320, 9600 },    // not yet
		{ "w320", 1, 30000, 1, 16383 },        // 0.55 rounds up
		{ "w320", 1, 2147483647, 1, 16383 },   // at least 1
		{ "w320", 2147483647, 2147483647, 320, 320 },
		{ "w320", 2147483647, 1, 320, 1 },
		{ "square", 4000, 3000, 160, 160 },
		{ "square", 160, 160, 160, 160 },
		{ "square", 100, 3000, 100, 100 }, // the largest square that fits
		{ "square", 3000, 99, 99, 99 },
		{ "square", 1, 1, 1, 1 },
		{ "square", 159, 158, 158, 158 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct preset_step *step = preset_find_step(preset_default(), rows[i].step);
		struct preset_size size = preset_step_size(step, rows[i].width, rows[i].height);
		if (size.width != rows[i].expected_width || size.height != rows[i].expected_height)
			fail_msg("%s of %ux%u: %ux%u", rows[i].step, rows[i].width, rows[i].height, size.width,
			         size.height);
	}
}

static void test_cover_proportions(void **state)
{
	(void)state;
	static const struct preset_step wide = { .name = "wide", .width = 300, .height = 100, .fit = PRESET_COVER };
	static const struct {
		uint32_t width, height, expected_width, expected_height;
	} rows[] = {
		{ 300, 100, 300, 100 }, { 299, 1000, 299, 100 }, { 298, 1000, 298, 99 }, { 1000, 50, 150, 50 },
		{ 150, 50, 150, 50 },   { 3, 3, 3, 1 },          { 1, 1, 1, 1 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct preset_size size = preset_step_size(&wide, rows[i].width, rows[i].height);
		if (size.width != rows[i].expected_width || size.height != rows[i].expected_height)
			fail_msg("%ux%u: %ux%u", rows[i].width, rows[i].height, size.width, size.height);
	}
}

static void test_plan(void **state)
{
	(void)state;
	static const struct {
		uint32_t width, height;
		const char *names;
	} rows[] = {
		{ 4000, 3000, "square w320 w640 w1280 w2048" },
		{ 2048, 100, "square w320 w640 w1280 w2048" },
		{ 2000, 100, "square w320 w640 w1280 w2048" }, // the last at 2000
		{ 1280, 100, "square w320 w640 w1280" },
		{ 1281, 100, "square w320 w640 w1280 w2048" },
		{ 500, 500, "square w320 w640" },
		{ 320, 500, "square w320" },
		{ 100, 100, "square w320" },
		{ 1, 1, "square w320" },
		{ 1, 30000, "square w320" },
		{ 600, 30000, "square w320 w640" }, // 320x16000, then 328x16383 for all others
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct preset_planned plan[PRESET_STEPS_MAX];
		size_t count = preset_plan(preset_default(), rows[i].width, rows[i].height, plan);
		char names[256] = "";
		for (size_t k = 0; k < count; k++) {
			size_t length = strlen(names);
			(void)snprintf(names + length, sizeof(names) - length, "%s%s", k > 0 ? " " : "",
			               plan[k].step->name);
			struct preset_size size = preset_step_size(plan[k].step, rows[i].width, rows[i].height);
			assert_int_equal(plan[k].size.width, size.width);
			assert_int_equal(plan[k].size.height, size.height);
		}
		if (strcmp(names, rows[i].names) != 0)
			fail_msg("%ux%u: %s", rows[i].width, rows[i].height, names);
	}
}

// For any original: nothing enlarged, nothing over the limits, sizes rise, no two inside steps alike.
static void test_plan_holds_for_many_originals(void **state)
{
	(void)state;
	for (uint32_t width = 1; width < 5000; width = width * 9 / 8 + 1)
		for (uint32_t height = 1; height < 70000; height = height * 9 / 8 + 1) {
			struct preset_planned plan[PRESET_STEPS_MAX];
			size_t count = preset_plan(preset_default(), width, height, plan);
			uint32_t last_width = 0;
			assert_true(count >= 2);
			for (size_t i = 0; i < count; i++) {
				struct preset_size size = plan[i].size;
				assert_true(size.width >= 1 && size.width <= width &&
				            size.width <= plan[i].step->width);
				assert_true(size.height >= 1 && size.height <= height &&
				            size.height <= PRESET_MAX_SIDE);
				if (plan[i].step->fit == PRESET_INSIDE) {
					assert_true(size.width > last_width);
					last_width = size.width;
				}
			}
		}
}

static void test_pools(void **state)
{
	(void)state;
	static const struct {
		enum media_kind kind;
		bool with_optional;
		const char *names; // optional ones in parentheses
	} rows[] = {
		{ MEDIA_PHOTO, false, "fast" },       { MEDIA_PHOTO, true, "fast (slow)" },
		{ MEDIA_ANIMATION, false, "fast" },   { MEDIA_DOCUMENT, false, "document" },
		{ MEDIA_DOCUMENT, true, "document" }, { MEDIA_FILE, true, "" },
	};
	const struct preset *preset = preset_default();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct preset_pool pools[PRESET_POOLS_MAX];
		size_t count = preset_pools(preset, rows[i].kind, rows[i].with_optional, pools);
		char names[128] = "";
		for (size_t k = 0; k < count; k++) {
			size_t length = strlen(names);
			(void)snprintf(names + length, sizeof(names) - length, pools[k].required ? "%s%s" : "%s(%s)",
			               k > 0 ? " " : "", pools[k].name);
		}
		assert_string_equal(names, rows[i].names);
		// Each encoding of the plan is made by exactly one of the pools, or by none when its pool gets no job.
		for (size_t e = 0; e < preset->encoding_count; e++) {
			unsigned makers = 0;
			for (size_t k = 0; k < count; k++)
				makers += preset_pool_makes(pools[k].name, rows[i].kind, &preset->encodings[e]);
			bool is_made = rows[i].kind != MEDIA_FILE &&
			               (preset->encodings[e].required ||
			                (rows[i].with_optional && rows[i].kind != MEDIA_DOCUMENT));
			assert_int_equal(makers, is_made);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_preset), cmocka_unit_test(test_plan_on_demand),
		cmocka_unit_test(test_sizes),          cmocka_unit_test(test_cover_proportions),
		cmocka_unit_test(test_plan),           cmocka_unit_test(test_plan_holds_for_many_originals),
		cmocka_unit_test(test_pools),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
