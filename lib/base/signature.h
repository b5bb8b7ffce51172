// Signatures of others, checked with the public key of a certificate. On OpenSSL.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum signature_hash { SIGNATURE_SHA1, SIGNATURE_SHA256 };

// RSA (PKCS #1 v1.5) over data by the key of a PEM certificate that is in its time. RC_CORRUPT: no certificate, or not
// an RSA one; RC_DENIED: out of its time, or the signature is not its. Who issued the certificate is the caller's
// question. Any thread.
enum rc signature_verify(const char *certificate, size_t certificate_length, enum signature_hash hash, const void *data,
                         size_t length, const uint8_t *signature, size_t signature_length, struct err *err) MUST_CHECK;
