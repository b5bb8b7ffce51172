// The real migrations: what each role must not do, and that the state table is lib/media's.
#include <stdio.h>
#include <string.h>

#include "db/pool.h"
#include "media/state.h"
#include "tests/integration/support/database.h"
#include "tests/unit/cmocka_all.h"

static struct test_database database;

static int make_database(void **state)
{
	(void)state;
	return test_database_create(&database, true);
}

static int drop_database(void **state)
{
	(void)state;
	test_database_drop(&database);
	return 0;
}

#define INGEST (1u << TEST_INGEST)
#define TRANSCODER (1u << TEST_TRANSCODER)
#define API (1u << TEST_API)
#define NOBODY 0u

// Statements that change or show something, and the roles that may run them. All have a WHERE that matches nothing or
// insert into a transaction that is rolled back: what counts is whether Postgres lets them begin.
static const struct {
	const char *sql;
	unsigned allowed;
} rules[] = {
	{ "SELECT password_hash FROM users", API },
	{ "SELECT email FROM users", API },
	{ "SELECT id, deleted_at FROM users", INGEST | API },
	{ "UPDATE users SET is_admin = true WHERE false", API },
	{ "DELETE FROM users WHERE false", NOBODY },
	{ "SELECT id, keep_positions FROM users", TRANSCODER | API },
	{ "SELECT latitude_e6 FROM media_positions", API },
	{ "SELECT media_id FROM media_positions", TRANSCODER | API },
	{ "INSERT INTO media_positions SELECT NULL, NULL, 0, 0 WHERE false", TRANSCODER },
	{ "UPDATE media_positions SET latitude_e6 = 0 WHERE false", NOBODY },
	{ "ALTER TABLE media_positions DISABLE TRIGGER media_positions_admitted", NOBODY },
	{ "SELECT refresh_hash FROM sessions", API },
	{ "SELECT id, revoked_at FROM sessions", INGEST | API },
	{ "SELECT title FROM items", API },
	{ "SELECT owner_id FROM items", INGEST | API },
	{ "DELETE FROM items WHERE false", API },
	{ "SELECT filename FROM media", INGEST | API },
	{ "SELECT original_key FROM media", INGEST | TRANSCODER | API },
	{ "UPDATE media SET original_key = '' WHERE false", NOBODY },
	{ "UPDATE media SET owner_id = NULL WHERE false", NOBODY },
	{ "UPDATE media SET size = 0 WHERE false", NOBODY },
	{ "UPDATE media SET declared_sha256 = NULL WHERE false", NOBODY },
	{ "UPDATE media SET sha256 = NULL WHERE false", INGEST | TRANSCODER },
	{ "UPDATE media SET thumbhash = NULL WHERE false", TRANSCODER },
	{ "UPDATE media SET generation = 2 WHERE false", API },
	{ "UPDATE media SET alt = '' WHERE false", INGEST | API },
	{ "UPDATE media SET original_etag = '' WHERE false", INGEST },
	{ "DELETE FROM media WHERE false", INGEST },
	{ "INSERT INTO media_history (media_id, old_state, new_state) VALUES (NULL, '', '')", NOBODY },
	{ "DELETE FROM media_history WHERE false", NOBODY },
	{ "UPDATE media_state_steps SET new_state = 'ready' WHERE false", NOBODY },
	{ "INSERT INTO media_state_steps VALUES ('deleted', 'ready')", NOBODY },
	{ "INSERT INTO variants SELECT * FROM variants WHERE false", TRANSCODER },
	{ "UPDATE variants SET object_key = '' WHERE false", TRANSCODER },
	{ "SELECT object_key FROM variants", INGEST | TRANSCODER | API },
	{ "SELECT multipart_id FROM uploads", INGEST },
	{ "SELECT object_key FROM uploads", INGEST | API },
	{ "UPDATE uploads SET completed_at = now() WHERE false", INGEST },
	{ "SELECT metadata FROM tus_uploads", INGEST },
	{ "UPDATE tus_uploads SET stored = 0 WHERE false", INGEST },
	{ "UPDATE tus_parts SET etag = '' WHERE false", NOBODY },
	{ "SELECT tus_end_upload()", NOBODY },
	{ "INSERT INTO jobs SELECT * FROM jobs WHERE false", INGEST | API },
	{ "DELETE FROM jobs WHERE false", INGEST },
	{ "UPDATE jobs SET media_id = NULL WHERE false", INGEST },
	{ "UPDATE jobs SET state = 'done' WHERE false", INGEST | TRANSCODER | API },
	{ "SELECT payload FROM outbox", INGEST | API },
	{ "SELECT epoch FROM outbox", INGEST },
	{ "UPDATE outbox SET sent_at = now() WHERE false", INGEST },
	{ "DELETE FROM outbox WHERE false", INGEST },
	{ "SELECT target FROM deletions", INGEST },
	{ "SELECT media_id FROM deletions", INGEST | API },
	{ "DELETE FROM deletions WHERE false", INGEST },
	{ "SELECT bytes FROM usage", INGEST | TRANSCODER | API },
	{ "SELECT bytes_limit FROM usage", INGEST | API },
	{ "UPDATE usage SET bytes_limit = NULL WHERE false", NOBODY },
	{ "UPDATE usage SET day_bytes = 0 WHERE false", INGEST },
	{ "SELECT key FROM idempotency_keys", INGEST | API },
	{ "SELECT action FROM audit_log", API },
	{ "UPDATE audit_log SET action = '' WHERE false", NOBODY },
	{ "DELETE FROM audit_log WHERE false", NOBODY },
	{ "INSERT INTO audit_log (action) VALUES ('x')", INGEST | API },
	{ "SELECT version FROM schema_migrations", NOBODY },
	{ "CREATE TABLE mine (id int)", NOBODY },
	{ "CREATE TEMPORARY TABLE mine (id int)", NOBODY },
	{ "CREATE ROLE mine", NOBODY },
	{ "ALTER TABLE media DISABLE TRIGGER media_state_changed", NOBODY },
	{ "SET session_replication_role = replica", NOBODY },
	{ "TRUNCATE audit_log", NOBODY },
	{ "SELECT media_write_history()", NOBODY },
	{ "COPY (SELECT 1) TO PROGRAM 'true'", NOBODY },
	{ "SELECT pg_read_file('PG_VERSION')", NOBODY },
};

static void each_role_may_do_its_own_and_no_more(void **state)
{
	static const char *const names[] = { "admin", "ingest", "transcoder", "api" };
	unsigned wrong = 0;

	(void)state;
	for (enum test_role role = TEST_INGEST; role < TEST_ROLE_COUNT; role++) {
		struct db_options options;
		struct db_pool *pool = NULL;
		struct db_connection *connection = NULL;
		struct err err = { 0 };

		test_database_options(&database, role, &options);
		assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_OK);
		if (db_pool_acquire(pool, test_deadline(), &connection, &err) != RC_OK)
			fail_msg("%s", err.text);
		for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			bool is_allowed = (rules[i].allowed >> role & 1u) != 0;
			enum rc rc;

			assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
			rc = db_execute_script(connection, rules[i].sql, test_deadline(), &err);
			db_rollback(connection, test_deadline());
			if (is_allowed ? rc == RC_OK : rc == RC_DENIED)
				continue;
			wrong++;
			print_error("%s: %s: %s\n", names[role], rules[i].sql, rc == RC_OK ? "was allowed" : err.text);
		}
		db_pool_release(pool, connection);
		db_pool_free(pool);
	}
	assert_int_equal(wrong, 0);
}

static void the_database_allows_the_steps_of_lib_media(void **state)
{
	unsigned allowed = 0;
	char sql[256];

	(void)state;
	for (unsigned from = 0; from < MEDIA_STATE_COUNT; from++) {
		for (unsigned to = 0; to < MEDIA_STATE_COUNT; to++) {
			bool may_go = media_state_may_go((enum media_state)from, (enum media_state)to);

			(void)snprintf(
			        sql, sizeof(sql),
			        "SELECT count(*) FROM media_state_steps WHERE old_state = '%s' AND new_state = '%s'",
			        media_state_name((enum media_state)from), media_state_name((enum media_state)to));
			assert_int_equal(test_database_count(&database, sql), may_go);
			allowed += may_go;
		}
	}
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM media_state_steps"), allowed);
}

static void a_step_that_is_not_listed_is_refused(void **state)
{
	struct uuid owner = test_database_add_user(&database);
	struct db_connection *connection = NULL;
	char text[UUID_TEXT_SIZE], sql[512];

	(void)state;
	uuid_format(&owner, text);
	(void)snprintf(sql, sizeof(sql),
	               "INSERT INTO media (id, owner_id, filename, declared_type, kind, size, original_key) "
	               "VALUES ('%s', '%s', 'a.jpg', 'image/jpeg', 'photo', 10, 'k')",
	               text, text);
	test_database_run(&database, sql);
	assert_int_equal(db_pool_acquire(database.admin, test_deadline(), &connection, NULL), RC_OK);
	assert_int_equal(db_execute_script(connection, "UPDATE media SET state = 'ready'", test_deadline(), NULL),
	                 RC_CONFLICT);
	assert_string_equal(db_connection_failure(connection)->constraint, "media_history_step");
	assert_int_equal(db_execute_script(connection, "UPDATE media SET state = 'failed'", test_deadline(), NULL),
	                 RC_CONFLICT);
	assert_int_equal(db_execute_script(connection, "UPDATE media SET state = 'uploaded'", test_deadline(), NULL),
	                 RC_OK);
	assert_int_equal(db_execute_script(connection, "UPDATE media SET state = 'lost'", test_deadline(), NULL),
	                 RC_CONFLICT);
	db_pool_release(database.admin, connection);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM media_history"), 1);
}

static void emails_are_unique_whatever_their_case(void **state)
{
	struct db_connection *connection = NULL;

	(void)state;
	assert_int_equal(db_pool_acquire(database.admin, test_deadline(), &connection, NULL), RC_OK);
	assert_int_equal(db_execute_script(connection,
	                                   "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'A@example.org')",
	                                   test_deadline(), NULL),
	                 RC_OK);
	assert_int_equal(db_execute_script(connection,
	                                   "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'a@EXAMPLE.org')",
	                                   test_deadline(), NULL),
	                 RC_EXISTS);
	assert_string_equal(db_connection_failure(connection)->constraint, "users_email_key");
	db_pool_release(database.admin, connection);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_may_do_its_own_and_no_more),
		cmocka_unit_test(the_database_allows_the_steps_of_lib_media),
		cmocka_unit_test(a_step_that_is_not_listed_is_refused),
		cmocka_unit_test(emails_are_unique_whatever_their_case),
	};

	return cmocka_run_group_tests_name("db_schema", tests, make_database, drop_database);
}
