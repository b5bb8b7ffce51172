// Rows of a statement's result. Columns are numbered from 0 in the order of the SELECT or RETURNING list.
//
// Asking for a row or column that is not there, or for another type than the column has, is a bug (asserted).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct db_result;

// Accepts NULL. Any thread, one at a time.
void db_result_free(struct db_result *result);

// For CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
void db_result_free_pointer(struct db_result **result);

size_t db_result_rows(const struct db_result *result);
size_t db_result_columns(const struct db_result *result);

// Rows changed by an INSERT, UPDATE or DELETE; rows returned by a SELECT.
int64_t db_result_affected(const struct db_result *result);

bool db_result_is_null(const struct db_result *result, size_t row, size_t column);

// text, varchar, name, json, jsonb, enums: NUL-terminated, lives as long as the result. NULL for SQL NULL.
const char *db_result_text(const struct db_result *result, size_t row, size_t column);

// bytea: its bytes, living as long as the result; NULL (and 0) for SQL NULL.
const uint8_t *db_result_bytes(const struct db_result *result, size_t row, size_t column, size_t *ret_length);

// smallint, integer, bigint; 0 for SQL NULL.
int64_t db_result_int64(const struct db_result *result, size_t row, size_t column);

// real, double precision; 0 for SQL NULL.
double db_result_double(const struct db_result *result, size_t row, size_t column);

// false for SQL NULL.
bool db_result_bool(const struct db_result *result, size_t row, size_t column);

// All zero for SQL NULL.
struct uuid db_result_uuid(const struct db_result *result, size_t row, size_t column);

// timestamptz in microseconds since the epoch; DB_NO_TIME (statement.h) for SQL NULL.
int64_t db_result_time_us(const struct db_result *result, size_t row, size_t column);
