// Takes messages of one pool's lane, one at a time, by pull requests.
//
// A puller belongs to one thread: opening, fetching and closing are that thread's alone. Any number of pullers may
// share a consumer. It survives a new connection, a restarted or emptied server and a deleted consumer by itself.
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "bus/streams.h"

struct bus;
struct bus_message;
struct bus_puller;

// Longest time-out of one fetch: a request that the server lost is noticed only when its time is over.
#define BUS_FETCH_TIMEOUT_MS_MAX 5000

// Does not need the server. max_ack_pending is the consumer's (workers x 2, see bus_ensure_consumer), which is created
// at the first fetch; pullers of one consumer should agree on it. RC_INVALID. Caller frees with bus_puller_close.
enum rc bus_puller_open(struct bus *bus, const char *pool, enum bus_lane lane, unsigned max_ack_pending,
                        struct bus_puller **ret_puller, struct err *err) MUST_CHECK;

// The next message, waiting for one at most timeout_ms (0 … BUS_FETCH_TIMEOUT_MS_MAX; 0: only if one is there now).
// RC_TIMEOUT: there was none; RC_UNAVAILABLE: no connection or no JetStream. Neither comes before timeout_ms is over,
// so a loop around this call does not spin (with 0 it is the caller who pauses); it may come up to half a second later.
// A connection that comes back within the time is used at once. Caller frees the message.
enum rc bus_puller_fetch(struct bus_puller *puller, int64_t timeout_ms, struct bus_message **ret_message,
                         struct err *err) MUST_CHECK;

// Give back what was delivered but not fetched, and free. Messages already fetched stay valid. Accepts NULL.
void bus_puller_close(struct bus_puller *puller);
