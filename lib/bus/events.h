// Follows a stream in order, from a place of the caller's choosing, for ever: gaps are noticed and read again.
//
// A follower is one ephemeral push consumer without acknowledgements and one thread. It survives new connections,
// restarted servers, and a stream that was lost and made anew, which it reports: numbers then begin at 1 again, so a
// place in a stream is only worth something together with the stream's identity.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bus;
struct bus_events;

struct bus_events_begin {
	uint32_t identity;       // of this stream; another one when it was made anew
	uint64_t first_sequence; // the oldest message that there is; last_sequence + 1 when there is none
	uint64_t last_sequence;  // the latest one; 0: there never was any
};

struct bus_event {
	uint64_t sequence;
	int64_t time_us;     // since the epoch, when the server took it
	const char *subject; // these live as long as the call
	const char *data;    // length bytes, not NUL-terminated
	size_t length;
};

// Both are called from the follower's thread, and may block for a while: what comes meanwhile waits, or is read again.
struct bus_events_options {
	const char *stream;  // must live as long as the follower
	const char *subject; // "events.>"; must live as long as the follower
	// Before the first message, and again whenever reading had to begin anew: from which sequence to go on. What is
	// below first_sequence is gone.
	uint64_t (*begin)(void *context, const struct bus_events_begin *begin);
	// Messages in rising order, each once.
	void (*message)(void *context, const struct bus_event *event);
	void *context;
};

// Start following; whether there is a connection does not matter. RC_NO_MEMORY, RC_INTERNAL (no thread). Caller ends it
// with bus_events_stop, before bus_close.
enum rc bus_events_start(struct bus *bus, const struct bus_events_options *options, struct bus_events **ret_events,
                         struct err *err) MUST_CHECK;

// Ends the thread, after a call to the options' functions that is under way. Accepts NULL.
void bus_events_stop(struct bus_events *events);
