// Client connections and the reaper that holds them to absolute deadlines; for lib/http alone.
//
// libmicrohttpd's own time-out is one of inactivity: a byte now and then keeps a slot for ever, and a suspended
// connection never times out. So every connection carries two points in time. Past cut_at the reaper shuts the socket
// down (the event thread then sees the end and cleans up); past answer_at it answers the deferred request 503.
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct http_connection;
struct http_request;
struct http_server;

// What is left to a client for taking an answer when the request's deadline has passed.
#define CONNECTION_WRITE_GRACE_MS 5000
// How long a client may be silent amid a streamed body before the reaper looks whether it is there. libmicrohttpd reads
// edge-triggered and until a short read: a close that came together with the last bytes would show only at cut_at.
#define CONNECTION_PROBE_MS 1000

// libmicrohttpd's MHD_OPTION_NOTIFY_CONNECTION, context is the server.
void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code);

// The object of a libmicrohttpd connection; NULL when it could not be made.
struct http_connection *connection_of(struct MHD_Connection *mhd);

// A request's head was read: from now on its deadline counts. Event thread, like the next one.
void connection_begin_request(struct http_connection *connection, struct http_request *request);
// The body was read, the handler is about to run.
void connection_begin_answer(struct http_connection *connection, struct http_request *request);
// The client is to send more of a streamed body by the request's window_ends_us. Any thread, while the connection
// cannot go away.
void connection_await_body(struct http_connection *connection, const struct http_request *request);
// The answer is a feed: no deadline any more.
void connection_begin_feed(struct http_connection *connection);
// Back to waiting for the next request.
void connection_end_request(struct http_connection *connection);

// Have the reaper shut the socket down at once. Any thread, while the connection lives.
void connection_cut(struct http_connection *connection);

// Answer every request that is deferred now 503. Any thread but event threads.
void connections_answer_deferred(struct http_server *server, const char *slug, const char *detail);

// How many requests are in hand; how many of them are in a handler's hand (running or deferred).
struct connections_count {
	size_t requests;
	size_t handled;
};
struct connections_count connections_count(struct http_server *server);

// More are open than the configuration wants to keep. Any thread.
bool connections_are_many(struct http_server *server);

enum rc reaper_start(struct http_server *server, struct err *err) MUST_CHECK;
// Accepts a server whose reaper never started.
void reaper_stop(struct http_server *server);
