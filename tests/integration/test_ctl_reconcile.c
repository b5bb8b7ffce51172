// safelightctl reconcile --dry-run: finds a lost object and one that nobody knows, and changes nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/store.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/tide.jpg"

// Counts of one bucket, as reconcile tells them. Other tests may have left their own marks: differences count.
struct counts {
	json_int_t missing, orphans, objects;
};

static struct counts look(const char *bucket_place, int status)
{
	struct control control;
	char path[64];
	control_run(&control, "reconcile", "--dry-run", "--json", NULL);
	if (status >= 0)
		control_expect(&control, status);
	struct counts counts;
	(void)snprintf(path, sizeof path, "buckets.%s.missing", bucket_place);
	counts.missing = json_integer_value(test_json_at(control.json, path));
	(void)snprintf(path, sizeof path, "buckets.%s.orphans", bucket_place);
	counts.orphans = json_integer_value(test_json_at(control.json, path));
	(void)snprintf(path, sizeof path, "buckets.%s.objects", bucket_place);
	assert_non_null(test_json_at(control.json, path));
	counts.objects = json_integer_value(test_json_at(control.json, path));
	control_done(&control);
	return counts;
}

static void make_ready(char ret_media_id[37])
{
	struct test_account account;
	size_t length = 0;
	char *data = test_file_read(PHOTO, &length);
	test_account_new(&account);
	test_upload_whole(&account, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, ret_media_id);
	json_decref(test_media_await(&account, ret_media_id, "ready", 120000));
	free(data);
	test_account_done(&account);
}

static void test_finds_lost_variant(void **state)
{
	(void)state;
	char media_id[37], prefix[40];
	make_ready(media_id);
	(void)snprintf(prefix, sizeof prefix, "%s/", media_id);
	struct test_objects objects = { 0 };
	test_objects_list(TEST_MEDIA, prefix, &objects);
	assert_true(objects.count >= 2);
	struct counts before = look("1", -1);
	test_store_delete(TEST_MEDIA, objects.keys[1]);
	struct counts after = look("1", 1);
	assert_int_equal(after.missing, before.missing + 1);
	assert_int_equal(after.objects, before.objects - 1);
	test_objects_done(&objects);
}

static void test_finds_lost_original(void **state)
{
	(void)state;
	char media_id[37], prefix[40];
	make_ready(media_id);
	(void)snprintf(prefix, sizeof prefix, "%s/", media_id);
	struct test_objects objects = { 0 };
	test_objects_list(TEST_ORIGINALS, prefix, &objects);
	assert_int_equal(objects.count, 1);
	struct counts before = look("0", -1);
	test_store_delete(TEST_ORIGINALS, objects.keys[0]);
	assert_int_equal(look("0", 1).missing, before.missing + 1);
	test_objects_done(&objects);
}

static void test_counts_orphans_by_age(void **state)
{
	(void)state;
	struct uuid id = uuid_new();
	char key[80];
	uuid_format(&id, key);
	(void)snprintf(key + strlen(key), 40, "/1/w320.jpg");
	struct counts before = look("1", -1);
	test_store_put(TEST_MEDIA, key, "orphan", 6);
	assert_int_equal(look("1", -1).orphans, before.orphans); // within its grace
	assert_int_equal(setenv("SAFELIGHT_INGEST_ORPHAN_GRACE_SECONDS", "1", 1), 0);
	clock_sleep_ms(2100); // the store's times are whole seconds
	struct counts old = look("1", -1);
	(void)unsetenv("SAFELIGHT_INGEST_ORPHAN_GRACE_SECONDS");
	assert_true(old.orphans > before.orphans);
	assert_true(test_store_has(TEST_MEDIA, key)); // only looked
	test_store_delete(TEST_MEDIA, key);
}

static void test_wants_dry_run(void **state)
{
	(void)state;
	struct control control;
	control_run(&control, "reconcile", NULL);
	control_expect(&control, 64);
	control_assert_has(control.err, "--dry-run");
	control_done(&control);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wants_dry_run),
		cmocka_unit_test(test_finds_lost_variant),
		cmocka_unit_test(test_finds_lost_original),
		cmocka_unit_test(test_counts_orphans_by_age),
	};
	return cmocka_run_group_tests_name("ctl_reconcile", tests, test_stack_setup, test_stack_teardown);
}
