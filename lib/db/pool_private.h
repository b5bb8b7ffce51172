// The pool's connections, shared by pool.c and execute.c. Private to lib/db.
#pragma once

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>

#include "db/connect.h"
#include "db/pool.h"
#include "db/prepared.h"

struct metric;

struct db_connection {
	PGconn *link; // NULL: not connected
	struct db_pool *pool;
	struct db_prepared prepared;
	struct db_failure failure;  // of the last call
	struct deadline deadline;   // of the transaction
	bool in_transaction;        // until commit or rollback, a lost link notwithstanding
	struct db_connection *next; // in the pool's list of free ones
};

struct db_pool {
	struct db_endpoint endpoint;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct db_connection *free; // last used first: few connections stay warm
	struct db_connection *connections;
	unsigned count;
	struct metric *in_use;
	struct metric *wait;
	struct metric *errors[RC_INTERNAL + 1];
};

// Close the link; the connection can be opened again by the pool.
void db_connection_close(struct db_connection *connection);

// Count a failed call by its code, and return the code.
enum rc db_pool_count_error(struct db_pool *pool, enum rc rc);
