// HTTP calls of tests, on libcurl: one fresh connection a call, nothing followed, nothing repeated.
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct test_call {
	const char *method; // NULL: "GET"
	const char *url;    // absolute, or a path at the edge: "/v1/items"
	const char *token;  // sent as Authorization: Bearer; NULL: none
	const char *json;   // the body, with its Content-Type; NULL: body
	const void *body;   // length bytes
	size_t length;
	const char *const *headers; // further ones, "Name: value", NULL-terminated; NULL: none
	int64_t timeout_ms;         // 0: 30000
};

struct test_reply {
	unsigned status; // 0: no answer came
	char *body;      // length bytes and a NUL
	size_t length;
	char *head;   // the answer's header lines
	json_t *json; // the body, when it is JSON; else NULL
};

// Make the call. Never fails the test: status tells. Any thread (after test_stack_setup). End with test_reply_done.
void test_http(const struct test_call *call, struct test_reply *ret_reply);
// Accepts a zeroed one; zeroes it.
void test_reply_done(struct test_reply *reply);

// The commonest call, with body as JSON text (NULL: none) and token (NULL: none). Any thread.
void test_http_json(const char *method, const char *url, const char *token, const char *json,
                    struct test_reply *ret_reply);

// Copy a header's value (name in any case); "" when absent. Any thread.
void test_reply_header(const struct test_reply *reply, const char *name, char *ret_value, size_t size);

// Fails the test, showing the body, unless the status is that one. Main thread.
#define test_assert_status(reply, wanted) test_reply_expect((reply), (wanted), __FILE__, __LINE__)
void test_reply_expect(const struct test_reply *reply, unsigned status, const char *file, int line);

// What stands at a dotted path ("media.variants.0.url"): NULL when nothing does. Any thread.
json_t *test_json_at(json_t *json, const char *path);
// Its text / whole number; fails the test when there is none. Main thread.
const char *test_json_text(json_t *json, const char *path);
int64_t test_json_int(json_t *json, const char *path);
