// Whether JetStream really works: account, streams and consumers, not just an open socket.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"

struct bus;

#define BUS_HEALTH_STREAMS 8
#define BUS_HEALTH_CONSUMERS (2 * LIMIT_POOLS + 8)
#define BUS_HEALTH_NAME_SIZE 64

struct bus_health_stream {
	char name[BUS_HEALTH_NAME_SIZE];
	bool present; // false: it is missing on the server, the rest is 0
	uint64_t messages;
	uint64_t bytes;
	uint64_t max_bytes;
};

struct bus_health_consumer {
	char name[BUS_HEALTH_NAME_SIZE]; // "<pool>-<lane>"
	uint64_t pending;                // in the stream, not delivered yet: the backlog
	uint64_t ack_pending;            // delivered, not acknowledged yet
	uint64_t redelivered;            // of those, delivered more than once
	uint64_t waiting;                // pull requests that wait for a message
};

struct bus_health {
	bool connected; // there is a connection
	bool jetstream; // the account answered: JetStream is in service
	uint64_t store_bytes;
	int64_t store_limit_bytes; // -1: none
	struct bus_health_stream streams[BUS_HEALTH_STREAMS];
	size_t stream_count;
	struct bus_health_consumer consumers[BUS_HEALTH_CONSUMERS];
	size_t consumer_count;
};

// Messages of both lanes of a pool.
struct bus_health_backlog {
	uint64_t pending; // waiting
	uint64_t in_hand; // delivered, not acknowledged yet
};
struct bus_health_backlog bus_health_backlog(const struct bus_health *health, const char *pool);

// Ask the server, until the deadline. ret_health is written in any case, with what could be learned. RC_OK only when
// everything was answered and every declared stream is present; RC_UNAVAILABLE, RC_TIMEOUT; RC_NOT_FOUND: a stream is
// missing. Any thread.
enum rc bus_health_check(struct bus *bus, struct bus_health *ret_health, struct deadline deadline,
                         struct err *err) MUST_CHECK;
