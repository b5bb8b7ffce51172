// The routes that every server has; for lib/http alone.
#pragma once

#include <stddef.h>

#include "http/route.h"

extern const struct route *const builtin_routes[];
extern const size_t builtin_route_count;
