// Which origins' pages may call us (Fetch Standard, CORS protocol); for lib/http alone.
//
// Credentials are bearer tokens, never cookies, so Access-Control-Allow-Credentials is never sent, and no wildcard
// either.
#pragma once

#include <stdbool.h>

struct cors;
struct http_request;

// Sent with every answer to an allowed origin: the headers that scripts may read.
#define CORS_EXPOSED_HEADERS                                                                                                \
	"ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Safelight-Position, Content-Disposition, " \
	"Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Upload-Defer-Length, Upload-Concat, "               \
	"Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm"

// From a comma-separated list; NULL or "" allows none. NULL without memory, or when an entry is not an origin
// ("https://host[:port]", no path, no "*").
struct cors *cors_new(const char *origins);
void cors_free(struct cors *cors);

// Find out whether the request's Origin is allowed, and note it in the request.
void cors_examine(const struct cors *cors, struct http_request *request);

// A browser asking before it calls: answered by us even where a route of its own serves OPTIONS.
bool cors_is_preflight(const struct http_request *request);

// Answer an OPTIONS request for a path that knows the methods of allow ("GET, HEAD, …"): 204 with Allow, and the
// preflight's headers when the origin is allowed.
void cors_answer_options(struct http_request *request, const char *allow);
