// The object store as tests look over the services' shoulders into it, with ingest's credentials (the transcoder's for
// writing to the media bucket).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum test_bucket { TEST_ORIGINALS, TEST_MEDIA };

// Fails the test when the store does not answer. Main thread, as all here.
bool test_store_has(enum test_bucket bucket, const char *key);
void test_store_put(enum test_bucket bucket, const char *key, const void *data, size_t length);
void test_store_delete(enum test_bucket bucket, const char *key);

// Begin a multipart upload that nobody will finish / whether it is still there.
void test_store_begin_parts(const char *key);
bool test_store_has_parts(const char *key);

// Wait until the object is there / gone; fails after timeout_ms.
void test_store_await(enum test_bucket bucket, const char *key, bool is_there, int64_t timeout_ms);
