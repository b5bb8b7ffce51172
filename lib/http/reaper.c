// The reaper: one thread that looks at every connection's points in time.
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "http/connection.h"
#include "http/feed_priv.h"
#include "http/request_priv.h"
#include "http/respond_priv.h"
#include "http/server_priv.h"

#define REAPER_PERIOD_MS 50
#define REAPER_BATCH 64
// Feeds are looked after less often.
#define REAPER_FEED_PERIODS 10

// Requests found overdue, each with a reference, answered outside the locks (libmicrohttpd has locks of its own).
struct reaper_batch {
	struct http_request *requests[REAPER_BATCH];
	size_t count;
};

static void take_request(struct http_connection *connection, struct reaper_batch *batch)
{
	(void)pthread_mutex_lock(&connection->lock);
	if (connection->request != NULL && request_state_now(connection->request) == REQUEST_DEFERRED) {
		request_hold(connection->request);
		batch->requests[batch->count++] = connection->request;
	}
	(void)pthread_mutex_unlock(&connection->lock);
}

static void answer_batch(struct reaper_batch *batch, const char *slug, const char *detail)
{
	for (size_t i = 0; i < batch->count; i++) {
		respond_by_reaper(batch->requests[i], slug, detail);
		request_release(batch->requests[i]);
	}
	batch->count = 0;
}

static bool is_closed_by_client(struct http_connection *connection, int64_t now_us)
{
	char byte;
	int64_t probe_at_us = atomic_load_explicit(&connection->probe_at_us, memory_order_relaxed);
	if (probe_at_us == 0 || probe_at_us > now_us)
		return false;
	// Unless it was set anew meanwhile.
	(void)atomic_compare_exchange_strong(&connection->probe_at_us, &probe_at_us,
	                                     now_us + CONNECTION_PROBE_MS * 1000);
	return recv(connection->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

// True when the batch got full, so that there may be more.
static bool look_at_connections(struct http_server *server, int64_t now_us, struct reaper_batch *batch)
{
	(void)pthread_mutex_lock(&server->lock);
	struct http_connection *connection = server->connections;
	for (; connection != NULL && batch->count < REAPER_BATCH; connection = connection->next) {
		int64_t answer_at_us = atomic_load_explicit(&connection->answer_at_us, memory_order_relaxed);
		if (answer_at_us != 0 && answer_at_us <= now_us)
			take_request(connection, batch);
		if (atomic_load_explicit(&connection->cut_at_us, memory_order_relaxed) <= now_us ||
		    is_closed_by_client(connection, now_us))
			(void)shutdown(connection->descriptor, SHUT_RDWR);
	}
	(void)pthread_mutex_unlock(&server->lock);
	return connection != NULL;
}

void connections_answer_deferred(struct http_server *server, const char *slug, const char *detail)
{
	struct reaper_batch batch = { .count = 0 };
	do {
		answer_batch(&batch, slug, detail);
		(void)pthread_mutex_lock(&server->lock);
		struct http_connection *connection = server->connections;
		for (; connection != NULL && batch.count < REAPER_BATCH; connection = connection->next)
			take_request(connection, &batch);
		(void)pthread_mutex_unlock(&server->lock);
	} while (batch.count > 0);
}

struct connections_count connections_count(struct http_server *server)
{
	struct connections_count count = { 0, 0 };
	(void)pthread_mutex_lock(&server->lock);
	for (struct http_connection *connection = server->connections; connection != NULL;
	     connection = connection->next) {
		(void)pthread_mutex_lock(&connection->lock);
		if (connection->request != NULL) {
			enum request_state state = request_state_now(connection->request);
			count.requests++;
			count.handled += state == REQUEST_RUNNING || state == REQUEST_DEFERRED;
		}
		(void)pthread_mutex_unlock(&connection->lock);
	}
	(void)pthread_mutex_unlock(&server->lock);
	return count;
}

// Waits one period; false when the reaper is to stop.
static bool wait_period(struct http_server *server)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += REAPER_PERIOD_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	(void)pthread_mutex_lock(&server->reaper_lock);
	if (!server->reaper_stops)
		(void)pthread_cond_timedwait(&server->reaper_wake, &server->reaper_lock, &until);
	bool stops = server->reaper_stops;
	(void)pthread_mutex_unlock(&server->reaper_lock);
	return !stops;
}

static void *reap(void *argument)
{
	struct http_server *server = argument;
	struct reaper_batch batch = { .count = 0 };
	for (unsigned period = 1; wait_period(server); period++) {
		bool more = true;
		if (period % REAPER_FEED_PERIODS == 0)
			feeds_tend(server);
		while (more) {
			more = look_at_connections(server, clock_monotonic_us(), &batch);
			answer_batch(&batch, "timeout", "This took too long. Try again shortly.");
		}
	}
	return NULL;
}

enum rc reaper_start(struct http_server *server, struct err *err)
{
	int failure = pthread_create(&server->reaper, NULL, reap, server);
	if (failure != 0)
		return err_set(err, RC_UNAVAILABLE, "cannot start the reaper thread: %s", strerror(failure));
	server->reaper_runs = true;
	(void)pthread_setname_np(server->reaper, "http-reaper");
	return RC_OK;
}

void reaper_stop(struct http_server *server)
{
	if (!server->reaper_runs)
		return;
	(void)pthread_mutex_lock(&server->reaper_lock);
	server->reaper_stops = true;
	(void)pthread_cond_signal(&server->reaper_wake);
	(void)pthread_mutex_unlock(&server->reaper_lock);
	(void)pthread_join(server->reaper, NULL);
	server->reaper_runs = false;
}
