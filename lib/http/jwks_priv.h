// A key set's keys; for lib/http alone.
#pragma once

#include <stddef.h>

#include "http/jwks.h"

#define JWKS_KEY_ID_BYTES 128
#define JWKS_PEM_SIZE 1024

struct jwks_key {
	char id[JWKS_KEY_ID_BYTES + 1];
	const char *algorithm; // "RS256" or "ES256"
	char pem[JWKS_PEM_SIZE];
	size_t pem_length;
};

struct jwks {
	size_t count;
	struct jwks_key keys[JWKS_KEYS_MAX];
};
