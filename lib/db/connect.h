// Connections to Postgres, step by step and never blocking beyond a deadline. Private to lib/db.
//
// Hosts are tried one at a time by us: in its non-blocking mode libpq never gives up on a host that does not answer.
// Name resolution is the one thing that may block (getaddrinfo): use addresses, or a resolver on the machine.
#pragma once

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "db/options.h"
#include "db/statement.h"

#define DB_HOSTS_MAX 8

// An owned copy of options.
struct db_endpoint {
	char *hosts[DB_HOSTS_MAX];
	unsigned host_count;
	char port[8];
	char *name;
	char *user;
	char *password;
	char *application_name;
	char session_sql[512]; // one SELECT that sets the session up
	bool accept_standby;
	bool is_pooled; // nothing may be kept in the session: no prepared statements, no settings
	int64_t connect_ms;
	int64_t statement_ms;
	int64_t lock_ms;
	struct metrics *metrics;
	_Atomic unsigned preferred; // index of the host that answered last
};

enum rc db_endpoint_init(struct db_endpoint *endpoint, const struct db_options *options, struct err *err) MUST_CHECK;
void db_endpoint_done(struct db_endpoint *endpoint);

// Begin to connect to one host (index modulo host_count). The caller polls PQsocket() for writing, then calls
// db_connect_step; PQfinish when done. NULL without memory or when it fails at once.
PGconn *db_connect_start(struct db_endpoint *endpoint, unsigned host, struct err *err);

enum db_connect_status { DB_CONNECT_WAITING, DB_CONNECT_DONE, DB_CONNECT_FAILED };

// Go on; *ret_events says what to poll for next (the socket may be another one then). When done the connection is
// non-blocking and `host` is preferred from now on; session_sql is still to be sent.
enum db_connect_status db_connect_step(struct db_endpoint *endpoint, unsigned host, PGconn *connection,
                                       short *ret_events, struct err *err);

// All of it for a thread that may wait: each host in turn, session_sql included.
enum rc db_connect(struct db_endpoint *endpoint, struct deadline deadline, PGconn **ret_connection,
                   struct err *err) MUST_CHECK;

// Wait for events on the socket, at most `milliseconds` (negative: no limit). False when the time ran out.
bool db_wait(PGconn *connection, short events, int64_t milliseconds);

// Send what is buffered and read until a whole result has come. RC_OK: PQgetResult will not block. RC_TIMEOUT,
// RC_UNAVAILABLE (connection lost).
enum rc db_wait_result(PGconn *connection, struct deadline deadline, struct err *err) MUST_CHECK;

// Read a failed result (NULL: the connection's own error) into ret_failure and return its code. context names the
// statement. Texts have the server's primary message only: its details may quote rows.
enum rc db_failure_read(const PGresult *result, const PGconn *connection, const char *context,
                        struct db_failure *ret_failure);
