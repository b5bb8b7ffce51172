// Finds the route of a method and a path; for lib/http alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "http/route.h"

struct buffer;
struct http_request;
struct router;

enum router_result { ROUTER_FOUND, ROUTER_NO_PATH, ROUTER_NO_METHOD };

// Index the routes, which are kept by reference. RC_INVALID when one is malformed or two are the same.
enum rc router_new(const struct route *const *routes, size_t count, struct router **ret_router,
                   struct err *err) MUST_CHECK;
void router_free(struct router *router);

// Fill request->route, route_index and parameters from its method and path. A path that cannot be decoded does not
// match.
enum router_result router_match(const struct router *router, struct http_request *request);

// Append the methods that the request's path knows: "GET, HEAD, OPTIONS, POST".
void router_append_allow(const struct router *router, const struct http_request *request, struct buffer *out);
