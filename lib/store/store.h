// Object storage as the services see it: an opaque store, opened once on one of its drivers ("sigv4" on libcurl, the
// default; "libs3" for stores that know Signature V2 only), used by all threads.
//
// Every call is bounded by a deadline (target.timeout_ms, else the store's), retries included. Calls without side
// effects, and those marked idempotent, are retried with jitter after transient failures; others only when nothing can
// have happened. Result codes: RC_NOT_FOUND (404), RC_DENIED (403), RC_EXISTS (only_if_absent and there is one),
// RC_CONFLICT (an If-Match condition failed), RC_INVALID (bad argument, or the driver cannot), RC_LIMIT (more bytes
// than allowed), RC_UNAVAILABLE (refused, 5xx, broken or truncated answers), RC_TIMEOUT, RC_UNKNOWN (a change was sent
// and no answer came: look before repeating), RC_CORRUPT (an answer that is no S3 answer). ETags are without quotes.
// Multipart: store_multipart.h; presigned requests: store_presign.h; buckets and events: store_admin.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/pair.h"

struct arena;
struct buffer;
struct metrics;
struct settings;
struct store;

#define STORE_ETAG_SIZE 128
#define STORE_CONTENT_TYPE_SIZE 128
#define STORE_LIST_PAGE 1000 // most entries of a page, most keys of one store_delete_many round trip

struct store_options {
	const char *driver;   // "sigv4" or "libs3"
	const char *endpoint; // "http://127.0.0.1:8084", no path: as this process reaches it (path-style requests)
	const char *public_endpoint; // as clients reach it: the host of presigned URLs; NULL: endpoint
	const char *region;          // named in signatures
	const char *access_key;
	const char *secret_key;
	int64_t timeout_ms;      // of a whole call when its target names none; > 0
	unsigned attempts;       // of a repeatable call, the first included; 0: 3
	int64_t retry_base_ms;   // longest pause before the second attempt; 0: 100
	unsigned stall_seconds;  // a transfer that moves less than 1 kB/s for so long is given up; 0: 10
	unsigned connections;    // idle connections kept; 0: 8
	struct metrics *metrics; // safelight_store_*; NULL: none. Must outlive the store
};

// Opens without contacting the store. Texts are copied. At start, before threads. RC_INVALID when an option is wrong.
enum rc store_open(const struct store_options *options, struct store **ret_store, struct err *err) MUST_CHECK;
// The same with everything but the credentials from [store].
enum rc store_open_configured(const struct settings *settings, const char *access_key, const char *secret_key,
                              struct metrics *metrics, struct store **ret_store, struct err *err) MUST_CHECK;
// No call may be under way. Accepts NULL.
void store_free(struct store *store);

// The store's clock less ours in milliseconds, from the Date of its latest answer (so ± 1000); 0 before the first.
// Signatures are refused from 15 minutes on; alarm at one. Any thread.
int64_t store_clock_skew_ms(const struct store *store);

// Which object, and how long the call may take.
struct store_target {
	const char *bucket;
	const char *key;    // raw UTF-8, 1 to LIMIT_OBJECT_KEY_BYTES bytes, no control characters
	int64_t timeout_ms; // 0: the store's
};

// Bytes to send: data in memory, or, when data is NULL, length bytes of fd from offset on, read with pread.
struct store_body {
	const void *data;
	int fd;
	uint64_t offset;
	uint64_t length;
	const uint8_t *sha256; // of the bytes, signed; NULL: computed for memory, left unsigned for files
	bool is_unsigned;      // leave memory unsigned too: bulk data, whose hash would cost more than sending it
};

struct store_put_options {
	const char *content_type;          // NULL: application/octet-stream
	const char *cache_control;         // NULL: none
	const char *content_disposition;   // NULL: none
	const uint8_t *content_md5;        // 16 bytes (content_md5.h) that the store checks; NULL: none
	const struct store_pair *metadata; // names without "x-amz-meta-", values printable ASCII
	size_t metadata_count;
	bool only_if_absent; // If-None-Match: * (RC_EXISTS); where store_probe says that it holds
	bool idempotent; // writing it twice does no harm (immutable variant keys): retried when the outcome is unknown
};

// Stores one object whole. options may be NULL; ret_etag may be NULL. Any thread.
enum rc store_put(struct store *store, const struct store_target *target, const struct store_body *body,
                  const struct store_put_options *options, char ret_etag[STORE_ETAG_SIZE], struct err *err) MUST_CHECK;

struct store_put_item {
	struct store_target target; // timeout_ms is ignored
	struct store_body body;
	struct store_put_options options;
	enum rc rc; // outcomes, written for every item
	char etag[STORE_ETAG_SIZE];
	struct err err;
};

// Stores several objects on this thread, at most parallel (>= 1) at a time, all within timeout_ms (0: the store's). All
// are tried; RC_OK when all are stored, else the first failed item's code and text. The libs3 driver takes one by one.
enum rc store_put_many(struct store *store, struct store_put_item *items, size_t count, unsigned parallel,
                       int64_t timeout_ms, struct err *err) MUST_CHECK;

// What the store says about an object. Free with store_object_done.
struct store_object {
	uint64_t size;       // of the whole object, also after a ranged get
	int64_t modified_us; // since the epoch; whole seconds
	char etag[STORE_ETAG_SIZE];
	char content_type[STORE_CONTENT_TYPE_SIZE];
	char cache_control[STORE_CONTENT_TYPE_SIZE];
	struct store_pair *metadata; // names in lower case, without "x-amz-meta-"
	size_t metadata_count;
	struct arena *memory;
};
void store_object_done(struct store_object *object);
// A metadata value; NULL when there is none of that name.
const char *store_object_metadata(const struct store_object *object, const char *name);

enum rc store_head(struct store *store, const struct store_target *target, struct store_object *ret_object,
                   struct err *err) MUST_CHECK;

struct store_get_options {
	const char *if_match; // the ETag it must have (RC_CONFLICT); NULL: any
	uint64_t first;       // offset of the first byte
	uint64_t length;      // bytes wanted from there on; 0: to the end. Less comes when the object ends
};

// The object (or its range) into out, which is cleared first and whose limit is the cap (RC_LIMIT). options and
// ret_object may be NULL. After a failure out holds anything.
enum rc store_get(struct store *store, const struct store_target *target, const struct store_get_options *options,
                  struct buffer *out, struct store_object *ret_object, struct err *err) MUST_CHECK;

// The same into fd with pwrite from offset 0, at most limit bytes, hashed on the way. ret_sha256 (of what was written)
// and ret_length may be NULL. After a failure fd holds anything.
enum rc store_get_file(struct store *store, const struct store_target *target, const struct store_get_options *options,
                       int fd, uint64_t limit, uint8_t ret_sha256[32], uint64_t *ret_length,
                       struct store_object *ret_object, struct err *err) MUST_CHECK;

// RC_OK also when there was none (S3 does not tell).
enum rc store_delete(struct store *store, const struct store_target *target, struct err *err) MUST_CHECK;

// Deletes any number of keys. RC_OK when all are gone, else the first failure; ret_deleted (may be NULL) counts the
// gone.
enum rc store_delete_many(struct store *store, const char *bucket, const char *const *keys, size_t count,
                          int64_t timeout_ms, size_t *ret_deleted, struct err *err) MUST_CHECK;

struct store_entry {
	const char *key; // raw
	uint64_t size;
	int64_t modified_us;
	char etag[STORE_ETAG_SIZE];
};
struct store_page {
	struct store_entry *entries; // in byte order of their keys
	size_t count;
	const char *continuation; // for the next page; NULL at the end
	struct arena *memory;
};
void store_page_done(struct store_page *page);

struct store_list_options {
	const char *prefix;       // NULL: all
	const char *continuation; // of the page before; NULL: the first page
	const char *start_after;  // the first page begins behind this key; NULL: at the first
	unsigned page_size;       // 1 to STORE_LIST_PAGE; 0: STORE_LIST_PAGE
	int64_t timeout_ms;
};
enum rc store_list(struct store *store, const char *bucket, const struct store_list_options *options,
                   struct store_page *ret_page, struct err *err) MUST_CHECK;

// Copies inside the store, metadata and type included. source_etag (NULL: any): RC_CONFLICT when the source changed.
// Repeatable, hence retried. ret_etag may be NULL.
enum rc store_copy(struct store *store, const struct store_target *from, const char *source_etag,
                   const struct store_target *to, char ret_etag[STORE_ETAG_SIZE], struct err *err) MUST_CHECK;
