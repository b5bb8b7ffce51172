// Finding and making accounts by issuer and subject.
#include "metadata-api/account_external.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"
#include "http/jwks.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"

// Of two that make the same account at once, the loser finds it the next time.
#define TRIES 4

// Parameters: new id, issuer, subject, e-mail or NULL, name, address, user agent, request id.
static const struct db_statement ACCOUNT_OF_EXTERNAL = {
	.name = "account_of_external",
	.sql = "WITH found AS (SELECT id, email, name, is_admin FROM users "
	       "  WHERE external_issuer = $2 AND external_subject = $3 AND deleted_at IS NULL), "
	       "made AS (INSERT INTO users (id, email, name, external_issuer, external_subject) "
	       "  SELECT $1, CASE WHEN NOT EXISTS (SELECT FROM users WHERE lower(email) = lower($4) "
	       "    AND deleted_at IS NULL) THEN $4 END, $5, $2, $3 WHERE NOT EXISTS (SELECT FROM found) "
	       "  ON CONFLICT DO NOTHING RETURNING id, email, name, is_admin), "
	       "quota AS (INSERT INTO usage (owner_id) SELECT id FROM made), "
	       "logged AS (INSERT INTO audit_log (actor_id, owner_id, action, address, user_agent, request_id, detail) "
	       "  SELECT id, id, 'account.signup', $6::inet, $7, $8, '{\"external\": true}' FROM made) "
	       "SELECT id, coalesce(email, ''), name, is_admin FROM found "
	       "UNION ALL SELECT id, coalesce(email, ''), name, is_admin FROM made",
	.parameter_count = 8,
};

enum rc account_of_external(struct api *api, const struct jwks_claims *claims, const struct session_origin *origin,
                            struct deadline deadline, struct account *ret_account, struct err *err)
{
	struct uuid id = uuid_new();
	const struct db_value values[] = {
		db_uuid(&id),
		db_text(api->settings->auth_external_issuer),
		db_text(claims->subject),
		db_text(claims->email[0] == '\0' ? NULL : claims->email),
		db_text(claims->name),
		db_text(origin->address),
		db_text(origin->user_agent),
		db_text(origin->request_id),
	};
	for (int i = 0; i < TRIES; i++) {
		CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
		enum rc rc = db_pipeline_query(api->pipeline, &ACCOUNT_OF_EXTERNAL, values,
		                               ACCOUNT_OF_EXTERNAL.parameter_count, deadline, &result, err);
		if (rc != RC_OK)
			return rc;
		if (db_result_rows(result) == 0)
			continue;
		struct account account = { .id = db_result_uuid(result, 0, 0),
			                   .is_admin = db_result_bool(result, 0, 3) };
		(void)snprintf(account.email, sizeof account.email, "%s", db_result_text(result, 0, 1));
		(void)snprintf(account.name, sizeof account.name, "%s", db_result_text(result, 0, 2));
		*ret_account = account;
		return RC_OK;
	}
	return err_set(err, RC_BUSY, "the account is being made by others");
}
