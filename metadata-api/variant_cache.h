// Texts that are costly to make and small to keep: a media's variants with their signed URLs, as JSON.
//
// A text depends on nothing but what names it: which media, at which version (each change of a media or its variants
// raises it), with which expiry of the URLs. So none is ever stale, and whoever asks has read the version from the
// database just now; what is not asked for any more is pushed out by what is.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct metrics;
struct variant_cache;

struct variant_key {
	struct uuid media_id;
	int64_t version;
	int64_t expiry;
};

// Members of a JSON object, without its braces; held by reference.
struct variant_text {
	size_t length;
	char text[];
};

// bytes: most that is kept; 0: nothing is. NULL without memory.
struct variant_cache *variant_cache_new(size_t bytes, struct metrics *metrics);
// All texts must have been released. Accepts NULL.
void variant_cache_free(struct variant_cache *cache);

// The text, to be released after use; NULL when it is not there. Any thread.
const struct variant_text *variant_cache_find(struct variant_cache *cache, const struct variant_key *key);
void variant_text_release(const struct variant_text *text); // accepts NULL

// Keep a copy of the text, unless it is there already or there is no memory. Any thread.
void variant_cache_keep(struct variant_cache *cache, const struct variant_key *key, const char *text, size_t length);
