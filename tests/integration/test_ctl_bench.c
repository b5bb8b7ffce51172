// safelightctl bench on the real stack: what it says adds up, and nothing that it made stays.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/tide.jpg"
#define UPLOADS "6"

static double figure(json_t *report, const char *step, size_t index)
{
	json_t *figures = json_object_get(test_json_at(report, "milliseconds"), step);
	assert_int_equal(json_array_size(figures), 3);
	assert_true(json_is_number(json_array_get(figures, index)));
	return json_number_value(json_array_get(figures, index));
}

static void test_figures_add_up_and_nothing_stays(void **state)
{
	(void)state;
	static const char *const STEPS[] = { "begin", "put", "complete", "complete_to_preview", "complete_to_ready" };
	struct control call;
	int64_t accounts = test_sql_int("SELECT count(*) FROM users WHERE deleted_at IS NULL", NULL);
	int64_t media = test_sql_int("SELECT count(*) FROM media", NULL);
	control_run(&call, "bench", PHOTO, "--uploads", UPLOADS, "--at-once", "3", "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "uploaded"), 6);
	assert_int_equal(test_json_int(call.json, "ready"), 6);
	assert_int_equal(test_json_int(call.json, "failed"), 0);
	assert_true(json_is_true(test_json_at(call.json, "removed")));
	for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
		assert_true(figure(call.json, STEPS[i], 0) > 0);
		assert_true(figure(call.json, STEPS[i], 1) >= figure(call.json, STEPS[i], 0));
		assert_true(figure(call.json, STEPS[i], 2) >= figure(call.json, STEPS[i], 1));
	}
	assert_true(figure(call.json, "complete_to_ready", 2) >= figure(call.json, "complete_to_preview", 0));
	// Six photos take at least as long as the slowest of them.
	double per_second = json_number_value(test_json_at(call.json, "photos_per_second"));
	assert_true(per_second > 0 && per_second <= 6000 / figure(call.json, "complete_to_ready", 2));
	assert_true(json_number_value(test_json_at(call.json, "uploads_per_second")) > 0);
	// Standard error is no terminal here: no bar.
	assert_null(strchr(call.err, '\r'));
	control_done(&call);
	assert_int_equal(test_sql_int("SELECT count(*) FROM users WHERE deleted_at IS NULL", NULL), accounts);
	// They were really made, and are going.
	assert_true(test_sql_int("SELECT count(*) FROM media", NULL) >= media);
	test_sql_await(0, 20000,
	               "SELECT count(*) FROM media m JOIN users u ON u.id = m.owner_id WHERE u.deleted_at IS NOT NULL "
	               "AND m.deleted_at IS NULL",
	               NULL);
}

static void test_words_for_people(void **state)
{
	(void)state;
	struct control call;
	control_run(&call, "bench", PHOTO, "--uploads", "2", "--at-once", "2", NULL);
	control_expect(&call, 0);
	control_assert_has(call.out, "2 uploads of " PHOTO);
	control_assert_has(call.out, "uploads/s");
	control_assert_has(call.out, "complete_to_ready");
	control_done(&call);
}

// A file that cannot become a picture is no success, and is removed all the same.
static void test_what_does_not_become_ready_is_told(void **state)
{
	(void)state;
	struct control call;
	char path[256];
	char *folder = test_stack_path("not-a-photo.jpg");
	(void)snprintf(path, sizeof path, "%s", folder);
	free(folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs("\xff\xd8\xff\xe0 no JPEG", file);
	assert_int_equal(fclose(file), 0);
	control_run(&call, "bench", path, "--uploads", "2", "--json", NULL);
	control_expect(&call, 1);
	assert_int_equal(test_json_int(call.json, "ready"), 0);
	assert_true(json_is_true(test_json_at(call.json, "removed")));
	control_done(&call);
	(void)remove(path);

	control_run(&call, "bench", "no/such/file.jpg", NULL);
	control_expect(&call, 1);
	control_done(&call);
	control_run(&call, "bench", PHOTO, "--at-once", "0", NULL);
	control_expect(&call, 64);
	control_done(&call);
	control_run(&call, "bench", NULL);
	control_expect(&call, 64);
	control_done(&call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_add_up_and_nothing_stays),
		cmocka_unit_test(test_words_for_people),
		cmocka_unit_test(test_what_does_not_become_ready_is_told),
	};
	return cmocka_run_group_tests_name("ctl bench", tests, test_stack_setup, test_stack_teardown);
}
