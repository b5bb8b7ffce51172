// Batches as the pipeline makes them. Private to lib/db.
#pragma once

#include "db/batch.h"
#include "db/statement.h"

// The statement that answers many requests of `statement`, named "<name>_batch". NULL without memory.
struct db_statement *db_batch_statement_new(const struct db_statement *statement);
void db_batch_statement_free(struct db_statement *many); // accepts NULL

// Append parameter `parameter` (from 0) of `count` requests, whose values are value_sets[request][parameter], as an
// array in Postgres' binary format.
void db_batch_write_array(const struct db_batch *batch, unsigned parameter, const struct db_value *const *value_sets,
                          size_t count, struct buffer *out);
