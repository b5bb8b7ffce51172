// One connection: made whole or not at all, used by many, closed when the last user lets go.
#include "bus/bus_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

// The trial and the connection proper each get this long.
#define CONNECT_TIMEOUT_MS 3000
// A server that is silent for two of these is given up (a stopped process, a vanished host).
#define PING_INTERVAL_MS 5000
#define PINGS_OUT_MAX 2

// Without a handler nats.c prints to stderr; what it would tell also comes back from the calls.
static void ignore_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *closure)
{
	(void)connection;
	(void)subscription;
	(void)status;
	(void)closure;
}

// No reconnecting: a broken connection closes for good, and every call and wait on it ends at once. Each write goes out
// at once, as the alternative is a thread that waits a millisecond first.
static natsStatus fill_options(const struct bus *bus, const char *url, natsOptions *options)
{
	natsStatus status = natsOptions_SetURL(options, url);
	if (status == NATS_OK && bus->token != NULL)
		status = natsOptions_SetToken(options, bus->token);
	if (status == NATS_OK)
		status = natsOptions_SetName(options, bus->name);
	if (status == NATS_OK)
		status = natsOptions_SetTimeout(options, CONNECT_TIMEOUT_MS);
	if (status == NATS_OK)
		status = natsOptions_SetAllowReconnect(options, false);
	if (status == NATS_OK)
		status = natsOptions_SetIgnoreDiscoveredServers(options, true);
	if (status == NATS_OK)
		status = natsOptions_SetPingInterval(options, PING_INTERVAL_MS);
	if (status == NATS_OK)
		status = natsOptions_SetMaxPingsOut(options, PINGS_OUT_MAX);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK)
		status = natsOptions_SetWriteDeadline(options, bus->timeout_ms);
	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(options, ignore_error, NULL);
	return status;
}

static enum rc connect_nats(const struct bus *bus, const struct bus_server *server, natsConnection **ret_connection,
                            struct err *err)
{
	char url[BUS_HOST_SIZE + 32];
	(void)snprintf(url, sizeof(url), strchr(server->host, ':') != NULL ? "nats://[%s]:%s" : "nats://%s:%s",
	               server->host, server->port);
	natsOptions *options = NULL;
	natsConnection *connection = NULL;
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = fill_options(bus, url, options);
	if (status == NATS_OK)
		status = natsConnection_Connect(&connection, options);
	natsOptions_Destroy(options);
	if (status != NATS_OK)
		return bus_status_fail(err, status, url);
	*ret_connection = connection;
	return RC_OK;
}

enum rc bus_link_connect(struct bus *bus, struct bus_link **ret_link, struct err *err)
{
	size_t first = random_below((uint32_t)bus->server_count);
	natsConnection *connection = NULL;
	enum rc rc = RC_UNAVAILABLE;
	for (size_t i = 0; i < bus->server_count && connection == NULL; i++) {
		const struct bus_server *server = &bus->servers[(first + i) % bus->server_count];
		rc = bus_handshake_try(server, bus->token, bus->name, deadline_after_ms(CONNECT_TIMEOUT_MS), err);
		if (rc == RC_OK)
			rc = connect_nats(bus, server, &connection, err);
	}
	if (connection == NULL)
		return rc;
	struct bus_link *link = calloc(1, sizeof(*link));
	if (link == NULL) {
		natsConnection_Destroy(connection);
		return err_set(err, RC_NO_MEMORY, "no memory for a connection");
	}
	link->connection = connection;
	atomic_init(&link->references, 1);
	atomic_init(&link->broken, false);
	*ret_link = link;
	return RC_OK;
}

bool bus_link_is_alive(const struct bus_link *link)
{
	return !atomic_load(&link->broken) && !natsConnection_IsClosed(link->connection);
}

void bus_link_release(struct bus_link *link)
{
	if (link == NULL || atomic_fetch_sub(&link->references, 1) != 1)
		return;
	natsConnection_Destroy(link->connection);
	free(link);
}

// Lock held.
static struct bus_link *reference_link(struct bus *bus)
{
	if (bus->link == NULL || !bus_link_is_alive(bus->link))
		return NULL;
	(void)atomic_fetch_add(&bus->link->references, 1);
	return bus->link;
}

// Lock held.
static void tell_unconnected(struct bus *bus, struct err *err)
{
	(void)err_set(err, RC_UNAVAILABLE, "not connected to NATS%s%s", bus->connect_error[0] != '\0' ? ": " : "",
	              bus->connect_error);
}

struct bus_link *bus_link_acquire(struct bus *bus, struct err *err)
{
	(void)pthread_mutex_lock(&bus->lock);
	struct bus_link *link = reference_link(bus);
	if (link == NULL)
		tell_unconnected(bus, err);
	(void)pthread_mutex_unlock(&bus->lock);
	return link;
}

struct bus_link *bus_link_await(struct bus *bus, struct deadline deadline, struct err *err)
{
	struct timespec until = { .tv_sec = deadline.at_us / 1000000, .tv_nsec = deadline.at_us % 1000000 * 1000 };
	(void)pthread_mutex_lock(&bus->lock);
	struct bus_link *link = reference_link(bus);
	while (link == NULL && !deadline_passed(deadline)) {
		(void)pthread_cond_timedwait(&bus->changed, &bus->lock, &until);
		link = reference_link(bus);
	}
	if (link == NULL)
		tell_unconnected(bus, err);
	(void)pthread_mutex_unlock(&bus->lock);
	return link;
}

void bus_link_suspect(struct bus *bus, struct bus_link *link, bool broken)
{
	if (broken)
		atomic_store(&link->broken, true);
	(void)pthread_mutex_lock(&bus->lock);
	if (bus->link == link)
		(void)pthread_cond_broadcast(&bus->changed);
	(void)pthread_mutex_unlock(&bus->lock);
}
