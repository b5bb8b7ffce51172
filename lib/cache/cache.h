// Redis, over hiredis, as what may be there or not: for short-lived copies and shared counts, never for the truth.
//
// One connection a process, kept by a thread of its own, on which all calls travel in a row without waiting for one
// another. While Redis cannot be reached (and between two tries to reach it again) calls fail at once; a call that was
// under way when it went away fails within timeout_ms. So nobody ever waits longer than that, and callers go on
// without. Nothing is sent twice. Memory is bounded: CACHE_CALLS calls, CACHE_BYTES of commands, CACHE_REPLY_BYTES of
// replies.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cache;
struct metrics;
struct settings;

#define CACHE_CALLS 8192
#define CACHE_BYTES ((size_t)32 << 20)
#define CACHE_REPLY_BYTES ((size_t)4 << 20)
// Longest key.
#define CACHE_KEY_SIZE 160

struct cache_options {
	const char *name;     // of the service: what its instances share stands below it
	const char *url;      // redis://host[:port][/database], or unix:/path/of/socket
	const char *user;     // "": the default one
	const char *password; // "": none
	const char *key;      // 64 hex digits: from it come the keys of cache/sealed.h and cache/rates.h
	int64_t timeout_ms;   // >= 1: from a call to its reply
	struct metrics *metrics;
};

// Starts the thread, which connects; does not wait for it. RC_INVALID: the url or the key (the text says how it has to
// look); RC_NO_MEMORY; RC_UNAVAILABLE: no thread.
enum rc cache_open(const struct cache_options *options, struct cache **ret_cache, struct err *err) MUST_CHECK;
// The same by [redis]. *ret_cache is NULL, which all functions here accept, where its url is empty.
enum rc cache_open_configured(const struct settings *settings, const char *name, struct metrics *metrics,
                              struct cache **ret_cache, struct err *err) MUST_CHECK;
// Ends the thread, and the calls under way with it; calls made from here on fail at once.
void cache_stop(struct cache *cache);
// Stop, and free it.
void cache_close(struct cache *cache);
// Connected just now. Any thread.
bool cache_is_up(struct cache *cache);

struct cache_reply {
	// RC_OK; RC_NOT_FOUND: no such key; RC_UNAVAILABLE: not sent; RC_UNKNOWN: sent, and no reply came; RC_BUSY: too
	// many calls, not sent; RC_INVALID: Redis refused it.
	enum rc rc;
	int64_t integer;  // of replies that are one
	const char *data; // of replies that are a text: length bytes, valid during the call of done
	size_t length;
};
// Called once for each call: on the caller's thread, before it returns, when nothing was sent; else on the cache's,
// which it must not hold up.
typedef void cache_done(void *context, const struct cache_reply *reply);

// A word of a command.
struct cache_word {
	const void *data;
	size_t length;
};
struct cache_word cache_word(const char *text);

// Send a command of 1 to 16 words. done may be NULL. cache may be NULL: RC_UNAVAILABLE. Any thread; never blocks.
void cache_call(struct cache *cache, const struct cache_word *words, size_t count, cache_done *done, void *context);

// GET, and SET … PX of a key.
void cache_get(struct cache *cache, const char *key, cache_done *done, void *context);
void cache_put(struct cache *cache, const char *key, const void *data, size_t length, int64_t life_ms);
