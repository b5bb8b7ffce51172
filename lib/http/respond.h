// Answering a request. Each request is answered once, by the handler or, after http_request_defer(), by any thread.
//
// The answering call gives the request up: nothing of it, its arena included, may be touched afterwards. When the
// deadline's 503 went out before, the answer is dropped silently. Every answer carries X-Request-Id,
// X-Content-Type-Options: nosniff and, unless set otherwise, Cache-Control: private, no-store. No call fails towards
// the caller: without memory the client gets a 500.
#pragma once

#include <stddef.h>

#include "base/error.h"

struct buffer;
struct http_request;

// One wrong field: an RFC 6901 pointer into the body ("/parts/0/etag") and how to mend it.
struct http_field_error {
	const char *pointer;
	const char *detail;
};

// Set a header of the coming answer (a later one of the same name replaces it; copies both). Before answering. A
// name that is no token, or a value with control characters, is left out: nothing can be injected.
void http_respond_header(struct http_request *request, const char *name, const char *value);

// Let an answer go that http_hold has kept. Headers may be set before.
void http_respond_release(struct http_request *request);

// Seconds for Retry-After.
void http_respond_retry_after(struct http_request *request, unsigned seconds);

// Takes the buffer's contents (it is empty afterwards). A failed buffer is answered 500.
void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type, struct buffer *taken);

// The same with application/json.
void http_respond_json(struct http_request *request, unsigned status, struct buffer *taken);

// A body that is sent from where it lies: `count` pieces (copied; what they point to is not), at most
// HTTP_PIECES_MAX, which live until release(owner) is called: once, on any thread, perhaps before this returns. For
// GET and HEAD: such an answer is neither held back nor kept for a repeat.
#define HTTP_PIECES_MAX 1000
struct http_piece {
	const char *data;
	size_t length;
};
void http_respond_pieces(struct http_request *request, unsigned status, const char *content_type,
                         const struct http_piece *pieces, size_t count, void (*release)(void *owner), void *owner);

// No body (204, 304, 202 …).
void http_respond_empty(struct http_request *request, unsigned status);

// application/problem+json (RFC 9457): type "/problems/<slug>", title from the status, the formatted detail (how to
// mend it; never SQL, paths or secrets), instance, request_id. slug is lower-case-with-hyphens and stable.
void http_respond_problem(struct http_request *request, unsigned status, const char *slug, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

// The same with errors: [{pointer, detail}].
void http_respond_problem_fields(struct http_request *request, unsigned status, const char *slug, const char *detail,
                                 const struct http_field_error *errors, size_t count);

// err as a problem, by its rc: INVALID 400, DENIED 403, NOT_FOUND 404, EXISTS and CONFLICT 409, LIMIT 413, BUSY,
// TIMEOUT and UNAVAILABLE 503 with Retry-After, others 500. The text is shown for INVALID, CONFLICT and LIMIT only
// (those are written for the caller: do not pass such an err of a library whose texts are not); it is logged for 5xx.
// err->rc must not be RC_OK.
void http_respond_rc(struct http_request *request, const struct err *err);
