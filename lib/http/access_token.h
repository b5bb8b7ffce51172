// Access tokens: HS256 JWTs (RFC 7519) of our own making, issued and verified under a short list of keys.
//
// Strict by RFC 8725: one algorithm, keys only from our list by kid, one canonical text a token, issuer, audience and
// type exact. Everything may be called by any thread once the keys are made.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "http/request.h"

#define ACCESS_TOKEN_MAX_BYTES 4096
#define ACCESS_TOKEN_LEEWAY_SECONDS 60

struct access_token_keys;

// text is 64 hex digits (its id is then "default"), or id:hex, comma-separated; ids are 1-32 of [A-Za-z0-9_-], at most
// 8 keys, the first signs, all verify. issuer and audience are copied. RC_INVALID; the text never shows a key.
enum rc access_token_keys_new(const char *text, const char *issuer, const char *audience,
                              struct access_token_keys **ret_keys, struct err *err) MUST_CHECK;
void access_token_keys_free(struct access_token_keys *keys);

struct access_token_claims {
	struct http_principal principal; // sub, sid, admin
	int64_t issued_at;               // seconds since the epoch: iat
	int64_t expires_at;              // exp
};

// A malloc'ed token (caller frees).
enum rc access_token_issue(const struct access_token_keys *keys, const struct access_token_claims *claims,
                           char **ret_token, struct err *err) MUST_CHECK;

// now in seconds since the epoch. RC_DENIED for whatever is wrong with the token; the text says what, for the log, not
// for the client. Does not block; a few microseconds.
enum rc access_token_verify(const struct access_token_keys *keys, const char *token, int64_t now,
                            struct access_token_claims *ret_claims, struct err *err) MUST_CHECK;

// Whether a session has ended, so that its access tokens count no more. Any thread; must not block.
typedef bool access_token_has_ended(void *context, const struct uuid *session_id);

// What a server lets callers in by.
struct access_token_gate {
	const struct access_token_keys *keys;
	access_token_has_ended *has_ended;
	void *has_ended_context;
};

// An http_authenticate for http_server_config: "Authorization: Bearer <token>", context is the gate.
enum rc access_token_authenticate(void *context, const struct http_request *request, bool *ret_present,
                                  struct http_principal *ret_principal, struct err *err);
