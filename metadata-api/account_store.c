// SQL of accounts and sessions.
#include "metadata-api/account_store.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "catalog/session_guard.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "metadata-api/api.h"

// Parameters: user id, e-mail, hash, name, session id, refresh hash, device, address, user agent, seconds, request id.
static const struct db_statement ACCOUNT_INSERT = {
	.name = "account_insert",
	.sql = "WITH account AS ("
	       "  INSERT INTO users (id, email, password_hash, name) VALUES ($1, $2, $3, $4) RETURNING id), "
	       "quota AS (INSERT INTO usage (owner_id) SELECT id FROM account), "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, address, user_agent, request_id) "
	       "  SELECT id, id, 'account.signup', $8::inet, $9, $11 FROM account) "
	       "INSERT INTO sessions (id, user_id, family, refresh_hash, device, address, user_agent, expires_at) "
	       "SELECT $5, id, $5, $6, $7, $8::inet, $9, now() + make_interval(secs => $10::bigint) FROM account",
	.parameter_count = 11,
};

static const struct db_statement ACCOUNT_FIND_BY_EMAIL = {
	.name = "account_find_by_email",
	.sql = "SELECT id, email, name, coalesce(password_hash, ''), is_admin FROM users "
	       "WHERE lower(email) = lower($1) AND deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement ACCOUNT_FIND = {
	.name = "account_find",
	.sql = "SELECT id, coalesce(email, ''), name, coalesce(password_hash, ''), is_admin FROM users "
	       "WHERE id = $1 AND deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement ACCOUNT_UPGRADE_HASH = {
	.name = "account_upgrade_hash",
	.sql = "UPDATE users SET password_hash = $3, updated_at = now() WHERE id = $1 AND password_hash = $2",
	.parameter_count = 3,
};

// Parameters: user id, session id, refresh hash, device, address, user agent, seconds, request id, password hash. The
// lock makes it wait for a change of the password under way, and then see it.
static const struct db_statement SESSION_INSERT = {
	.name = "session_insert",
	.sql = "WITH account AS ("
	       "  SELECT id FROM users WHERE id = $1 AND coalesce(password_hash, '') = $9 AND deleted_at IS NULL "
	       "    AND disabled_at IS NULL FOR SHARE), "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, subject_kind, subject_id, address, "
	       "    user_agent, request_id) "
	       "  SELECT id, id, 'session.login', 'session', $2, $5::inet, $6, $8 FROM account) "
	       "INSERT INTO sessions (id, user_id, family, refresh_hash, device, address, user_agent, expires_at) "
	       "SELECT $2, id, $2, $3, $4, $5::inet, $6, now() + make_interval(secs => $7::bigint) FROM account",
	.parameter_count = 9,
};

// Parameters: session id, old hash, new hash, seconds of life. Under read committed the loser of a race re-checks the
// row that the winner wrote, and rotates nothing: then SESSION_FIND, with a snapshot of its own, tells what happened.
static const struct db_statement SESSION_ROTATE = {
	.name = "session_rotate",
	.sql = "WITH rotated AS ("
	       "  UPDATE sessions SET refresh_hash = $3, previous_hash = $2, rotated_at = now(), last_used_at = now(), "
	       "    expires_at = now() + make_interval(secs => $4::bigint) "
	       "  WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL AND expires_at > now() "
	       "  RETURNING user_id) "
	       "SELECT u.id, coalesce(u.email, ''), u.name, '', u.is_admin FROM rotated r JOIN users u ON u.id = r.user_id "
	       "WHERE u.deleted_at IS NULL",
	.parameter_count = 4,
};

static const struct db_statement SESSION_FIND = {
	.name = "session_find",
	.sql = "SELECT u.id, coalesce(u.email, ''), u.name, '', u.is_admin, s.refresh_hash, "
	       "  coalesce(s.previous_hash = $2 AND s.rotated_at > now() - make_interval(secs => $3::bigint), false) "
	       "FROM sessions s JOIN users u ON u.id = s.user_id "
	       "WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.deleted_at IS NULL",
	.parameter_count = 3,
	.read_only = true,
};

// Parameters: session id, reason, address, user agent, request id, user id or NULL.
static const struct db_statement SESSION_REVOKE = {
	.name = "session_revoke",
	.sql = "WITH revoked AS ("
	       "  UPDATE sessions SET revoked_at = now(), revoke_reason = $2 WHERE id = $1 AND revoked_at IS NULL "
	       "    AND expires_at > now() AND ($6::uuid IS NULL OR user_id = $6) RETURNING user_id), "
	       "unregistered AS (DELETE FROM devices USING revoked WHERE devices.session_id = $1) "
	       "INSERT INTO audit_log (actor_id, owner_id, action, subject_kind, subject_id, address, user_agent, "
	       "  request_id, detail) "
	       "SELECT user_id, user_id, 'session.revoke', 'session', $1, $3::inet, $4, $5, "
	       "  jsonb_build_object('reason', $2::text) FROM revoked",
	.parameter_count = 6,
};

static const char *or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static void read_account(const struct db_result *result, struct account *ret_account)
{
	struct account account = { .id = db_result_uuid(result, 0, 0), .is_admin = db_result_bool(result, 0, 4) };
	(void)snprintf(account.email, sizeof account.email, "%s", db_result_text(result, 0, 1));
	(void)snprintf(account.name, sizeof account.name, "%s", db_result_text(result, 0, 2));
	(void)snprintf(account.password_hash, sizeof account.password_hash, "%s", db_result_text(result, 0, 3));
	*ret_account = account;
}

enum rc account_insert(struct api *api, const struct account *account, const struct uuid *session_id,
                       const unsigned char refresh_hash[SHA256_SIZE], const struct session_origin *origin,
                       struct deadline deadline, struct err *err)
{
	const struct db_value values[] = {
		db_uuid(&account->id),
		db_text(account->email),
		db_text(account->password_hash),
		db_text(account->name),
		db_uuid(session_id),
		db_bytes(refresh_hash, SHA256_SIZE),
		db_text(or_empty(origin->device)),
		db_text(origin->address),
		db_text(or_empty(origin->user_agent)),
		db_int64(api->live.refresh_seconds),
		db_text(origin->request_id),
	};
	return db_pipeline_query(api->pipeline, &ACCOUNT_INSERT, values, ACCOUNT_INSERT.parameter_count, deadline, NULL,
	                         err);
}

enum rc account_find_by_email(struct api *api, const char *email, struct deadline deadline, struct account *ret_account,
                              struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_text(email) };
	enum rc rc = db_pipeline_query(api->pipeline, &ACCOUNT_FIND_BY_EMAIL, values, 1, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "no such account");
	read_account(result, ret_account);
	return RC_OK;
}

enum rc account_find(struct api *api, const struct uuid *id, struct deadline deadline, struct account *ret_account,
                     struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(id) };
	enum rc rc = db_pipeline_query(api->pipeline, &ACCOUNT_FIND, values, 1, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "no such account");
	read_account(result, ret_account);
	return RC_OK;
}

enum rc account_upgrade_hash(struct api *api, struct account *account, const char *hash, struct deadline deadline,
                             struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(&account->id), db_text(account->password_hash), db_text(hash) };
	enum rc rc = db_pipeline_query(api->pipeline, &ACCOUNT_UPGRADE_HASH, values, 3, deadline, &result, err);
	if (rc == RC_OK && db_result_affected(result) > 0)
		(void)snprintf(account->password_hash, sizeof account->password_hash, "%s", hash);
	return rc;
}

enum rc session_insert(struct api *api, const struct account *account, const struct uuid *session_id,
                       const unsigned char refresh_hash[SHA256_SIZE], const struct session_origin *origin,
                       struct deadline deadline, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = {
		db_uuid(&account->id),
		db_uuid(session_id),
		db_bytes(refresh_hash, SHA256_SIZE),
		db_text(or_empty(origin->device)),
		db_text(origin->address),
		db_text(or_empty(origin->user_agent)),
		db_int64(api->live.refresh_seconds),
		db_text(origin->request_id),
		db_text(account->password_hash),
	};
	enum rc rc = db_pipeline_query(api->pipeline, &SESSION_INSERT, values, SESSION_INSERT.parameter_count, deadline,
	                               &result, err);
	if (rc == RC_OK && db_result_affected(result) == 0)
		return err_set(err, RC_CONFLICT, "the account was changed meanwhile");
	return rc;
}

enum rc session_find(struct api *api, const struct uuid *session_id, const unsigned char hash[SHA256_SIZE],
                     struct deadline deadline, struct session *ret_session, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(session_id), db_bytes(hash, SHA256_SIZE),
		                           db_int64(api->live.refresh_grace_seconds) };
	enum rc rc = db_pipeline_query(api->pipeline, &SESSION_FIND, values, 3, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		return err_set(err, RC_NOT_FOUND, "no such session");
	size_t length;
	read_account(result, &ret_session->account);
	memcpy(ret_session->refresh_hash, db_result_bytes(result, 0, 5, &length), SHA256_SIZE);
	ret_session->is_previous_fresh = db_result_bool(result, 0, 6);
	return RC_OK;
}

enum rc session_rotate(struct api *api, const struct uuid *session_id, const unsigned char old_hash[SHA256_SIZE],
                       const unsigned char new_hash[SHA256_SIZE], struct deadline deadline, struct session *ret_session,
                       struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(session_id), db_bytes(old_hash, SHA256_SIZE),
		                           db_bytes(new_hash, SHA256_SIZE), db_int64(api->live.refresh_seconds) };
	enum rc rc = db_pipeline_query(api->pipeline, &SESSION_ROTATE, values, 4, deadline, &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0) {
		rc = session_find(api, session_id, old_hash, deadline, ret_session, err);
		return rc == RC_OK ? err_set(err, RC_CONFLICT, "the session has another token") : rc;
	}
	*ret_session = (struct session){ 0 };
	read_account(result, &ret_session->account);
	memcpy(ret_session->refresh_hash, new_hash, SHA256_SIZE);
	return RC_OK;
}

enum rc session_revoke(struct api *api, const struct uuid *session_id, const struct uuid *user_id, const char *reason,
                       const struct session_origin *origin, struct deadline deadline, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_uuid(session_id),         db_text(reason),
		                           db_text(origin->address),    db_text(origin->user_agent),
		                           db_text(origin->request_id), db_uuid(user_id) };
	enum rc rc = db_pipeline_query(api->pipeline, &SESSION_REVOKE, values, SESSION_REVOKE.parameter_count, deadline,
	                               &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_affected(result) == 0)
		return err_set(err, RC_NOT_FOUND, "there is no such session");
	session_guard_add(api->guard, session_id);
	return RC_OK;
}
