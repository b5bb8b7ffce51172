// Finding processes in /proc.
#include "tests/integration/support/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

// As the kernel cuts it.
#define DECODER "(safelight-decod)"

const char *test_stack_folder(void)
{
	static char folder[4096];
	const char *config = getenv("SAFELIGHT_CONFIG");
	const char *slash = config == NULL ? NULL : strrchr(config, '/');
	(void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - config),
	               slash == NULL ? "." : config);
	return folder;
}

pid_t test_stack_pid(const char *component)
{
	char path[4200];
	size_t length;
	(void)snprintf(path, sizeof path, "%s/pids/%s.pid", test_stack_folder(), component);
	char *text = test_file_read(path, &length);
	pid_t pid = (pid_t)strtol(text, NULL, 10);
	free(text);
	assert_true(pid > 1);
	return pid;
}

// proc(5): "pid (comm) state ppid …".
static bool is_decoder_of(const char *pid, pid_t parent, bool only_busy)
{
	char path[300], line[512], state = '\0';
	int parent_found = 0;
	(void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
	FILE *stream = fopen(path, "re");
	if (stream == NULL)
		return false;
	const char *comm = fgets(line, sizeof line, stream) == NULL ? NULL : strstr(line, DECODER);
	bool is_child = comm != NULL && sscanf(comm + strlen(DECODER), " %c %d", &state, &parent_found) == 2 &&
	                parent_found == parent;
	(void)fclose(stream);
	return is_child && (!only_busy || state == 'R');
}

size_t test_children_signal(int signal_number, bool only_busy)
{
	pid_t parent = test_stack_pid("transcoder");
	DIR *folder = opendir("/proc");
	size_t count = 0;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (isdigit((unsigned char)entry->d_name[0]) && is_decoder_of(entry->d_name, parent, only_busy) &&
		    kill((pid_t)strtol(entry->d_name, NULL, 10), signal_number) == 0)
			count++;
	(void)closedir(folder);
	return count;
}

int64_t test_stack_memory(const char *component, const char *line)
{
	char path[64], text[256];
	long long kilobytes = -1;
	(void)snprintf(path, sizeof path, "/proc/%ld/status", (long)test_stack_pid(component));
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (kilobytes < 0 && fgets(text, sizeof text, file) != NULL)
		if (strncmp(text, line, strlen(line)) == 0)
			kilobytes = strtoll(text + strlen(line), NULL, 10);
	(void)fclose(file);
	assert_true(kilobytes >= 0);
	return kilobytes * 1024;
}
