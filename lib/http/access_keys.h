// The keys of access tokens; for lib/http alone.
#pragma once

#include <stddef.h>

#include "base/crypto.h"
#include "http/access_token.h"

#define ACCESS_KEYS_MAX 8
#define ACCESS_KEY_ID_SIZE 33

struct access_key {
	char id[ACCESS_KEY_ID_SIZE];
	uint8_t secret[SHA256_SIZE]; // for signing
	struct hmac_key mac;         // for verifying
};

struct access_token_keys {
	char *issuer;
	char *audience;
	struct access_key items[ACCESS_KEYS_MAX]; // the first one signs
	size_t count;
};

// By the id, of length bytes; NULL when we have none of that id.
const struct access_key *access_key_find(const struct access_token_keys *keys, const char *id, size_t length);
