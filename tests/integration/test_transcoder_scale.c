// A pool with limits on the real stack: a backlog brings workers, idleness takes them away, an operator is followed.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define POOL "fast"
#define WANTED "safelight_pool_workers_wanted"
#define RUNNING "safelight_pool_workers_running"
#define LEAST 1
#define MOST 3
#define PHOTOS 12
#define IDLE_MS 2000
// Looks come each second, a backlog has to last for two; the machine may be busy.
#define GROW_MS 20000

static struct test_account account;
static struct bus *bus;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	// The machine that tests run on is under pressure by the tests: here the backlog decides. test_scale has the
	// rest.
	const char *const with[] = { "SAFELIGHT_TRANSCODER_SCALE_BACKLOG_MS",
		                     "500",
		                     "SAFELIGHT_TRANSCODER_SCALE_IDLE_MS",
		                     "2000",
		                     "SAFELIGHT_TRANSCODER_SCALE_PRESSURE_PERCENT",
		                     "100",
		                     NULL };
	test_stack_restart_with("transcoder", with);
	test_account_new(&account);
	bus = test_bus_open();
	return 0;
}

static int teardown(void **state)
{
	if (bus == NULL)
		return 0; // the setup failed
	test_pool_set(bus, POOL, NULL);
	bus_close(bus);
	test_account_done(&account);
	test_stack_run("restart", "transcoder");
	return test_stack_teardown(state);
}

static void make_backlog(char (*ret_ids)[37])
{
	size_t length;
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	test_pool_set(bus, POOL, "{\"paused\":true,\"workers\":1,\"workers_min\":1,\"workers_max\":3}");
	clock_sleep_ms(1000);
	for (int i = 0; i < PHOTOS; i++)
		test_upload_whole(&account, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, ret_ids[i]);
	free(data);
}

static int64_t count_scaled(const char *direction)
{
	char url[128], line[96];
	struct test_reply reply;
	(void)snprintf(url, sizeof url, "http://%s/metrics", test_stack_settings()->transcoder_listen);
	(void)snprintf(line, sizeof line, "\nsafelight_pool_scaled_total{pool=\"" POOL "\",direction=\"%s\"} ",
	               direction);
	test_http(&(struct test_call){ .url = url }, &reply);
	assert_int_equal(reply.status, 200);
	const char *found = strstr(reply.body, line);
	assert_non_null(found);
	int64_t count = strtoll(found + strlen(line), NULL, 10);
	test_reply_done(&reply);
	return count;
}

static void await_at_least(const char *metric, int64_t least, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (int64_t value; (value = test_pool_metric(metric, POOL)) < least; clock_sleep_ms(50)) {
		assert_in_range(value, LEAST, MOST);
		if (deadline_passed(deadline))
			fail_msg("%s is %lld after %lld ms", metric, (long long)value, (long long)timeout_ms);
	}
}

static bool holds_a_child(void *context)
{
	(void)context;
	return test_children_signal(SIGSTOP, true) > 0;
}

static void a_backlog_brings_workers_and_idleness_takes_them(void **state)
{
	(void)state;
	static char ids[PHOTOS][37];
	make_backlog(ids);
	// A paused pool is left as it is, whatever waits.
	clock_sleep_ms(2500);
	assert_int_equal(test_pool_metric(WANTED, POOL), 1);
	assert_int_equal(count_scaled("up"), 0);
	test_pool_set(bus, POOL, "{\"workers\":1,\"workers_min\":1,\"workers_max\":3}");
	// However fast the machine is: the one child that works is held, and the others wait for it.
	test_wait(holds_a_child, NULL, 10000, "a child at work");
	await_at_least(WANTED, 2, GROW_MS);
	(void)test_children_signal(SIGCONT, false);
	await_at_least(RUNNING, 2, 5000);
	assert_true(count_scaled("up") >= 1);
	struct control show;
	control_run(&show, "pool", "show", POOL, "--json", NULL);
	control_expect(&show, 0);
	assert_true(test_json_int(show.json, "workers_wanted") >= 2);
	assert_int_equal(test_json_int(show.json, "setting.workers"), 1);
	assert_true(json_is_true(test_json_at(show.json, "taken"))); // it works by the setting, adjusting included
	control_done(&show);
	control_run(&show, "pool", "show", POOL, NULL);
	control_assert_has(show.out, "1-3");
	control_done(&show);
	for (int i = 0; i < PHOTOS; i++)
		json_decref(test_media_await(&account, ids[i], "ready", 60000));
	test_pool_await(WANTED, POOL, LEAST, IDLE_MS + 10000);
	test_pool_await(RUNNING, POOL, LEAST, 5000);
	assert_true(count_scaled("down") >= 1);
}

static void an_operator_is_followed(void **state)
{
	(void)state;
	struct control set;
	control_run(&set, "pool", "set", POOL, "--workers", "3", "--json", NULL);
	control_expect(&set, 0);
	assert_int_equal(test_json_int(set.json, "workers_wanted"), 3);
	assert_true(json_is_true(test_json_at(set.json, "taken")));
	control_done(&set);
	test_pool_await(RUNNING, POOL, 3, 2000);
	// Limits that leave out the present number hold at once; wrong ones are refused.
	control_run(&set, "pool", "set", POOL, "--workers-max", "2", NULL);
	control_expect(&set, 0);
	control_done(&set);
	test_pool_await(WANTED, POOL, 2, 2000);
	control_run(&set, "pool", "set", POOL, "--workers-min", "3", NULL);
	control_expect(&set, 64);
	control_assert_has(set.err, "workers_min would be 3 and workers_max 2");
	control_done(&set);
	// Fixed again: an idle pool keeps what it was told to have.
	control_run(&set, "pool", "set", POOL, "--workers-max", "0", "--workers", "3", NULL);
	control_expect(&set, 0);
	control_assert_has(set.out, "fixed");
	control_done(&set);
	clock_sleep_ms(IDLE_MS + 2000);
	assert_int_equal(test_pool_metric(WANTED, POOL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_backlog_brings_workers_and_idleness_takes_them),
		cmocka_unit_test(an_operator_is_followed),
	};
	return cmocka_run_group_tests_name("transcoder scale", tests, setup, teardown);
}
