// Starts and stops the server.
#include "http/server_priv.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/work_pool.h"
#include "http/access.h"
#include "http/builtin.h"
#include "http/connection.h"
#include "http/cors.h"
#include "http/feed_priv.h"
#include "http/head.h"
#include "http/listener.h"
#include "http/router.h"
#include "http/server_gate.h"
#include "http/telemetry.h"

#define SERVER_HEADER_MS 10000
#define SERVER_IDLE_MS 75000
#define SERVER_BODY_RATE 1024
// The least memory of a connection with libmicrohttpd: the head, its records, the answer's head.
#define SERVER_CONNECTION_BYTES (LIMIT_REQUEST_HEADER_BYTES + 16 * 1024)
// How long a drain waits, beyond its time, for answers to be written.
#define SERVER_FLUSH_MS 1000

static void log_library(void *context, const char *format, va_list arguments)
{
	char text[256];
	(void)context;
	(void)vsnprintf(text, sizeof text, format, arguments);
	LOG_EVENT(LOG_DEBUG, "http_library", LOG_TEXT("text", text));
}

static void die_of_panic(void *context, const char *file, unsigned int line, const char *reason)
{
	(void)context;
	LOG_EVENT(LOG_ERROR, "http_library_panic", LOG_TEXT("file", file), LOG_INT("line", line),
	          LOG_TEXT("reason", reason));
	abort();
}

static enum rc gather_routes(struct http_server *server, struct err *err)
{
	const struct http_server_config *config = &server->config;
	server->routes = calloc(config->route_count + builtin_route_count, sizeof *server->routes);
	if (server->routes == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the routes");
	for (size_t i = 0; i < config->route_count; i++) {
		server->routes[server->route_count++] = config->routes[i];
		if (config->routes[i]->auth != ROUTE_PUBLIC && config->authenticate == NULL)
			return err_set(err, RC_INVALID, "%s needs an authenticate callback", config->routes[i]->path);
	}
	for (size_t i = 0; i < builtin_route_count; i++)
		server->routes[server->route_count++] = builtin_routes[i];
	return router_new(server->routes, server->route_count, &server->router, err);
}

// Connections are descriptors: raise the soft limit towards the hard one. What stays too low shows as refused accepts.
static void allow_descriptors(unsigned connections)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)connections + 256;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum rc start_daemon(struct http_server *server, struct err *err)
{
	const struct http_server_config *config = &server->config;
	struct MHD_OptionItem pool[] = { { MHD_OPTION_THREAD_POOL_SIZE, config->event_threads, NULL },
		                         { MHD_OPTION_END, 0, NULL } };
	if (config->event_threads <= 1)
		pool[0] = pool[1]; // a pool of one is no pool
	MHD_set_panic_func(die_of_panic, NULL);
	server->daemon =
	        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
	                         NULL, access_handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
	                         MHD_OPTION_LISTEN_SOCKET, server->listener.descriptor, MHD_OPTION_CONNECTION_LIMIT,
	                         config->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->connection_bytes,
	                         MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, access_completed, server,
	                         MHD_OPTION_NOTIFY_CONNECTION, connection_notify, server, MHD_OPTION_UNESCAPE_CALLBACK,
	                         head_leave_escaped, server, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
	if (server->daemon == NULL)
		return err_set(err, RC_UNAVAILABLE, "cannot start the event threads");
	return RC_OK;
}

static enum rc build(struct http_server *server, struct err *err)
{
	const struct http_server_config *config = &server->config;
	char name[16];
	(void)snprintf(name, sizeof name, "%.10s-work", config->name);
	enum rc rc = gather_routes(server, err);
	if (rc != RC_OK)
		return rc;
	server->cors = cors_new(config->cors_origins);
	if (server->cors == NULL)
		return err_set(err, RC_INVALID, "cors_origins is not a list of origins: %s", config->cors_origins);
	server->telemetry = telemetry_new(config->metrics, server->routes, server->route_count);
	if (server->telemetry == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the server");
	server->gate = server_gate_new(server);
	if (server->gate == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the server");
	rc = listener_open(config->listen, &server->listener, err);
	if (rc != RC_OK)
		return rc;
	server->workers = work_pool_new(name, config->workers, config->queue, err);
	if (server->workers == NULL)
		return RC_UNAVAILABLE;
	allow_descriptors(config->connections);
	rc = reaper_start(server, err);
	return rc != RC_OK ? rc : start_daemon(server, err);
}

static void server_free(struct http_server *server)
{
	server_gate_close(server->gate);
	reaper_stop(server);
	work_pool_free(server->workers);
	if (server->listener.descriptor >= 0)
		(void)close(server->listener.descriptor);
	router_free(server->router);
	cors_free(server->cors);
	telemetry_free(server->telemetry);
	(void)pthread_mutex_destroy(&server->lock);
	notable_ring_done(&server->notables);
	(void)pthread_mutex_destroy(&server->feeds_lock);
	(void)pthread_mutex_destroy(&server->reaper_lock);
	(void)pthread_cond_destroy(&server->reaper_wake);
	free(server->routes);
	server_gate_release(server->gate);
	free(server);
}

enum rc http_server_start(const struct http_server_config *config, struct http_server **ret_server, struct err *err)
{
	struct http_server *server = calloc(1, sizeof *server);
	if (server == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the server");
	server->config = *config;
	server->listener.descriptor = -1;
	if (server->config.header_ms == 0)
		server->config.header_ms = SERVER_HEADER_MS;
	if (server->config.idle_ms == 0)
		server->config.idle_ms = SERVER_IDLE_MS;
	if (server->config.connection_bytes < SERVER_CONNECTION_BYTES)
		server->config.connection_bytes = SERVER_CONNECTION_BYTES;
	if (server->config.body_rate == 0)
		server->config.body_rate = SERVER_BODY_RATE;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&server->reaper_wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&server->reaper_lock, NULL);
	(void)pthread_mutex_init(&server->lock, NULL);
	notable_ring_init(&server->notables);
	(void)pthread_mutex_init(&server->feeds_lock, NULL);
	enum rc rc = build(server, err);
	if (rc != RC_OK) {
		server_free(server);
		return rc;
	}
	*ret_server = server;
	return RC_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->listener.port;
}

struct work_pool *http_server_workers(struct http_server *server)
{
	return server->workers;
}

void http_server_set_leaving(struct http_server *server)
{
	atomic_store(&server->leaving, true);
}

// Until nothing is in hand, or the deadline. Feeds have no end of their own.
static void wait_for_requests(struct http_server *server, struct deadline deadline)
{
	feeds_end_all(server);
	while (connections_count(server).requests > 0 && !deadline_passed(deadline)) {
		clock_sleep_ms(5);
		feeds_end_all(server);
	}
}

void http_server_drain(struct http_server *server, int64_t drain_ms)
{
	if (server == NULL)
		return;
	atomic_store(&server->leaving, true);
	atomic_store(&server->closing, true);
	(void)MHD_quiesce_daemon(server->daemon); // gives the listener back, to be closed after the daemon
	// Who waits in its queue is refused at once, unless our successor will serve them.
	if (!server->listener.is_inherited)
		(void)shutdown(server->listener.descriptor, SHUT_RDWR);
	wait_for_requests(server, deadline_after_ms(drain_ms));
	// From here no handler is begun, so what is deferred can only become less; libmicrohttpd aborts the process
	// when it is stopped with a suspended connection.
	atomic_store(&server->stopping, true);
	do {
		connections_answer_deferred(server, "shutting-down", "This server is being stopped. Try again.");
		clock_sleep_ms(2);
	} while (connections_count(server).handled > 0);
	wait_for_requests(server, deadline_after_ms(SERVER_FLUSH_MS));
	MHD_stop_daemon(server->daemon);
	server_free(server);
}
