// What exists on the server: streams and key-value buckets from one declared table, consumers one a pool and lane.
#pragma once

#include <stdint.h>

#include "base/error.h"

struct bus;

#define BUS_STREAM_JOBS "JOBS"       // jobs.<pool>.<lane>: 24 h, discard new, duplicate window 10 min
#define BUS_STREAM_EVENTS "EVENTS"   // events.>: 7 days
#define BUS_BUCKET_POOLS "pools"     // live pool settings, the last 10 values of each
#define BUS_BUCKET_WORKERS "workers" // heartbeats, gone after 30 s

// Work that a person waits for, and work that nobody waits for (re-processing a library).
enum bus_lane { BUS_LANE_INTERACTIVE, BUS_LANE_BULK };

// "interactive", "bulk": the last token of a job's subject and the end of its consumer's name. Never NULL.
const char *bus_lane_name(enum bus_lane lane);

// Create or update every stream and bucket of the table, with so many replicas (1 … 5; more than the cluster has
// servers is refused). Idempotent, and safe when several processes do it at once. From then on the bus does it again by
// itself after each new connection and whenever a publish finds no stream. Waits for the connection at most the bus's
// time-out. RC_UNAVAILABLE, RC_TIMEOUT; RC_CONFLICT: a stream exists with something the server cannot change.
// Any thread.
enum rc bus_ensure_streams(struct bus *bus, unsigned replicas, struct err *err) MUST_CHECK;

// Create or update the durable pull consumer "<pool>-<lane>" on jobs.<pool>.<lane>: explicit acknowledgement within
// 60 s (or a sign of progress), everything delivered from the start, no limit on deliveries and no back-off of the
// server (attempts are counted in Postgres; 2.9.10 blocks a consumer that reached its limit), at most max_ack_pending
// (>= 1) unacknowledged. pool is one subject token of [A-Za-z0-9_-], at most 31 bytes. A puller does this by itself.
// RC_INVALID, RC_NOT_FOUND: the stream does not exist, RC_UNAVAILABLE, RC_TIMEOUT. Any thread.
enum rc bus_ensure_consumer(struct bus *bus, const char *pool, enum bus_lane lane, unsigned max_ack_pending,
                            struct err *err) MUST_CHECK;
