// A streamed body's way through the event thread; for lib/http alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_request;

// What became of a piece of the body.
enum stream_taken {
	STREAM_TAKEN,
	STREAM_WAITS,   // whoever has the request is not ready for it: give it again later
	STREAM_REFUSED, // the server is being stopped: close the connection
};

// A piece of the body for the request's sink.
enum stream_taken stream_take(struct http_request *request, const void *data, size_t size);

// The body is whole: ask for the answer. False when the request is somebody else's now. While the server is being
// stopped there may be no answer after it.
bool stream_end(struct http_request *request);

// The client has gone.
void stream_lose(struct http_request *request);
