// Spawning safelightctl.
#include "tests/integration/support/control.h"

#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/cmocka_all.h"

#define WORDS_MOST 32
#define RUN_MS 60000
#define OUTPUT_BYTES_MOST (8 * 1024 * 1024)

extern char **environ;

// <build>/bin/safelightctl of the build that this test is in: <build>/tests/integration/test_….
static void find_binary(char *ret_path, size_t size)
{
	char own[2048];
	ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
	assert_true(length > 0);
	own[length] = '\0';
	(void)snprintf(ret_path, size, "%s/../../bin/safelightctl", dirname(own));
}

static FILE *new_file(void)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(fcntl(fileno(file), F_SETFD, FD_CLOEXEC), 0);
	return file;
}

static const char *input;

void control_set_input(const char *text)
{
	input = text;
}

void control_start(struct control *ret_control, const char *const *words)
{
	char path[2100];
	const char *arguments[WORDS_MOST + 2] = { path };
	posix_spawn_file_actions_t actions;
	struct control control = { .out_file = new_file(), .err_file = new_file(), .status = -1 };
	find_binary(path, sizeof path);
	for (size_t i = 0; words[i] != NULL; i++) {
		assert_true(i < WORDS_MOST);
		arguments[i + 1] = words[i];
	}
	(void)posix_spawn_file_actions_init(&actions);
	FILE *in_file = input == NULL ? fopen("/dev/null", "re") : new_file();
	assert_non_null(in_file);
	if (input != NULL) {
		(void)fputs(input, in_file);
		rewind(in_file);
	}
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(in_file), 0);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(control.out_file), 1);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(control.err_file), 2);
	int failed = posix_spawn(&control.child, path, &actions, NULL, (char *const *)arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)fclose(in_file);
	if (failed != 0)
		fail_msg("%s: %s", path, strerror(failed));
	*ret_control = control;
}

static char *read_file(FILE *file)
{
	char *text = malloc(OUTPUT_BYTES_MOST);
	assert_non_null(text);
	rewind(file);
	size_t length = fread(text, 1, OUTPUT_BYTES_MOST - 1, file);
	text[length] = '\0';
	(void)fclose(file);
	return text;
}

void control_finish(struct control *control)
{
	struct deadline deadline = deadline_after_ms(RUN_MS);
	json_error_t where;
	int status = 0;
	pid_t ended;
	while ((ended = waitpid(control->child, &status, WNOHANG)) == 0) {
		if (deadline_passed(deadline)) {
			(void)kill(control->child, SIGKILL);
			(void)waitpid(control->child, &status, 0);
			fail_msg("safelightctl did not end within %d ms", RUN_MS);
		}
		clock_sleep_ms(5);
	}
	assert_int_equal(ended, control->child);
	control->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	control->out = read_file(control->out_file);
	control->err = read_file(control->err_file);
	control->out_file = control->err_file = NULL;
	control->json = json_loads(control->out, 0, &where);
}

void control_run(struct control *ret_control, ...)
{
	const char *words[WORDS_MOST + 1] = { 0 };
	size_t count = 0;
	va_list arguments;
	va_start(arguments, ret_control);
	for (const char *word; (word = va_arg(arguments, const char *)) != NULL;) {
		assert_true(count < WORDS_MOST);
		words[count++] = word;
	}
	va_end(arguments);
	control_start(ret_control, words);
	control_finish(ret_control);
}

void control_done(struct control *control)
{
	json_decref(control->json);
	free(control->out);
	free(control->err);
	*control = (struct control){ 0 };
}

void control_assert_status(const struct control *control, int wanted, const char *file, int line)
{
	if (control->status == wanted)
		return;
	print_error("exit status %d, not %d\n--- stdout\n%.4000s\n--- stderr\n%.2000s\n", control->status, wanted,
	            control->out, control->err);
	_fail(file, line);
}

void control_assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("'%s' is not in: %.3000s\n", part, text);
}
