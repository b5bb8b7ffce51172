// UUIDs as the system's ids: version 7 (RFC 9562 §5.7), so that primary-key order is creation order.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct uuid {
	uint8_t bytes[16];
};

// Room for the text form and its NUL.
#define UUID_TEXT_SIZE 37

// A new version 7 id: 48 bits of Unix milliseconds, 74 random bits. Any thread. Ids of one millisecond are unordered.
struct uuid uuid_new(void);

// The same with a given time, in milliseconds since the epoch (tests, backfills).
struct uuid uuid_new_at(int64_t epoch_ms);

// Lower-case canonical text.
void uuid_format(const struct uuid *uuid, char ret_text[UUID_TEXT_SIZE]);

// Canonical 8-4-4-4-12 hex of either case, any version; false for anything else.
bool uuid_parse(const char *text, struct uuid *ret_uuid);

bool uuid_equal(const struct uuid *left, const struct uuid *right);
