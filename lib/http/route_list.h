// A service's routes as JSON, for who compares them with the contract (docs/openapi.yaml).
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "http/route.h"

// Print an array, one route a line, of these routes and of those that every server has (/healthz, …): method, path,
// auth ("public", "optional", "user", "admin"), body_limit (bytes; 0: none is taken; null: the handler decides),
// streamed, idempotency ("kept", "secret", "elsewhere"; null: keys do not matter here), summary.
void http_route_list_print(FILE *out, const struct route *const *routes, size_t count);
