// Signed delivery URLs: the one specification that every signer and verifier follows (metadata-api, the nginx module,
// CloudFront). Test vectors: tests/vectors/delivery.json; the same text for operators: cdn-config/README.md.
//
//   /m/<media_id>/<generation>/<variant>.<extension>?e=<expiry>&k=<key id>&s=<signature>
//   /m/<media_id>/<generation>/<variant>?e=<expiry>&k=<key id>&s=<signature>&f=<formats>       (negotiated by Accept)
//
//   expiry     Unix seconds, decimal without leading zeros, valid through that second; 0: never expires
//   key id     1 - 16 of A-Z a-z 0-9 - _
//   formats    what may be answered: a subset of avif,webp,jpeg in this order, comma-separated, always with jpeg
//   signature  base64url without padding of HMAC-SHA256 under that key of
//
//              "safelight-delivery-v1" LF path LF expiry LF key id LF formats          (formats empty when there is no
//              f)
//
// There is one text for one grant: parameters once each and in this order, nothing else in the query, no
// percent-encoding, ids in lower case, an output format's own extension. Anything else is malformed. The verifier is
// given the request's path and query exactly as they were sent, before any decoding or normalising.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "media/object_key.h"

#define DELIVERY_PREFIX "/m/"
#define DELIVERY_KEYS_MAX 8
#define DELIVERY_KEY_ID_SIZE 17 // with NUL
#define DELIVERY_URL_SIZE 256   // path and query with NUL
#define DELIVERY_FOREVER 0
#define DELIVERY_EXPIRY_MAX 99999999999 // seconds; eleven digits
#define DELIVERY_MAX_AGE 31536000       // seconds; how long a client may keep what does not expire

// The key that signs stands first; all of them verify (rotation).
struct delivery_keys {
	size_t count;
	struct {
		char id[DELIVERY_KEY_ID_SIZE];
		struct hmac_key key;
	} entries[DELIVERY_KEYS_MAX];
};

// From the text of the cdn.keys setting: `id:64 hex digits`, separated by commas or line ends; blanks around entries
// and empty lines are skipped. RC_INVALID for anything else, a repeated id, none or more than DELIVERY_KEYS_MAX (the
// text of the error never has the key). Needs no cleanup; delivery_keys_wipe overwrites the secrets.
enum rc delivery_keys_parse(const char *text, struct delivery_keys *ret_keys, struct err *err) MUST_CHECK;
void delivery_keys_wipe(struct delivery_keys *keys);

// What a URL grants.
struct delivery_grant {
	struct uuid media_id;
	uint32_t generation;
	char variant[VARIANT_NAME_SIZE];
	enum media_format format; // FORMAT_NONE: negotiated among `formats`
	unsigned formats;         // FORMAT_BIT()s when negotiated (subset of FORMAT_SET_DELIVERY with jpeg), else 0
	int64_t expiry;           // seconds since the epoch, or DELIVERY_FOREVER
};

// Write the path and query (no origin) of a URL that grants this, under the first key; returns its length. The grant
// must be valid (asserted). Allocates nothing. Any thread.
size_t delivery_sign(const struct delivery_keys *keys, const struct delivery_grant *grant,
                     char ret_url[DELIVERY_URL_SIZE]);

enum delivery_verdict {
	DELIVERY_OK,
	DELIVERY_MALFORMED,     // not the canonical form above
	DELIVERY_UNKNOWN_KEY,   // no such key id (any more)
	DELIVERY_BAD_SIGNATURE, // the signature is not of this path, expiry, key and formats
	DELIVERY_EXPIRED,       // signed by us, but its time is over
};
#define DELIVERY_VERDICT_COUNT 5

// Check a request's raw path and raw query (without '?'; NULL with length 0 when there is none) at `now` (seconds since
// the epoch). The signature is compared in constant time and before the expiry is looked at. *ret_grant is written on
// DELIVERY_OK only. Allocates nothing. Any thread.
enum delivery_verdict delivery_verify(const struct delivery_keys *keys, const char *path, size_t path_length,
                                      const char *query, size_t query_length, int64_t now,
                                      struct delivery_grant *ret_grant);

// For edges where all media are public ([edge] public): what a path without any query grants, for ever. Negotiated
// paths are granted webp and jpeg, which every media has. False: not a path of the form above. *ret_grant is written on
// true only. Any thread.
bool delivery_read_public(const char *path, size_t path_length, struct delivery_grant *ret_grant);

// "ok", "malformed", "unknown_key", "bad_signature", "expired": for logs and counters. Never NULL.
const char *delivery_verdict_name(enum delivery_verdict verdict);

// The expiry to sign at `now` for URLs that live at least `window` seconds (>= 1): the end of the next whole window, so
// every caller gets the same URL for up to a window's length and clients' caches hit. Windows of different media end at
// different seconds (by the id's random bits), so they do not all expire together. now < result - window <= now +
// window.
int64_t delivery_expiry(int64_t now, int64_t window, const struct uuid *media_id);

// Seconds for which the holder of a URL with this expiry may keep the answer at `now`: never beyond the expiry.
int64_t delivery_max_age(int64_t expiry, int64_t now);
