// The transcoder and its sandbox: it says at start which layers hold, and does not start where a required one is
// missing.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define END_MS 20000
#define OUTPUT_BYTES 16384

// Where the build lies: BUILD_DIR, as the test's runner sets it.
static void below_build(const char *below, char ret_path[512])
{
	const char *build = getenv("BUILD_DIR");
	(void)snprintf(ret_path, 512, "%s/%s", build == NULL ? "build" : build, below);
}

// Run a transcoder whose decoder is the one without a filter of system calls until it ends by itself (its status) or
// for until_ms (-1, after SIGTERM). ret_output is what it said.
static int run_unfiltered(const char *sandbox, int64_t until_ms, char ret_output[OUTPUT_BYTES])
{
	char binary[512], decoder[512], setting[80], variable[600], config[600];
	char *arguments[] = { binary, NULL };
	below_build("bin/safelight-transcoder", binary);
	below_build("tests/hostile/unfiltered", decoder);
	(void)snprintf(setting, sizeof setting, "SAFELIGHT_TRANSCODER_SANDBOX=%s", sandbox);
	(void)snprintf(variable, sizeof variable, "SAFELIGHT_TRANSCODER_DECODER=%s", decoder);
	(void)snprintf(config, sizeof config, "SAFELIGHT_CONFIG=%s", getenv("SAFELIGHT_CONFIG"));
	char *environment[] = { setting, variable, config, (char *)"SAFELIGHT_TRANSCODER_LISTEN=127.0.0.1:0", NULL };
	int output[2], status = 0;
	pid_t pid;
	posix_spawn_file_actions_t actions;
	assert_int_equal(pipe2(output, O_CLOEXEC | O_NONBLOCK), 0);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, output[1], 1);
	(void)posix_spawn_file_actions_adddup2(&actions, output[1], 2);
	assert_int_equal(posix_spawn(&pid, binary, &actions, NULL, arguments, environment), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(output[1]);
	bool ended = false;
	for (int64_t waited = 0; waited < until_ms && !ended; waited += 50) {
		ended = waitpid(pid, &status, WNOHANG) == pid;
		if (!ended)
			clock_sleep_ms(50);
	}
	if (!ended) {
		(void)kill(pid, SIGTERM);
		(void)waitpid(pid, &status, 0);
	}
	ssize_t length = read(output[0], ret_output, OUTPUT_BYTES - 1);
	ret_output[length < 0 ? 0 : length] = '\0';
	(void)close(output[0]);
	return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_missing_layer_stops_it_when_required(void **state)
{
	char output[OUTPUT_BYTES];
	(void)state;
	int status = run_unfiltered("required", END_MS, output);
	if (status <= 0)
		fail_msg("ended with %d: %s", status, output);
	if (strstr(output, "sandbox lacks: seccomp") == NULL)
		fail_msg("it does not say what is missing: %s", output);
}

static void what_holds_is_logged_at_start(void **state)
{
	char output[OUTPUT_BYTES];
	(void)state;
	(void)run_unfiltered("best-effort", 5000, output);
	const char *line = strstr(output, "\"sandbox\"");
	if (line == NULL)
		fail_msg("nothing is said of the sandbox: %s", output);
	const char *layers = strstr(line, "\"layers\":\"");
	assert_non_null(layers);
	assert_non_null(strstr(layers, "no_new_privileges"));
	assert_null(memmem(layers, strcspn(layers, "\n"), "seccomp", 7)); // the truth, not a list of wishes
}

// The stack's own runs with all that this machine offers.
static void the_stacks_own_is_whole(void **state)
{
	(void)state;
	char *path = test_stack_path("logs/transcoder.log"), line[4096], last[4096] = "";
	FILE *log = fopen(path, "re");
	assert_non_null(log);
	while (fgets(line, sizeof line, log) != NULL)
		if (strstr(line, "\"event\":\"sandbox\"") != NULL)
			memcpy(last, line, sizeof last);
	(void)fclose(log);
	free(path);
	if (strstr(last, "seccomp") == NULL || strstr(last, "no_new_code") == NULL || strstr(last, "limits") == NULL)
		fail_msg("the log says \"%s\"", last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_layer_stops_it_when_required),
		cmocka_unit_test(what_holds_is_logged_at_start),
		cmocka_unit_test(the_stacks_own_is_whole),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
