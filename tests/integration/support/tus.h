// tus 1.0 as tests speak it: call by call, and byte by byte where a client is to break off.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"

// A call with Tus-Resumable and up to four further header lines ("Name: value", closed by NULL). base: "" for the edge,
// or "http://host:port". Any thread. End with test_reply_done.
void tus_call(const struct test_account *account, const char *base, const char *method, const char *path,
              const void *body, size_t length, struct test_reply *ret_reply, ...) __attribute__((sentinel));

// Begin an upload of so many bytes; fails the test unless it is answered 201. ret_path: "/files/<id>". Main thread.
void tus_create(const struct test_account *account, const char *filename, const char *content_type, size_t size,
                char ret_path[64]);

// PATCH at offset; the status, and where the upload stands in *ret_offset (-1: not said). Any thread.
unsigned tus_patch(const struct test_account *account, const char *base, const char *path, int64_t offset,
                   const void *data, size_t length, int64_t *ret_offset);

// Where the upload stands by HEAD; fails the test unless it is answered 200. Main thread.
int64_t tus_offset(const struct test_account *account, const char *path);

// A PATCH whose head promises `promised` bytes, to 127.0.0.1:port; the connection, to which the body can be written.
int tus_open_patch(const struct test_account *account, uint16_t port, const char *path, int64_t offset,
                   size_t promised);
// Write all of it; false when the other side has closed.
bool tus_send(int connection, const void *data, size_t length);

// Go on from wherever HEAD says until all is sent, trying again as clients do; fails after timeout_ms. Main thread.
void tus_resume(const struct test_account *account, const char *path, const char *data, size_t size,
                int64_t timeout_ms);
