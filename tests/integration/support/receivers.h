// The stand-ins of receivers.py.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct test_receivers {
	pid_t process;
	int input;        // it ends when this is closed
	char address[60]; // "http://127.0.0.1:<port>"
};
// Main thread, like all of these.
void test_receivers_start(struct test_receivers *ret_receivers);
void test_receivers_stop(struct test_receivers *receivers);

// Posts to a path so far.
size_t test_receivers_count(const struct test_receivers *receivers, const char *path);
// Wait for so many; fails after timeout_ms.
void test_receivers_await(const struct test_receivers *receivers, const char *path, size_t count, int64_t timeout_ms);
// The i-th post to a path: {path, headers, body, at}. The caller drops it with json_decref.
json_t *test_receivers_post(const struct test_receivers *receivers, const char *path, size_t index);
// Posts to a path that are signed with this secret and fresh.
size_t test_receivers_verified(const struct test_receivers *receivers, const char *path, const char *secret);

// Has the reference library of Standard Webhooks judge a post (tests/webhooks/verify.mjs). 0: it is taken, and refused
// when changed; 77: there is no npm to ask it with.
int test_receivers_ask_reference(const json_t *post, const char *secret);
