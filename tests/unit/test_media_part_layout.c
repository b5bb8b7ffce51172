// Parts of uploads: never too many, never too short, together exactly the whole.
#include "media/part_layout.h"
#include "tests/unit/cmocka_all.h"

#define MEBIBYTE (INT64_C(1024) * 1024)
#define TEBIBYTE (MEBIBYTE * 1024 * 1024)

static void cuts(void **state)
{
	(void)state;
	static const struct {
		int64_t size, wanted, part_size;
		unsigned count;
		int64_t last;
	} rows[] = {
		{ 0, 16 * MEBIBYTE, 16 * MEBIBYTE, 1, 0 },
		{ 1, 16 * MEBIBYTE, 16 * MEBIBYTE, 1, 1 },
		{ 16 * MEBIBYTE, 16 * MEBIBYTE, 16 * MEBIBYTE, 1, 16 * MEBIBYTE },
		{ 16 * MEBIBYTE + 1, 16 * MEBIBYTE, 16 * MEBIBYTE, 2, 1 },
		{ 7 * MEBIBYTE, 1, 5 * MEBIBYTE, 2, 2 * MEBIBYTE },
		{ 50000 * MEBIBYTE, 5 * MEBIBYTE, 5 * MEBIBYTE, 10000, 5 * MEBIBYTE },
		{ 50000 * MEBIBYTE + 1, 5 * MEBIBYTE, 6 * MEBIBYTE, 8334, 2 * MEBIBYTE + 1 },
		{ 5 * TEBIBYTE, 16 * MEBIBYTE, 525 * MEBIBYTE, 9987, 230 * MEBIBYTE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct part_layout layout;
		assert_true(part_layout_choose(rows[i].size, rows[i].wanted, &layout));
		assert_int_equal(layout.part_size, rows[i].part_size);
		assert_int_equal(layout.count, rows[i].count);
		assert_int_equal(part_layout_length(&layout, layout.count), rows[i].last);
	}
}

static void covers_every_byte_of_any_size(void **state)
{
	(void)state;
	for (int64_t size = 1; size < 40000 * MEBIBYTE * MEBIBYTE / 1000; size = size * 3 + 7) {
		struct part_layout layout, again;
		assert_true(part_layout_choose(size, 8 * MEBIBYTE, &layout));
		assert_in_range(layout.count, 1, PART_LAYOUT_PARTS_MAX);
		int64_t sum = 0;
		for (unsigned number = 1; number <= layout.count; number++) {
			int64_t length = part_layout_length(&layout, number);
			assert_true(length > 0 && length <= PART_LAYOUT_BYTES_MAX);
			assert_true(length >= PART_LAYOUT_BYTES_MIN || number == layout.count);
			sum += length;
		}
		assert_int_equal(sum, size);
		assert_true(part_layout_read(size, layout.part_size, &again));
		assert_int_equal(again.count, layout.count);
	}
}

static void refuses_what_no_store_takes(void **state)
{
	(void)state;
	struct part_layout layout;
	assert_false(part_layout_choose(-1, 8 * MEBIBYTE, &layout));
	assert_false(part_layout_choose(INT64_MAX, 8 * MEBIBYTE, &layout));
	assert_false(part_layout_choose(1, PART_LAYOUT_BYTES_MAX + 1, &layout));
	assert_false(part_layout_read(10, 0, &layout));
	assert_false(part_layout_read(10001, 1, &layout));
	assert_true(part_layout_read(10000, 1, &layout));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts),
		cmocka_unit_test(covers_every_byte_of_any_size),
		cmocka_unit_test(refuses_what_no_store_takes),
	};
	return cmocka_run_group_tests_name("media part layout", tests, NULL, NULL);
}
