// Signed URLs of originals, as downloads. They stand beside those of variants (media/delivery.h: same keys, expiries
// and verdicts) under a form of their own:
//
//   /o/<media_id>/<32 hex digits>?e=<expiry>&k=<key id>&s=<signature>&n=<file name>
//
//   file name  UTF-8, as filename_clean leaves it; percent-encoded: A-Z a-z 0-9 - . _ ~ stand for themselves, every
//              other byte is %XX in upper case
//   signature  HMAC-SHA256 of "safelight-original-v1" LF path LF expiry LF key id LF file name (as it stands in the
//              URL)
//
// The path is the original's object key, whose random part nobody can guess; the label keeps one kind of URL from being
// taken for the other. An original's URL always ends: expiry 0 is malformed.
#pragma once

#include "media/delivery.h"
#include "media/filename.h"

#define DELIVERY_ORIGINAL_PREFIX "/o/"
#define DELIVERY_ORIGINAL_URL_SIZE 960 // path and query with NUL

struct delivery_original {
	struct uuid media_id;
	uint8_t random[OBJECT_KEY_RANDOM_BYTES];
	int64_t expiry;               // seconds since the epoch, > 0
	char filename[FILENAME_SIZE]; // cleaned
};

// Write the path and query of a URL under the first key; returns its length. The grant must be valid (asserted).
// Allocates nothing. Any thread.
size_t delivery_original_sign(const struct delivery_keys *keys, const struct delivery_original *original,
                              char ret_url[DELIVERY_ORIGINAL_URL_SIZE]);

// Like delivery_verify.
enum delivery_verdict delivery_original_verify(const struct delivery_keys *keys, const char *path, size_t path_length,
                                               const char *query, size_t query_length, int64_t now,
                                               struct delivery_original *ret_original);
