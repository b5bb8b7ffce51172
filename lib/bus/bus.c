// Opening and closing the bus.
#include "bus/bus.h"

#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "bus/bus_private.h"

static void register_counters(struct bus_counters *counters, struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	counters->connected =
	        metrics_add(metrics, METRIC_GAUGE, "safelight_bus_connected", "1 while connected to NATS.", NULL);
	counters->connections = metrics_add(metrics, METRIC_COUNTER, "safelight_bus_connections_total",
	                                    "Connections made to NATS.", NULL);
	counters->published = metrics_add(metrics, METRIC_COUNTER, "safelight_bus_published_total",
	                                  "Publications by outcome.", "outcome=\"stored\"");
	counters->duplicates = metrics_add(metrics, METRIC_COUNTER, "safelight_bus_published_total",
	                                   "Publications by outcome.", "outcome=\"duplicate\"");
	counters->publish_failures = metrics_add(metrics, METRIC_COUNTER, "safelight_bus_published_total",
	                                         "Publications by outcome.", "outcome=\"failed\"");
	counters->publish_time = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_bus_publish_seconds",
	                                     "Time until a batch of publications was acknowledged.", NULL);
	counters->fetched = metrics_add(metrics, METRIC_COUNTER, "safelight_bus_fetched_total",
	                                "Messages taken from consumers.", NULL);
	counters->redelivered = metrics_add(metrics, METRIC_COUNTER, "safelight_bus_redelivered_total",
	                                    "Messages taken that had been delivered before.", NULL);
}

// Everything but the thread, the lock and the condition.
static void free_bus(struct bus *bus)
{
	if (bus->token != NULL)
		explicit_bzero(bus->token, strlen(bus->token));
	free(bus->token);
	free(bus->name);
	free(bus);
}

static enum rc copy_options(struct bus *bus, const struct bus_options *options, struct err *err)
{
	if (options->timeout_ms < 100 || options->timeout_ms > 60000)
		return err_set(err, RC_INVALID, "bus timeout_ms must be 100 to 60000");
	enum rc rc = bus_servers_parse(options->servers, bus->servers, &bus->server_count, err);
	if (rc != RC_OK)
		return rc;
	bus->timeout_ms = options->timeout_ms;
	bus->name = strdup(options->name != NULL ? options->name : "safelight");
	if (options->token != NULL && options->token[0] != '\0')
		bus->token = strdup(options->token);
	if (bus->name == NULL || (bus->token == NULL && options->token != NULL && options->token[0] != '\0'))
		return err_set(err, RC_NO_MEMORY, "no memory for the bus");
	return RC_OK;
}

static enum rc start_supervisor(struct bus *bus, struct err *err)
{
	pthread_condattr_t attributes;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&bus->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	(void)pthread_mutex_init(&bus->lock, NULL);
	int failure = pthread_create(&bus->supervisor, NULL, bus_supervise, bus);
	if (failure == 0)
		return RC_OK;
	(void)pthread_cond_destroy(&bus->changed);
	(void)pthread_mutex_destroy(&bus->lock);
	return err_set(err, RC_INTERNAL, "bus thread: %s", strerror(failure));
}

enum rc bus_open(const struct bus_options *options, struct bus **ret_bus, struct err *err)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	if (bus == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the bus");
	enum rc rc = copy_options(bus, options, err);
	if (rc == RC_OK) {
		register_counters(&bus->counters, options->metrics);
		rc = start_supervisor(bus, err);
	}
	if (rc != RC_OK) {
		free_bus(bus);
		return rc;
	}
	(void)bus_wait_connected(bus, deadline_after_ms(bus->timeout_ms));
	*ret_bus = bus;
	return RC_OK;
}

void bus_close(struct bus *bus)
{
	if (bus == NULL)
		return;
	(void)pthread_mutex_lock(&bus->lock);
	bus->stopping = true;
	(void)pthread_cond_broadcast(&bus->changed);
	(void)pthread_mutex_unlock(&bus->lock);
	(void)pthread_join(bus->supervisor, NULL);
	(void)pthread_cond_destroy(&bus->changed);
	(void)pthread_mutex_destroy(&bus->lock);
	free_bus(bus);
}

bool bus_is_connected(struct bus *bus)
{
	struct bus_link *link = bus_link_acquire(bus, NULL);
	bus_link_release(link);
	return link != NULL;
}

bool bus_wait_connected(struct bus *bus, struct deadline deadline)
{
	struct bus_link *link = bus_link_await(bus, deadline, NULL);
	bus_link_release(link);
	return link != NULL;
}

void bus_connect_error(struct bus *bus, char ret_text[ERR_TEXT_SIZE])
{
	(void)pthread_mutex_lock(&bus->lock);
	memcpy(ret_text, bus->connect_error, ERR_TEXT_SIZE);
	(void)pthread_mutex_unlock(&bus->lock);
}
