// Which statements one connection has prepared, with their latency metric. Private to lib/db.
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "db/statement.h"

struct metric;
struct metrics;

struct db_prepared_entry {
	const struct db_statement *statement;
	struct metric *latency;    // NULL without metrics
	struct db_statement *many; // what answers a batch of it; owned; NULL before the first one
	bool is_prepared;
};

struct db_prepared {
	struct db_prepared_entry *entries;
	size_t count;
	size_t capacity;
	struct metrics *metrics;
};

void db_prepared_init(struct db_prepared *prepared, struct metrics *metrics);
void db_prepared_done(struct db_prepared *prepared);

// The entry of a statement, made when new; valid until the next call. NULL without memory.
struct db_prepared_entry *db_prepared_find(struct db_prepared *prepared, const struct db_statement *statement);

// The statement that answers a batch of this one; lives as long as prepared. NULL without memory.
const struct db_statement *db_prepared_many(struct db_prepared *prepared, const struct db_statement *statement);

// A new connection has prepared nothing.
void db_prepared_forget(struct db_prepared *prepared);

// Values in the form that libpq takes.
struct db_arguments {
	const char *values[DB_PARAMETERS_MAX];
	int lengths[DB_PARAMETERS_MAX];
	int formats[DB_PARAMETERS_MAX];
};

// Send the statement, by its prepared name or (unnamed) by its text, for results in the binary format. False: it could
// not be sent.
bool db_arguments_send(PGconn *link, const struct db_statement *statement, bool by_text, unsigned count,
                       const struct db_arguments *arguments);

// Point into values, which must outlive the use of ret_arguments.
void db_arguments_fill(const struct db_value *values, unsigned count, struct db_arguments *ret_arguments);
