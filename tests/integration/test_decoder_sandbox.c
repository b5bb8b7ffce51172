// A decoder that has been taken over gets nowhere: not out of its sandbox, not past its limits, not through the
// protocol; and the supervisor's side ends it, says why, leaves no zombie, and the next child works.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ANSWER_MS_MOST 5000
#define LATE_MS_MOST 2000 // what a busy machine may add to a deadline

static struct rig rig;

static int open_rig(void **state)
{
	(void)state;
	rig_init(&rig, "tests/hostile/breakout");
	rig.job.step_count = 2;
	rig.job.steps[1] = (struct preset_step){ .name = "inside", .width = 100 };
	rig.job.encoding_count = 1;
	rig.deadline_ms = ANSWER_MS_MOST;
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	rig_done(&rig);
	return 0;
}

static void attack(const char *name, struct rig_result *ret_result)
{
	(void)snprintf(rig.job.steps[0].name, sizeof(rig.job.steps[0].name), "%s", name);
	rig_run(&rig, "x", 1, ret_result);
	if (ret_result->rc != RC_OK)
		fail_msg("%s: %s", name, ret_result->err.text);
	assert_false(ret_result->outcome.done);
	if (strcmp(ret_result->outcome.detail, "no such attack") == 0)
		fail_msg("%s: no such attack", name);
	print_message("%-16s %s: %s (%lld ms)\n", name, media_reason_name(ret_result->outcome.reason),
	              ret_result->outcome.detail, (long long)ret_result->wall_us / 1000);
	assert_in_range(ret_result->wall_us, 0, (rig.deadline_ms + LATE_MS_MOST) * 1000);
}

// No child of ours is left, dead or alive, besides the rig's.
static void assert_no_zombie(void)
{
	if (rig.child != NULL && child_is_alive(rig.child))
		return;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

// ---- the sandbox ----

static void test_forbidden_calls_kill(void **state)
{
	static const char *const names[] = { "open",
		                             "socket",
		                             "exec",
		                             "fork",
		                             "kill",
		                             "ptrace",
		                             "new_code",
		                             "change_code",
		                             "io_uring",
		                             "raise_limit",
		                             "other_abi",
		                             "old_thread",
		                             "unshare",
		                             "mount",
		                             "setuid",
		                             "bpf",
		                             "userfaultfd",
		                             "keyctl",
		                             "read_supervisor",
		                             "ioctl",
		                             "exec_memory",
		                             "map_code",
		                             "other_socket" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;

		attack(names[i], &result);
		assert_int_equal(result.outcome.reason, REASON_SANDBOX);
		assert_true(result.outcome.sandbox_killed);
		assert_false(result.outcome.usable);
		assert_no_zombie();
		rig_result_done(&result);
	}
}

static void test_all_layers_hold(void **state)
{
	const uint32_t everywhere = WIRE_LAYER_NO_NEW_PRIVILEGES | WIRE_LAYER_SECCOMP | WIRE_LAYER_LIMITS |
	                            WIRE_LAYER_NO_NEW_CODE | WIRE_LAYER_LANDLOCK;
	uint32_t layers;
	char text[256];

	(void)state;
	rig_start(&rig);
	layers = child_ready(rig.child)->layers;
	wire_layers_text(layers, text, sizeof(text));
	print_message("layers: %s; Landlock ABI %u\n", text, child_ready(rig.child)->landlock_abi);
	assert_int_equal(layers & everywhere, everywhere);
	if (geteuid() == 0)
		assert_true(layers & WIRE_LAYER_UID);
	if (layers & WIRE_LAYER_NAMESPACES)
		assert_true(layers & WIRE_LAYER_EMPTY_ROOT);
}

// Where a layer is missing, `required` refuses the decoder and says which; `best-effort` takes what there is.
static void test_required_layers_are_required(void **state)
{
	struct rig unfiltered;
	struct child *child = NULL;
	struct err err = { 0 };

	(void)state;
	rig_init(&unfiltered, "tests/hostile/unfiltered");
	assert_int_equal(child_spawn(&unfiltered.config, &child, &err), RC_OK);
	assert_int_equal(child_wait_ready(child, deadline_after_ms(ANSWER_MS_MOST), &err), RC_DENIED);
	assert_non_null(strstr(err.text, "lacks: seccomp"));
	child_free(child);
	unfiltered.config.sandbox_required = false;
	assert_int_equal(child_spawn(&unfiltered.config, &child, &err), RC_OK);
	assert_int_equal(child_wait_ready(child, deadline_after_ms(ANSWER_MS_MOST), &err), RC_OK);
	assert_int_equal(child_ready(child)->layers & (WIRE_LAYER_SECCOMP | WIRE_LAYER_NO_NEW_CODE), 0);
	child_free(child);
}

// ---- limits ----

static void test_resources_are_bounded(void **state)
{
	static const struct {
		const char *name;
		const char *detail;
	} attacks[] = { { "memory", "refused" }, { "large_file", "EFBIG" }, { "many_files", "EMFILE" } };

	(void)state;
	for (size_t i = rig_is_sanitized() ? 1 : 0; i < LENGTH_OF(attacks); i++) {
		struct rig_result result;

		attack(attacks[i].name, &result);
		// Without a process namespace of its own the file's limit kills instead.
		if (result.outcome.reason != REASON_OUTPUT_TOO_LARGE)
			assert_string_equal(result.outcome.detail, attacks[i].detail);
		rig_result_done(&result);
		rig_done(&rig);
	}
}

static void assert_timed_out(const char *name, int64_t deadline_ms)
{
	struct rig_result result;

	rig.deadline_ms = deadline_ms;
	attack(name, &result);
	rig.deadline_ms = ANSWER_MS_MOST;
	assert_int_equal(result.outcome.reason, REASON_DECODE_TIMEOUT);
	assert_false(result.outcome.usable);
	assert_in_range(result.wall_us, deadline_ms * 900, (deadline_ms + LATE_MS_MOST) * 1000);
	assert_no_zombie();
	rig_result_done(&result);
}

static void test_deadline_kills(void **state)
{
	(void)state;
	assert_timed_out("spin", 300);
	assert_timed_out("sleep", 300);
	rig_start(&rig);
	assert_int_equal(kill(child_pid(rig.child), SIGSTOP), 0);
	assert_timed_out("open", 300); // stopped, it does not even come to its attack
}

// By the CPU's clock, not the wall's: on a busy machine a second of it takes long.
static void test_cpu_time_is_bounded(void **state)
{
	struct rig_result result;

	(void)state;
	rig_done(&rig);
	rig.config.cpu_seconds = 1;
	rig.deadline_ms = 60000;
	attack("spin", &result);
	rig.config.cpu_seconds = 60;
	rig.deadline_ms = ANSWER_MS_MOST;
	assert_int_equal(result.outcome.reason, REASON_DECODE_TIMEOUT);
	assert_string_equal(result.outcome.detail, "ended with status 3"); // itself, WIRE_EXIT_CPU
	assert_in_range(result.outcome.cpu_us, 300000, 3000000);           // the timer counts whole ticks
	rig_result_done(&result);
}

static void test_deaths_have_reasons(void **state)
{
	static const char *const names[] = { "exit", "abort", "crash" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;

		if (rig_is_sanitized() && strcmp(names[i], "exit") != 0)
			continue;
		attack(names[i], &result);
		assert_int_equal(result.outcome.reason, REASON_CRASHED);
		assert_false(result.outcome.usable);
		assert_no_zombie();
		rig_result_done(&result);
	}
}

// ---- protocol ----

static void test_protocol_is_enforced(void **state)
{
	static const char *const names[] = { "garbage",       "facts_twice",     "large_facts",    "position",
		                             "variant_first", "unasked_variant", "other_size",     "wrong_length",
		                             "unsealed",      "no_file",         "socket_as_file", "twice",
		                             "early_done",    "other_job",       "other_reason" };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(names); i++) {
		struct rig_result result;

		attack(names[i], &result);
		assert_int_equal(result.outcome.reason, REASON_CRASHED);
		assert_true(result.outcome.misbehaved);
		assert_false(result.outcome.usable);
		assert_int_equal(result.variant_count, strcmp(names[i], "twice") == 0 ? 1 : 0);
		assert_no_zombie();
		rig_result_done(&result);
	}
}

// A message behind the end of a job belongs to no job: the child is not trusted with another.
static void test_nothing_comes_between_jobs(void **state)
{
	struct rig_result result;

	(void)state;
	attack("after_the_end", &result);
	assert_int_equal(result.outcome.reason, REASON_DECODE_FAILED);
	rig_result_done(&result);
	rig_run(&rig, "x", 1, &result);
	// It may come before the next job is given or, rarely, just after.
	assert_true(result.rc == RC_UNAVAILABLE || (result.rc == RC_OK && result.outcome.misbehaved));
	assert_false(child_is_alive(rig.child));
	rig_result_done(&result);
}

static enum rc refuse_facts(void *context, const struct wire_facts *facts, struct err *err)
{
	(void)context;
	(void)facts;
	return err_set(err, RC_CORRUPT, "not wanted");
}

// What a callback returns is child_run's answer, even a code that the channel uses, and is not held against the
// picture.
static void test_callback_ends_the_job(void **state)
{
	const struct child_events events = { .facts = refuse_facts };
	struct child_outcome outcome;
	struct err err = { 0 };
	int input = -1;

	(void)state;
	rig_start(&rig);
	assert_int_equal(file_new_memory("input", &input, NULL), RC_OK);
	assert_int_equal(child_run(rig.child, 77, &rig.job, input, deadline_after_ms(1000), &events, &outcome, &err),
	                 RC_INVALID); // not sealed
	assert_int_equal(file_seal(input, NULL), RC_OK);
	(void)snprintf(rig.job.steps[0].name, sizeof(rig.job.steps[0].name), "early_done");
	assert_int_equal(child_run(rig.child, 77, &rig.job, input, deadline_after_ms(1000), &events, &outcome, &err),
	                 RC_CORRUPT);
	assert_string_equal(err.text, "not wanted");
	assert_false(child_is_alive(rig.child));
	close(input);
}

// ---- beginnings ----

static void test_spawn_errors(void **state)
{
	struct child_config config = rig.config;
	struct child *child = NULL;
	struct err err = { 0 };

	(void)state;
	config.decoder = "/nonexistent/decoder";
	assert_int_equal(child_spawn(&config, &child, &err), RC_NOT_FOUND);
	config.decoder = "/etc/passwd";
	assert_int_equal(child_spawn(&config, &child, &err), RC_DENIED);
	config.decoder = "/bin/true";
	assert_int_equal(child_spawn(&config, &child, &err), RC_OK);
	assert_int_equal(child_wait_ready(child, deadline_after_ms(5000), &err), RC_UNAVAILABLE);
	assert_non_null(strstr(err.text, "ended with status 0"));
	assert_int_equal(child_wait_ready(child, deadline_after_ms(5000), &err), RC_UNAVAILABLE);
	child_free(child);
	rig_done(&rig);
	assert_no_zombie();
}

// The whole way: killed by its sandbox in one job, the real decoder does the next one.
static void test_next_child_works(void **state)
{
	struct rig good;
	struct rig_result result;
	struct buffer jpeg;

	(void)state;
	attack("open", &result);
	assert_true(result.outcome.sandbox_killed);
	rig_result_done(&result);
	rig_init(&good, "bin/safelight-decoder");
	buffer_init(&jpeg, 1u << 20);
	picture_make_jpeg(300, 200, &jpeg);
	rig_run(&good, jpeg.data, jpeg.length, &result);
	assert_true(result.outcome.done);
	assert_true(result.outcome.usable);
	assert_int_equal(child_job_count(good.child), 1);
	rig_result_done(&result);
	buffer_done(&jpeg);
	rig_done(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_layers_hold),
		cmocka_unit_test(test_required_layers_are_required),
		cmocka_unit_test(test_forbidden_calls_kill),
		cmocka_unit_test(test_resources_are_bounded),
		cmocka_unit_test(test_deadline_kills),
		cmocka_unit_test(test_cpu_time_is_bounded),
		cmocka_unit_test(test_deaths_have_reasons),
		cmocka_unit_test(test_protocol_is_enforced),
		cmocka_unit_test(test_nothing_comes_between_jobs),
		cmocka_unit_test(test_callback_ends_the_job),
		cmocka_unit_test(test_spawn_errors),
		cmocka_unit_test(test_next_child_works),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
