// safelightctl user show.
#include <stdio.h>

#include "base/cleanup.h"
#include "base/settings.h"
#include "catalog/operator.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "safelightctl/users.h"

static const struct db_statement show_statement = {
	.name = "ctl_user_show",
	.sql = "SELECT json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'admin', u.is_admin, "
	       "'has_password', u.password_hash IS NOT NULL, 'external_issuer', u.external_issuer, "
	       "'class', u.account_class, 'created_at', " SQL_TIME(
	               "u.created_at") ", "
	                               "'disabled_at', " SQL_TIME(
	                                       "u.disabled_at") ", 'bytes', coalesce(q.bytes, 0), 'files', coalesce(q.files, 0), "
	                                                        "'reserved_bytes', coalesce(q.reserved_bytes, 0), 'reserved_files', coalesce(q.reserved_files, 0), "
	                                                        "'bytes_limit', q.bytes_limit, 'files_limit', q.files_limit, "
	                                                        "'media', (SELECT coalesce(json_object_agg(state, n), '{}') FROM (SELECT state, count(*) AS n FROM media "
	                                                        "  WHERE owner_id = u.id AND deleted_at IS NULL GROUP BY state) m), "
	                                                        "'sessions', (SELECT coalesce(json_agg(json_build_object('id', s.id, 'device', s.device, 'address', "
	                                                        "  host(s.address), 'created_at', " SQL_TIME("s.created_at") ", 'last_used_at', " SQL_TIME(
	                                                                "s.last_used_at") ") ORDER BY s.last_used_at DESC), '[]') FROM sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND "
	                                                                                  "  s.expires_at > now())) FROM users u LEFT JOIN usage q ON q.owner_id = u.id "
	                                                                                  "WHERE u.id = $1 AND u.deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

// "12 of 100", "12, no limit", or "12 of 100 (its own)".
static void print_limit(const char *what, const char *held, int64_t limit, bool is_own, bool is_bytes)
{
	char text[REPORT_TEXT_SIZE];
	(void)snprintf(text, sizeof text, "%lld", (long long)limit);
	if (limit == 0 && !is_own)
		(void)printf("  %-10s %s, no limit\n", what, held);
	else
		(void)printf("  %-10s %s of %s%s\n", what, held, is_bytes ? report_bytes(limit, text) : text,
		             is_own ? " (its own limit)" : "");
}

static bool has_own(const json_t *user, const char *limit)
{
	return json_is_integer(json_object_get(user, limit));
}

static void print_sessions(const json_t *user)
{
	size_t index = 0;
	json_t *session = NULL;
	if (json_array_size(json_object_get(user, "sessions")) == 0)
		(void)printf("  not signed in anywhere\n");
	json_array_foreach(json_object_get(user, "sessions"), index, session)
	{
		char device[128], ago[REPORT_TEXT_SIZE];
		(void)printf("  session    %s  %s  %s  used %s ago\n", report_text(session, "id"),
		             report_text(session, "address"),
		             report_safe(report_text(session, "device"), device, sizeof device),
		             report_ago(report_text(session, "last_used_at"), ago));
	}
}

static void print_user(const struct call *call, const json_t *user)
{
	const struct class_settings *class = settings_find_class(call->settings, report_text(user, "class"));
	char text[256], held[REPORT_TEXT_SIZE];
	const char *state = NULL;
	json_t *count = NULL;
	bool own_bytes = has_own(user, "bytes_limit"), own_files = has_own(user, "files_limit");
	(void)printf("%s%s%s\n", report_safe(report_text(user, "email"), text, sizeof text),
	             report_bool(user, "admin") ? "  administrator" : "",
	             report_at(user, "disabled_at") == NULL || json_is_null(report_at(user, "disabled_at"))
	                     ? ""
	                     : "  DISABLED");
	(void)printf("  id         %s\n  name       %s\n", report_text(user, "id"),
	             report_safe(report_text(user, "name"), text, sizeof text));
	(void)printf("  created    %s\n  class      %s\n", report_text(user, "created_at"), report_text(user, "class"));
	(void)report_bytes(report_int(user, "bytes"), held);
	print_limit("bytes", held, own_bytes ? report_int(user, "bytes_limit") : class->quota_bytes, own_bytes, true);
	(void)snprintf(held, sizeof held, "%lld", (long long)report_int(user, "files"));
	print_limit("files", held, own_files ? report_int(user, "files_limit") : class->quota_files, own_files, false);
	json_object_foreach(json_object_get(user, "media"), state, count)(void)
	        printf("  %-10s %lld media\n", state, (long long)json_integer_value(count));
	print_sessions(user);
}

static enum rc run(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	json_auto_t *user = NULL;
	struct uuid id;
	enum rc rc = reach_database(call, &database, err);
	if (rc == RC_OK)
		rc = users_find(database, call->arguments[0], &id, err);
	const struct db_value values[] = { db_uuid(&id) };
	if (rc == RC_OK) {
		rc = reach_query(database, &show_statement, values, &user, err);
		if (rc == RC_NOT_FOUND)
			return err_set(err, rc, "there is no such account");
	}
	if (rc != RC_OK)
		return rc;
	if (call->json)
		report_json(user);
	else
		print_user(call, user);
	return RC_OK;
}

const struct command command_user_show = {
	.name = "user show",
	.arguments = "EMAIL|ID",
	.summary = "an account: rights, class, limits, what it holds, where it is signed in",
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run,
};
