// What the files of lib/bus share: the connection and its lifetime, inboxes, requests, the declared streams.
#pragma once

#include <nats/nats.h>

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "bus/bus.h"
#include "bus/streams.h"

struct metric;

#define BUS_SERVERS_MAX 16
#define BUS_HOST_SIZE 256
#define BUS_SUBJECT_SIZE 256

struct bus_server {
	char host[BUS_HOST_SIZE]; // without the brackets of an IPv6 address
	char port[6];
};

struct bus_counters {
	struct metric *connected;
	struct metric *connections;
	struct metric *published;
	struct metric *duplicates;
	struct metric *publish_failures;
	struct metric *publish_time;
	struct metric *fetched;
	struct metric *redelivered;
};

// One connection, from its making to its end; it is never mended. The bus and everyone who uses it hold a reference.
struct bus_link {
	natsConnection *connection;
	uint64_t generation; // 1 for the bus's first, then rising
	atomic_uint references;
	atomic_bool broken; // a write failed half-way: what the server reads next would be garbage
};

struct bus {
	struct bus_server servers[BUS_SERVERS_MAX];
	size_t server_count;
	char *token;
	char *name;
	int64_t timeout_ms;
	struct bus_counters counters;
	pthread_t supervisor;

	pthread_mutex_t lock;   // guards the rest
	pthread_cond_t changed; // a link came or died, a repair is wanted, or the end is near; on CLOCK_MONOTONIC
	struct bus_link *link;  // NULL while there is none
	uint64_t generation;
	bool stopping;
	bool repair_wanted; // the streams should be ensured again
	unsigned replicas;  // as last asked of bus_ensure_streams; 0: not yet
	char connect_error[ERR_TEXT_SIZE];
};

// servers.c: split a comma-separated list of URLs. RC_INVALID.
enum rc bus_servers_parse(const char *list, struct bus_server *servers, size_t *ret_count, struct err *err) MUST_CHECK;

// handshake.c: open a connection of our own, authenticate, await the answer, close. nats.c 3.4.1 spins and fills memory
// when a server falls silent between its greeting and its answer (fixed in 3.8.0, nats.c#707), so it is only let loose
// on a server that has just done this properly. RC_DENIED: the token is wrong; RC_UNAVAILABLE, RC_TIMEOUT, RC_INVALID.
enum rc bus_handshake_try(const struct bus_server *server, const char *token, const char *name,
                          struct deadline deadline, struct err *err) MUST_CHECK;

// link.c
enum rc bus_link_connect(struct bus *bus, struct bus_link **ret_link, struct err *err) MUST_CHECK;
// The present link, referenced; NULL and RC_UNAVAILABLE in err when there is none.
struct bus_link *bus_link_acquire(struct bus *bus, struct err *err);
// The same, waiting for one until the deadline.
struct bus_link *bus_link_await(struct bus *bus, struct deadline deadline, struct err *err);
// Accepts NULL.
void bus_link_release(struct bus_link *link);
bool bus_link_is_alive(const struct bus_link *link);
// A call on this link failed: have the supervisor look at it now. broken: it must not be used any more in any case.
void bus_link_suspect(struct bus *bus, struct bus_link *link, bool broken);

// supervisor.c: the thread that keeps the bus connected and its streams in place.
void *bus_supervise(void *context); // the bus
// The streams seem to be missing: have the supervisor ensure them.
void bus_repair_streams(struct bus *bus);

// inbox.c: a subject of our own on which answers arrive. For one thread.
struct bus_inbox {
	struct bus *bus;
	struct bus_link *link;
	natsSubscription *subscription; // NULL: not open
	char subject[64];               // numbered: answers go to <subject>.<number>
};

// Open on the present link. RC_UNAVAILABLE, RC_NO_MEMORY.
enum rc bus_inbox_open(struct bus *bus, bool numbered, struct bus_inbox *ret_inbox, struct err *err) MUST_CHECK;
// Accepts a zeroed one; zeroes it.
void bus_inbox_close(struct bus_inbox *inbox);
// The next answer; RC_TIMEOUT after timeout_ms (at least 1), RC_NOT_FOUND: nobody
// listened to what was sent; RC_UNAVAILABLE: the link is gone. Caller destroys the message.
enum rc bus_inbox_next(struct bus_inbox *inbox, int64_t timeout_ms, natsMsg **ret_message, struct err *err) MUST_CHECK;
// Send a message over the inbox's link. Takes and destroys it. RC_UNAVAILABLE, RC_LIMIT, RC_INVALID.
enum rc bus_inbox_send(struct bus_inbox *inbox, natsMsg *message, struct err *err) MUST_CHECK;
// The status code of a message without payload ("NATS/1.0 404 …"), or 0 for an ordinary message.
int bus_message_status(natsMsg *message);

// request.c
// Send a message and await one answer. reply_to is set here, so the message must have been created without one:
// subject, header pairs (name, value, …, NULL; may be NULL) and payload. RC_UNAVAILABLE also when nobody listens.
enum rc bus_request(struct bus *bus, const char *subject, const char *const *headers, const void *data, size_t length,
                    struct deadline deadline, natsMsg **ret_reply, struct err *err) MUST_CHECK;
// A request of the JetStream API: body (may be NULL) and response are JSON; an error in the response becomes our code.
// subject is "$JS.API." + format. Caller drops the response.
enum rc bus_api_call(struct bus *bus, json_t *body, struct deadline deadline, json_t **ret_response, struct err *err,
                     const char *format, ...) MUST_CHECK __attribute__((format(printf, 6, 7)));
// Read an acknowledgement of a publish, or the error in it; stream full is RC_BUSY. The outputs may be NULL.
enum rc bus_ack_parse(natsMsg *message, uint64_t *ret_sequence, bool *ret_duplicate, struct err *err) MUST_CHECK;
// Send without awaiting anything; payload is text.
enum rc bus_send_text(struct bus *bus, const char *subject, const char *text, struct err *err);
// Map a status of nats.c, with what as context in the text.
enum rc bus_status_fail(struct err *err, natsStatus status, const char *what);
// A message to `subject` with header pairs; reply may be NULL. RC_NO_MEMORY, RC_INVALID.
enum rc bus_message_build(const char *subject, const char *reply, const char *const *headers, const void *data,
                          size_t length, natsMsg **ret_message, struct err *err) MUST_CHECK;

// streams.c: one row of the table of what must exist.
struct bus_stream_definition {
	const char *name;
	const char *subject;
	int64_t max_age_ms;          // 0: for ever
	int64_t max_bytes;           // the server reserves it
	int64_t max_message_bytes;   // -1: the server's payload limit
	int64_t max_per_subject;     // -1: any number
	int64_t duplicate_window_ms; // at most max_age_ms
	bool discard_new;            // full: refuse the new message rather than drop the oldest
	bool key_value;              // a bucket: ADR-8's flags
};

extern const struct bus_stream_definition bus_stream_table[];
extern const size_t bus_stream_count;

// Create the stream or bring it to its definition.
enum rc bus_stream_ensure(struct bus *bus, const struct bus_stream_definition *definition, unsigned replicas,
                          struct deadline deadline, struct err *err) MUST_CHECK;
// The whole table.
enum rc bus_streams_apply(struct bus *bus, unsigned replicas, struct deadline deadline, struct err *err) MUST_CHECK;

// message.c: takes and destroys the message even on failure. RC_CORRUPT: not a JetStream delivery; RC_NO_MEMORY.
struct bus_message;
enum rc bus_message_wrap(struct bus *bus, natsMsg *source, struct bus_message **ret_message,
                         struct err *err) MUST_CHECK;

// The numbers in the reply subject of a delivery ($JS.ACK.…, with or without the two or three domain tokens).
struct bus_delivery {
	uint64_t delivered;
	uint64_t stream_sequence;
	uint64_t consumer_sequence;
	int64_t time_us; // since the epoch
	uint64_t pending;
};
bool bus_delivery_parse(const char *reply, struct bus_delivery *ret_delivery);

// streams.c: what bus_ensure_consumer would refuse. RC_INVALID.
enum rc bus_consumer_check(const char *pool, unsigned max_ack_pending, struct err *err) MUST_CHECK;
