// The listener's thread: connect, LISTEN, wait, and again.
#include "db/listen.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/retry.h"
#include "db/connect.h"

#define CHANNEL_SIZE 64

struct db_listener {
	struct db_endpoint endpoint;
	char channel[CHANNEL_SIZE];
	db_notification *callback;
	void *context;
	pthread_t thread;
	int wake; // eventfd: written once, to stop
	_Atomic bool is_stopping;
};

static const struct retry_policy reconnect_policy = { .attempts = UINT32_MAX, .base_ms = 100, .cap_ms = 3000 };

// Wait for the connection (NULL: only for time to pass). False when the listener is to stop; *ret_events is what
// happened, 0 when the time ran out.
static bool wait_for(struct db_listener *listener, PGconn *connection, short events, int64_t milliseconds,
                     short *ret_events)
{
	struct pollfd wanted[2] = { { .fd = listener->wake, .events = POLLIN },
		                    { .fd = connection == NULL ? -1 : PQsocket(connection), .events = events } };

	(void)poll(wanted, 2, (int)milliseconds);
	*ret_events = wanted[1].revents;
	return !atomic_load(&listener->is_stopping);
}

static PGconn *connect_interruptibly(struct db_listener *listener, unsigned host)
{
	struct deadline deadline = deadline_after_ms(listener->endpoint.connect_ms);
	PGconn *connection = db_connect_start(&listener->endpoint, host, NULL);
	enum db_connect_status status = DB_CONNECT_WAITING;
	short events = POLLOUT;

	while (connection != NULL && status == DB_CONNECT_WAITING) {
		short happened;

		if (!wait_for(listener, connection, events, deadline_left_ms(deadline), &happened) ||
		    deadline_passed(deadline))
			status = DB_CONNECT_FAILED;
		else if (happened != 0)
			status = db_connect_step(&listener->endpoint, host, connection, &events, NULL);
	}
	if (status == DB_CONNECT_DONE)
		return connection;
	PQfinish(connection);
	return NULL;
}

static bool send_listen(struct db_listener *listener, PGconn *connection)
{
	struct deadline deadline = deadline_after_ms(listener->endpoint.connect_ms);
	bool is_listening = false;
	PGresult *result;
	char sql[CHANNEL_SIZE + 16];

	(void)snprintf(sql, sizeof(sql), "LISTEN %s", listener->channel);
	if (!PQsendQuery(connection, sql))
		return false;
	do {
		if (db_wait_result(connection, deadline, NULL) != RC_OK)
			return false;
		result = PQgetResult(connection);
		if (result != NULL)
			is_listening = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	} while (result != NULL);
	return is_listening;
}

static void deliver(struct db_listener *listener, PGconn *connection)
{
	PGnotify *notification;

	while ((notification = PQnotifies(connection)) != NULL) {
		listener->callback(listener->context, notification->extra);
		PQfreemem(notification);
	}
}

// Until the connection is lost or the listener stops.
static void listen_until_lost(struct db_listener *listener, PGconn *connection)
{
	short happened;

	listener->callback(listener->context, "");
	deliver(listener, connection);
	while (wait_for(listener, connection, POLLIN, -1, &happened)) {
		if (happened == 0)
			continue;
		if (!PQconsumeInput(connection))
			return;
		deliver(listener, connection);
	}
}

static void *run(void *context)
{
	struct db_listener *listener = context;
	unsigned failures = 0;
	short happened;

	while (!atomic_load(&listener->is_stopping)) {
		PGconn *connection =
		        connect_interruptibly(listener, atomic_load(&listener->endpoint.preferred) + failures);

		if (connection != NULL && send_listen(listener, connection)) {
			failures = 0;
			listen_until_lost(listener, connection);
		}
		PQfinish(connection);
		failures++;
		(void)wait_for(listener, NULL, 0, retry_delay_ms(&reconnect_policy, failures), &happened);
	}
	return NULL;
}

static void free_parts(struct db_listener *listener)
{
	if (listener->wake >= 0)
		(void)close(listener->wake);
	db_endpoint_done(&listener->endpoint);
	free(listener);
}

enum rc db_listener_new(const struct db_options *options, const char *channel, db_notification *callback, void *context,
                        struct db_listener **ret_listener, struct err *err)
{
	size_t length = strlen(channel);
	struct db_listener *listener;
	sigset_t all, before;
	enum rc rc;
	int failed;

	if (length == 0 || length >= CHANNEL_SIZE || strspn(channel, "abcdefghijklmnopqrstuvwxyz0123456789_") != length)
		return err_set(err, RC_INVALID, "\"%s\" is not a channel name", channel);
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL)
		return err_set(err, RC_NO_MEMORY, "database listener: no memory");
	rc = db_endpoint_init(&listener->endpoint, options, err);
	if (rc != RC_OK) {
		free(listener);
		return rc;
	}
	memcpy(listener->channel, channel, length + 1);
	listener->callback = callback;
	listener->context = context;
	listener->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = listener->wake < 0 ? -1 : pthread_create(&listener->thread, NULL, run, listener);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		free_parts(listener);
		return err_set(err, RC_UNAVAILABLE, "database listener: no thread to be had");
	}
	(void)pthread_setname_np(listener->thread, "db-listen");
	*ret_listener = listener;
	return RC_OK;
}

void db_listener_free(struct db_listener *listener)
{
	if (listener == NULL)
		return;
	atomic_store(&listener->is_stopping, true);
	(void)eventfd_write(listener->wake, 1);
	(void)pthread_join(listener->thread, NULL);
	free_parts(listener);
}
