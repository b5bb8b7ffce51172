// The running stack as tests see it: its configuration, its addresses, its components (killed and started at will), and
// its tables.
//
// Everything here fails the running test by cmocka (so: main thread only) unless it says otherwise.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings;

// A group's setup: reads SAFELIGHT_CONFIG, starts libcurl and libsodium. -1 with a sentence when there is no stack.
int test_stack_setup(void **state);
// The group's teardown.
int test_stack_teardown(void **state);

// The stack's configuration, secrets included. Valid from setup to teardown. Any thread.
const struct settings *test_stack_settings(void);

// A path in the stack's folder ("data/nats"), malloc'ed.
char *test_stack_path(const char *below);

// Run `stack.sh command name` and wait for it: test_stack_run("kill", "nats"), test_stack_run("restart", "postgres"),
// test_stack_run("wait", "ingest"). Names: postgres nats rgw ingest transcoder api edge. Skips the test when
// SAFELIGHT_STACK does not name the script.
void test_stack_run(const char *command, const char *name);
// The same, but a failure of the script is only returned as false.
bool test_stack_try(const char *command, const char *name);

// Restart a service with other settings: "SAFELIGHT_<SECTION>_<KEY>", "value", …, NULL. test_stack_run("restart", name)
// brings the stack's own back.
void test_stack_restart_with(const char *name, const char *const *with);

// Ask `is_true(context)` every 20 ms until it says so; fails with `what` after timeout_ms.
void test_wait(bool (*is_true)(void *context), void *context, int64_t timeout_ms, const char *what);

// Remove a folder with all that is in it. Main thread.
void test_tree_remove(const char *path);

// A whole file, NUL-terminated, malloc'ed. The path counts from the root of the tree ("samples/photos/tide.jpg").
char *test_file_read(const char *path, size_t *ret_length);

// SQL as the owner of everything. Parameters are texts for $1, $2 …, closed by NULL. The answer is the first column of
// the first row, malloc'ed ("" for NULL and for no row) / as a number (0 for them).
char *test_sql_text(const char *sql, ...) __attribute__((sentinel));
int64_t test_sql_int(const char *sql, ...) __attribute__((sentinel));

// Ask test_sql_int every 50 ms until the answer is `wanted`; fails after timeout_ms.
void test_sql_await(int64_t wanted, int64_t timeout_ms, const char *sql, ...) __attribute__((sentinel));
