// The transcoder's pools under an operator's hands, against the running stack: paused, resized, wrongly set, and sent
// away with work in hand, all without losing a job.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define POOL "fast"
#define RUNNING "safelight_pool_workers_running"
#define WANTED "safelight_pool_workers_wanted"
#define PHOTO "samples/photos/ridges.jpg"
#define PHOTOS 8
#define READY_MS 60000
// A change shows its effect within this time; the figures are looked at ten times a second.
#define EFFECT_MS 1000

extern char **environ;

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
	bus_close(bus);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static int64_t configured_workers(void)
{
	return settings_find_pool(test_stack_settings(), POOL)->workers;
}

static void upload_photos(char ret_ids[PHOTOS][37])
{
	size_t length;
	char *data = test_file_read(PHOTO, &length);
	for (int i = 0; i < PHOTOS; i++)
		test_upload_whole(&account, &(struct test_file){ "ridges.jpg", "image/jpeg", data, length },
		                  ret_ids[i]);
	free(data);
}

static void expect_ready(char ids[PHOTOS][37], int64_t most_attempts)
{
	for (int i = 0; i < PHOTOS; i++) {
		json_decref(test_media_await(&account, ids[i], "ready", READY_MS));
		assert_in_range(test_sql_int("SELECT attempts FROM jobs WHERE media_id = $1::uuid", ids[i], NULL), 1,
		                most_attempts);
		assert_int_equal(test_sql_int("SELECT count(*) FROM media_history WHERE media_id = $1::uuid AND "
		                              "new_state IN ('ready', 'failed', 'rejected')",
		                              ids[i], NULL),
		                 1);
	}
}

static int64_t count_jobs(const char *state)
{
	return test_sql_int("SELECT count(*) FROM jobs WHERE owner_id = $1::uuid AND state = $2", account.user_id,
	                    state, NULL);
}

static void a_paused_pool_keeps_its_backlog(void **state)
{
	(void)state;
	char ids[PHOTOS][37];
	test_pool_set(bus, POOL, "{\"paused\":true}");
	clock_sleep_ms(EFFECT_MS);
	upload_photos(ids);
	clock_sleep_ms(1500);
	assert_int_equal(count_jobs("queued"), PHOTOS);
	assert_int_equal(count_jobs("running"), 0);
	// Not even a restart takes one of them.
	test_stack_run("restart", "transcoder");
	clock_sleep_ms(1500);
	assert_int_equal(count_jobs("queued"), PHOTOS);
	test_pool_set(bus, POOL, NULL);
	expect_ready(ids, 1);
	test_pool_await_idle(bus, POOL, 10000);
}

static void workers_come_and_go_live(void **state)
{
	(void)state;
	char ids[PHOTOS][37];
	test_pool_await(RUNNING, POOL, configured_workers(), 5000);
	upload_photos(ids);
	test_pool_set(bus, POOL, "{\"workers\":3}");
	test_pool_await(RUNNING, POOL, 3, EFFECT_MS);
	test_pool_set(bus, POOL, "{\"workers\":1}");
	test_pool_await(WANTED, POOL, 1, EFFECT_MS);
	test_pool_await(RUNNING, POOL, 1, READY_MS); // a worker finishes what it has
	test_pool_set(bus, POOL, "{\"workers\":3,\"prefetch\":1}");
	test_pool_await(RUNNING, POOL, 3, EFFECT_MS);
	expect_ready(ids, 1);
	test_pool_set(bus, POOL, "{\"workers\":1}"); // idle ones go at once
	test_pool_await(RUNNING, POOL, 1, EFFECT_MS);
	test_pool_set(bus, POOL, NULL);
	test_pool_await(RUNNING, POOL, configured_workers(), EFFECT_MS);
}

static void a_wrong_value_changes_nothing(void **state)
{
	(void)state;
	static const char *const WRONG[] = { "{\"workers\":0}",
		                             "{\"workers\":257}",
		                             "{\"workers\":\"3\"}",
		                             "{\"workers\":1,\"paused\":1}",
		                             "{\"threads\":3}",
		                             "{\"workers\":1,\"nice\":20}",
		                             "[3]",
		                             "3 workers, please",
		                             "{\"workers\":1.5}",
		                             "{\"workers\":1,\"interactive_share\":0}",
		                             "{\"workers\":1,\"decode_ms\":-1}",
		                             "{\"workers\":1,\"workers\":1}" };
	test_pool_set(bus, POOL, "{\"workers\":3}");
	test_pool_await(RUNNING, POOL, 3, EFFECT_MS);
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
		test_pool_set(bus, POOL, WRONG[i]);
	clock_sleep_ms(EFFECT_MS);
	assert_int_equal(test_pool_metric(WANTED, POOL), 3);
	assert_int_equal(test_pool_metric(RUNNING, POOL), 3);
	test_pool_set(bus, "nobody", "{\"workers\":1}"); // of a pool that does not run here
	test_pool_set(bus, POOL, "{\"workers\":2}");     // and the next right one counts
	test_pool_await(RUNNING, POOL, 2, EFFECT_MS);
	test_pool_set(bus, "nobody", NULL);
	test_pool_set(bus, POOL, NULL);
}

// ---- sent away ----------------------------------------------------------------------------------------------------

// The binary of the transcoder that runs in the stack.
static void find_transcoder(char *ret_path, size_t size)
{
	char link[64];
	(void)snprintf(link, sizeof link, "/proc/%ld/exe", (long)test_stack_pid("transcoder"));
	ssize_t got = readlink(link, ret_path, size - 1);
	assert_true(got > 0);
	ret_path[got] = '\0';
}

// One of our own in its place, so that its exit status is ours to read. It reads SAFELIGHT_CONFIG.
static pid_t start_transcoder(const char *path)
{
	const char *const arguments[] = { path, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&pid, path, &actions, NULL, (char *const *)arguments, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static bool has_several_in_hand(void *unused)
{
	(void)unused;
	return count_jobs("running") >= 3;
}

struct ending {
	pid_t pid;
	int status;
};

static bool has_ended(void *context)
{
	struct ending *ending = context;
	return waitpid(ending->pid, &ending->status, WNOHANG) == ending->pid;
}

static void sigterm_gives_back_what_it_cannot_finish(void **state)
{
	(void)state;
	char path[4096], ids[PHOTOS][37];
	find_transcoder(path, sizeof path);
	test_pool_await_idle(bus, POOL, 10000);
	test_stack_run("kill", "transcoder");
	struct ending ending = { .pid = start_transcoder(path) };
	test_pool_await(RUNNING, POOL, configured_workers(), 10000);
	int64_t done = count_jobs("done");
	upload_photos(ids);
	test_wait(has_several_in_hand, NULL, 10000, "jobs in hand");
	assert_int_equal(kill(ending.pid, SIGTERM), 0);
	test_wait(has_ended, &ending, 25000, "the transcoder ends");
	assert_true(WIFEXITED(ending.status));
	assert_int_equal(WEXITSTATUS(ending.status), 0);
	// What it had is done or as if it had never been taken.
	assert_int_equal(count_jobs("running"), 0);
	assert_int_equal(count_jobs("done") + count_jobs("queued"), done + PHOTOS);
	assert_true(count_jobs("queued") > 0); // or this was no test
	assert_int_equal(test_sql_int("SELECT coalesce(sum(attempts), 0) FROM jobs WHERE owner_id = $1::uuid AND "
	                              "state = 'queued'",
	                              account.user_id, NULL),
	                 0);
	test_stack_run("restart", "transcoder");
	expect_ready(ids, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_paused_pool_keeps_its_backlog),
		cmocka_unit_test(workers_come_and_go_live),
		cmocka_unit_test(a_wrong_value_changes_nothing),
		cmocka_unit_test(sigterm_gives_back_what_it_cannot_finish),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
