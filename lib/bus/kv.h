// Small shared values with history: a JetStream stream used as key-value buckets (NATS ADR-8; other NATS tools read
// them).
//
// Keys are [A-Za-z0-9_=/-]+ tokens joined by dots, at most 127 bytes. Values are at most LIMIT_KV_VALUE_BYTES. A
// revision is the entry's number in its bucket: it only rises, until the store is lost and it begins at 1 again. All
// calls take the bus's time-out, may be made from any thread, and answer RC_UNAVAILABLE or RC_TIMEOUT when the server
// does not; RC_NOT_FOUND also when the bucket does not exist.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bus;
struct bus_kv_watch;

#define LIMIT_KV_KEY_BYTES 127
#define LIMIT_KV_VALUE_BYTES (64 * 1024)

enum bus_kv_operation {
	BUS_KV_PUT,
	BUS_KV_DELETE, // deleted or purged; the entry has no value
	BUS_KV_SYNCED, // watch only: every entry present has now been seen; the entry has no key
};

struct bus_kv_entry {
	char *key;
	void *value; // NUL-terminated beyond its length, so that text can be used as it is
	size_t length;
	uint64_t revision;
	int64_t created_us; // since the epoch, by the server's clock
	enum bus_kv_operation operation;
};

// Frees the contents and zeroes it. Accepts a zeroed one.
void bus_kv_entry_done(struct bus_kv_entry *entry);

struct bus_kv_entries {
	struct bus_kv_entry *items;
	size_t count;
};

// Frees items and contents. Accepts a zeroed one.
void bus_kv_entries_done(struct bus_kv_entries *entries);

// The present value. RC_NOT_FOUND: never put, deleted or expired. Caller ends the entry with bus_kv_entry_done.
enum rc bus_kv_get(struct bus *bus, const char *bucket, const char *key, struct bus_kv_entry *ret_entry,
                   struct err *err) MUST_CHECK;

// Put whatever is there before. ret_revision may be NULL.
enum rc bus_kv_put(struct bus *bus, const char *bucket, const char *key, const void *value, size_t length,
                   uint64_t *ret_revision, struct err *err) MUST_CHECK;

// Put only if the key's latest revision is still the expected one; 0: only if the key does not exist (or is deleted).
// RC_CONFLICT: it is another one.
enum rc bus_kv_update(struct bus *bus, const char *bucket, const char *key, const void *value, size_t length,
                      uint64_t expected_revision, uint64_t *ret_revision, struct err *err) MUST_CHECK;

// Put a delete marker; the history stays. Deleting a key that does not exist is RC_OK.
enum rc bus_kv_delete(struct bus *bus, const char *bucket, const char *key, struct err *err) MUST_CHECK;

// What is kept of one key, oldest first, delete markers included; none: count 0. Caller ends with bus_kv_entries_done.
enum rc bus_kv_history(struct bus *bus, const char *bucket, const char *key, struct bus_kv_entries *ret_entries,
                       struct err *err) MUST_CHECK;

// The latest entry of every key that is not deleted, values included. Caller ends with bus_kv_entries_done.
enum rc bus_kv_list(struct bus *bus, const char *bucket, struct bus_kv_entries *ret_entries,
                    struct err *err) MUST_CHECK;

// Called from the watch's own thread, one at a time. The entry lives only during the call. Must not call
// bus_kv_watch_stop or bus_close.
typedef void bus_kv_callback(void *context, const struct bus_kv_entry *entry);

// Follow a bucket: first the latest entry of every key, then BUS_KV_SYNCED, then each change (within milliseconds).
// After a lost connection or a recreated bucket the same begins again, so an entry may be seen twice (compare
// revisions), and a key not seen between two BUS_KV_SYNCED is gone. Expiry by age is not announced. Needs no server to
// start. Caller ends with bus_kv_watch_stop. RC_INVALID, RC_NO_MEMORY.
enum rc bus_kv_watch_start(struct bus *bus, const char *bucket, bus_kv_callback *callback, void *context,
                           struct bus_kv_watch **ret_watch, struct err *err) MUST_CHECK;

// No callback runs after it returned (within half a second, and the time of one callback). Accepts NULL.
void bus_kv_watch_stop(struct bus_kv_watch *watch);
