// Runs a command and appends one line to a file: seconds of wall time, seconds of CPU time of it and all its children,
// and the largest resident size of any one process among them in megabytes.
//
// usage: measure FILE COMMAND...
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argument_count, char **arguments)
{
	int64_t started_us = clock_monotonic_us();
	struct rusage usage;
	int status = 0;
	pid_t child;
	FILE *stream;

	if (argument_count < 3) {
		(void)fputs("usage: measure FILE COMMAND...\n", stderr);
		return 2;
	}
	child = fork();
	if (child == 0) {
		(void)execvp(arguments[2], arguments + 2);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "measure: %s failed\n", arguments[2]);
		return 1;
	}
	stream = fopen(arguments[1], "ae");
	if (stream == NULL)
		return 1;
	(void)fprintf(stream, "%.3f %.3f %.0f\n", (double)(clock_monotonic_us() - started_us) / 1e6,
	              seconds(usage.ru_utime) + seconds(usage.ru_stime), (double)usage.ru_maxrss / 1024);
	return fclose(stream) == 0 ? 0 : 1;
}
