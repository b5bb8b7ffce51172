// Postgres' binary timestamptz: microseconds since 2000-01-01 UTC, big-endian; both ends of the range are infinities.
// (src/include/datatype/timestamp.h: POSTGRES_EPOCH_JDATE, DT_NOEND.) Private to lib/db.
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define POSTGRES_EPOCH_US INT64_C(946684800000000)

// INT64_MAX stays what it is: infinity.
static inline void postgres_time_write(int64_t epoch_us, uint8_t ret_bytes[8])
{
	int64_t value = epoch_us == INT64_MAX ? INT64_MAX : epoch_us - POSTGRES_EPOCH_US;
	uint64_t wire = htobe64((uint64_t)value);

	memcpy(ret_bytes, &wire, sizeof(wire));
}

static inline int64_t postgres_time_read(const uint8_t bytes[8])
{
	uint64_t wire;
	int64_t value;

	memcpy(&wire, bytes, sizeof(wire));
	value = (int64_t)be64toh(wire);
	if (value == INT64_MAX || value == INT64_MIN)
		return value == INT64_MAX ? INT64_MAX : INT64_MIN + 1;
	return value + POSTGRES_EPOCH_US;
}
