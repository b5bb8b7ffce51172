// Both lanes of a pool as one source: interactive work first, bulk work never starved.
//
// While both lanes have work, every (interactive_share + 1)th message is a bulk one. While the interactive lane is
// empty, bulk is taken as fast as it comes, and an interactive message that arrives is the next one taken. While both
// are empty the wait is on the interactive lane, so fresh work is handed over at once; bulk is looked at four times a
// second.
#pragma once

#include <stdint.h>

#include "base/error.h"

struct bus;
struct bus_lanes;
struct bus_message;

#define BUS_INTERACTIVE_SHARE 8

// For one thread, like a puller. interactive_share >= 1. Does not need the server. RC_INVALID. Caller frees with
// bus_lanes_close.
enum rc bus_lanes_open(struct bus *bus, const char *pool, unsigned max_ack_pending, unsigned interactive_share,
                       struct bus_lanes **ret_lanes, struct err *err) MUST_CHECK;

// As bus_puller_fetch, from either lane. The subject tells which.
enum rc bus_lanes_fetch(struct bus_lanes *lanes, int64_t timeout_ms, struct bus_message **ret_message,
                        struct err *err) MUST_CHECK;

// From the next fetch on; >= 1. The thread of the fetches.
void bus_lanes_set_share(struct bus_lanes *lanes, unsigned interactive_share);

// Accepts NULL.
void bus_lanes_close(struct bus_lanes *lanes);
