// A small pool of connections for transactions: calls look synchronous, yet none outlives its deadline.
//
// A statement that its deadline overtakes is ended by the server's own timers where it can be (the connection lives),
// else by dropping the connection DB_GRACE_MS later. Single statements are cheaper through a pipeline (pipeline.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "db/options.h"
#include "db/result.h"
#include "db/statement.h"

// How long a call waits beyond its deadline for the server to say so itself.
#define DB_GRACE_MS 200

struct db_pool;
struct db_connection;

// At most `connections` (>= 1), opened when first needed. Contacts nobody. RC_INVALID when an option is wrong. At
// start.
enum rc db_pool_new(const struct db_options *options, unsigned connections, struct db_pool **ret_pool,
                    struct err *err) MUST_CHECK;

// All connections must have been released. Accepts NULL.
void db_pool_free(struct db_pool *pool);

// A connection for the calling thread alone, dead idle ones replaced. RC_TIMEOUT when none came free in time,
// RC_UNAVAILABLE, RC_DENIED (wrong credentials). Any thread.
enum rc db_pool_acquire(struct db_pool *pool, struct deadline deadline, struct db_connection **ret_connection,
                        struct err *err) MUST_CHECK;

// Give it back; an open transaction is rolled back, a broken connection closed. Accepts NULL. The acquiring thread.
void db_pool_release(struct db_pool *pool, struct db_connection *connection);

// RC_OK when a statement can be run now: for readiness. Any thread.
enum rc db_pool_ping(struct db_pool *pool, struct deadline deadline, struct err *err) MUST_CHECK;

// Run one statement, prepared on first use. count must be the statement's parameter_count (asserted). On success the
// caller frees *ret_result; ret_result may be NULL when the rows do not matter. In a transaction any failure aborts it.
enum rc db_execute(struct db_connection *connection, const struct db_statement *statement,
                   const struct db_value *values, unsigned count, struct deadline deadline,
                   struct db_result **ret_result, struct err *err) MUST_CHECK;

// What the last failed call on this connection was about (SQLSTATE, constraint); all empty after a success.
const struct db_failure *db_connection_failure(const struct db_connection *connection);

// BEGIN (read committed); its statements are bounded by the deadline on the server too.
enum rc db_begin(struct db_connection *connection, struct deadline deadline, struct err *err) MUST_CHECK;

// RC_UNKNOWN when the connection or the deadline was lost meanwhile: re-read by a natural key before repeating.
enum rc db_commit(struct db_connection *connection, struct deadline deadline, struct err *err) MUST_CHECK;

// Never fails: a connection that cannot roll back is closed, which rolls back too.
void db_rollback(struct db_connection *connection, struct deadline deadline);

// The deadline that db_begin was given, for functions called inside the transaction.
struct deadline db_connection_deadline(const struct db_connection *connection);

// The body of a transaction: RC_OK commits, anything else rolls back and is returned. It may be called again (on
// another connection) after a serialisation failure or deadlock, so it must leave no effects outside of the database.
typedef enum rc db_transaction_function(struct db_connection *connection, void *context, struct err *err);

// Acquire, begin, function, commit, release. Repeats only after 40001 and 40P01, at most 5 times in all, with jitter,
// within the deadline. Errors: those of the steps; RC_UNKNOWN only from the commit. Any thread.
enum rc db_transaction(struct db_pool *pool, struct deadline deadline, db_transaction_function *function, void *context,
                       struct err *err) MUST_CHECK;

// Run SQL text of one or more statements without parameters (migrations, tests, SET). Results are dropped.
enum rc db_execute_script(struct db_connection *connection, const char *sql, struct deadline deadline,
                          struct err *err) MUST_CHECK;
