// A statement as a constant of the module that owns it, and the values bound to its parameters.
//
// Each statement is prepared once a connection, under its name. Results come in Postgres' binary format (result.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

struct db_batch;

#define DB_PARAMETERS_MAX 32
#define DB_NAME_MAX 62 // bytes of a statement's name: Postgres cuts longer identifiers

struct db_statement {
	const char
	        *name;   // unique in the process, lower_snake_case: the prepared statement's name and the metrics label
	const char *sql; // one statement with $1 … $n; types it cannot infer are cast ($1::uuid)
	unsigned parameter_count; // at most DB_PARAMETERS_MAX
	bool read_only; // changes nothing: a lost connection is RC_UNAVAILABLE (repeat at will), not RC_UNKNOWN
	const struct db_batch
	        *batch; // how waiting requests of it are answered together (batch.h); NULL: each by itself
};

// A point in time that is SQL NULL.
#define DB_NO_TIME INT64_MIN

enum db_value_kind { DB_VALUE_NULL, DB_VALUE_POINTER, DB_VALUE_INLINE };

// One parameter. Made by the functions below, which allocate nothing; small values stand inside, texts and bytes are
// pointed to and must live until the call returns (calls that go on afterwards copy them).
struct db_value {
	enum db_value_kind kind;
	bool is_binary;
	uint32_t length;
	const char *pointer;
	char text[32];
};

struct db_value db_null(void);
// NUL-terminated text for any type that Postgres reads from text: text, jsonb, arrays (array.h), inet… NULL is SQL
// NULL.
struct db_value db_text(const char *text);
// For integer parameters of any width, and for bigint.
struct db_value db_int64(int64_t value);
struct db_value db_double(double value);
struct db_value db_bool(bool value);
// For uuid parameters only. NULL is SQL NULL.
struct db_value db_uuid(const struct uuid *uuid);
// For bytea parameters only. NULL data is SQL NULL. At most 1 GB.
struct db_value db_bytes(const void *data, size_t length);
// For timestamptz parameters only: microseconds since the epoch; DB_NO_TIME is SQL NULL.
struct db_value db_time_us(int64_t epoch_us);

// What Postgres said about a failed statement, beside code and text.
struct db_failure {
	struct err err;
	char sqlstate[6];    // "" when the failure did not come from the server
	char constraint[64]; // the violated constraint's name, "" when there is none
};

// How SQLSTATEs become result codes:
//   23505 unique_violation                      RC_EXISTS
//   23503, 23514, 23P01 foreign key, check      RC_CONFLICT
//   22*, 23502 bad value, null                  RC_INVALID
//   42501 insufficient_privilege, 28*           RC_DENIED
//   57014 statement_timeout or cancel           RC_TIMEOUT (rolled back)
//   55P03 lock_timeout, 53* out of resources    RC_BUSY (rolled back)
//   40001, 40P01, 08*, 57P*, 25006 (standby)    RC_UNAVAILABLE (rolled back)
//   others                                      RC_INTERNAL
// Without an answer: RC_TIMEOUT when the deadline passed, RC_UNKNOWN when a write or COMMIT was sent and the connection
// was lost, RC_UNAVAILABLE when nothing can have happened.
enum rc db_sqlstate_rc(const char *sqlstate);
