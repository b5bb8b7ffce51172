// Bodies that are taken as they come: for routes with .body = ROUTE_STREAMED, whose handler runs when the head was
// read.
//
// The handler answers at once (the body is then thrown away, or the connection closed), or, from any thread, calls
// http_stream_read(): the body comes in pieces, each given to take() on an event thread. A take() that has enough calls
// http_request_defer() and gives the request to a thread that may wait; the client is not read from meanwhile, so
// memory stays bounded; that thread goes on by http_stream_read() or answers.
//
//   handler ──▶ http_stream_read ──▶ take … take ──▶ end: answers, or defers
//                      ▲               │ └─▶ lost: nobody to answer
//                      └── later ◀── defer
//
// Exactly one of these ends it: end(), lost(), an answer of the handler's own, or http_stream_read() returning false.
// Each piece, and each wait, has request_ms as its deadline of its own; a client must send body_rate bytes a second
// over each request_ms, else its connection is cut.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_request;

struct http_sink {
	// A piece; size > 0; the bytes are gone after the return. Must neither wait nor compute for long. May defer,
	// and may answer (the rest is thrown away).
	void (*take)(struct http_request *request, void *state, const void *data, size_t size);
	// The whole body was taken: answer, or defer. On an event thread too.
	void (*end)(struct http_request *request, void *state);
	// The client has gone, was too slow, or the server is being stopped, before the body was whole. The request may
	// be used until the return only, and not be answered.
	void (*lost)(struct http_request *request, void *state);
};

// Let the body come, or go on. The caller must not touch the request afterwards. False: it was answered in the caller's
// stead (its deadline passed); it has been let go, and neither end() nor lost() will be called. sink must stay.
bool http_stream_read(struct http_request *request, const struct http_sink *sink, void *state);

// Close the connection of a body that is being read: lost() follows, unless end() is called first. Any thread, while
// neither has been called; has no effect while the request is deferred.
void http_stream_cut(struct http_request *request);
