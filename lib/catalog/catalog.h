// The SQL that several services share, as functions: each keeps the promises of one step (state, jobs, quota and events
// change together, in one transaction, or not at all).
//
// Functions block until their deadline at most, on any thread that may wait. Reads go through the pipeline, writes take
// a connection of the pool. After RC_UNKNOWN (a write was sent, the connection was lost) every function here may simply
// be called again with the same arguments: it finds what it did. Texts in rows point into the result that is returned
// with them and live as long as it.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

struct db_pipeline;
struct db_pool;

// What a service makes once at start and passes by pointer. Owns nothing.
struct catalog {
	struct db_pool *pool;
	struct db_pipeline *pipeline; // NULL: reads take a connection of the pool too
	const char *source;           // of the events that are written: "/safelight/ingest"
};

// One call's frame.
struct catalog_call {
	struct deadline deadline;
	const char *traceparent; // goes into the events that the call writes; NULL: none
};
