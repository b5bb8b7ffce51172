// Processes of the running stack, for tests that send them signals.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The folder in which the stack lives (where SAFELIGHT_CONFIG stands), without a slash at its end. Any thread.
const char *test_stack_folder(void);

// The process of a component as the stack's pid file names it; fails the test when it has none. Main thread.
pid_t test_stack_pid(const char *component);

// A line of /proc/<component>/status in bytes: "VmRSS:" (resident now), "VmHWM:" (the most so far). Main thread.
int64_t test_stack_memory(const char *component, const char *line);

// Send a signal to the decoder children of the transcoder: all, or those that use the processor just now. Returns to
// how many. Main thread.
size_t test_children_signal(int signal_number, bool only_busy);
