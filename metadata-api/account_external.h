// Accounts of people whom an identity provider knows.
#pragma once

#include "base/clock.h"
#include "base/error.h"

struct account;
struct api;
struct jwks_claims;
struct session_origin;

// The account of the subject of a verified token; made when there is none. Its e-mail address is taken over when the
// provider has verified it and no account has it: an account with a password never becomes the provider's. RC_BUSY:
// others got in the way each time.
enum rc account_of_external(struct api *api, const struct jwks_claims *claims, const struct session_origin *origin,
                            struct deadline deadline, struct account *ret_account, struct err *err) MUST_CHECK;
