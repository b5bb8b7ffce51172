// Listings of the buckets, for tests that compare what lies there with what the tables say.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/integration/support/store.h"

struct test_objects {
	char **keys; // in byte order
	uint64_t *sizes;
	size_t count;
};
// Accepts a zeroed one; zeroes it.
void test_objects_done(struct test_objects *objects);

// Every object below a prefix ("<media id>/"); fails the test when the store does not answer. Main thread.
void test_objects_list(enum test_bucket bucket, const char *prefix, struct test_objects *ret_objects);

// How many there are.
size_t test_objects_count(enum test_bucket bucket, const char *prefix);

// Wait until there are so many; fails after timeout_ms.
void test_objects_await(enum test_bucket bucket, const char *prefix, size_t count, int64_t timeout_ms);
