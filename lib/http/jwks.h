// Tokens of an identity provider: RS256 and ES256 JWTs (RFC 7515, 7519) verified under the keys of its JSON Web Key Set
// (RFC 7517), by RFC 8725: a key is chosen by kid from that set alone, and it fixes the algorithm.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

#define JWKS_KEYS_MAX 32
#define JWKS_TOKEN_MAX_BYTES 8192
#define JWKS_SUBJECT_BYTES 255

struct jwks;

// The set's usable keys: RSA of 2048 to 4096 bits, EC P-256; with a kid, and for signatures where they say for what.
// Other keys are left out. RC_CORRUPT: not a key set, or none of its keys is usable.
enum rc jwks_parse(const char *text, size_t length, struct jwks **ret_jwks, struct err *err) MUST_CHECK;
void jwks_free(struct jwks *jwks);
size_t jwks_count(const struct jwks *jwks);

struct jwks_claims {
	char subject[JWKS_SUBJECT_BYTES + 1];
	char email[LIMIT_EMAIL_BYTES + 1]; // "" unless the token says that it was verified
	char name[LIMIT_TITLE_BYTES + 1];  // "" when absent
	int64_t expires_at;                // seconds since the epoch
};

// now in seconds since the epoch. RC_NOT_FOUND: the token is well-formed, but the set has no key of its kid. RC_DENIED
// for whatever else is wrong with it. The text says what, for the log, not for the client. Some 100 microseconds: not
// on an event thread. Any thread.
enum rc jwks_verify(const struct jwks *jwks, const char *token, const char *issuer, const char *audience, int64_t now,
                    struct jwks_claims *ret_claims, struct err *err) MUST_CHECK;
