// What a handler may ask of a request. Everything here is a copy in the request's arena: it stays valid, and does not
// change, until the request was answered, also when the client has gone or the deadline has passed meanwhile.
//
// One thread at a time may use a request: the handler's, or after http_request_defer() the one that took the work.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

struct arena;
struct http_request;
struct route;

struct http_principal {
	struct uuid user_id;
	struct uuid session_id;
	bool is_admin;
	int64_t expires_at; // of the credentials, seconds since the epoch; 0: unknown
};

// The config's context pointer.
void *http_request_context(const struct http_request *request);

// Memory for the request, at most LIMIT_REQUEST_ARENA_BYTES, freed with it. NULL from it means RC_NO_MEMORY.
struct arena *http_request_arena(struct http_request *request);

// "GET", "POST", …; HEAD shows as "HEAD" though the GET route runs.
const char *http_request_method(const struct http_request *request);

// The path as it was sent, still percent-encoded, without the query. Begins with '/'.
const char *http_request_path(const struct http_request *request);

const struct route *http_request_route(const struct http_request *request);

// A {name} of the route, percent-decoded (UTF-8, no NUL). Never NULL for a name that the route has; asserts otherwise.
const char *http_request_parameter(const struct http_request *request, const char *name);

// The same as a UUID. False when it is none: then 404 has been answered and the handler just returns.
bool http_request_parameter_uuid(struct http_request *request, const char *name, struct uuid *ret_id);

// A query parameter, form-decoded (UTF-8, no NUL); "" for ?name and ?name=; NULL when absent. A name given twice never
// gets here (400).
const char *http_request_query(const struct http_request *request, const char *name);

// An integer from the query: *ret_value = initial when absent. RC_INVALID (with a text for the client) when it is no
// decimal number in [least, most].
enum rc http_request_query_int(const struct http_request *request, const char *name, int64_t initial, int64_t least,
                               int64_t most, int64_t *ret_value, struct err *err) MUST_CHECK;

// Answers 400 naming the first query parameter that is not in the NULL-terminated list, and returns false.
bool http_request_query_only(struct http_request *request, const char *const *names);

// How many query parameters there are, and the i-th (for names made by the client, as in metadata[key]=).
size_t http_request_query_count(const struct http_request *request);
void http_request_query_at(const struct http_request *request, size_t index, const char **ret_name,
                           const char **ret_value);

// A header by its name in any case, the first one when repeated; NULL when absent.
const char *http_request_header(const struct http_request *request, const char *name);

// The whole body; length 0 and "" when there is none. NUL-terminated beyond its length.
const char *http_request_body(const struct http_request *request, size_t *ret_length);

// The caller's X-Request-Id when it is 1-64 of [A-Za-z0-9_-], else a new UUIDv7.
const char *http_request_id(const struct http_request *request);

// W3C traceparent to pass on: the caller's trace with this request's own span, or a new trace.
const char *http_request_traceparent(const struct http_request *request);

// Who calls. NULL on public routes, and on optional ones without credentials.
const struct http_principal *http_request_principal(const struct http_request *request);

// The client's address as text; X-Forwarded-For's last entry counts only when the peer is loopback (our edge).
const char *http_request_client(const struct http_request *request);

// By when the request is answered 503 if nobody else has answered. Bound every call to a dependency by it.
struct deadline http_request_deadline(const struct http_request *request);

// True once the deadline's 503 was sent: work for this request is in vain. Any thread that holds the request.
bool http_request_is_over(struct http_request *request);

// True when If-None-Match holds etag (a quoted text, strong or W/; weak comparison, RFC 9110 §13.1.2) or "*": then 304
// with that ETag has been answered and the handler just returns. Otherwise sets the ETag header for the answer.
bool http_request_if_none_match(struct http_request *request, const char *etag);

// Hand the request over: call it in the handler BEFORE another thread can learn of the request; from then on the
// handler must not touch it, and whoever has it answers by one http_respond_* call. In a ROUTE_WORKER handler too.
void http_request_defer(struct http_request *request);
