// The single layers of the sandbox, in the order in which sandbox_close lays them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define SANDBOX_THREADS_MOST 64

// The threads of this process besides the caller, by the ids of our own process namespace. Reads /proc, so it comes
// before sandbox_empty_root. RC_LIMIT: more than SANDBOX_THREADS_MOST.
enum rc sandbox_list_threads(pid_t ret_threads[SANDBOX_THREADS_MOST], size_t *ret_count, struct err *err) MUST_CHECK;

// Make the root folder an empty read-only file system, in which no more than these folders (ended by NULL; NULL: none)
// stand where they stood, read-only too. Needs a mount namespace of our own and its rights. False: left as is.
bool sandbox_empty_root(const char *const *readable);

// Let files be opened for reading, and folders be listed, below these. False: the rule could not be made.
bool sandbox_allow_reading(int ruleset, const char *const *readable);

// A Landlock ruleset without rules. ret_abi is the kernel's version, ret_layers what it will cover. -1: no Landlock.
int sandbox_new_ruleset(uint32_t *ret_abi, uint32_t *ret_layers);

// In the caller and in each of the threads: no new privileges, no capabilities, and the ruleset (-1: none). These are
// properties of a thread, and codecs' worker threads live already. RC_TIMEOUT: a thread did not answer; RC_DENIED: it
// could not be confined.
enum rc sandbox_confine_threads(const pid_t *threads, size_t count, int ruleset, struct err *err) MUST_CHECK;

// The numbers of the system calls on the allow-list (with or without those that open files), without repeats; clone3,
// which is answered ENOSYS, is not among them. Returns how many, at most SANDBOX_CALLS_MOST. For the test that freezes
// the list.
#define SANDBOX_CALLS_MOST 80
size_t sandbox_list_calls(bool opens_files, int ret_numbers[SANDBOX_CALLS_MOST]);

// The system call allow-list, in all threads at once. False: not in force.
bool sandbox_allow_calls(int socket, bool opens_files);
