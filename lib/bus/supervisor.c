// The thread that keeps the bus connected, and its streams in place.
#include "bus/bus_private.h"

#include <string.h>

#include "base/metrics.h"
#include "base/retry.h"

static const struct retry_policy connect_policy = { .attempts = UINT32_MAX, .base_ms = 100, .cap_ms = 3000 };
static const struct retry_policy repair_policy = { .attempts = UINT32_MAX, .base_ms = 200, .cap_ms = 5000 };

// How often a connection is looked at that nobody complains about.
#define LOOK_INTERVAL_MS 200

#define FLUSH_TIMEOUT_MS 500

struct supervision {
	unsigned connect_failures;
	unsigned repair_failures;
	int64_t repair_at_us; // not before
};

// Lock held; released while waiting. Wakes early for any change.
static void wait_change(struct bus *bus, int64_t milliseconds)
{
	int64_t at_us = deadline_after_ms(milliseconds).at_us;
	struct timespec until = { .tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000 };
	if (!bus->stopping)
		(void)pthread_cond_timedwait(&bus->changed, &bus->lock, &until);
}

// Lock held; released while closing.
static void drop_link(struct bus *bus)
{
	struct bus_link *link = bus->link;
	bus->link = NULL;
	metric_set(bus->counters.connected, 0);
	(void)pthread_cond_broadcast(&bus->changed);
	(void)pthread_mutex_unlock(&bus->lock);
	// At the end of the bus the last settlements may still be on their way; the answer to a ping comes after them.
	if (bus_link_is_alive(link))
		(void)natsConnection_FlushTimeout(link->connection, FLUSH_TIMEOUT_MS);
	// Closing ends the waits of everybody who still holds it.
	natsConnection_Close(link->connection);
	bus_link_release(link);
	(void)pthread_mutex_lock(&bus->lock);
}

// Lock held; released while connecting and while waiting after a failure.
static void connect_link(struct bus *bus, struct supervision *state)
{
	struct err err = { 0 };
	struct bus_link *link = NULL;
	(void)pthread_mutex_unlock(&bus->lock);
	enum rc rc = bus_link_connect(bus, &link, &err);
	(void)pthread_mutex_lock(&bus->lock);
	if (rc == RC_OK) {
		link->generation = ++bus->generation;
		bus->link = link;
		bus->connect_error[0] = '\0';
		bus->repair_wanted = bus->replicas > 0;
		*state = (struct supervision){ 0 };
		metric_set(bus->counters.connected, 1);
		metric_add(bus->counters.connections, 1);
		(void)pthread_cond_broadcast(&bus->changed);
		return;
	}
	memcpy(bus->connect_error, err.text, sizeof(bus->connect_error));
	struct deadline pause = deadline_after_ms(retry_delay_ms(&connect_policy, ++state->connect_failures));
	while (!bus->stopping && !deadline_passed(pause))
		wait_change(bus, deadline_left_ms(pause));
}

// Lock held; released while asking the server.
static void repair_streams(struct bus *bus, struct supervision *state)
{
	unsigned replicas = bus->replicas;
	bus->repair_wanted = false;
	(void)pthread_mutex_unlock(&bus->lock);
	enum rc rc = bus_streams_apply(bus, replicas, deadline_after_ms(bus->timeout_ms), NULL);
	(void)pthread_mutex_lock(&bus->lock);
	if (rc == RC_OK) {
		// A stream that lost its server meanwhile will be complained about again, but not checked in a tight
		// loop.
		state->repair_failures = 0;
		state->repair_at_us = deadline_after_ms(repair_policy.base_ms).at_us;
		return;
	}
	bus->repair_wanted = true;
	state->repair_at_us = deadline_after_ms(retry_delay_ms(&repair_policy, ++state->repair_failures)).at_us;
}

void *bus_supervise(void *context)
{
	struct bus *bus = context;
	struct supervision state = { 0 };
	(void)pthread_mutex_lock(&bus->lock);
	while (!bus->stopping) {
		if (bus->link != NULL && !bus_link_is_alive(bus->link))
			drop_link(bus);
		else if (bus->link == NULL)
			connect_link(bus, &state);
		else if (bus->repair_wanted && clock_monotonic_us() >= state.repair_at_us)
			repair_streams(bus, &state);
		else
			wait_change(bus, LOOK_INTERVAL_MS);
	}
	if (bus->link != NULL)
		drop_link(bus);
	(void)pthread_mutex_unlock(&bus->lock);
	return NULL;
}

void bus_repair_streams(struct bus *bus)
{
	(void)pthread_mutex_lock(&bus->lock);
	if (bus->replicas > 0 && !bus->repair_wanted) {
		bus->repair_wanted = true;
		(void)pthread_cond_broadcast(&bus->changed);
	}
	(void)pthread_mutex_unlock(&bus->lock);
}
