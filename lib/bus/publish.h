// Publishing into a stream, with the server's acknowledgement awaited.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct bus;

// Most publications in one bus_publish_many.
#define BUS_PUBLISH_BATCH_MAX 1000

// One message to publish. The caller fills the first part, the call the second; nothing is copied beyond the call.
struct bus_publication {
	const char *stream;     // the stream that must take it: a subject that another one took is refused
	const char *subject;    // no white space, no wildcards
	const char *message_id; // the server drops a second one with this id within the duplicate window; visible ASCII
	const char *traceparent; // W3C trace context, sent as a header; NULL for none
	const void *payload;
	size_t length; // bytes; at most the server's max_payload (1 MiB), else RC_LIMIT

	enum rc result;    // of this message, see bus_publish
	bool duplicate;    // the server had it already: as good as stored
	uint64_t sequence; // in the stream, when result is RC_OK
};

// Publish one message and wait for the acknowledgement until the deadline. RC_OK also for a duplicate.
// RC_TIMEOUT: no answer in time, RC_UNAVAILABLE: not connected, connection lost, no stream or JetStream out of service:
// in both cases it may have been stored after all, and publishing again with the same id is right. RC_BUSY: the stream
// is full and takes nothing new; nothing was stored. RC_INVALID, RC_LIMIT: this message will never be taken.
// An acknowledged message is not on disk yet (nats-server before 2.10 syncs every two minutes). Any thread.
enum rc bus_publish(struct bus *bus, struct bus_publication *publication, struct deadline deadline,
                    struct err *err) MUST_CHECK;

// Publish many in one round trip, in order; each gets its own result. RC_OK when all have RC_OK, else the result of the
// first that has not, and err tells about that one. count <= BUS_PUBLISH_BATCH_MAX, else RC_LIMIT and no item is
// looked at. Any thread.
enum rc bus_publish_many(struct bus *bus, struct bus_publication *publications, size_t count, struct deadline deadline,
                         struct err *err) MUST_CHECK;
