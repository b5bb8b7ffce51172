// The pool: handing connections out and taking them back.
#include "db/pool.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/metrics.h"
#include "db/pool_private.h"

// No longer than this does giving a connection back wait for its ROLLBACK.
#define ROLLBACK_MS 1000

static void add_metrics(struct db_pool *pool, struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	pool->in_use = metrics_add(metrics, METRIC_GAUGE, "safelight_db_pool_in_use",
	                           "Connections of the pool that are handed out.", NULL);
	pool->wait = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_db_pool_wait_seconds",
	                         "Time to get a connection from the pool.", NULL);
	for (int rc = RC_OK + 1; rc <= RC_INTERNAL; rc++) {
		char labels[64];

		(void)snprintf(labels, sizeof(labels), "code=\"%s\"", rc_name((enum rc)rc));
		pool->errors[rc] = metrics_add(metrics, METRIC_COUNTER, "safelight_db_errors_total",
		                               "Database calls that failed, by result code.", labels);
	}
}

enum rc db_pool_count_error(struct db_pool *pool, enum rc rc)
{
	metric_add(pool->errors[rc], 1);
	return rc;
}

enum rc db_pool_new(const struct db_options *options, unsigned connections, struct db_pool **ret_pool, struct err *err)
{
	struct db_pool *pool;
	pthread_condattr_t monotonic;
	enum rc rc;

	assert(connections >= 1);
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return err_set(err, RC_NO_MEMORY, "database pool: no memory");
	rc = db_endpoint_init(&pool->endpoint, options, err);
	if (rc != RC_OK) {
		free(pool);
		return rc;
	}
	pool->connections = calloc(connections, sizeof(*pool->connections));
	if (pool->connections == NULL) {
		db_endpoint_done(&pool->endpoint);
		free(pool);
		return err_set(err, RC_NO_MEMORY, "database pool: no memory");
	}
	pool->count = connections;
	for (unsigned i = 0; i < connections; i++) {
		pool->connections[i].pool = pool;
		db_prepared_init(&pool->connections[i].prepared, options->metrics);
		pool->connections[i].next = pool->free;
		pool->free = &pool->connections[i];
	}
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->freed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	add_metrics(pool, options->metrics);
	*ret_pool = pool;
	return RC_OK;
}

void db_connection_close(struct db_connection *connection)
{
	PQfinish(connection->link);
	connection->link = NULL;
	db_prepared_forget(&connection->prepared);
}

void db_pool_free(struct db_pool *pool)
{
	if (pool == NULL)
		return;
	for (unsigned i = 0; i < pool->count; i++) {
		db_connection_close(&pool->connections[i]);
		db_prepared_done(&pool->connections[i].prepared);
	}
	free(pool->connections);
	db_endpoint_done(&pool->endpoint);
	(void)pthread_cond_destroy(&pool->freed);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

// A free connection, or NULL when the deadline passed.
static struct db_connection *wait_for_free(struct db_pool *pool, struct deadline deadline)
{
	struct timespec until = { .tv_sec = deadline.at_us / 1000000, .tv_nsec = deadline.at_us % 1000000 * 1000 };
	struct db_connection *connection;
	int failed = 0;

	(void)pthread_mutex_lock(&pool->lock);
	while (pool->free == NULL && failed == 0)
		failed = pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
	connection = pool->free;
	if (connection != NULL)
		pool->free = connection->next;
	(void)pthread_mutex_unlock(&pool->lock);
	return connection;
}

static void give_back(struct db_pool *pool, struct db_connection *connection)
{
	(void)pthread_mutex_lock(&pool->lock);
	connection->next = pool->free;
	pool->free = connection;
	(void)pthread_cond_signal(&pool->freed);
	(void)pthread_mutex_unlock(&pool->lock);
}

// An idle connection that the server has ended has something to read: its farewell, or the end of the stream. Cheaper
// than a round trip, and right except for what happens in this very moment.
static bool is_alive(PGconn *link)
{
	// First the farewell (or a changed parameter), then the end.
	while (PQstatus(link) == CONNECTION_OK && db_wait(link, POLLIN, 0)) {
		if (!PQconsumeInput(link) || PQisBusy(link))
			return false;
	}
	return PQstatus(link) == CONNECTION_OK;
}

enum rc db_pool_acquire(struct db_pool *pool, struct deadline deadline, struct db_connection **ret_connection,
                        struct err *err)
{
	int64_t begun_us = clock_monotonic_us();
	struct db_connection *connection = wait_for_free(pool, deadline);
	enum rc rc = RC_OK;

	if (connection == NULL)
		return db_pool_count_error(
		        pool,
		        err_set(err, RC_TIMEOUT, "no database connection came free in time (%u in use)", pool->count));
	if (connection->link != NULL && !is_alive(connection->link))
		db_connection_close(connection);
	if (connection->link == NULL)
		rc = db_connect(&pool->endpoint, deadline, &connection->link, err);
	metric_observe_us(pool->wait, clock_monotonic_us() - begun_us);
	if (rc != RC_OK) {
		give_back(pool, connection);
		return db_pool_count_error(pool, rc);
	}
	connection->failure = (struct db_failure){ .err.rc = RC_OK };
	metric_add(pool->in_use, 1);
	*ret_connection = connection;
	return RC_OK;
}

void db_pool_release(struct db_pool *pool, struct db_connection *connection)
{
	if (connection == NULL)
		return;
	assert(connection->pool == pool);
	if (connection->in_transaction)
		db_rollback(connection, deadline_after_ms(ROLLBACK_MS));
	if (connection->link != NULL &&
	    (PQstatus(connection->link) != CONNECTION_OK || PQtransactionStatus(connection->link) != PQTRANS_IDLE))
		db_connection_close(connection);
	metric_add(pool->in_use, -1);
	give_back(pool, connection);
}

static const struct db_statement ping_statement = { .name = "db_ping", .sql = "SELECT 1", .read_only = true };

enum rc db_pool_ping(struct db_pool *pool, struct deadline deadline, struct err *err)
{
	struct db_connection *connection = NULL;
	enum rc rc = db_pool_acquire(pool, deadline, &connection, err);

	if (rc != RC_OK)
		return rc;
	rc = db_execute(connection, &ping_statement, NULL, 0, deadline, NULL, err);
	db_pool_release(pool, connection);
	return rc;
}
