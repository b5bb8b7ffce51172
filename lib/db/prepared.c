// Prepared statements and arguments as libpq takes them.
#include "db/prepared.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "db/batch_private.h"

void db_prepared_init(struct db_prepared *prepared, struct metrics *metrics)
{
	*prepared = (struct db_prepared){ .metrics = metrics };
}

void db_prepared_done(struct db_prepared *prepared)
{
	for (size_t i = 0; i < prepared->count; i++)
		db_batch_statement_free(prepared->entries[i].many);
	free(prepared->entries);
	*prepared = (struct db_prepared){ 0 };
}

static struct metric *add_latency(struct metrics *metrics, const struct db_statement *statement)
{
	char labels[DB_NAME_MAX + 16];

	if (metrics == NULL)
		return NULL;
	(void)snprintf(labels, sizeof(labels), "statement=\"%s\"", statement->name);
	return metrics_add(metrics, METRIC_HISTOGRAM, "safelight_db_statement_seconds",
	                   "Time from handing a statement over to its result.", labels);
}

struct db_prepared_entry *db_prepared_find(struct db_prepared *prepared, const struct db_statement *statement)
{
	// A process has some dozens of statements: a search through pointers beats hashing.
	for (size_t i = 0; i < prepared->count; i++) {
		if (prepared->entries[i].statement == statement)
			return &prepared->entries[i];
	}
	if (prepared->count == prepared->capacity) {
		size_t capacity = prepared->capacity == 0 ? 16 : prepared->capacity * 2;
		struct db_prepared_entry *grown = reallocarray(prepared->entries, capacity, sizeof(*grown));

		if (grown == NULL)
			return NULL;
		prepared->entries = grown;
		prepared->capacity = capacity;
	}
	prepared->entries[prepared->count] = (struct db_prepared_entry){
		.statement = statement,
		.latency = add_latency(prepared->metrics, statement),
	};
	return &prepared->entries[prepared->count++];
}

const struct db_statement *db_prepared_many(struct db_prepared *prepared, const struct db_statement *statement)
{
	struct db_prepared_entry *entry = db_prepared_find(prepared, statement);

	if (entry == NULL)
		return NULL;
	if (entry->many == NULL)
		entry->many = db_batch_statement_new(statement);
	return entry->many;
}

void db_prepared_forget(struct db_prepared *prepared)
{
	for (size_t i = 0; i < prepared->count; i++)
		prepared->entries[i].is_prepared = false;
}

void db_arguments_fill(const struct db_value *values, unsigned count, struct db_arguments *ret_arguments)
{
	assert(count <= DB_PARAMETERS_MAX);
	for (unsigned i = 0; i < count; i++) {
		const struct db_value *value = &values[i];

		ret_arguments->lengths[i] = (int)value->length;
		ret_arguments->formats[i] = value->is_binary;
		switch (value->kind) {
		case DB_VALUE_NULL:
			ret_arguments->values[i] = NULL;
			break;
		case DB_VALUE_POINTER:
			ret_arguments->values[i] = value->pointer;
			break;
		case DB_VALUE_INLINE:
			ret_arguments->values[i] = value->text;
			break;
		}
	}
}

bool db_arguments_send(PGconn *link, const struct db_statement *statement, bool by_text, unsigned count,
                       const struct db_arguments *arguments)
{
	if (by_text)
		return PQsendQueryParams(link, statement->sql, (int)count, NULL, arguments->values, arguments->lengths,
		                         arguments->formats, 1) == 1;
	return PQsendQueryPrepared(link, statement->name, (int)count, arguments->values, arguments->lengths,
	                           arguments->formats, 1) == 1;
}
