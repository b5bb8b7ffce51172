// safelightctl as an operator runs it: spawned from the build under test, its outputs and exit status caught.
#pragma once

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

struct control {
	pid_t child;
	FILE *out_file, *err_file;
	int status;   // exit status
	char *out;    // what it printed
	char *err;    // what it complained of
	json_t *json; // out as JSON; NULL when it is none
};

// Start `safelightctl words…` (closed by NULL) with our environment; then wait for it (a minute at most) and read what
// it printed. Fail the test when that does not work. Main thread.
// What the next calls find on their standard input; NULL, as at the beginning: nothing. Must outlive them.
void control_set_input(const char *text);
void control_start(struct control *ret_control, const char *const *words);
void control_finish(struct control *control);
// Both.
void control_run(struct control *ret_control, ...) __attribute__((sentinel));
void control_done(struct control *control);

// Fails the test, showing both outputs, unless the exit status is that one.
#define control_expect(control, wanted) control_assert_status((control), (wanted), __FILE__, __LINE__)
void control_assert_status(const struct control *control, int wanted, const char *file, int line);
// Fails the test unless the text has the part.
void control_assert_has(const char *text, const char *part);
