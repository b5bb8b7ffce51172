// The key set of the identity provider ([auth] jwks_url): fetched in the background, kept when the provider is away,
// fetched again when a token names a key that is not in it, though never more often than [auth] jwks_pause_seconds.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "http/jwks.h"

struct external_keys;
struct settings;

// RC_OK with NULL when no provider is configured. Contacts nobody yet.
enum rc external_keys_new(const struct settings *settings, struct external_keys **ret_keys, struct err *err) MUST_CHECK;
// Ends the thread. Accepts NULL.
void external_keys_free(struct external_keys *keys);

// Verify a token of the provider's. RC_DENIED: it is none. RC_UNAVAILABLE: no key set could be fetched yet. May fetch,
// so not on an event thread; threads that come meanwhile do not wait for it.
enum rc external_keys_verify(struct external_keys *keys, const char *token, struct deadline deadline,
                             struct jwks_claims *ret_claims, struct err *err) MUST_CHECK;
