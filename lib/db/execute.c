// Statements and transactions on one connection, each call within its deadline.
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "base/retry.h"
#include "db/pool_private.h"
#include "db/result_private.h"

#define TRANSACTION_ATTEMPTS 5

// Record a failure on the connection and give it to the caller.
static enum rc fail(struct db_connection *connection, const struct db_failure *failure, struct err *err)
{
	connection->failure = *failure;
	(void)err_set(err, failure->err.rc, "%s", failure->err.text);
	return db_pool_count_error(connection->pool, failure->err.rc);
}

static enum rc fail_with(struct db_connection *connection, enum rc rc, const char *context, const char *text,
                         struct err *err)
{
	struct db_failure failure = { .err.rc = RC_OK };

	(void)err_set(&failure.err, rc, "%s: %s", context, text);
	return fail(connection, &failure, err);
}

// What a call means when its answer did not come: inside a transaction it is surely rolled back.
static enum rc lost_rc(const struct db_connection *connection, bool read_only)
{
	return read_only || connection->in_transaction ? RC_UNAVAILABLE : RC_UNKNOWN;
}

// Read all results of what was sent; the last one's rows are returned. Closes the connection when the answer does not
// come. rc_lost: the code for a lost connection.
static enum rc collect(struct db_connection *connection, const char *context, struct deadline deadline, enum rc rc_lost,
                       PGresult **ret_result, struct err *err)
{
	// The server's own timers strike at the deadline; give their answer time to arrive.
	struct deadline last = { .at_us = deadline.at_us + DB_GRACE_MS * 1000 };
	struct db_failure failure = { .err.rc = RC_OK };
	PGresult *kept = NULL;

	for (;;) {
		enum rc rc = db_wait_result(connection->link, last, err);
		PGresult *result;

		if (rc != RC_OK) {
			PQclear(kept);
			db_connection_close(connection);
			return rc == RC_TIMEOUT
			               ? fail_with(connection, RC_TIMEOUT, context, "the deadline passed", err)
			               : fail_with(connection, rc_lost, context, "the connection was lost", err);
		}
		result = PQgetResult(connection->link);
		if (result == NULL)
			break;
		switch (PQresultStatus(result)) {
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
		case PGRES_EMPTY_QUERY:
			PQclear(kept);
			kept = result;
			break;
		default:
			if (failure.err.rc == RC_OK)
				(void)db_failure_read(result, connection->link, context, &failure);
			PQclear(result);
		}
	}
	if (failure.err.rc == RC_OK) {
		*ret_result = kept;
		return RC_OK;
	}
	// Ended by an operator between its result and its commit: as good as lost.
	if (failure.sqlstate[0] == '\0' || (kept != NULL && strncmp(failure.sqlstate, "57P", 3) == 0))
		failure.err.rc = rc_lost;
	PQclear(kept);
	if (PQstatus(connection->link) != CONNECTION_OK)
		db_connection_close(connection);
	return fail(connection, &failure, err);
}

static enum rc check_ready(struct db_connection *connection, const char *context, struct deadline deadline,
                           struct err *err)
{
	connection->failure = (struct db_failure){ .err.rc = RC_OK };
	if (connection->link == NULL)
		return fail_with(connection, RC_UNAVAILABLE, context, "the connection was lost before", err);
	if (deadline_passed(deadline))
		return fail_with(connection, RC_TIMEOUT, context, "the deadline passed before it was sent", err);
	return RC_OK;
}

static enum rc send_failed(struct db_connection *connection, const char *context, struct err *err)
{
	db_connection_close(connection);
	return fail_with(connection, RC_UNAVAILABLE, context, "it could not be sent", err);
}

static enum rc prepare(struct db_connection *connection, const struct db_statement *statement,
                       struct db_prepared_entry *entry, struct deadline deadline, struct err *err)
{
	PGresult *result = NULL;
	enum rc rc;

	if (!PQsendPrepare(connection->link, statement->name, statement->sql, 0, NULL))
		return send_failed(connection, statement->name, err);
	rc = collect(connection, statement->name, deadline, RC_UNAVAILABLE, &result, err);
	PQclear(result);
	if (rc == RC_OK)
		entry->is_prepared = true;
	return rc;
}

enum rc db_execute(struct db_connection *connection, const struct db_statement *statement,
                   const struct db_value *values, unsigned count, struct deadline deadline,
                   struct db_result **ret_result, struct err *err)
{
	int64_t begun_us = clock_monotonic_us();
	struct db_arguments arguments;
	struct db_prepared_entry *entry;
	PGresult *result = NULL;
	enum rc rc = check_ready(connection, statement->name, deadline, err);

	assert(count == statement->parameter_count);
	if (rc != RC_OK)
		return rc;
	entry = db_prepared_find(&connection->prepared, statement);
	if (entry == NULL)
		return fail_with(connection, RC_NO_MEMORY, statement->name, "no memory", err);
	bool is_pooled = connection->pool->endpoint.is_pooled;
	if (!entry->is_prepared && !is_pooled) {
		rc = prepare(connection, statement, entry, deadline, err);
		if (rc != RC_OK)
			return rc;
	}
	db_arguments_fill(values, count, &arguments);
	if (!db_arguments_send(connection->link, statement, is_pooled, count, &arguments))
		return send_failed(connection, statement->name, err);
	rc = collect(connection, statement->name, deadline, lost_rc(connection, statement->read_only), &result, err);
	metric_observe_us(entry->latency, clock_monotonic_us() - begun_us);
	if (rc != RC_OK)
		return rc;
	if (ret_result != NULL) {
		struct db_result *wrapped = db_result_wrap(&result);

		if (wrapped == NULL) {
			PQclear(result);
			return fail_with(connection, RC_NO_MEMORY, statement->name, "no memory for its rows", err);
		}
		*ret_result = wrapped;
	}
	PQclear(result);
	return RC_OK;
}

const struct db_failure *db_connection_failure(const struct db_connection *connection)
{
	return &connection->failure;
}

struct deadline db_connection_deadline(const struct db_connection *connection)
{
	return connection->deadline;
}

// Send text in the simple protocol and wait.
static enum rc run_text(struct db_connection *connection, const char *context, const char *sql,
                        struct deadline deadline, enum rc rc_lost, PGresult **ret_result, struct err *err)
{
	enum rc rc = check_ready(connection, context, deadline, err);

	if (rc != RC_OK)
		return rc;
	if (!PQsendQuery(connection->link, sql))
		return send_failed(connection, context, err);
	return collect(connection, context, deadline, rc_lost, ret_result, err);
}

enum rc db_begin(struct db_connection *connection, struct deadline deadline, struct err *err)
{
	int64_t left_ms = deadline_left_ms(deadline);
	int64_t lock_ms = connection->pool->endpoint.lock_ms;
	PGresult *result = NULL;
	char sql[160];
	enum rc rc;

	assert(!connection->in_transaction);
	(void)snprintf(sql, sizeof(sql),
	               "BEGIN; SET LOCAL statement_timeout = %" PRId64 "; SET LOCAL lock_timeout = %" PRId64,
	               left_ms < 1 ? 1 : left_ms,
	               left_ms < 1         ? 1
	               : left_ms < lock_ms ? left_ms
	                                   : lock_ms);
	rc = run_text(connection, "begin", sql, deadline, RC_UNAVAILABLE, &result, err);
	PQclear(result);
	if (rc != RC_OK)
		return rc;
	connection->in_transaction = true;
	connection->deadline = deadline;
	return RC_OK;
}

enum rc db_commit(struct db_connection *connection, struct deadline deadline, struct err *err)
{
	PGresult *result = NULL;
	bool committed;
	enum rc rc;

	assert(connection->in_transaction);
	rc = run_text(connection, "commit", "COMMIT", deadline, RC_UNKNOWN, &result, err);
	if (rc != RC_OK) {
		const char *sqlstate = connection->failure.sqlstate;
		// Lost, overtaken by the deadline or ended by an operator after COMMIT was sent: both outcomes are
		// possible.
		bool is_open = rc == RC_UNKNOWN || (rc == RC_TIMEOUT && connection->link == NULL) ||
		               strncmp(sqlstate, "57P", 3) == 0;

		if (connection->link == NULL || sqlstate[0] != '\0')
			connection->in_transaction = false;
		return is_open ? err_set(err, RC_UNKNOWN, "commit: no answer, the transaction may have been committed")
		               : rc;
	}
	connection->in_transaction = false;
	committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
	PQclear(result);
	if (!committed)
		return fail_with(connection, RC_INTERNAL, "commit",
		                 "a statement had failed, so the transaction was rolled back", err);
	return RC_OK;
}

void db_rollback(struct db_connection *connection, struct deadline deadline)
{
	struct db_failure failure = connection->failure;
	PGresult *result = NULL;

	if (connection->link != NULL &&
	    run_text(connection, "rollback", "ROLLBACK", deadline, RC_UNAVAILABLE, &result, NULL) != RC_OK)
		db_connection_close(connection);
	PQclear(result);
	connection->in_transaction = false;
	// The caller wants to know why it rolled back.
	connection->failure = failure;
}

enum rc db_execute_script(struct db_connection *connection, const char *sql, struct deadline deadline, struct err *err)
{
	PGresult *result = NULL;
	enum rc rc = run_text(connection, "script", sql, deadline, lost_rc(connection, false), &result, err);

	PQclear(result);
	return rc;
}

// One attempt; *ret_repeat says that the server asked for another.
static enum rc run_transaction(struct db_pool *pool, struct deadline deadline, db_transaction_function *function,
                               void *context, bool *ret_repeat, struct err *err)
{
	struct db_connection *connection;
	const char *sqlstate;
	enum rc rc = db_pool_acquire(pool, deadline, &connection, err);

	*ret_repeat = false;
	if (rc != RC_OK)
		return rc;
	rc = db_begin(connection, deadline, err);
	if (rc == RC_OK) {
		rc = function(connection, context, err);
		if (rc == RC_OK)
			rc = db_commit(connection, deadline, err);
		else
			db_rollback(connection, deadline_after_ms(DB_GRACE_MS));
	}
	sqlstate = connection->failure.sqlstate;
	*ret_repeat = rc != RC_OK && (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0);
	db_pool_release(pool, connection);
	return rc;
}

enum rc db_transaction(struct db_pool *pool, struct deadline deadline, db_transaction_function *function, void *context,
                       struct err *err)
{
	static const struct retry_policy policy = { .attempts = TRANSACTION_ATTEMPTS, .base_ms = 20, .cap_ms = 500 };

	for (unsigned attempt = 1;; attempt++) {
		bool repeat;
		enum rc rc = run_transaction(pool, deadline, function, context, &repeat, err);
		int64_t pause_ms;

		if (!repeat || attempt == policy.attempts)
			return rc;
		pause_ms = retry_delay_ms(&policy, attempt);
		if (pause_ms >= deadline_left_ms(deadline))
			return rc;
		clock_sleep_ms(pause_ms);
	}
}
