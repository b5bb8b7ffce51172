// Copies in Redis that whoever reads or writes there can neither read nor forge: names are MACed, and values sealed
// together with their name and their age, under keys derived from [redis] key. So a Redis that is shared, wrong or
// taken over can make a copy missing, never another's, older than allowed, or different.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"

// Keep a copy for life_ms. Any thread; never blocks; when it fails there is just no copy.
void cache_sealed_put(struct cache *cache, const char *name, const void *data, size_t length, int64_t life_ms);
// Its copy, if it is no older than most_age_ms: reply.data is what was put, reply.integer its age in milliseconds.
// RC_NOT_FOUND: none, or too old; RC_CORRUPT: not ours; others as cache_call's. done as for cache_call.
void cache_sealed_get(struct cache *cache, const char *name, int64_t most_age_ms, cache_done *done, void *context);
