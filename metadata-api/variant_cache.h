// Texts that are costly to make and small to keep: a media as its owner sees it in listings, or its variants alone,
// with their signed URLs, as JSON.
//
// A text depends on nothing but what names it: which media, at which version (each change of a media or its variants
// raises it), with which expiry of the URLs. So none is ever stale, and whoever asks has read the version from the
// database just now; what is not asked for any more is pushed out by what is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fingerprint.h"
#include "base/uuid.h"

struct metrics;
struct variant_cache;

struct variant_key {
	struct uuid media_id;
	int64_t version;
	int64_t expiry;
	bool is_media; // the media's whole object; else the members that show its variants, without braces
};

// Held by reference.
struct variant_text {
	uint8_t fingerprint[FINGERPRINT_SIZE];
	size_t length;
	char text[];
};

// bytes: most that is kept; 0: nothing is. NULL without memory.
struct variant_cache *variant_cache_new(size_t bytes, struct metrics *metrics);
// Accepts NULL. Texts that somebody holds live on.
void variant_cache_free(struct variant_cache *cache);

// A copy of the text, held by the caller. NULL without memory. Any thread.
const struct variant_text *variant_text_new(const struct variant_key *key, const char *text, size_t length);
void variant_text_hold(const struct variant_text *text);
void variant_text_release(const struct variant_text *text); // accepts NULL

// The text, to be released after use; NULL when it is not there. Any thread.
const struct variant_text *variant_cache_find(struct variant_cache *cache, const struct variant_key *key);

// Keep the text for others, unless there is one of its name already or it is larger than all that is kept. The caller
// goes on holding it. Any thread.
void variant_cache_keep(struct variant_cache *cache, const struct variant_text *text);
