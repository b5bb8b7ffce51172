// Refresh tokens: rotated at each use, each successor derived from its predecessor under a server key.
//
//   token = base64url of: session id 16 | secret 32
//   secret of the first token is random; the next one is HMAC-SHA256(refresh key, "safelight-refresh-v1" | secret)
//
// The database has SHA-256 of the present secret only. Derivation has two uses: a client that lost an answer asks again
// with the old token and gets the same successor, and any older token of the family can be told from garbage (following
// the derivation from it arrives at the present one), so that a stolen one revokes the family (RFC 9700 §4.14.2) while
// a forged one does nothing.
#pragma once

#include <stdbool.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/uuid.h"

#define REFRESH_SECRET_BYTES 32
#define REFRESH_TOKEN_SIZE BASE64_TEXT_SIZE(16 + REFRESH_SECRET_BYTES)

// How many rotations back a token is still recognised as one of the family.
#define REFRESH_LOOK_BACK 3000

struct refresh_token {
	struct uuid session_id;
	unsigned char secret[REFRESH_SECRET_BYTES];
};

void refresh_token_new(const struct uuid *session_id, struct refresh_token *ret_token);
void refresh_token_next(const struct hmac_key *key, const struct refresh_token *token, struct refresh_token *ret_next);
void refresh_token_hash(const struct refresh_token *token, unsigned char ret_hash[SHA256_SIZE]);
void refresh_token_format(const struct refresh_token *token, char ret_text[REFRESH_TOKEN_SIZE]);
bool refresh_token_parse(const char *text, struct refresh_token *ret_token);

// True when `present` (a hash) is reached from token by 1 to REFRESH_LOOK_BACK rotations. Up to some milliseconds of
// work: not on an event thread.
bool refresh_token_is_ancestor(const struct hmac_key *key, const struct refresh_token *token,
                               const unsigned char present[SHA256_SIZE]);
