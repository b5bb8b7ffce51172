// Secrets of webhooks and what is signed with them (Standard Webhooks 1.0.0): shown once as "whsec_" and base64, kept
// sealed.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret_box.h"

#define WEBHOOK_KEY_BYTES 32
#define WEBHOOK_KEY_BYTES_MAX 64
// "whsec_", 44 characters of base64, NUL.
#define WEBHOOK_SECRET_SIZE 51
#define WEBHOOK_SEALED_BYTES (WEBHOOK_KEY_BYTES + SECRET_BOX_EXTRA_BYTES)
// "v1,", 44 characters of base64, NUL.
#define WEBHOOK_SIGNATURE_SIZE 48

// A new secret, as its owner sees it and as it is kept.
void webhook_secret_new(const struct secret_box_key *box, char ret_text[WEBHOOK_SECRET_SIZE],
                        uint8_t ret_sealed[WEBHOOK_SEALED_BYTES]);

// The key in a secret's text, 24 to 64 bytes. RC_INVALID; the text of the error never shows it.
enum rc webhook_secret_parse(const char *text, uint8_t ret_key[WEBHOOK_KEY_BYTES_MAX], size_t *ret_length,
                             struct err *err) MUST_CHECK;

// "v1," and the MAC of "<id>.<timestamp>.<body>". timestamp in seconds since the epoch.
void webhook_sign(const void *key, size_t key_length, const char *id, int64_t timestamp, const char *body,
                  char ret_signature[WEBHOOK_SIGNATURE_SIZE]);
