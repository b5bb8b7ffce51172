// safelightctl user list, user make-admin.
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/uuid.h"
#include "catalog/operator.h"
#include "db/pool.h"
#include "safelightctl/audit.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MOST 10000

static const struct db_statement list_statement = {
	.name = "ctl_user_list",
	.sql = "SELECT coalesce(json_agg(x.account ORDER BY x.id DESC), '[]') FROM ("
	       "SELECT json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'admin', u.is_admin, "
	       "'created_at', " SQL_TIME(
	               "u.created_at") ", 'files', coalesce(q.files, 0), 'bytes', "
	                               "coalesce(q.bytes, 0)) AS account, u.id FROM users u LEFT JOIN usage q ON q.owner_id = u.id "
	                               "WHERE u.deleted_at IS NULL AND (NOT $1 OR u.is_admin) ORDER BY u.id DESC LIMIT $2::bigint) AS x",
	.parameter_count = 2,
	.read_only = true,
};

static const struct db_statement admin_statement = {
	.name = "ctl_user_make_admin",
	.sql = "UPDATE users SET is_admin = $2, updated_at = now() WHERE lower(email) = lower($1) AND deleted_at IS NULL "
	       "RETURNING json_build_object('id', id, 'email', email, 'admin', is_admin)",
	.parameter_count = 2,
};

static enum rc run_list(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *users = NULL;
	int64_t limit = LIMIT_DEFAULT;
	enum rc rc = call_number(call, "--limit", 1, LIMIT_MOST, &limit, err);
	if (rc == RC_OK)
		rc = reach_database(call, &database, err);
	const struct db_value values[] = { db_bool(call_option(call, "--admins") != NULL), db_int64(limit) };
	if (rc == RC_OK)
		rc = reach_query(database, &list_statement, values, &users, err);
	if (rc != RC_OK)
		return rc;
	if (call->json) {
		report_json(users);
		return RC_OK;
	}
	size_t index = 0;
	json_t *user = NULL;
	(void)printf("%-36s  %-5s %-24s %7s %10s  %s\n", "ID", "ADMIN", "CREATED", "FILES", "BYTES", "EMAIL");
	json_array_foreach(users, index, user)
	{
		char bytes[REPORT_TEXT_SIZE], email[256];
		(void)printf("%-36s  %-5s %-24s %7lld %10s  %s\n", report_text(user, "id"),
		             report_bool(user, "admin") ? "yes" : "no", report_text(user, "created_at"),
		             (long long)report_int(user, "files"), report_bytes(report_int(user, "bytes"), bytes),
		             report_safe(report_text(user, "email"), email, sizeof email));
	}
	return RC_OK;
}

static enum rc run_make_admin(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *user = NULL;
	struct uuid id;
	bool is_admin = call_option(call, "--revoke") == NULL;
	const struct db_value values[] = { db_text(call->arguments[0]), db_bool(is_admin) };
	enum rc rc = reach_database(call, &database, err);
	if (rc == RC_OK)
		rc = reach_query(database, &admin_statement, values, &user, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, rc, "nobody has the address '%.254s'", call->arguments[0]);
	if (rc == RC_OK && !uuid_parse(report_text(user, "id"), &id))
		return err_set(err, RC_CORRUPT, "the account has no id");
	if (rc == RC_OK)
		rc = audit_write(database, is_admin ? "user.admin_granted" : "user.admin_revoked", "user", &id, err);
	if (rc != RC_OK)
		return rc;
	if (call->json)
		report_json(user);
	else
		(void)printf("%s is %s\n", call->arguments[0],
		             is_admin ? "an administrator (from the next access token on)"
		                      : "no administrator any more (once the present access token has ended)");
	return RC_OK;
}

static const struct command_option LIST_OPTIONS[] = {
	{ "--limit", "N", "the latest N, 1 to 10000 (50)" },
	{ "--admins", NULL, "administrators only" },
	{ 0 },
};

static const struct command_option ADMIN_OPTIONS[] = {
	{ "--revoke", NULL, "take the right away instead" },
	{ 0 },
};

const struct command command_user_list = {
	.name = "user list",
	.arguments = "",
	.summary = "accounts, the newest first, with what they hold",
	.options = LIST_OPTIONS,
	.secrets = SECRETS_DATABASE,
	.run = run_list,
};

const struct command command_user_make_admin = {
	.name = "user make-admin",
	.arguments = "EMAIL",
	.summary = "give an account an administrator's rights",
	.options = ADMIN_OPTIONS,
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run_make_admin,
};
