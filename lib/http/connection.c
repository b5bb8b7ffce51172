// Connections as libmicrohttpd reports them.
#include "http/connection.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/request_priv.h"
#include "http/server_priv.h"
#include "http/telemetry.h"

static void set_cut(struct http_connection *connection, int64_t at_us)
{
	atomic_store_explicit(&connection->cut_at_us, at_us, memory_order_relaxed);
}

static void set_peer(struct http_connection *connection, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
	if (address == NULL)
		return;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		(void)inet_ntop(AF_INET, &four.sin_addr, connection->peer, sizeof connection->peer);
		connection->peer_is_trusted = ntohl(four.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		(void)inet_ntop(AF_INET6, &six.sin6_addr, connection->peer, sizeof connection->peer);
		connection->peer_is_trusted = IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
	}
}

static struct http_connection *connection_new(struct http_server *server, struct MHD_Connection *mhd)
{
	struct http_connection *connection = calloc(1, sizeof *connection);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (connection == NULL || info == NULL) {
		free(connection);
		return NULL;
	}
	connection->server = server;
	connection->descriptor = info->connect_fd;
	set_peer(connection, mhd);
	set_cut(connection, clock_monotonic_us() + server->config.header_ms * 1000);
	(void)pthread_mutex_init(&connection->lock, NULL);
	(void)pthread_mutex_lock(&server->lock);
	connection->next = server->connections;
	if (connection->next != NULL)
		connection->next->previous = connection;
	server->connections = connection;
	(void)pthread_mutex_unlock(&server->lock);
	(void)atomic_fetch_add_explicit(&server->open_connections, 1, memory_order_relaxed);
	telemetry_count_connection(server->telemetry, 1);
	return connection;
}

// libmicrohttpd reports the end before it closes the descriptor, so the reaper never sees a number used anew.
static void connection_free(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	(void)pthread_mutex_lock(&server->lock);
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	(void)pthread_mutex_unlock(&server->lock);
	(void)atomic_fetch_sub_explicit(&server->open_connections, 1, memory_order_relaxed);
	telemetry_count_connection(server->telemetry, -1);
	(void)pthread_mutex_destroy(&connection->lock);
	free(connection);
}

void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = connection_new(server, mhd);
	} else if (*socket_context != NULL) {
		connection_free(*socket_context);
		*socket_context = NULL;
	}
}

bool connections_are_many(struct http_server *server)
{
	unsigned kept = server->config.kept_connections;
	return kept > 0 && atomic_load_explicit(&server->open_connections, memory_order_relaxed) > kept;
}

struct http_connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info == NULL ? NULL : info->socket_context;
}

static void set_request(struct http_connection *connection, struct http_request *request)
{
	(void)pthread_mutex_lock(&connection->lock);
	connection->request = request;
	(void)pthread_mutex_unlock(&connection->lock);
}

void connection_begin_request(struct http_connection *connection, struct http_request *request)
{
	set_cut(connection, request->deadline.at_us);
	set_request(connection, request);
}

void connection_begin_answer(struct http_connection *connection, struct http_request *request)
{
	set_cut(connection, request->deadline.at_us + CONNECTION_WRITE_GRACE_MS * 1000);
	atomic_store_explicit(&connection->answer_at_us, request->deadline.at_us, memory_order_relaxed);
	atomic_store_explicit(&connection->probe_at_us, 0, memory_order_relaxed);
}

void connection_await_body(struct http_connection *connection, const struct http_request *request)
{
	atomic_store_explicit(&connection->answer_at_us, 0, memory_order_relaxed);
	set_cut(connection, request->window_ends_us);
	atomic_store_explicit(&connection->probe_at_us, clock_monotonic_us() + CONNECTION_PROBE_MS * 1000,
	                      memory_order_relaxed);
}

void connection_begin_feed(struct http_connection *connection)
{
	atomic_store_explicit(&connection->answer_at_us, 0, memory_order_relaxed);
	set_cut(connection, INT64_MAX);
}

void connection_cut(struct http_connection *connection)
{
	set_cut(connection, 0);
}

void connection_end_request(struct http_connection *connection)
{
	atomic_store_explicit(&connection->answer_at_us, 0, memory_order_relaxed);
	atomic_store_explicit(&connection->probe_at_us, 0, memory_order_relaxed);
	set_cut(connection, clock_monotonic_us() + connection->server->config.idle_ms * 1000);
	set_request(connection, NULL);
}
