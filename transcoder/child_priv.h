// What the files of a child share: the struct, its birth and its death.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "transcoder/child.h"

#define CHILD_OWNER_SIZE 64

struct child {
	pid_t pid;  // 0 once reaped
	int socket; // our end of the channel
	bool sandbox_required;
	bool started; // READY or a failure to get there has been seen
	enum rc start_rc;
	struct err start_err;
	struct wire_ready ready;
	unsigned job_count;
	char owner[CHILD_OWNER_SIZE];
	int status;          // of wait4, once reaped
	struct rusage usage; // once reaped
};

// Start the binary in namespaces of its own if that is possible; on success *ret_pid and *ret_socket are the caller's.
enum rc child_start_process(const struct child_config *config, pid_t *ret_pid, int *ret_socket,
                            struct err *err) MUST_CHECK;

// CPU time that the living child has used so far, in microseconds; 0 when unknown.
uint64_t child_cpu_us(const struct child *child);

// CPU time that the reaped child had used, in microseconds.
uint64_t child_final_cpu_us(const struct child *child);

// Of a reaped child: how it ended, for people ("killed by signal 31 (Bad system call)").
void child_describe_end(const struct child *child, char *ret_text, size_t size);
