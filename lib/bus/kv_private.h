// Reading a bucket in order through a short-lived push consumer: what listing, history and watches share.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus_private.h"
#include "bus/kv.h"

// The server gives a sign of life so often while there is nothing to tell.
#define KV_HEARTBEAT_MS 2000

struct bus_kv_reader {
	struct bus *bus;
	struct bus_inbox inbox;
	char prefix[80];        // "$KV.<bucket>."
	char consumer[160];     // "KV_<bucket>.<name>", for deleting it
	uint64_t last_consumer; // sequence of the latest delivery: they have no gaps
	int64_t heard_us;       // when the server was last heard of (monotonic)
};

// RC_INVALID.
enum rc bus_kv_check_bucket(const char *bucket, struct err *err) MUST_CHECK;
enum rc bus_kv_check_key(const char *key, struct err *err) MUST_CHECK;

// key NULL: the latest of every key, else the history of that one. *ret_pending entries will come at once.
// RC_NOT_FOUND: no such bucket.
enum rc bus_kv_reader_open(struct bus *bus, const char *bucket, const char *key, struct bus_kv_reader *ret_reader,
                           uint64_t *ret_pending, struct err *err) MUST_CHECK;
// The next entry, and how many more are waiting (in and out: what the call before said). RC_NOT_FOUND: those that were
// waiting have been replaced by later ones meanwhile, none is left. RC_TIMEOUT after timeout_ms; RC_CORRUPT: entries
// were missed, begin anew; RC_UNAVAILABLE. Caller ends the entry.
enum rc bus_kv_reader_next(struct bus_kv_reader *reader, int64_t timeout_ms, struct bus_kv_entry *ret_entry,
                           uint64_t *ret_pending, struct err *err) MUST_CHECK;
// Accepts a zeroed one.
void bus_kv_reader_close(struct bus_kv_reader *reader);
