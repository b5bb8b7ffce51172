// Hashes, MACs, randomness and constant-time compares, on libsodium (states that can be copied) and OpenSSL's EVP (bulk
// speed).
//
// Call crypto_init() once at start, before any thread.
#pragma once

// The low-level SHA-256 is deprecated for the sake of providers; its plain, copyable state is what a prepared key
// needs: a quarter of the time of libsodium's portable one, and no allocation as with EVP.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SHA256_SIZE 32
#define SHA256_TEXT_SIZE (2 * SHA256_SIZE + 1)
#define MD5_SIZE 16
#define SHA1_SIZE 20

enum rc crypto_init(struct err *err) MUST_CHECK;

// SHA-256 of an input in memory. Allocates nothing.
void sha256_of(const void *data, size_t length, uint8_t ret_digest[SHA256_SIZE]);

// MD5, which S3 wants as Content-MD5. Not for security. Allocates nothing.
void md5_of(const void *data, size_t length, uint8_t ret_digest[MD5_SIZE]);

// SHA-1 and MD5 for protocols that want them (tus), not for security.
enum digest_kind { DIGEST_SHA256, DIGEST_MD5, DIGEST_SHA1 };

// The digest of bulk data in pieces, by OpenSSL's EVP. NULL without memory; free accepts NULL. One thread at a time.
struct digest_stream;
struct digest_stream *digest_stream_new(enum digest_kind kind);
void digest_stream_free(struct digest_stream *stream);
void digest_stream_update(struct digest_stream *stream, const void *data, size_t length);
// Ends the stream's present message and begins a new one. ret_digest: SHA256_SIZE, MD5_SIZE or SHA1_SIZE bytes.
void digest_stream_finish(struct digest_stream *stream, uint8_t *ret_digest);

// A key whose inner and outer hash states are computed once; copying it and going on is cheap (edge: one per key at
// load).
struct hmac_key {
	SHA256_CTX inner;
	SHA256_CTX outer;
};
void hmac_key_init(struct hmac_key *key, const void *secret, size_t length);

// HMAC-SHA256 of data under a prepared key. Allocates nothing. Any thread.
void hmac_of(const struct hmac_key *key, const void *data, size_t length, uint8_t ret_mac[SHA256_SIZE]);

// True when both are equal, in time that depends only on length.
bool crypto_equal(const void *left, const void *right, size_t length);

// length cryptographically random bytes. Any thread.
void random_fill(void *ret_data, size_t length);

// A random number in [0, bound); bound > 0. Not for secrets' text; for jitter and sampling.
// The same for ids that must not repeat but are no secrets: from what the thread has fetched ahead, without a system
// call each time. Not between fork and exec.
void random_fill_id(void *ret_data, size_t length);

uint32_t random_below(uint32_t bound);

// Overwrite a secret in a way the compiler keeps.
void crypto_wipe(void *data, size_t length);
