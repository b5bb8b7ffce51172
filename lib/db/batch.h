// One statement for many waiting requests: hot reads that a pipeline answers together.
//
// A statement with a batch (statement.h) is declared once, in its single form. When several requests for it wait, the
// pipeline sends them as
//
//   SELECT r.*, batch_key.place FROM unnest($1::uuid[], $2::bigint[], …) WITH ORDINALITY batch_key (p1, p2, …, place)
//   CROSS JOIN LATERAL (<the statement with $n as batch_key.pn>) r ORDER BY batch_key.place, r.<order>
//
// and hands each request its own rows, which are those of the single statement (tests/integration/test_db_batch.c):
// one executor start and one answer for up to DB_PIPELINE_BATCH requests. When the batch fails, whatever the reason,
// its requests are sent again one by one, so that an error or time-out of one never touches another.
//
// The statement must be read_only and must not name $n inside quotes. Its result columns that `order` names must have
// names of their own.
#pragma once

#include <stdbool.h>

struct buffer;
struct db_statement;

#define DB_BATCH_PARAMETERS_MAX 8

// What a parameter is, whatever it is cast to in the statement; other types travel as text ($1::uuid[] as
// DB_BATCH_TEXT).
enum db_batch_type { DB_BATCH_UUID, DB_BATCH_TIME, DB_BATCH_BIGINT, DB_BATCH_BOOL, DB_BATCH_TEXT };

struct db_batch {
	enum db_batch_type types[DB_BATCH_PARAMETERS_MAX];
	// The statement's own ORDER BY as a list of result columns ("r.created_at DESC, r.id DESC"), total within one
	// request; NULL for at most one row.
	const char *order;
};

// Append the SQL above. Look at buffer_ok() for success.
void db_batch_write_sql(const struct db_statement *statement, struct buffer *out);
