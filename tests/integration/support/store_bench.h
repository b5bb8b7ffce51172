// A real store to test against: the stack's object storage, with the operator's credentials and buckets of our own.
#pragma once

#include <stdbool.h>

#include "store/store.h"

struct settings;

struct store_bench {
	struct settings *settings;
	char *secret;        // of the user "admin"
	struct store *store; // admin, on the driver asked for
	char bucket[64];     // fresh and empty; removed at the end
	bool is_sigv4;
};

// NULL when SAFELIGHT_CONFIG is not set: says so loudly on stderr, and the test should be skipped. Aborts the process
// when the stack is there but cannot be used.
struct store_bench *store_bench_new(const char *driver);
// Removes the bucket with everything in it.
void store_bench_free(struct store_bench *bench);

// Another store on the same endpoint (NULL: the stack's), with other credentials (NULL: admin's). The caller frees it.
struct store *store_bench_open(const struct store_bench *bench, const char *driver, const char *endpoint,
                               const char *access_key, const char *secret_key);

// The secret of another user of the stack ("presign", …), malloc'ed.
char *store_bench_secret(const char *user);

// The target of a key in the bench's bucket.
struct store_target store_bench_target(const struct store_bench *bench, const char *key);

// length bytes that differ all over, malloc'ed.
char *store_bench_content(size_t length);

// Assertions and shorthands; they fail the running cmocka test.
void store_bench_assert_ok(enum rc rc, const struct err *err);
void store_bench_put_text(const struct store_bench *bench, const char *key, const char *text);
void store_bench_assert_content(const struct store_bench *bench, const char *key, const void *data, size_t length);
void store_bench_md5(const void *data, size_t length, char ret_text[33]);

// A case of the contract, run for each driver with a bucket of its own.
struct store_bench_case {
	const char *name;
	void (*run)(struct store_bench *bench);
	bool sigv4_only;
};
#define STORE_BENCH_CASE(function)         \
	{                                  \
#function, function, false \
	}
#define STORE_BENCH_SIGV4_CASE(function)  \
	{                                 \
#function, function, true \
	}

// The main of such a test binary. Without SAFELIGHT_CONFIG everything is skipped, loudly.
int store_bench_main(const char *group, const struct store_bench_case *cases, size_t count);
