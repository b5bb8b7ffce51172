// Running peers.
#include "tests/integration/support/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3"

// All that comes from the other end, as JSON; NULL when it is none.
static json_t *read_answer(int descriptor)
{
	FILE *file = fdopen(descriptor, "r");
	if (file == NULL) {
		(void)close(descriptor);
		return NULL;
	}
	json_t *json = json_loadf(file, 0, NULL);
	(void)fclose(file);
	return json;
}

// The pid; negative with errno's value when it could not be started.
static pid_t start(char *const arguments[], int output)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	(void)posix_spawn_file_actions_init(&actions);
	if (output >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	int failed = posix_spawn(&pid, PYTHON, &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed == 0 ? pid : -failed;
}

static int run(char *const arguments[], json_t **ret_answer)
{
	int ends[2] = { -1, -1 };
	int status = 0;
	if (ret_answer != NULL && pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	pid_t pid = start(arguments, ends[1]);
	if (ret_answer != NULL) {
		(void)close(ends[1]);
		*ret_answer = read_answer(ends[0]);
	}
	if (pid < 0)
		return pid == -ENOENT ? TEST_PEER_MISSING : -1;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int test_peer_run(const char *script, const char *first, const char *second, json_t *facts, json_t **ret_answer)
{
	char *const arguments[] = { PYTHON, (char *)script, (char *)first, (char *)second, NULL };
	char *text = json_dumps(facts, JSON_COMPACT);
	json_decref(facts);
	int status = -1;
	if (text != NULL && setenv("PEER_FACTS", text, 1) == 0)
		status = run(arguments, ret_answer);
	(void)unsetenv("PEER_FACTS");
	free(text);
	return status;
}
