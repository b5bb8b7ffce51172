// What operators turn while the transcoder runs besides its size: limits and the lanes' share; a pool whose children
// die backs off and says so; and what a killed transcoder had in hand does not wait for its leases.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/bus.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define POOL "fast"
#define READY_MS 60000
#define PHOTOS 6

static struct test_account account;
static struct bus *bus;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	bus = test_bus_open();
	return 0;
}

static int teardown(void **state)
{
	test_pool_set(bus, POOL, NULL);
	// The messages that the killed one held come back when their ack wait is over: other tests count messages.
	test_pool_await_idle(bus, POOL, 120000);
	bus_close(bus);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void upload(const char *path, size_t count, char (*ret_ids)[37])
{
	size_t length;
	char *data = test_file_read(path, &length);
	for (size_t i = 0; i < count; i++)
		test_upload_whole(&account, &(struct test_file){ "photo.jpg", "image/jpeg", data, length }, ret_ids[i]);
	free(data);
}

// The pool as `pool show --json` has it.
static json_t *show_pool(void)
{
	struct control control;
	control_run(&control, "pool", "show", POOL, "--json", NULL);
	control_expect(&control, 0);
	json_t *pool = json_incref(control.json);
	control_done(&control);
	return pool;
}

static void limits_hold_at_once(void **state)
{
	(void)state;
	char ids[1][37];
	struct control control;
	control_run(&control, "pool", "set", POOL, "--max-pixels", "1000", "--interactive-share", "3", NULL);
	control_expect(&control, 0);
	control_done(&control);
	json_t *pool = show_pool();
	assert_int_equal(test_json_int(pool, "transcoders.0.max_pixels"), 1000);
	assert_int_equal(test_json_int(pool, "transcoders.0.interactive_share"), 3);
	assert_non_null(strstr(test_json_text(pool, "transcoders.0.sandbox"), "seccomp"));
	assert_non_null(strstr(test_json_text(pool, "transcoders.0.codecs"), "vips"));
	json_decref(pool);
	upload("samples/photos/ember.jpg", 1, ids);
	json_t *media = test_media_await(&account, ids[0], "rejected", READY_MS);
	assert_string_equal(test_json_text(media, "reason.code"), "too_many_pixels");
	json_decref(media);
	control_run(&control, "pool", "set", POOL, "--max-pixels", "0", NULL);
	control_expect(&control, 0);
	control_done(&control);
	upload("samples/photos/ember.jpg", 1, ids);
	json_decref(test_media_await(&account, ids[0], "ready", READY_MS));
	test_pool_set(bus, POOL, NULL);
}

static bool backs_off(void *unused)
{
	(void)unused;
	json_t *pool = show_pool();
	bool is_true = json_is_true(test_json_at(pool, "backs_off"));
	json_decref(pool);
	return is_true;
}

static bool works(void *unused)
{
	return !backs_off(unused);
}

// A deadline of a millisecond kills every child; with a sane one all come through, on attempts they had left.
static void a_pool_whose_children_die_backs_off(void **state)
{
	(void)state;
	char ids[3][37];
	test_pool_set(bus, POOL, "{\"decode_ms\":1}");
	clock_sleep_ms(1000);
	upload("samples/photos/ridges.jpg", 3, ids);
	test_wait(backs_off, NULL, 20000, "the pool backs off");
	test_pool_set(bus, POOL, NULL);
	for (int i = 0; i < 3; i++)
		json_decref(test_media_await(&account, ids[i], "ready", READY_MS));
	test_wait(works, NULL, 10000, "the pool works again");
}

static bool has_work_in_hand(void *unused)
{
	(void)unused;
	return test_sql_int("SELECT count(*) FROM jobs WHERE owner_id = $1::uuid AND state = 'running'",
	                    account.user_id, NULL) >= 2;
}

// Killed, and in its place at once: what it had is taken again long before the leases of 30 seconds end.
static void a_successor_takes_what_the_dead_one_had(void **state)
{
	(void)state;
	char ids[PHOTOS][37];
	test_pool_await_idle(bus, POOL, 10000);
	upload("samples/photos/tide.jpg", PHOTOS, ids);
	test_wait(has_work_in_hand, NULL, 10000, "jobs in hand");
	test_stack_run("kill", "transcoder");
	int64_t lapse_us =
	        test_sql_int("SELECT (extract(epoch FROM min(lease_until)) * 1000000)::bigint FROM jobs WHERE "
	                     "owner_id = $1::uuid AND state = 'running'",
	                     account.user_id, NULL);
	assert_true(lapse_us > clock_now_us() + 15000000); // or this shows nothing
	test_stack_run("restart", "transcoder");
	for (int i = 0; i < PHOTOS; i++)
		json_decref(test_media_await(&account, ids[i], "ready", READY_MS));
	assert_true(test_sql_int("SELECT (extract(epoch FROM max(ready_at)) * 1000000)::bigint FROM media WHERE "
	                         "owner_id = $1::uuid",
	                         account.user_id, NULL) < lapse_us);
	assert_int_equal(test_sql_int("SELECT count(*) FROM media_history h JOIN media m ON m.id = h.media_id WHERE "
	                              "m.owner_id = $1::uuid AND h.new_state = 'failed'",
	                              account.user_id, NULL),
	                 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_successor_takes_what_the_dead_one_had),
		cmocka_unit_test(limits_hold_at_once),
		cmocka_unit_test(a_pool_whose_children_die_backs_off),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
