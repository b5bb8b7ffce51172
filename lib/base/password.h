// Password hashes: argon2id PHC strings by libsodium (RFC 9106; floor of the OWASP cheat sheet: 19 MiB, 2 passes).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

// Room for any hash and its NUL (libsodium's crypto_pwhash_STRBYTES).
#define PASSWORD_HASH_SIZE 128
#define PASSWORD_LEAST_BYTES 8

struct password_policy;

// memory_bytes and passes of new hashes. Computes one hash, against which logins of unknown accounts are checked so
// that they take the same time. NULL and err without memory.
struct password_policy *password_policy_new(size_t memory_bytes, unsigned passes, struct err *err);
void password_policy_free(struct password_policy *policy);

// The hash of a password (PASSWORD_LEAST_BYTES to LIMIT_PASSWORD_BYTES bytes of UTF-8, taken as they are: no Unicode
// normalisation). Takes tens of milliseconds and the policy's memory: only on a hashing thread.
enum rc password_hash(const struct password_policy *policy, const char *password, char ret_hash[PASSWORD_HASH_SIZE],
                      struct err *err) MUST_CHECK;

// True when the password is the hash's. hash NULL (no such account, or one without a password): false, after the same
// work. Only on a hashing thread.
bool password_verify(const struct password_policy *policy, const char *hash, const char *password);

// True when a stored hash is weaker than the policy and should be replaced at this login.
bool password_needs_rehash(const struct password_policy *policy, const char *hash);
