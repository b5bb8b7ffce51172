// What safelightctl says of long work under way.
#include "safelightctl/progress.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link
#include "safelightctl/report.c"   // NOLINT(bugprone-suspicious-include)

#include "tests/unit/cmocka_all.h"

static void the_text_says_how_far_and_how_long(void **state)
{
	(void)state;
	static const struct {
		int64_t total;
		bool is_terminal;
		int64_t done, elapsed_ms;
		const char *text;
	} ROWS[] = {
		{ 1000, false, 500, 20000, "50 %  500 of 1000 uploads, 25.0 a second, 20.0 s left" },
		{ 1000, true, 500, 20000,
		  "[##########..........] 50 %  500 of 1000 uploads, 25.0 a second, 20.0 s left" },
		{ 3, true, 0, 0, "[....................] 0 %  0 of 3 uploads, 0.0 a second" },
		{ 3, true, 3, 1000, "[####################] 100 %  3 of 3 uploads, 3.0 a second" },
		// More came meanwhile than there were.
		{ 3, true, 4, 1000, "[####################] 100 %  4 of 3 uploads, 4.0 a second" },
		{ 0, true, 7, 2000, "7 uploads, 3.5 a second" },
		{ 0, false, 0, 0, "0 uploads, 0.0 a second" },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		char text[PROGRESS_TEXT_SIZE];
		const struct progress progress = { .what = "uploads",
			                           .total = ROWS[i].total,
			                           .is_terminal = ROWS[i].is_terminal };
		assert_string_equal(progress_text(&progress, ROWS[i].done, ROWS[i].elapsed_ms, text), ROWS[i].text);
	}
}

static void the_largest_numbers_fit(void **state)
{
	(void)state;
	char text[PROGRESS_TEXT_SIZE];
	const struct progress progress = { .what = "uploads", .total = INT64_MAX / 200, .is_terminal = true };
	assert_true(strlen(progress_text(&progress, 1, 1000, text)) < PROGRESS_TEXT_SIZE);
	assert_non_null(strstr(text, "0 %  1 of "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_says_how_far_and_how_long),
		cmocka_unit_test(the_largest_numbers_fit),
	};
	return cmocka_run_group_tests_name("ctl progress", tests, NULL, NULL);
}
