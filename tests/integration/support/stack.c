// Configuration, components and tables of the running stack.
#include "tests/integration/support/stack.h"

#include <curl/curl.h>
#include <postgresql/libpq-fe.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/settings.h"
#include "tests/unit/cmocka_all.h"

#define WAIT_STEP_MS 20
#define SQL_PARAMETERS_MAX 8
#define SQL_CONNECT_MS 30000
#define FILE_BYTES_MAX (64 * 1024 * 1024)

extern char **environ;

static struct settings *settings;
static char *admin_password;

char *test_stack_path(const char *below)
{
	char *path = NULL;
	const char *slash = strrchr(settings->file, '/');
	// The configuration stands in the stack's folder.
	if (slash == NULL || asprintf(&path, "%.*s/%s", (int)(slash - settings->file), settings->file, below) < 0)
		fail_msg("SAFELIGHT_CONFIG must name a file by its whole path");
	return path;
}

int test_stack_setup(void **state)
{
	(void)state;
	struct err err = { 0 };
	const char *config = getenv("SAFELIGHT_CONFIG");
	if (config == NULL) {
		print_error("SAFELIGHT_CONFIG does not name a stack's safelight.conf (make integration starts one)\n");
		return -1;
	}
	enum rc rc = crypto_init(&err);
	if (rc == RC_OK)
		rc = settings_load(config, &settings, &err);
	if (rc == RC_OK) {
		char *path = test_stack_path("secrets/db_admin");
		rc = file_read_secret(path, &admin_password, &err);
		free(path);
	}
	if (rc != RC_OK || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

int test_stack_teardown(void **state)
{
	(void)state;
	free(admin_password);
	admin_password = NULL;
	settings_free(settings);
	settings = NULL;
	return 0;
}

const struct settings *test_stack_settings(void)
{
	return settings;
}

static int run_script(const char *command, const char *name)
{
	const char *script = getenv("SAFELIGHT_STACK");
	if (script == NULL) {
		print_message("SKIPPED: SAFELIGHT_STACK does not name stack.sh, so no component can be stopped\n");
		skip();
		return -1;
	}
	const char *const arguments[] = { script, command, name, NULL };
	pid_t child;
	int status = -1;
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	// Its reports belong into the log of the test, not between the lines of TAP.
	(void)posix_spawn_file_actions_adddup2(&actions, 2, 1);
	int failed = posix_spawn(&child, script, &actions, NULL, (char *const *)arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (failed != 0 || waitpid(child, &status, 0) != child || status != 0)
		return status == 0 ? -1 : status;
	return 0;
}

bool test_stack_try(const char *command, const char *name)
{
	return run_script(command, name) == 0;
}

void test_stack_run(const char *command, const char *name)
{
	int status = run_script(command, name);
	if (status != 0)
		fail_msg("stack.sh %s %s: status %d", command, name, status);
}

void test_stack_restart_with(const char *name, const char *const *with)
{
	for (size_t i = 0; with[i] != NULL; i += 2)
		assert_int_equal(setenv(with[i], with[i + 1], 1), 0);
	test_stack_run("restart", name);
	for (size_t i = 0; with[i] != NULL; i += 2)
		(void)unsetenv(with[i]);
}

void test_wait(bool (*is_true)(void *context), void *context, int64_t timeout_ms, const char *what)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	while (!is_true(context)) {
		if (deadline_passed(deadline))
			fail_msg("not within %lld ms: %s", (long long)timeout_ms, what);
		clock_sleep_ms(WAIT_STEP_MS);
	}
}

void test_tree_remove(const char *path)
{
	pid_t child = fork();
	if (child == 0) {
		(void)execlp("rm", "rm", "-rf", path, (char *)NULL);
		_exit(127);
	}
	int status = -1;
	assert_true(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

char *test_file_read(const char *path, size_t *ret_length)
{
	char *data = NULL;
	struct err err = { 0 };
	if (file_read(path, FILE_BYTES_MAX, &data, ret_length, &err) != RC_OK)
		fail_msg("%s (tests run in the root of the tree)", err.text);
	return data;
}

// ---- tables -------------------------------------------------------------------------------------------------------

// A connection, waited for while Postgres starts anew.
static PGconn *connect_admin(void)
{
	char port[8];
	(void)snprintf(port, sizeof port, "%lld", (long long)settings->database_port);
	const char *const names[] = {
		"host", "port", "dbname", "user", "password", "options", "connect_timeout", NULL
	};
	const char *const values[] = { settings->database_host,
		                       port,
		                       settings->database_name,
		                       "safelight_admin",
		                       admin_password,
		                       "-c statement_timeout=10000",
		                       "5",
		                       NULL };
	struct deadline deadline = deadline_after_ms(SQL_CONNECT_MS);
	for (;;) {
		PGconn *connection = PQconnectdbParams(names, values, 0);
		if (PQstatus(connection) == CONNECTION_OK)
			return connection;
		if (deadline_passed(deadline))
			fail_msg("Postgres: %s", PQerrorMessage(connection));
		PQfinish(connection);
		clock_sleep_ms(100);
	}
}

struct parameters {
	const char *values[SQL_PARAMETERS_MAX];
	int count;
};

static struct parameters collect(va_list arguments)
{
	struct parameters parameters = { 0 };
	for (const char *value; (value = va_arg(arguments, const char *)) != NULL;) {
		assert_true(parameters.count < SQL_PARAMETERS_MAX);
		parameters.values[parameters.count++] = value;
	}
	return parameters;
}

static char *ask(const char *sql, const struct parameters *parameters)
{
	PGconn *connection = connect_admin();
	PGresult *result = PQexecParams(connection, sql, parameters->count, NULL, parameters->values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(connection));
	char *text = strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	PQfinish(connection);
	assert_non_null(text);
	return text;
}

char *test_sql_text(const char *sql, ...)
{
	va_list arguments;
	va_start(arguments, sql);
	struct parameters parameters = collect(arguments);
	va_end(arguments);
	return ask(sql, &parameters);
}

static int64_t ask_number(const char *sql, const struct parameters *parameters)
{
	char *text = ask(sql, parameters);
	int64_t value = strtoll(text, NULL, 10);
	free(text);
	return value;
}

int64_t test_sql_int(const char *sql, ...)
{
	va_list arguments;
	va_start(arguments, sql);
	struct parameters parameters = collect(arguments);
	va_end(arguments);
	return ask_number(sql, &parameters);
}

void test_sql_await(int64_t wanted, int64_t timeout_ms, const char *sql, ...)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	va_list arguments;
	va_start(arguments, sql);
	struct parameters parameters = collect(arguments);
	va_end(arguments);
	for (int64_t value; (value = ask_number(sql, &parameters)) != wanted; clock_sleep_ms(50))
		if (deadline_passed(deadline))
			fail_msg("%lld, not %lld, after %lld ms: %s", (long long)value, (long long)wanted,
			         (long long)timeout_ms, sql);
}
