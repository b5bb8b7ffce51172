// Secrets that have to be read again, sealed so that who has the database alone cannot: libsodium's secretbox
// (XSalsa20-Poly1305) with a random nonce in front.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SECRET_BOX_KEY_BYTES 32
// What sealing adds.
#define SECRET_BOX_EXTRA_BYTES (24 + 16)

struct secret_box_key {
	uint8_t bytes[SECRET_BOX_KEY_BYTES];
};

// 64 hex digits. RC_INVALID otherwise; the text never shows the key.
enum rc secret_box_key_parse(const char *text, struct secret_box_key *ret_key, struct err *err) MUST_CHECK;

// ret_sealed has room for length + SECRET_BOX_EXTRA_BYTES. Any thread.
void secret_box_seal(const struct secret_box_key *key, const void *data, size_t length, uint8_t *ret_sealed);

// ret_data has room for length - SECRET_BOX_EXTRA_BYTES. RC_CORRUPT: sealed under another key, changed, or too short;
// nothing is written then. Any thread.
enum rc secret_box_open(const struct secret_box_key *key, const void *sealed, size_t length, void *ret_data,
                        struct err *err) MUST_CHECK;
