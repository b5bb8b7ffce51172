// SQL of what people change about their accounts: passwords and e-mail addresses.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"

struct account;
struct api;
struct session_origin;

// Replace the password's hash of the account as it was read, end all its sessions but keep_session, write the audit
// log; access tokens of the ended ones are refused from now on. RC_CONFLICT: the account was changed meanwhile.
enum rc account_change_password(struct api *api, const struct account *account, const char *new_hash,
                                const struct uuid *keep_session, const struct session_origin *origin,
                                struct deadline deadline, struct err *err) MUST_CHECK;

// Replace the e-mail address of the account as it was read. RC_EXISTS: another account has it, in any case.
// RC_CONFLICT: the password was changed meanwhile, or the account deleted.
enum rc account_change_email(struct api *api, const struct account *account, const char *email,
                             const struct session_origin *origin, struct deadline deadline, struct err *err) MUST_CHECK;

// Delete the account as it was read: nobody can sign in any more, its e-mail address is free, its access tokens are
// refused from now on; account_eraser.h does the rest. RC_CONFLICT: the account was changed meanwhile.
enum rc account_delete(struct api *api, const struct account *account, const struct session_origin *origin,
                       struct deadline deadline, struct err *err) MUST_CHECK;
