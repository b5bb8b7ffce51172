// Rows in Postgres' binary format, read without copying.
#include "db/result.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "db/postgres_time.h"
#include "db/result_private.h"
#include "db/statement.h"

// Type numbers that never change (src/include/catalog/pg_type.dat).
enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_TIMESTAMPTZ = 1184,
	OID_UUID = 2950,
	OID_JSONB = 3802,
};

struct db_result {
	struct db_result *whole;     // whose handle is read: itself, or the result that it is a slice of
	_Atomic unsigned references; // of a whole one: itself and its slices
	PGresult *handle;
	size_t first;
	size_t rows;
	size_t columns;
};

static const PGresult *handle_of(const struct db_result *result)
{
	return result->whole->handle;
}

struct db_result *db_result_wrap(PGresult **handle)
{
	struct db_result *result = malloc(sizeof(*result));

	if (result == NULL)
		return NULL;
	*result = (struct db_result){ .whole = result,
		                      .references = 1,
		                      .handle = *handle,
		                      .rows = (size_t)PQntuples(*handle),
		                      .columns = (size_t)PQnfields(*handle) };
	*handle = NULL;
	return result;
}

struct db_result *db_result_slice(struct db_result *whole, size_t first, size_t rows)
{
	struct db_result *slice = malloc(sizeof(*slice));

	assert(whole->whole == whole && first + rows <= whole->rows && whole->columns > 0);
	if (slice == NULL)
		return NULL;
	*slice = (struct db_result){ .whole = whole, .first = first, .rows = rows, .columns = whole->columns - 1 };
	atomic_fetch_add_explicit(&whole->references, 1, memory_order_relaxed);
	return slice;
}

// The bytes of a cell that is there; NULL for SQL NULL.
static const uint8_t *cell_of(const struct db_result *result, size_t row, size_t column, size_t *ret_length)
{
	const PGresult *handle = handle_of(result);

	assert(row < result->rows && column < result->columns);
	assert(PQfformat(handle, (int)column) == 1);
	row += result->first;
	if (PQgetisnull(handle, (int)row, (int)column))
		return NULL;
	*ret_length = (size_t)PQgetlength(handle, (int)row, (int)column);
	return (const uint8_t *)PQgetvalue(handle, (int)row, (int)column);
}

static Oid type_of(const struct db_result *result, size_t column)
{
	return PQftype(handle_of(result), (int)column);
}

void db_result_free(struct db_result *result)
{
	struct db_result *whole;

	if (result == NULL)
		return;
	whole = result->whole;
	if (whole != result)
		free(result);
	if (atomic_fetch_sub_explicit(&whole->references, 1, memory_order_acq_rel) != 1)
		return;
	PQclear(whole->handle);
	free(whole);
}

void db_result_free_pointer(struct db_result **result)
{
	db_result_free(*result);
	*result = NULL;
}

size_t db_result_rows(const struct db_result *result)
{
	return result->rows;
}

size_t db_result_columns(const struct db_result *result)
{
	return result->columns;
}

int64_t db_result_affected(const struct db_result *result)
{
	// libpq declares the argument without const but only reads it.
	const char *text = PQcmdTuples((PGresult *)(uintptr_t)handle_of(result));
	int64_t count = 0;

	if (result->whole != result)
		return (int64_t)result->rows;
	for (; *text >= '0' && *text <= '9'; text++)
		count = count * 10 + (*text - '0');
	return count;
}

bool db_result_is_null(const struct db_result *result, size_t row, size_t column)
{
	size_t length;

	return cell_of(result, row, column, &length) == NULL;
}

const char *db_result_text(const struct db_result *result, size_t row, size_t column)
{
	size_t length = 0;
	const uint8_t *cell = cell_of(result, row, column, &length);

	if (cell == NULL)
		return NULL;
	// jsonb begins with a version number (src/backend/utils/adt/jsonb.c, jsonb_send).
	if (type_of(result, column) == OID_JSONB) {
		assert(length >= 1 && cell[0] == 1);
		cell++;
	}
	return (const char *)cell;
}

const uint8_t *db_result_bytes(const struct db_result *result, size_t row, size_t column, size_t *ret_length)
{
	const uint8_t *cell;

	assert(type_of(result, column) == OID_BYTEA);
	*ret_length = 0;
	cell = cell_of(result, row, column, ret_length);
	return cell;
}

int64_t db_result_int64(const struct db_result *result, size_t row, size_t column)
{
	Oid type = type_of(result, column);
	size_t length = 0;
	const uint8_t *cell = cell_of(result, row, column, &length);
	uint64_t value = 0;

	assert(type == OID_INT8 || type == OID_INT4 || type == OID_INT2);
	if (cell == NULL)
		return 0;
	for (size_t i = 0; i < length; i++)
		value = value << 8 | cell[i];
	if (type == OID_INT4)
		return (int32_t)(uint32_t)value;
	if (type == OID_INT2)
		return (int16_t)(uint16_t)value;
	return (int64_t)value;
}

double db_result_double(const struct db_result *result, size_t row, size_t column)
{
	Oid type = type_of(result, column);
	size_t length = 0;
	const uint8_t *cell = cell_of(result, row, column, &length);
	uint32_t narrow;
	uint64_t wide;
	float single;
	double number;

	assert(type == OID_FLOAT4 || type == OID_FLOAT8);
	if (cell == NULL)
		return 0;
	if (type == OID_FLOAT4) {
		memcpy(&narrow, cell, sizeof(narrow));
		narrow = be32toh(narrow);
		memcpy(&single, &narrow, sizeof(single));
		return (double)single;
	}
	memcpy(&wide, cell, sizeof(wide));
	wide = be64toh(wide);
	memcpy(&number, &wide, sizeof(number));
	return number;
}

bool db_result_bool(const struct db_result *result, size_t row, size_t column)
{
	size_t length = 0;
	const uint8_t *cell = cell_of(result, row, column, &length);

	assert(type_of(result, column) == OID_BOOL);
	return cell != NULL && cell[0] != 0;
}

struct uuid db_result_uuid(const struct db_result *result, size_t row, size_t column)
{
	struct uuid uuid = { { 0 } };
	size_t length = 0;
	const uint8_t *cell = cell_of(result, row, column, &length);

	assert(type_of(result, column) == OID_UUID);
	if (cell != NULL)
		memcpy(uuid.bytes, cell, sizeof(uuid.bytes));
	return uuid;
}

int64_t db_result_time_us(const struct db_result *result, size_t row, size_t column)
{
	size_t length = 0;
	const uint8_t *cell = cell_of(result, row, column, &length);

	assert(type_of(result, column) == OID_TIMESTAMPTZ);
	return cell == NULL ? DB_NO_TIME : postgres_time_read(cell);
}
