// Ten photos in flight while a part of the system dies: all end ready, once, and the buckets hold what the tables name.
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/phones.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/ridges.jpg"
#define POOL "fast"
// From the restart on; a job whose worker was killed waits for its lease (30 s) to end.
#define READY_MS 90000
#define APART_MS 60

static int setup(void **state)
{
	return test_stack_setup(state);
}

// What a failed test left dead is brought back for the next one.
static int end_test(void **state)
{
	static const char *const COMPONENTS[] = { "nats", "postgres", "rgw", "ingest", "transcoder", "api" };
	(void)state;
	test_phones_stop();
	for (size_t i = 0; i < sizeof COMPONENTS / sizeof COMPONENTS[0]; i++)
		if (!test_stack_try("wait", COMPONENTS[i]))
			(void)test_stack_try("restart", COMPONENTS[i]);
	return 0;
}

static int64_t count_jobs(const char *condition)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM jobs WHERE owner_id = $1::uuid AND %s", condition);
	return test_sql_int(sql, test_phones_owner()->user_id, NULL);
}

// At least one photo is being worked on.
static bool is_in_flight(void *unused)
{
	(void)unused;
	return count_jobs("state = 'running'") >= 1;
}

static void await_flight(void)
{
	test_wait(is_in_flight, NULL, 15000, "photos in flight");
	int64_t done = count_jobs("state = 'done'");
	if (done > TEST_PHONES / 2)
		fail_msg("%lld of %d were ready before anything happened: no test", (long long)done, TEST_PHONES);
}

static void kill_and_restart(const char *component)
{
	test_phones_start(PHOTO, APART_MS);
	await_flight();
	test_stack_run("kill", component);
	clock_sleep_ms(1000);
	test_stack_run("restart", component);
	test_phones_await(READY_MS);
	test_phones_check();
}

static void ingest_is_killed(void **state)
{
	(void)state;
	kill_and_restart("ingest");
}

static void transcoder_is_killed(void **state)
{
	(void)state;
	kill_and_restart("transcoder");
}

static void api_is_killed(void **state)
{
	(void)state;
	kill_and_restart("api");
}

static void nats_is_killed(void **state)
{
	(void)state;
	kill_and_restart("nats");
}

static void postgres_is_killed(void **state)
{
	(void)state;
	kill_and_restart("postgres");
}

static void the_store_is_killed(void **state)
{
	(void)state;
	kill_and_restart("rgw");
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

// More than the transcoder takes ahead: the rest waits in the stream.
static bool has_backlog(void *unused)
{
	(void)unused;
	return count_jobs("state = 'queued' AND queued_at < now() - interval '100 milliseconds'") >= 3;
}

static void jetstreams_folder_is_deleted(void **state)
{
	(void)state;
	char path[4200];
	(void)snprintf(path, sizeof path, "%s/data/nats/jetstream", test_stack_folder());
	test_phones_start(PHOTO, 0);
	test_wait(has_backlog, NULL, 15000, "jobs whose messages nobody has taken");
	test_stack_run("kill", "nats");
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	clock_sleep_ms(1000);
	test_stack_run("restart", "nats");
	test_phones_await(READY_MS);
	assert_true(count_jobs("rings > 1") >= 1); // or no message was lost
	test_phones_check();
}

// ---- decoder children ---------------------------------------------------------------------------------------------

// Those whose child was hit are tried again, and no other.
static void check_retries(size_t signalled)
{
	int64_t again = count_jobs("attempts > 1");
	if (again < 1 || again > (int64_t)signalled)
		fail_msg("%lld jobs were tried again after %zu children were hit", (long long)again, signalled);
}

static void children_are_killed(void **state)
{
	(void)state;
	size_t killed = 0;
	test_phones_start(PHOTO, 0);
	await_flight();
	// Until one was hit with a job in its hands.
	for (int i = 0; i < 40 && count_jobs("last_error_code = 'crashed'") == 0; i++) {
		killed += test_children_signal(SIGKILL, true);
		clock_sleep_ms(50);
	}
	test_phones_await(READY_MS);
	check_retries(killed);
	test_phones_check();
}

static bool is_at_work(void *unused)
{
	(void)unused;
	return count_jobs("state = 'done'") >= 1;
}

static void children_are_stopped(void **state)
{
	(void)state;
	static const char *const HASTY[] = { "SAFELIGHT_TRANSCODER_DECODE_MS", "3000", NULL };
	test_stack_restart_with("transcoder", HASTY);
	test_phones_start(PHOTO, 0);
	test_wait(is_at_work, NULL, 15000, "a first photo done");
	// Each that is warm holds a job, or will be given one.
	size_t stopped = test_children_signal(SIGSTOP, false);
	test_phones_await(READY_MS);
	check_retries(stopped);
	test_phones_check();
	test_stack_run("restart", "transcoder");
}

#define CHAOS_TEST(function) cmocka_unit_test_teardown(function, end_test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHAOS_TEST(ingest_is_killed),
		CHAOS_TEST(transcoder_is_killed),
		CHAOS_TEST(api_is_killed),
		CHAOS_TEST(nats_is_killed),
		CHAOS_TEST(postgres_is_killed),
		CHAOS_TEST(the_store_is_killed),
		CHAOS_TEST(jetstreams_folder_is_deleted),
		CHAOS_TEST(children_are_killed),
		CHAOS_TEST(children_are_stopped),
	};
	return cmocka_run_group_tests(tests, setup, test_stack_teardown);
}
