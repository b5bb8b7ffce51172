// The latest requests that were slow or failed on our side, kept in memory for operators.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct http_server;

// How many are kept, and from which time on a request counts as slow (its own time, without the network).
#define HTTP_NOTABLES 100
#define HTTP_NOTABLE_US 200000

struct http_notable {
	int64_t at_us;       // since the epoch, when it ended
	int64_t took_us;     // our time
	unsigned status;     // 0: the client had gone
	const char *method;  // of the route; "other" when none fits
	const char *route;   // its path, with {names}: never what the client sent
	char request_id[72]; // as in the answer and the log
};

// Copy them, the latest first; returns how many. Any thread, while the server lives.
size_t http_server_notables(struct http_server *server, struct http_notable ret_latest[HTTP_NOTABLES]);
