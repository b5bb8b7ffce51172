// The SQL of batches, and arrays of parameters in Postgres' binary format (src/backend/utils/adt/arrayfuncs.c,
// array_recv).
#include "db/batch_private.h"

#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define SQL_BYTES (64 * 1024)

// Type numbers that never change (src/include/catalog/pg_type.dat).
static const struct {
	const char *name;
	uint32_t oid;
} TYPES[] = {
	[DB_BATCH_UUID] = { "uuid", 2950 },   [DB_BATCH_TIME] = { "timestamptz", 1184 },
	[DB_BATCH_BIGINT] = { "bigint", 20 }, [DB_BATCH_BOOL] = { "boolean", 16 },
	[DB_BATCH_TEXT] = { "text", 25 },
};

// The statement with $n as batch_key.pn.
static void write_keyed(const char *sql, struct buffer *out)
{
	for (const char *dollar; (dollar = strchr(sql, '$')) != NULL; sql = dollar + 1) {
		buffer_append(out, sql, (size_t)(dollar - sql));
		buffer_append_text(out, "batch_key.p");
	}
	buffer_append_text(out, sql);
}

void db_batch_write_sql(const struct db_statement *statement, struct buffer *out)
{
	const struct db_batch *batch = statement->batch;

	assert(batch != NULL && statement->read_only && statement->parameter_count >= 1 &&
	       statement->parameter_count <= DB_BATCH_PARAMETERS_MAX);
	buffer_append_text(out, "SELECT r.*, batch_key.place FROM unnest(");
	for (unsigned i = 0; i < statement->parameter_count; i++)
		buffer_append_format(out, "%s$%u::%s[]", i > 0 ? ", " : "", i + 1, TYPES[batch->types[i]].name);
	buffer_append_text(out, ") WITH ORDINALITY batch_key (");
	for (unsigned i = 0; i < statement->parameter_count; i++)
		buffer_append_format(out, "p%u, ", i + 1);
	buffer_append_text(out, "place) CROSS JOIN LATERAL (");
	write_keyed(statement->sql, out);
	buffer_append_text(out, ") r ORDER BY batch_key.place");
	if (batch->order != NULL)
		buffer_append_format(out, ", %s", batch->order);
}

struct db_statement *db_batch_statement_new(const struct db_statement *statement)
{
	struct buffer sql;
	char name[DB_NAME_MAX + 1];
	int length = snprintf(name, sizeof(name), "%s_batch", statement->name);
	struct db_statement *many = malloc(sizeof(*many));
	char *texts = strdup(name);

	assert(length > 0 && (size_t)length < sizeof(name));
	buffer_init(&sql, SQL_BYTES);
	db_batch_write_sql(statement, &sql);
	assert(sql.length < SQL_BYTES);
	if (many == NULL || texts == NULL || !buffer_ok(&sql)) {
		free(many);
		free(texts);
		buffer_done(&sql);
		return NULL;
	}
	*many = (struct db_statement){ .name = texts,
		                       .sql = buffer_take(&sql, NULL),
		                       .parameter_count = statement->parameter_count,
		                       .read_only = true };
	return many;
}

void db_batch_statement_free(struct db_statement *many)
{
	if (many == NULL)
		return;
	free((char *)(uintptr_t)many->name);
	free((char *)(uintptr_t)many->sql);
	free(many);
}

static void append_number(struct buffer *out, uint32_t number)
{
	number = htobe32(number);
	buffer_append(out, &number, sizeof(number));
}

static void append_bytes(struct buffer *out, const void *bytes, uint32_t length)
{
	append_number(out, length);
	buffer_append(out, bytes, length);
}

// One element: its length (-1 for SQL NULL) and its bytes.
static void append_element(struct buffer *out, enum db_batch_type type, const struct db_value *value)
{
	const char *bytes = value->kind == DB_VALUE_INLINE ? value->text : value->pointer;
	uint64_t number;

	if (value->kind == DB_VALUE_NULL) {
		append_number(out, UINT32_MAX);
		return;
	}
	switch (type) {
	case DB_BATCH_UUID:
	case DB_BATCH_TIME:
		assert(value->is_binary && value->length == (type == DB_BATCH_UUID ? 16 : 8));
		append_bytes(out, bytes, value->length);
		break;
	case DB_BATCH_BIGINT: // values carry integers and booleans as text
		assert(!value->is_binary);
		number = htobe64((uint64_t)strtoll(bytes, NULL, 10));
		append_bytes(out, &number, sizeof(number));
		break;
	case DB_BATCH_BOOL:
		append_bytes(out, bytes[0] == 't' ? "\1" : "\0", 1);
		break;
	case DB_BATCH_TEXT:
		assert(!value->is_binary);
		append_bytes(out, bytes, value->length);
		break;
	}
}

void db_batch_write_array(const struct db_batch *batch, unsigned parameter, const struct db_value *const *value_sets,
                          size_t count, struct buffer *out)
{
	enum db_batch_type type = batch->types[parameter];

	append_number(out, 1); // dimensions
	append_number(out, 1); // there may be NULLs
	append_number(out, TYPES[type].oid);
	append_number(out, (uint32_t)count);
	append_number(out, 1); // the first one's number
	for (size_t i = 0; i < count; i++)
		append_element(out, type, &value_sets[i][parameter]);
}
