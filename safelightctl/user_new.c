// safelightctl user create, user reset-password: a password comes from standard input or is made here, and never is an
// argument, which everybody on the host could read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/password.h"
#include "base/settings.h"
#include "catalog/account.h"
#include "catalog/account_sql.h"
#include "db/pool.h"
#include "safelightctl/command.h"
#include "safelightctl/reach.h"
#include "safelightctl/report.h"
#include "safelightctl/users.h"

#define MADE_BYTES 18

// $1 id, $2 who, $3 address, $4 hash, $5 name, $6 class or NULL.
static const struct db_statement create_statement = {
	.name = "ctl_user_create",
	.sql = "WITH changed AS (INSERT INTO users (id, email, password_hash, name, account_class) "
	       "  VALUES ($1, $3, $4, $5, coalesce($6::text, 'standard')) RETURNING id, email, account_class), "
	       "quota AS (INSERT INTO usage (owner_id) SELECT id FROM changed), " SQL_USER_AUDIT(
	               "user.created", "'{}'::jsonb",
	               "changed") " SELECT json_build_object('id', id, 'email', email, 'class', account_class) FROM changed",
	.parameter_count = 6,
};

// $3 hash.
static const struct db_statement reset_statement = {
	.name = "ctl_user_reset_password",
	.sql = "WITH changed AS (UPDATE users SET password_hash = $3, updated_at = now() WHERE id = $1 AND deleted_at IS "
	       "  NULL RETURNING id), " SQL_SESSIONS_END("password_reset", "AND EXISTS (SELECT FROM changed)") ", " SQL_USER_AUDIT(
	               "user.password_reset", "'{}'::jsonb",
	               "changed") " SELECT json_build_object('id', id, 'sessions_ended', (SELECT count(*) FROM revoked)) FROM changed",
	.parameter_count = 3,
};

// A line of standard input, without echo on a terminal. RC_INVALID when it is too short or too long.
static enum rc read_password(char ret_password[LIMIT_PASSWORD_BYTES + 2], struct err *err)
{
	struct termios before, silent;
	bool is_terminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0;
	if (is_terminal) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		(void)fprintf(stderr, "new password: ");
	}
	bool has_line = fgets(ret_password, LIMIT_PASSWORD_BYTES + 2, stdin) != NULL;
	if (is_terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fprintf(stderr, "\n");
	}
	if (!has_line)
		return err_set(err, RC_INVALID, "give the password on standard input, or --generate");
	size_t length = strcspn(ret_password, "\n");
	ret_password[length] = '\0';
	if (length < PASSWORD_LEAST_BYTES || length > LIMIT_PASSWORD_BYTES)
		return err_set(err, RC_INVALID, "a password has %d to %d bytes", PASSWORD_LEAST_BYTES,
		               LIMIT_PASSWORD_BYTES);
	return RC_OK;
}

// A password, and its hash as metadata-api makes them.
struct secret {
	char password[LIMIT_PASSWORD_BYTES + 2];
	char hash[PASSWORD_HASH_SIZE];
	bool is_made;
};

static void wipe(struct secret *secret)
{
	crypto_wipe(secret, sizeof *secret);
}

static enum rc get_secret(const struct call *call, struct secret *ret_secret, struct err *err)
{
	enum rc rc = RC_OK;
	ret_secret->is_made = call_option(call, "--generate") != NULL;
	if (ret_secret->is_made) {
		uint8_t random[MADE_BYTES];
		random_fill(random, sizeof random);
		encode_base64url(random, sizeof random, ret_secret->password);
		crypto_wipe(random, sizeof random);
	} else {
		rc = read_password(ret_secret->password, err);
	}
	if (rc != RC_OK)
		return rc;
	struct password_policy *policy = password_policy_new((size_t)call->settings->api_hash_memory_bytes,
	                                                     (unsigned)call->settings->api_hash_passes, err);
	if (policy == NULL)
		return RC_NO_MEMORY;
	rc = password_hash(policy, ret_secret->password, ret_secret->hash, err);
	password_policy_free(policy);
	return rc;
}

static void print_outcome(const struct call *call, json_t *outcome, const char *told, const struct secret *secret)
{
	if (secret->is_made)
		(void)json_object_set_new(outcome, "password", json_string(secret->password));
	if (call->json) {
		report_json(outcome);
		return;
	}
	(void)printf("%s %s\n", call->arguments[0], told);
	if (secret->is_made)
		(void)printf("password  %s\n", secret->password);
}

static enum rc run_create(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	CLEANUP(wipe) struct secret secret = { 0 };
	json_auto_t *outcome = NULL;
	const char *name = call_option(call, "--name"), *class = call_option(call, "--class");
	const struct uuid id = uuid_new();
	char who[160];
	if (!catalog_account_address_ok(call->arguments[0]))
		return err_set(err, RC_INVALID, "'%.64s' is no e-mail address", call->arguments[0]);
	if (class != NULL && !users_has_class(call->settings, class))
		return err_set(err, RC_INVALID, "the configuration has no [class.%.32s]", class);
	if (name != NULL && strlen(name) > LIMIT_TITLE_BYTES)
		return err_set(err, RC_INVALID, "a name has at most %d bytes", LIMIT_TITLE_BYTES);
	enum rc rc = get_secret(call, &secret, err);
	if (rc == RC_OK)
		rc = reach_database(call, &database, err);
	if (rc != RC_OK)
		return rc;
	const struct db_value values[] = {
		db_uuid(&id),         db_text(reach_operator(who, sizeof who)), db_text(call->arguments[0]),
		db_text(secret.hash), db_text(name == NULL ? "" : name),        db_text(class),
	};
	rc = reach_query(database, &create_statement, values, &outcome, err);
	if (rc == RC_EXISTS)
		return err_set(err, RC_EXISTS, "%.254s has an account already", call->arguments[0]);
	if (rc == RC_OK)
		print_outcome(call, outcome, "has an account", &secret);
	return rc;
}

static enum rc run_reset(const struct call *call, struct err *err)
{
	CLEANUP(reach_database_done) struct db_pool *database = NULL;
	CLEANUP(wipe) struct secret secret = { 0 };
	json_auto_t *outcome = NULL;
	struct uuid id;
	char who[160];
	enum rc rc = reach_database(call, &database, err);
	if (rc == RC_OK)
		rc = users_find(database, call->arguments[0], &id, err);
	if (rc == RC_OK)
		rc = get_secret(call, &secret, err);
	if (rc != RC_OK)
		return rc;
	const struct db_value values[] = { db_uuid(&id), db_text(reach_operator(who, sizeof who)),
		                           db_text(secret.hash) };
	rc = reach_query(database, &reset_statement, values, &outcome, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, rc, "there is no such account");
	if (rc == RC_OK)
		print_outcome(call, outcome, "has a new password; all of its sessions have ended", &secret);
	return rc;
}

static const struct command_option CREATE_OPTIONS[] = {
	{ "--name", "TEXT", "what it is called" },
	{ "--class", "NAME", "of the configuration's [class.NAME] (standard)" },
	{ "--generate", NULL, "make a password and print it once, instead of reading one from standard input" },
	{ 0 },
};

static const struct command_option RESET_OPTIONS[] = {
	{ "--generate", NULL, "make a password and print it once, instead of reading one from standard input" },
	{ 0 },
};

const struct command command_user_create = {
	.name = "user create",
	.arguments = "EMAIL",
	.summary = "make an account; its password comes from standard input",
	.options = CREATE_OPTIONS,
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run_create,
};

const struct command command_user_reset_password = {
	.name = "user reset-password",
	.arguments = "EMAIL|ID",
	.summary = "give an account another password, and sign it out everywhere",
	.options = RESET_OPTIONS,
	.least_arguments = 1,
	.most_arguments = 1,
	.secrets = SECRETS_DATABASE,
	.run = run_reset,
};
