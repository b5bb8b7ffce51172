// Rates counted in Redis for all instances of a service: each bucket is the time at which it will be full again, by
// Redis' clock, and goes by itself when it is full.
#pragma once

#include "base/rate_exchange.h"

struct cache;

// For rate_share_start; valid until cache_close. Without a tell where cache is NULL.
struct rate_exchange cache_rates(struct cache *cache);
