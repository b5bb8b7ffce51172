// Answers without an end: the head is sent at once, what is written later follows, from any thread.
//
// A feed is exempt from the request's deadline. What the client has not taken yet waits in a buffer of bounded size;
// a client that does not take it is cut off. A feed holds no thread, and no memory for data while it is idle.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct http_request;
struct http_feed;

// Copied, but for the texts, which must live as long as the feed. The callbacks run on event threads, must not block,
// and may call nothing of this feed. They are never called under a lock of the server's.
struct http_feed_options {
	const char *content_type;
	size_t buffer_bytes;   // most that may wait for the client
	const char *heartbeat; // written when nothing was for so long
	int64_t heartbeat_ms;
	int64_t stall_ms;               // a client that took nothing of what waits for so long is cut off
	void (*drained)(void *context); // nothing waits any more; NULL: nobody asks
	void (*ended)(void *context);   // the client or the server has gone; called once, the last of all
	void *context;
};

// Answer 200 by a feed. On success this is the call that gives the request up, and the caller owns *ret_feed, to be
// given back by http_feed_release(); `ended` may have been called already. RC_BUSY: the server is being stopped,
// RC_NO_MEMORY: in both cases the request is still to be answered.
enum rc http_respond_feed(struct http_request *request, const struct http_feed_options *options,
                          struct http_feed **ret_feed, struct err *err) MUST_CHECK;

// Append all of data or nothing. RC_LIMIT: it would be more than buffer_bytes. RC_NOT_FOUND: the feed has ended, or
// is about to. Any thread; does not block.
enum rc http_feed_write(struct http_feed *feed, const void *data, size_t length);

// Bytes that wait for the client.
size_t http_feed_waiting(struct http_feed *feed);

// End it properly, behind what waits. Any thread, any number of times.
void http_feed_end(struct http_feed *feed);

// Cut it off, whatever waits. Any thread.
void http_feed_cut(struct http_feed *feed);

// Give up the caller's hold; the feed itself goes on until it is ended. Accepts NULL.
void http_feed_release(struct http_feed *feed);
