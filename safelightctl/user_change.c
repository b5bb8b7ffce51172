// safelightctl user disable, enable, end-sessions, quota, delete.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "catalog/account_sql.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "safelightctl/users.h"

#define ACT_VALUES_MOST 8
#define LIMIT_MOST 9007199254740992

static const struct db_statement find_statement = {
	.name = "ctl_user_find",
	.sql = "SELECT to_json(id) FROM users WHERE lower(email) = lower($1) AND deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

static const struct db_statement disable_statement = {
	.name = "ctl_user_disable",
	.sql = "WITH changed AS (UPDATE users SET disabled_at = now(), updated_at = now() WHERE id = $1 AND deleted_at IS "
	       "  NULL AND disabled_at IS NULL RETURNING id), " SQL_SESSIONS_END(
	               "disabled",
	               "AND EXISTS (SELECT FROM changed)") ", " SQL_USER_AUDIT("user.disabled", "'{}'::jsonb",
	                                                                       "changed") " SELECT json_build_object('id', id, 'disabled', true, 'sessions_ended', (SELECT count(*) FROM revoked)) "
	                                                                                  "FROM changed",
	.parameter_count = 2,
};

static const struct db_statement enable_statement = {
	.name = "ctl_user_enable",
	.sql = "WITH changed AS (UPDATE users SET disabled_at = NULL, updated_at = now() WHERE id = $1 AND deleted_at IS "
	       "  NULL AND disabled_at IS NOT NULL RETURNING id), " SQL_USER_AUDIT(
	               "user.enabled", "'{}'::jsonb",
	               "changed") " SELECT json_build_object('id', id, 'disabled', false) FROM changed",
	.parameter_count = 2,
};

// $3: one session; NULL: all.
static const struct db_statement sessions_statement = {
	.name = "ctl_user_end_sessions",
	.sql = "WITH " SQL_SESSIONS_END("operator", "AND ($3::uuid IS NULL OR id = $3) AND expires_at > now()") ", " SQL_USER_AUDIT(
	        "user.sessions_ended", "jsonb_build_object('sessions', count(*))",
	        "revoked HAVING count(*) > 0") " SELECT json_build_object('id', $1::uuid, 'sessions_ended', count(*)) FROM revoked "
	                                       "HAVING count(*) > 0 OR $3 IS NULL",
	.parameter_count = 3,
};

static const struct db_statement delete_statement = {
	.name = "ctl_user_delete",
	.sql = "WITH " SQL_ACCOUNT_END ", " SQL_USER_AUDIT(
	        "user.deleted", "'{}'::jsonb", "gone") " SELECT json_build_object('id', id, 'deleted', true) FROM gone",
	.parameter_count = 2,
};

// $3 class or NULL; $4, $6 whether the limits change; $5, $7 to what, NULL: the class's.
static const struct db_statement quota_statement = {
	.name = "ctl_user_quota",
	.sql = "WITH changed AS (UPDATE users SET account_class = coalesce($3::text, account_class), updated_at = now() "
	       "  WHERE id = $1 AND deleted_at IS NULL RETURNING id, account_class), "
	       "limited AS (INSERT INTO usage (owner_id, bytes_limit, files_limit) SELECT id, $5::bigint, $7::bigint FROM changed "
	       "  ON CONFLICT (owner_id) DO UPDATE SET "
	       "    bytes_limit = CASE WHEN $4::boolean THEN $5 ELSE usage.bytes_limit END, "
	       "    files_limit = CASE WHEN $6::boolean THEN $7 ELSE usage.files_limit END, updated_at = now() "
	       "  RETURNING bytes_limit, files_limit), " SQL_USER_AUDIT(
	               "user.quota_set",
	               "json_build_object('class', account_class, 'bytes_limit', bytes_limit, "
	               "'files_limit', files_limit)::jsonb",
	               "changed, limited") " SELECT json_build_object('id', id, 'class', account_class, 'bytes_limit', bytes_limit, 'files_limit', "
	                                   "files_limit) FROM changed, limited",
	.parameter_count = 7,
};

enum rc users_find(struct db_pool *database, const char *name, struct uuid *ret_id, struct err *err)
{
	json_auto_t *id = NULL;
	const struct db_value values[] = { db_text(name) };
	if (uuid_parse(name, ret_id))
		return RC_OK;
	enum rc rc = reach_query(database, &find_statement, values, &id, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, rc, "nobody has the address '%.254s'", name);
	if (rc != RC_OK)
		return rc;
	return uuid_parse(json_string_value(id), ret_id) ? RC_OK : err_set(err, RC_CORRUPT, "the account has no id");
}

enum rc users_act(const struct call *call, const struct users_act *act, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *outcome = NULL;
	struct uuid id;
	char who[160];
	struct db_value values[ACT_VALUES_MOST] = { 0 };
	enum rc rc = reach_database(call, &database, err);
	if (rc == RC_OK)
		rc = users_find(database, call->arguments[0], &id, err);
	if (rc != RC_OK)
		return rc;
	values[0] = db_uuid(&id);
	values[1] = db_text(reach_operator(who, sizeof who));
	for (unsigned i = 2; i < act->statement->parameter_count; i++)
		values[i] = act->more[i - 2];
	rc = reach_query(database, act->statement, values, &outcome, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, RC_CONFLICT, "%.254s: %s", call->arguments[0], act->refused);
	if (rc != RC_OK)
		return rc;
	if (call->json)
		report_json(outcome);
	else
		(void)printf("%s %s\n", call->arguments[0], act->told);
	return RC_OK;
}

static enum rc run_disable(const struct call *call, struct err *err)
{
	const struct users_act act = {
		.statement = &disable_statement,
		.told = "is shut out: its sessions have ended, its access tokens are refused within seconds; nothing of it was "
		        "deleted, and what it shared stays shared",
		.refused = "there is no such account, or it is disabled already",
	};
	return users_act(call, &act, err);
}

static enum rc run_enable(const struct call *call, struct err *err)
{
	const struct users_act act = { .statement = &enable_statement,
		                       .told = "may sign in again",
		                       .refused = "there is no such account, or it is not disabled" };
	return users_act(call, &act, err);
}

static enum rc run_end_sessions(const struct call *call, struct err *err)
{
	struct uuid session;
	const char *text = call_option(call, "--session");
	if (text != NULL && !uuid_parse(text, &session))
		return err_set(err, RC_INVALID, "'%.64s' is no id of a session (see `user show`)", text);
	const struct db_value more[] = { db_uuid(text == NULL ? NULL : &session) };
	const struct users_act act = { .statement = &sessions_statement,
		                       .more = more,
		                       .told = text == NULL ? "is signed out everywhere" : "is signed out there",
		                       .refused = "it has no such session" };
	return users_act(call, &act, err);
}

static enum rc run_delete(const struct call *call, struct err *err)
{
	const struct users_act act = {
		.statement = &delete_statement,
		.told = "is deleted: nobody can sign in, and everything that it has is being erased (safelight-api does it)",
		.refused = "there is no such account, or it was deleted before",
	};
	if (call_option(call, "--yes") == NULL)
		return err_set(err, RC_INVALID, "this cannot be taken back: give --yes");
	return users_act(call, &act, err);
}

// "default", or a number; *ret_given: the option was there.
static enum rc read_limit(const struct call *call, const char *option, bool *ret_given, struct db_value *ret_value,
                          struct err *err)
{
	const char *text = call_option(call, option);
	int64_t number = 0;
	*ret_given = text != NULL;
	*ret_value = db_null();
	if (text == NULL || strcmp(text, "default") == 0)
		return RC_OK;
	enum rc rc = call_number(call, option, 0, LIMIT_MOST, &number, err);
	if (rc == RC_OK)
		*ret_value = db_int64(number);
	return rc;
}

bool users_has_class(const struct settings *settings, const char *name)
{
	return strcmp(settings_find_class(settings, name)->name, name) == 0;
}

static enum rc run_quota(const struct call *call, struct err *err)
{
	const char *class = call_option(call, "--class");
	bool has_bytes, has_files;
	struct db_value bytes, files;
	if (class != NULL && !users_has_class(call->settings, class))
		return err_set(err, RC_INVALID, "the configuration has no [class.%.32s]", class);
	enum rc rc = read_limit(call, "--bytes", &has_bytes, &bytes, err);
	if (rc == RC_OK)
		rc = read_limit(call, "--files", &has_files, &files, err);
	if (rc != RC_OK)
		return rc;
	if (class == NULL && !has_bytes && !has_files)
		return err_set(err, RC_INVALID,
		               "say what to set: --class, --bytes or --files (`user show` tells what is)");
	const struct db_value more[] = { db_text(class), db_bool(has_bytes), bytes, db_bool(has_files), files };
	const struct users_act act = { .statement = &quota_statement,
		                       .more = more,
		                       .told = "has it, from the next upload on",
		                       .refused = "there is no such account" };
	return users_act(call, &act, err);
}

#define USER_COMMAND(identifier, words, text, its_options, function) \
	const struct command identifier = {                          \
		.name = words,                                       \
		.arguments = "EMAIL|ID",                             \
		.summary = text,                                     \
		.options = its_options,                              \
		.least_arguments = 1,                                \
		.most_arguments = 1,                                 \
		.secrets = SECRETS_DATABASE,                         \
		.run = function,                                     \
	}

static const struct command_option SESSIONS_OPTIONS[] = {
	{ "--session", "ID", "this one alone" },
	{ 0 },
};
static const struct command_option QUOTA_OPTIONS[] = {
	{ "--class", "NAME", "of the configuration's [class.NAME]" },
	{ "--bytes", "N", "originals that it may hold, whatever its class says; default: its class's" },
	{ "--files", "N", "the same in files" },
	{ 0 },
};
static const struct command_option DELETE_OPTIONS[] = {
	{ "--yes", NULL, "it is meant" },
	{ 0 },
};

USER_COMMAND(command_user_disable, "user disable", "shut an account out; nothing of it is deleted", NULL, run_disable);
USER_COMMAND(command_user_enable, "user enable", "let it sign in again", NULL, run_enable);
USER_COMMAND(command_user_end_sessions, "user end-sessions", "sign an account out, everywhere or in one place",
             SESSIONS_OPTIONS, run_end_sessions);
USER_COMMAND(command_user_quota, "user quota", "set an account's class and its own limits", QUOTA_OPTIONS, run_quota);
USER_COMMAND(command_user_delete, "user delete", "delete an account and erase everything that it has", DELETE_OPTIONS,
             run_delete);
