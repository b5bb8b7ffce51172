// A message taken from a consumer, and its one settlement: acknowledged, given back, or dropped for good.
//
// A message that is freed unsettled is delivered again, to anyone, when its 60 s (from the delivery or the last sign of
// progress) are over. A message may go to another thread than the one that fetched it; settling and freeing one message
// is one thread's work at a time, a sign of progress may come from a second one.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bus_message;

// These live as long as the message.
const char *bus_message_subject(const struct bus_message *message);
const void *bus_message_data(const struct bus_message *message); // length bytes, not NUL-terminated; never NULL
size_t bus_message_length(const struct bus_message *message);
// The first value of a header, such as "traceparent" or "Nats-Msg-Id" (case-sensitive); NULL when there is none.
const char *bus_message_header(const struct bus_message *message, const char *name);
// How often the server has delivered it, this time included: 1 for the first.
uint64_t bus_message_delivered_count(const struct bus_message *message);
// Its place in the stream.
uint64_t bus_message_sequence(const struct bus_message *message);

// Done: tell the server and wait for its answer, at most the bus's time-out. Only after the commit. May be called again
// when it failed; works over a newer connection than the one that brought the message. RC_UNAVAILABLE, RC_TIMEOUT: it
// may be delivered once more. RC_CONFLICT: given back or dropped already.
enum rc bus_message_ack_sync(struct bus_message *message, struct err *err) MUST_CHECK;

// Give it back, to be delivered again after delay_ms. There is no form without a delay: the server would deliver it at
// once, again and again. delay_ms is at least 1; compute it with retry_delay_ms. Not awaited; when it is lost the
// message comes back after its 60 s. RC_UNAVAILABLE, RC_CONFLICT.
enum rc bus_message_nak(struct bus_message *message, int64_t delay_ms, struct err *err);

// Still at work: the 60 s begin anew. Send it every 20 s, only while the work is alive and under its own deadline.
// Not awaited. RC_UNAVAILABLE, RC_CONFLICT: settled already.
enum rc bus_message_progress(struct bus_message *message, struct err *err);

// Never deliver it again, without its work being done (malformed, unknown, or attempts used up: the dead letter is a
// row in Postgres). Not awaited. RC_UNAVAILABLE, RC_CONFLICT.
enum rc bus_message_term(struct bus_message *message, struct err *err);

// Accepts NULL. Before bus_close.
void bus_message_free(struct bus_message *message);
