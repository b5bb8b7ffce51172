// Invalidations of Amazon CloudFront, where it stands in place of our own edge: what to send, and what the answer
// means. Pure: no I/O and no clock; the caller sends the request with its HTTP client.
//
// Source: "CreateInvalidation", Amazon CloudFront API reference (2020-05-31); "Invalidation paths" of its developer
// guide.
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "store/sigv4.h"

#define CLOUDFRONT_HOST "cloudfront.amazonaws.com"
#define CLOUDFRONT_REGION "us-east-1" // of every signature; with the service "cloudfront"
#define CLOUDFRONT_SERVICE "cloudfront"
#define CLOUDFRONT_KEYS_MAX 1000 // three paths each; CloudFront takes 3000 that are not done yet
#define CLOUDFRONT_TARGET_SIZE 128
#define CLOUDFRONT_ID_SIZE 65

// Which objects are to be forgotten.
struct cloudfront_invalidation {
	const char *distribution_id; // 1 to 32 of A-Z 0-9
	// 1 to 128 of A-Z a-z 0-9 - _ . : a repeated one with the same keys changes nothing, so retries keep it.
	const char *reference;
	const char *const
	        *keys;    // of published variants in the media bucket: "<media>/<generation>/<variant>.<extension>"
	size_t key_count; // 1 to CLOUDFRONT_KEYS_MAX
};

// A POST to https://CLOUDFRONT_HOST with "Content-Type: text/xml", "X-Amz-Date: date", "X-Amz-Content-Sha256: payload",
// "Authorization: authorization", and "X-Amz-Security-Token" when the key has a token. Release with
// cloudfront_request_done.
struct cloudfront_request {
	char target[CLOUDFRONT_TARGET_SIZE]; // the path
	char date[SIGV4_TIME_SIZE];
	char payload[SHA256_TEXT_SIZE];
	char authorization[SIGV4_AUTHORIZATION_SIZE];
	struct buffer body;
};

// Build and sign the request, at time ("20130524T000000Z") with a key for CLOUDFRONT_REGION and CLOUDFRONT_SERVICE.
// Each object is named by its own path and by those that clients asked for (the function changes paths, and CloudFront
// wants both). RC_INVALID when a text is not as above, RC_LIMIT for too many keys, RC_NO_MEMORY. Any thread.
enum rc cloudfront_invalidation_build(const struct cloudfront_invalidation *invalidation, const struct sigv4_key *key,
                                      const char *time, struct cloudfront_request *ret_request,
                                      struct err *err) MUST_CHECK;
void cloudfront_request_done(struct cloudfront_request *request);

// What an answer of that HTTP status says. RC_OK: accepted, ret_id is the invalidation's id. RC_BUSY: too many at once,
// send it again later; RC_UNAVAILABLE: a failure of theirs; RC_DENIED, RC_NOT_FOUND (no such distribution),
// RC_INVALID; RC_CORRUPT when the answer is no XML of theirs.
enum rc cloudfront_invalidation_read(unsigned status, const char *body, size_t length, char ret_id[CLOUDFRONT_ID_SIZE],
                                     struct err *err) MUST_CHECK;
