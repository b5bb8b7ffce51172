// Making and dropping a test's database.
#include "tests/integration/support/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/settings.h"
#include "db/migrate.h"
#include "db/pool.h"
#include "tests/unit/cmocka_all.h"

struct deadline test_deadline(void)
{
	return deadline_after_ms(10000);
}

void test_database_options(const struct test_database *database, enum test_role role, struct db_options *ret_options)
{
	const struct settings *settings = database->settings;
	const char *const users[TEST_ROLE_COUNT] = { "safelight_admin", settings->ingest_database_user,
		                                     settings->transcoder_database_user, settings->api_database_user };
	const char *const passwords[TEST_ROLE_COUNT] = { database->admin_password, settings->ingest_database_password,
		                                         settings->transcoder_database_password,
		                                         settings->api_database_password };

	db_options_init(ret_options, settings, users[role], passwords[role], "safelight-test", NULL);
	ret_options->name = database->name;
}

// RUN_DIR/secrets/db_admin, RUN_DIR being where the configuration stands.
static int read_admin_password(struct test_database *database, const char *config)
{
	const char *slash = strrchr(config, '/');
	struct err err = { 0 };
	char path[4096];

	(void)snprintf(path, sizeof(path), "%.*s/secrets/db_admin", slash == NULL ? 1 : (int)(slash - config),
	               slash == NULL ? "." : config);
	if (file_read_secret(path, &database->admin_password, &err) == RC_OK)
		return 0;
	print_error("%s\n", err.text);
	return -1;
}

// Run SQL outside of the test's database.
static int run_outside(const struct test_database *database, const char *sql)
{
	struct db_connection *connection;
	struct db_options options;
	struct db_pool *pool;
	struct err err = { 0 };
	enum rc rc;

	test_database_options(database, TEST_ADMIN, &options);
	options.name = "postgres";
	options.statement_ms = 60000;
	if (db_pool_new(&options, 1, &pool, &err) != RC_OK) {
		print_error("%s\n", err.text);
		return -1;
	}
	rc = db_pool_acquire(pool, test_deadline(), &connection, &err);
	if (rc == RC_OK) {
		rc = db_execute_script(connection, sql, deadline_after_ms(60000), &err);
		db_pool_release(pool, connection);
	}
	db_pool_free(pool);
	if (rc != RC_OK)
		print_error("%s: %s\n", sql, err.text);
	return rc == RC_OK ? 0 : -1;
}

// Any SELECT of one number, without a statement for each.
static const char scalar_function_sql[] = "CREATE FUNCTION test_scalar(query text) RETURNS bigint LANGUAGE plpgsql AS "
                                          "$$ DECLARE number bigint; BEGIN EXECUTE query INTO number; "
                                          "RETURN number; END $$";

int test_database_create(struct test_database *database, bool is_migrated)
{
	static unsigned made;
	const char *config = getenv("SAFELIGHT_CONFIG");
	const struct db_migrate_options migrate = { 0 };
	struct db_options options;
	struct err err = { 0 };
	char sql[128];

	*database = (struct test_database){ 0 };
	if (config == NULL) {
		print_error("SAFELIGHT_CONFIG must name the stack's safelight.conf\n");
		return -1;
	}
	if (crypto_init(&err) != RC_OK || settings_load(config, &database->settings, &err) != RC_OK) {
		print_error("%s\n", err.text);
		return -1;
	}
	if (read_admin_password(database, config) != 0)
		return -1;
	(void)snprintf(database->name, sizeof(database->name), "safelight_test_%d_%u", (int)getpid(), made++);
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", database->name);
	if (run_outside(database, sql) != 0)
		return -1;
	test_database_options(database, TEST_ADMIN, &options);
	if ((is_migrated && db_migrate(&options, &migrate, deadline_after_ms(60000), &err) != RC_OK) ||
	    db_pool_new(&options, 4, &database->admin, &err) != RC_OK) {
		print_error("%s\n", err.text);
		return -1;
	}
	test_database_run(database, scalar_function_sql);
	return 0;
}

void test_database_drop(struct test_database *database)
{
	char sql[128];

	db_pool_free(database->admin);
	if (database->name[0] != '\0') {
		(void)snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", database->name);
		(void)run_outside(database, sql);
	}
	free(database->admin_password);
	settings_free(database->settings);
	*database = (struct test_database){ 0 };
}

static struct db_connection *acquire_admin(const struct test_database *database)
{
	struct db_connection *connection = NULL;
	struct err err = { 0 };

	if (db_pool_acquire(database->admin, test_deadline(), &connection, &err) != RC_OK)
		fail_msg("%s", err.text);
	return connection;
}

void test_database_run(const struct test_database *database, const char *sql)
{
	struct db_connection *connection = acquire_admin(database);
	struct err err = { 0 };
	enum rc rc = db_execute_script(connection, sql, test_deadline(), &err);

	db_pool_release(database->admin, connection);
	if (rc != RC_OK)
		fail_msg("%s: %s", sql, err.text);
}

int64_t test_database_count(const struct test_database *database, const char *sql)
{
	static const struct db_statement statement = {
		.name = "test_scalar", .sql = "SELECT test_scalar($1)", .parameter_count = 1, .read_only = true
	};
	struct db_connection *connection = acquire_admin(database);
	const struct db_value value = db_text(sql);
	struct db_result *result = NULL;
	struct err err = { 0 };
	int64_t count;

	if (db_execute(connection, &statement, &value, 1, test_deadline(), &result, &err) != RC_OK)
		fail_msg("%s: %s", sql, err.text);
	count = db_result_int64(result, 0, 0);
	db_result_free(result);
	db_pool_release(database->admin, connection);
	return count;
}

struct uuid test_database_add_user(const struct test_database *database)
{
	struct uuid id = uuid_new();
	char text[UUID_TEXT_SIZE];
	char sql[256];

	uuid_format(&id, text);
	(void)snprintf(sql, sizeof(sql), "INSERT INTO users (id, email) VALUES ('%s', '%s@example.org')", text, text);
	test_database_run(database, sql);
	return id;
}
