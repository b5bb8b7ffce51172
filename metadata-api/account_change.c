// Passwords, e-mail addresses, and the end.
#include "metadata-api/account_change.h"

#include "base/cleanup.h"
#include "catalog/account_sql.h"
#include "catalog/session_guard.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"

// A login locks the row too (SESSION_INSERT): one that began before is seen by the next statement, one that comes later
// sees the new password.
static const struct db_statement ACCOUNT_LOCK = {
	.name = "account_lock",
	.sql = "SELECT 1 FROM users WHERE id = $1 AND coalesce(password_hash, '') = $2 AND deleted_at IS NULL FOR UPDATE",
	.parameter_count = 2,
};

// Parameters: user id, new hash, session to keep, address, user agent, request id.
static const struct db_statement PASSWORD_CHANGE = {
	.name = "password_change",
	.sql = "WITH changed AS (UPDATE users SET password_hash = $2, updated_at = now() WHERE id = $1), " SQL_SESSIONS_END(
	        "password_changed",
	        "AND id <> $3") ", "
	                        "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, subject_kind, subject_id, address, "
	                        "    user_agent, request_id, detail) "
	                        "  VALUES ($1, $1, 'account.password', 'session', $3, $4::inet, $5, $6, "
	                        "    jsonb_build_object('sessions_ended', (SELECT count(*) FROM revoked)))) "
	                        "SELECT id FROM revoked",
	.parameter_count = 6,
};

// Parameters: user id, password hash, new address, address, user agent, request id. The address itself is not logged:
// the log is kept when the account is erased.
static const struct db_statement EMAIL_CHANGE = {
	.name = "email_change",
	.sql = "WITH changed AS (UPDATE users SET email = $3, updated_at = now() "
	       "  WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL RETURNING id) "
	       "INSERT INTO audit_log (actor_id, owner_id, action, address, user_agent, request_id) "
	       "SELECT id, id, 'account.email', $4::inet, $5, $6 FROM changed",
	.parameter_count = 6,
};

// Parameters: user id, address, user agent, request id.
static const struct db_statement ACCOUNT_DELETE = {
	.name = "account_delete",
	.sql = "WITH " SQL_ACCOUNT_END ", "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, address, user_agent, request_id) "
	       "  VALUES ($1, $1, 'account.delete', $2::inet, $3, $4)) "
	       "SELECT id FROM revoked",
	.parameter_count = 4,
};

struct changing {
	const struct account *account;
	const char *new_hash; // of the password; NULL: the account is deleted
	const struct uuid *keep_session;
	const struct session_origin *origin;
	struct db_result *ended; // ids of sessions
};

static enum rc change_in(struct db_connection *connection, void *context, struct err *err)
{
	struct changing *changing = context;
	const struct account *account = changing->account;
	const struct session_origin *origin = changing->origin;
	struct deadline deadline = db_connection_deadline(connection);
	CLEANUP(db_result_free_pointer) struct db_result *locked = NULL;
	const struct db_value which[] = { db_uuid(&account->id), db_text(account->password_hash) };
	enum rc rc = db_execute(connection, &ACCOUNT_LOCK, which, 2, deadline, &locked, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(locked) == 0)
		return err_set(err, RC_CONFLICT, "The account was changed meanwhile. Log in again.");
	db_result_free(changing->ended);
	changing->ended = NULL;
	if (changing->new_hash == NULL) {
		const struct db_value values[] = { db_uuid(&account->id), db_text(origin->address),
			                           db_text(origin->user_agent), db_text(origin->request_id) };
		return db_execute(connection, &ACCOUNT_DELETE, values, ACCOUNT_DELETE.parameter_count, deadline,
		                  &changing->ended, err);
	}
	const struct db_value values[] = { db_uuid(&account->id),           db_text(changing->new_hash),
		                           db_uuid(changing->keep_session), db_text(origin->address),
		                           db_text(origin->user_agent),     db_text(origin->request_id) };
	return db_execute(connection, &PASSWORD_CHANGE, values, PASSWORD_CHANGE.parameter_count, deadline,
	                  &changing->ended, err);
}

static enum rc change(struct api *api, struct changing *changing, struct deadline deadline, struct err *err)
{
	enum rc rc = db_transaction(api->pool, deadline, change_in, changing, err);
	for (size_t row = 0; rc == RC_OK && row < db_result_rows(changing->ended); row++) {
		struct uuid id = db_result_uuid(changing->ended, row, 0);
		session_guard_add(api->guard, &id);
	}
	db_result_free(changing->ended);
	return rc;
}

enum rc account_change_password(struct api *api, const struct account *account, const char *new_hash,
                                const struct uuid *keep_session, const struct session_origin *origin,
                                struct deadline deadline, struct err *err)
{
	struct changing changing = {
		.account = account, .new_hash = new_hash, .keep_session = keep_session, .origin = origin
	};
	return change(api, &changing, deadline, err);
}

enum rc account_delete(struct api *api, const struct account *account, const struct session_origin *origin,
                       struct deadline deadline, struct err *err)
{
	struct changing changing = { .account = account, .origin = origin };
	return change(api, &changing, deadline, err);
}

enum rc account_change_email(struct api *api, const struct account *account, const char *email,
                             const struct session_origin *origin, struct deadline deadline, struct err *err)
{
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = {
		db_uuid(&account->id),    db_text(account->password_hash), db_text(email),
		db_text(origin->address), db_text(origin->user_agent),     db_text(origin->request_id)
	};
	enum rc rc = db_pipeline_query(api->pipeline, &EMAIL_CHANGE, values, EMAIL_CHANGE.parameter_count, deadline,
	                               &result, err);
	if (rc == RC_OK && db_result_affected(result) == 0)
		return err_set(err, RC_CONFLICT, "The account was changed meanwhile. Log in again.");
	return rc;
}
