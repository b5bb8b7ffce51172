// SQL of accounts and sessions.
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "base/password.h"
#include "base/uuid.h"

struct api;

struct account {
	struct uuid id;
	char email[LIMIT_EMAIL_BYTES + 1];
	char name[LIMIT_TITLE_BYTES + 1];
	char password_hash[PASSWORD_HASH_SIZE]; // "" when the account has none
	bool is_admin;
};

// Where a session comes from; texts may be NULL.
struct session_origin {
	const char *device;
	const char *address;
	const char *user_agent;
	const char *request_id; // for the audit log
};

// Write the account (id, email, name, password_hash), its usage row and its first session in one statement.
// RC_EXISTS: the e-mail address has an account.
enum rc account_insert(struct api *api, const struct account *account, const struct uuid *session_id,
                       const unsigned char refresh_hash[SHA256_SIZE], const struct session_origin *origin,
                       struct deadline deadline, struct err *err) MUST_CHECK;

// By e-mail address in any case. RC_NOT_FOUND.
enum rc account_find_by_email(struct api *api, const char *email, struct deadline deadline, struct account *ret_account,
                              struct err *err) MUST_CHECK;

// By id. RC_NOT_FOUND when there is none, or it was deleted.
enum rc account_find(struct api *api, const struct uuid *id, struct deadline deadline, struct account *ret_account,
                     struct err *err) MUST_CHECK;

// Replace the hash by a stronger one of the same password, in the database and in *account, unless it was changed
// meanwhile.
enum rc account_upgrade_hash(struct api *api, struct account *account, const char *hash, struct deadline deadline,
                             struct err *err) MUST_CHECK;

// A session of the account as it was read. RC_CONFLICT: its password was changed, or it was deleted, meanwhile; or an
// operator has disabled it.
enum rc session_insert(struct api *api, const struct account *account, const struct uuid *session_id,
                       const unsigned char refresh_hash[SHA256_SIZE], const struct session_origin *origin,
                       struct deadline deadline, struct err *err) MUST_CHECK;

// What the database knows of a session that is alive (not revoked, not expired).
struct session {
	struct account account;
	unsigned char refresh_hash[SHA256_SIZE];
	bool is_previous_fresh; // the hash asked about is the one before, replaced within the grace
};

// The living session, with `hash` compared to the one before its present one. RC_NOT_FOUND.
enum rc session_find(struct api *api, const struct uuid *session_id, const unsigned char hash[SHA256_SIZE],
                     struct deadline deadline, struct session *ret_session, struct err *err) MUST_CHECK;

// Rotate: where the present hash is old_hash it becomes new_hash. RC_OK with the account; RC_CONFLICT when the session
// lives but has another hash (*ret_session then says which, and whether old_hash is the one before within the grace);
// RC_NOT_FOUND when there is no such living session. One statement: of any number of racing callers one rotates.
enum rc session_rotate(struct api *api, const struct uuid *session_id, const unsigned char old_hash[SHA256_SIZE],
                       const unsigned char new_hash[SHA256_SIZE], struct deadline deadline, struct session *ret_session,
                       struct err *err) MUST_CHECK;

// Revoke a living session (of user_id when that is not NULL) with its devices, write it into the audit log, and refuse
// its access tokens from now on. RC_NOT_FOUND: there was none.
enum rc session_revoke(struct api *api, const struct uuid *session_id, const struct uuid *user_id, const char *reason,
                       const struct session_origin *origin, struct deadline deadline, struct err *err) MUST_CHECK;
