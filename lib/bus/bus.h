// The connection to NATS: found at start or later, kept for ever, and honest about being down.
//
// lib/bus speaks JetStream's wire API (NATS documentation, "JetStream wire API reference"; ADR-8 for key-value) itself,
// over the core calls of nats.c 3.4.1: connect, subscribe, next message, publish, request. The library's own JetStream
// layer and its reconnecting are left alone, because in that version a fetch of several messages overflows the heap, a
// fetch after a time-out or a reconnect misbehaves, publishes vanish into a reconnect buffer, and an acknowledgement
// counts as done once it is buffered. Here a connection that breaks is thrown away and a thread of the bus makes a new
// one, so every call fails at once while there is none, and nothing is held back to be sent later.
//
// JetStream is the doorbell, Postgres the truth: any message may be lost or come twice, and callers must bear both.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct bus;
struct metrics;

struct bus_options {
	const char *servers;     // comma-separated nats://host:port; one of them is enough; no user or token inside
	const char *token;       // authentication token; NULL or "" for none
	const char *name;        // name of the connection in the server's monitoring; NULL: "safelight"
	int64_t timeout_ms;      // deadline of a call that takes none of its own; 100 … 60000
	struct metrics *metrics; // NULL: count nothing; must outlive the bus
};

// Start connecting and wait for the first connection, but no longer than options->timeout_ms. RC_OK does not mean
// connected: a server that is down is tried again for ever, with jittered back-off from 0.1 to 3 s, and until it is
// there every call answers RC_UNAVAILABLE. The options are copied. RC_INVALID: a URL is malformed, holds credentials or
// asks for TLS (nats.c 3.4.1 uses one SSL object from two threads without a lock: put stunnel or nginx in between).
// Caller frees with bus_close.
enum rc bus_open(const struct bus_options *options, struct bus **ret_bus, struct err *err) MUST_CHECK;

// Close the connection and free. Every puller, message, lane pair and watch of this bus must be gone. Waits for a
// connection attempt under way (seconds at most). Accepts NULL.
void bus_close(struct bus *bus);

// True while there is a live connection. It may break before the next call. Any thread.
bool bus_is_connected(struct bus *bus);

// Wait until there is a live connection; false when the deadline passed first. Any thread.
bool bus_wait_connected(struct bus *bus, struct deadline deadline);

// Why the latest attempt to connect failed, for logs; "" when there was none or it worked. Any thread.
void bus_connect_error(struct bus *bus, char ret_text[ERR_TEXT_SIZE]);
