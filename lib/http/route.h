// One HTTP route: what a service declares, one file each, as a const struct route.
//
// static void get_media(struct http_request *request) { … http_respond_json(request, 200, &out); }
// const struct route route_get_media = { .method = "GET", .path = "/v1/media/{id}", .auth = ROUTE_USER,
//                                        .run = ROUTE_EVENT, .handle = get_media, .summary = "One media." };
#pragma once

#include <stddef.h>

struct http_request;

// Runs once for each request, after authentication and with the whole body read (but see ROUTE_STREAMED). It answers by
// exactly one http_respond_* call, or calls http_request_defer() and sees to it that another thread does.
typedef void http_handler(struct http_request *request);

enum route_auth {
	ROUTE_PUBLIC,   // credentials are not looked at
	ROUTE_OPTIONAL, // a principal if credentials were sent; wrong ones are still 401
	ROUTE_USER,     // a principal, else 401
	ROUTE_ADMIN,    // a principal that is an administrator, else 401 or 403
};

enum route_run {
	ROUTE_EVENT,  // on the event thread: must not block nor compute for long (JSON of 100 kB), else everyone waits
	ROUTE_WORKER, // on the server's work pool: may block, within http_request_deadline()
};

enum route_body {
	ROUTE_WHOLE,    // the handler runs when the body was read
	ROUTE_STREAMED, // the handler runs when the head was read, and then asks for the body, piece by piece
	                // (stream.h)
};

// Of POSTs with an Idempotency-Key by a known caller (idempotency.h).
enum route_idempotency {
	ROUTE_KEPT_ANSWER,    // a repeated request gets the kept answer
	ROUTE_SECRET_ANSWER,  // answers hold secrets and are not kept: a repeated request is told that it was done
	ROUTE_KEYS_ELSEWHERE, // the handler looks after keys itself, or repeating does no harm
};

struct route {
	const char *method; // "GET" (serves HEAD too), "POST", …
	const char *path;   // "/v1/media/{id}": a {name} takes one whole, non-empty segment; literals win over it
	enum route_auth auth;
	enum route_run run;
	size_t body_limit; // bytes of the longest body taken; 0: a body is refused; SIZE_MAX: the handler's to decide
	enum route_body body;
	enum route_idempotency idempotency;
	http_handler *handle;
	const char *summary; // one sentence (the OpenAPI test compares it)
};
