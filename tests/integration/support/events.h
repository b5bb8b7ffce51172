// Clients of GET /v1/events, and further instances of metadata-api for them.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct test_events;

struct test_event {
	char name[40]; // "" for a block that has only an id
	char id[40];
	json_t *data; // NULL when there is none
};

// Follow, on a thread, at an address ("" or "http://127.0.0.1:9": before the path; "" is the edge), from behind last_id
// (NULL: from now on). Returns when the server has answered (any status). Main thread.
struct test_events *test_events_open(const char *address, const char *token, const char *last_id);
// Hang up and free. Accepts NULL.
void test_events_close(struct test_events *events);

// The answer's status; 0 while there is none.
unsigned test_events_status(struct test_events *events);
// Blocks with a name so far. Any thread.
size_t test_events_count(struct test_events *events);
// Comments so far.
size_t test_events_beats(struct test_events *events);
// Wait until so many have come; fails after timeout_ms. Main thread.
void test_events_await(struct test_events *events, size_t count, int64_t timeout_ms);
// Wait until the server has ended it; fails after timeout_ms. Main thread.
void test_events_await_end(struct test_events *events, int64_t timeout_ms);
// The i-th block with a name; valid until the client is closed.
const struct test_event *test_events_at(struct test_events *events, size_t index);
// The latest id that was sent, also with blocks without a name; "" when none was.
void test_events_last_id(struct test_events *events, char ret_id[40]);

// A port of the loopback address that is free now. Main thread.
unsigned test_port_find(void);

// Another metadata-api over the same stack, with other settings ("SAFELIGHT_<SECTION>_<KEY>", "value", …, NULL; may be
// NULL); it dies with the test. Main thread.
struct test_api {
	pid_t process;
	char address[60]; // "http://127.0.0.1:<port>"
};
void test_api_start(const char *const *with, struct test_api *ret_api);
// SIGTERM; its exit status. Main thread.
int test_api_stop(struct test_api *api);
