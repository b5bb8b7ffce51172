// Live events for many clients from one subscription: keeps the latest events of the bus, finds each client's own, and
// writes them as fast as the client takes them.
//
// A client's place is a sequence of the stream, so any process can go on where another one stopped. What a client
// missed is read from memory, however many come back at once; a client whose place is older than what is kept, or in a
// stream that was lost, gets the event "reset", which says to ask GET /v1/changes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct api;
struct bus;
struct event_hub;
struct http_request;

// What woke the bus may be of interest to others: called on a thread of the hub's for each event that came.
typedef void event_hub_watcher(void *context);

// Starts following the bus and a thread that writes. watcher may be NULL. RC_NO_MEMORY, RC_UNAVAILABLE, RC_INTERNAL.
enum rc event_hub_new(struct api *api, struct bus *bus, event_hub_watcher *watcher, void *watcher_context,
                      struct event_hub **ret_hub, struct err *err) MUST_CHECK;

// After the HTTP server was drained, which ends the clients. Accepts NULL.
void event_hub_free(struct event_hub *hub);

struct event_hub_place {
	uint64_t sequence; // the last one that the client has; 0: none, it begins with what comes
	uint32_t identity; // of the stream; 0: unknown
};

// Answer the request (of a user) by a feed of its owner's events. Call as the last act of a handler.
void event_hub_answer(struct event_hub *hub, struct http_request *request, const struct event_hub_place *place);
