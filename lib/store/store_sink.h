// Where the bytes of a get go: a buffer, or a file with a running hash; both with a cap. Private to lib/store.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer;
struct digest_stream;

struct store_sink {
	struct buffer *buffer;      // or NULL
	int fd;                     // when buffer is NULL: written with pwrite from offset 0
	struct digest_stream *hash; // NULL: not hashed
	uint64_t limit;
	uint64_t length; // written so far
};

// Forget what came so far: before each attempt.
void store_sink_reset(struct store_sink *sink);

// RC_LIMIT when total bytes could not be taken (total is what the store announces).
enum rc store_sink_expect(const struct store_sink *sink, uint64_t total, struct err *err) MUST_CHECK;

// RC_LIMIT, RC_NO_MEMORY, RC_INTERNAL (the file cannot be written).
enum rc store_sink_write(struct store_sink *sink, const void *data, size_t length, struct err *err) MUST_CHECK;
