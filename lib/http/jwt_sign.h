// JWTs (RFC 7519) signed with private keys, for services that know us by them.
#pragma once

#include <stdint.h>

#include "base/error.h"

struct jwt_claims {
	const char *algorithm; // "RS256", "ES256"
	const char *key_id;    // kid; NULL: none
	const char *issuer;
	const char *audience; // NULL: none
	const char *scope;    // NULL: none
	int64_t issued_at;    // seconds since the epoch
	int64_t expires_at;   // 0: none
};

// key_pem: a private key that fits the algorithm. *ret_token is malloc'ed (caller frees). RC_INVALID: the key cannot be
// used; the text never shows it. Any thread.
enum rc jwt_sign(const struct jwt_claims *claims, const char *key_pem, char **ret_token, struct err *err) MUST_CHECK;
