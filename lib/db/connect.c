// Connecting, waiting with deadlines, and reading errors.
#include "db/connect.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A dead peer is noticed after about 10 + 3 * 5 seconds of silence, or 10 seconds of unacknowledged data.
#define KEEPALIVE_IDLE_SECONDS "10"
#define KEEPALIVE_INTERVAL_SECONDS "5"
#define KEEPALIVE_COUNT "3"
#define TCP_USER_TIMEOUT_MS "10000"

static bool split_hosts(struct db_endpoint *endpoint, const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t length = strcspn(text, ",");

		if (length > 0) {
			if (endpoint->host_count == DB_HOSTS_MAX)
				return false;
			endpoint->hosts[endpoint->host_count] = strndup(text, length);
			if (endpoint->hosts[endpoint->host_count] == NULL)
				return false;
			endpoint->host_count++;
		}
		text += length + (text[length] == ',');
	}
	return endpoint->host_count > 0;
}

static char *copy_text(const char *text)
{
	return strdup(text == NULL ? "" : text);
}

enum rc db_endpoint_init(struct db_endpoint *endpoint, const struct db_options *options, struct err *err)
{
	*endpoint = (struct db_endpoint){ .accept_standby = options->accept_standby,
		                          .is_pooled = options->is_pooled,
		                          .connect_ms = options->connect_ms,
		                          .statement_ms = options->statement_ms,
		                          .lock_ms = options->lock_ms,
		                          .metrics = options->metrics };
	if (options->connect_ms <= 0 || options->statement_ms <= 0 || options->lock_ms <= 0 ||
	    options->idle_transaction_ms <= 0)
		return err_set(err, RC_INVALID, "database: time limits must be positive");
	if (options->port < 1 || options->port > 65535)
		return err_set(err, RC_INVALID, "database: port %" PRId64 " is not one of 1 to 65535", options->port);
	if (!split_hosts(endpoint, options->host)) {
		db_endpoint_done(endpoint);
		return err_set(err, RC_INVALID, "database: 1 to %d hosts are needed, comma-separated", DB_HOSTS_MAX);
	}
	(void)snprintf(endpoint->port, sizeof(endpoint->port), "%" PRId64, options->port);
	if (options->is_pooled) // the pooler sets sessions up: its connect_query (docs/operating.md)
		(void)snprintf(endpoint->session_sql, sizeof(endpoint->session_sql), "SELECT 1");
	else
		(void)snprintf(endpoint->session_sql, sizeof(endpoint->session_sql),
		               "SELECT set_config('statement_timeout', '%" PRId64 "', false), "
		               "set_config('lock_timeout', '%" PRId64 "', false), "
		               "set_config('idle_in_transaction_session_timeout', '%" PRId64 "', false), "
		               // Our statements are short: compiling one costs more than running it.
		               "set_config('jit', 'off', false), set_config('plan_cache_mode', '%s', false)",
		               options->statement_ms, options->lock_ms, options->idle_transaction_ms,
		               options->one_plan ? "force_generic_plan" : "auto");
	endpoint->name = copy_text(options->name);
	endpoint->user = copy_text(options->user);
	endpoint->password = copy_text(options->password);
	endpoint->application_name = copy_text(options->application_name);
	if (endpoint->name == NULL || endpoint->user == NULL || endpoint->password == NULL ||
	    endpoint->application_name == NULL) {
		db_endpoint_done(endpoint);
		return err_set(err, RC_NO_MEMORY, "database: no memory");
	}
	return RC_OK;
}

void db_endpoint_done(struct db_endpoint *endpoint)
{
	for (unsigned i = 0; i < endpoint->host_count; i++)
		free(endpoint->hosts[i]);
	free(endpoint->name);
	free(endpoint->user);
	if (endpoint->password != NULL)
		explicit_bzero(endpoint->password, strlen(endpoint->password));
	free(endpoint->password);
	free(endpoint->application_name);
	*endpoint = (struct db_endpoint){ 0 };
}

// Notices are not for us, and libpq would print them.
static void drop_notice(void *context, const PGresult *notice)
{
	(void)context;
	(void)notice;
}

PGconn *db_connect_start(struct db_endpoint *endpoint, unsigned host, struct err *err)
{
	const char *const keywords[] = { "host",
		                         "port",
		                         "dbname",
		                         "user",
		                         "password",
		                         "application_name",
		                         "target_session_attrs",
		                         "client_encoding",
		                         "keepalives_idle",
		                         "keepalives_interval",
		                         "keepalives_count",
		                         "tcp_user_timeout",
		                         NULL };
	const char *const values[] = { endpoint->hosts[host % endpoint->host_count],
		                       endpoint->port,
		                       endpoint->name,
		                       endpoint->user,
		                       endpoint->password,
		                       endpoint->application_name,
		                       endpoint->accept_standby ? "any" : "read-write",
		                       "UTF8",
		                       KEEPALIVE_IDLE_SECONDS,
		                       KEEPALIVE_INTERVAL_SECONDS,
		                       KEEPALIVE_COUNT,
		                       TCP_USER_TIMEOUT_MS,
		                       NULL };
	PGconn *connection = PQconnectStartParams(keywords, values, 0);
	struct db_failure failure;

	if (connection == NULL) {
		(void)err_set(err, RC_NO_MEMORY, "connect: no memory");
		return NULL;
	}
	(void)PQsetNoticeReceiver(connection, drop_notice, NULL);
	if (PQstatus(connection) == CONNECTION_BAD) {
		enum rc rc = db_failure_read(NULL, connection, "connect", &failure);

		(void)err_set(err, rc, "%s", failure.err.text);
		PQfinish(connection);
		return NULL;
	}
	return connection;
}

// libpq keeps no SQLSTATE of a refused connection, only its text. Refused credentials are the one case that waiting
// does not mend.
static enum rc refused_rc(const PGconn *connection)
{
	static const char *const denials[] = { "authentication failed", "no password supplied", "no pg_hba.conf entry",
		                               "is not permitted to log in", "permission denied for database" };
	const char *text = PQerrorMessage(connection);

	for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++) {
		if (strstr(text, denials[i]) != NULL)
			return RC_DENIED;
	}
	return RC_UNAVAILABLE;
}

enum db_connect_status db_connect_step(struct db_endpoint *endpoint, unsigned host, PGconn *connection,
                                       short *ret_events, struct err *err)
{
	struct db_failure failure;

	switch (PQconnectPoll(connection)) {
	case PGRES_POLLING_READING:
		*ret_events = POLLIN;
		return DB_CONNECT_WAITING;
	case PGRES_POLLING_WRITING:
		*ret_events = POLLOUT;
		return DB_CONNECT_WAITING;
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(connection, 1) != 0)
			break;
		atomic_store_explicit(&endpoint->preferred, host % endpoint->host_count, memory_order_relaxed);
		return DB_CONNECT_DONE;
	default:
		break;
	}
	(void)db_failure_read(NULL, connection, "connect", &failure);
	(void)err_set(err, refused_rc(connection), "%s", failure.err.text);
	return DB_CONNECT_FAILED;
}

static enum rc connect_host(struct db_endpoint *endpoint, unsigned host, struct deadline deadline,
                            PGconn **ret_connection, struct err *err)
{
	PGconn *connection = db_connect_start(endpoint, host, err);
	enum db_connect_status status = DB_CONNECT_WAITING;
	short events = POLLOUT;

	if (connection == NULL)
		return err == NULL ? RC_UNAVAILABLE : err->rc;
	while (status == DB_CONNECT_WAITING) {
		if (!db_wait(connection, events, deadline_left_ms(deadline))) {
			PQfinish(connection);
			return err_set(err, RC_TIMEOUT, "connect: %s did not answer in time",
			               endpoint->hosts[host % endpoint->host_count]);
		}
		status = db_connect_step(endpoint, host, connection, &events, err);
	}
	if (status == DB_CONNECT_FAILED) {
		enum rc rc = refused_rc(connection);

		PQfinish(connection);
		return rc;
	}
	*ret_connection = connection;
	return RC_OK;
}

static enum rc set_session(struct db_endpoint *endpoint, PGconn *connection, struct deadline deadline, struct err *err)
{
	struct db_failure failure = { .err.rc = RC_OK };
	enum rc rc = RC_OK;
	PGresult *result;

	if (!PQsendQuery(connection, endpoint->session_sql))
		return err_set(err, RC_UNAVAILABLE, "connect: the connection was lost");
	do {
		rc = db_wait_result(connection, deadline, err);
		if (rc != RC_OK)
			return rc;
		result = PQgetResult(connection);
		if (result != NULL && PQresultStatus(result) != PGRES_TUPLES_OK)
			(void)db_failure_read(result, connection, "connect", &failure);
		PQclear(result);
	} while (result != NULL);
	if (failure.err.rc != RC_OK)
		return err_set(err, failure.err.rc, "%s", failure.err.text);
	return RC_OK;
}

enum rc db_connect(struct db_endpoint *endpoint, struct deadline deadline, PGconn **ret_connection, struct err *err)
{
	unsigned first = atomic_load_explicit(&endpoint->preferred, memory_order_relaxed);
	PGconn *connection = NULL;
	enum rc rc = RC_UNAVAILABLE;

	for (unsigned i = 0; i < endpoint->host_count && rc != RC_OK; i++) {
		// A host that swallows packets must leave the others their share of the time.
		int64_t share_ms = deadline_left_ms(deadline) / (endpoint->host_count - i);
		struct deadline attempt =
		        deadline_after_ms(share_ms < endpoint->connect_ms ? share_ms : endpoint->connect_ms);

		rc = connect_host(endpoint, first + i, attempt, &connection, err);
	}
	if (rc != RC_OK)
		return rc;
	rc = set_session(endpoint, connection, deadline, err);
	if (rc != RC_OK) {
		PQfinish(connection);
		return rc;
	}
	*ret_connection = connection;
	return RC_OK;
}

bool db_wait(PGconn *connection, short events, int64_t milliseconds)
{
	struct pollfd wanted = { .fd = PQsocket(connection), .events = events };
	struct deadline deadline = deadline_after_ms(milliseconds < 0 ? 0 : milliseconds);
	int count;

	do {
		int64_t left = milliseconds < 0 ? -1 : deadline_left_ms(deadline);

		count = poll(&wanted, 1, left > INT32_MAX ? INT32_MAX : (int)left);
	} while (count < 0 && errno == EINTR);
	return count != 0;
}

enum rc db_wait_result(PGconn *connection, struct deadline deadline, struct err *err)
{
	for (;;) {
		// Negative: the connection is lost, and PQsocket() is nothing to wait for.
		int unsent = PQflush(connection);
		int64_t left_ms;

		if (unsent <= 0 && !PQisBusy(connection))
			return RC_OK;
		if (unsent < 0)
			return err_set(err, RC_UNAVAILABLE, "the connection was lost");
		left_ms = deadline_left_ms(deadline);
		if (left_ms == 0)
			return err_set(err, RC_TIMEOUT, "the deadline passed");
		// A failure to read shows in the next round.
		if (db_wait(connection, unsent > 0 ? POLLIN | POLLOUT : POLLIN, left_ms))
			(void)PQconsumeInput(connection);
	}
}
