// Parameters: from C values to what Postgres reads.
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "db/postgres_time.h"
#include "db/statement.h"

struct db_value db_null(void)
{
	return (struct db_value){ .kind = DB_VALUE_NULL };
}

struct db_value db_text(const char *text)
{
	if (text == NULL)
		return db_null();
	return (struct db_value){ .kind = DB_VALUE_POINTER, .length = (uint32_t)strlen(text), .pointer = text };
}

// Printed, so that one value fits integer parameters of every width.
struct db_value db_int64(int64_t value)
{
	struct db_value made = { .kind = DB_VALUE_INLINE };

	made.length = (uint32_t)snprintf(made.text, sizeof(made.text), "%" PRId64, value);
	return made;
}

struct db_value db_double(double value)
{
	struct db_value made = { .kind = DB_VALUE_INLINE };

	made.length = (uint32_t)snprintf(made.text, sizeof(made.text), "%.17g", value);
	return made;
}

struct db_value db_bool(bool value)
{
	struct db_value made = { .kind = DB_VALUE_INLINE, .length = 1 };

	made.text[0] = value ? 't' : 'f';
	return made;
}

struct db_value db_uuid(const struct uuid *uuid)
{
	struct db_value made = { .kind = DB_VALUE_INLINE, .is_binary = true, .length = sizeof(uuid->bytes) };

	if (uuid == NULL)
		return db_null();
	memcpy(made.text, uuid->bytes, sizeof(uuid->bytes));
	return made;
}

struct db_value db_bytes(const void *data, size_t length)
{
	assert(length <= 1u << 30);
	if (data == NULL)
		return db_null();
	return (struct db_value){
		.kind = DB_VALUE_POINTER, .is_binary = true, .length = (uint32_t)length, .pointer = data
	};
}

struct db_value db_time_us(int64_t epoch_us)
{
	struct db_value made = { .kind = DB_VALUE_INLINE, .is_binary = true, .length = 8 };

	if (epoch_us == DB_NO_TIME)
		return db_null();
	postgres_time_write(epoch_us, (uint8_t *)made.text);
	return made;
}
