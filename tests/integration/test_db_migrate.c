// The migrations runner.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/migrate.h"
#include "db/pool.h"
#include "tests/integration/support/database.h"
#include "tests/unit/cmocka_all.h"

static struct test_database database;
static char folder[] = "/tmp/safelight-migrations-XXXXXX";
static unsigned applied;

static int make_database(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	return test_database_create(&database, false);
}

static int drop_database(void **state)
{
	char command[128];

	(void)state;
	for (unsigned i = 1; i < 10; i++) {
		(void)snprintf(command, sizeof(command), "%s/%04u_step.sql", folder, i);
		(void)unlink(command);
	}
	(void)rmdir(folder);
	test_database_drop(&database);
	return 0;
}

static void write_migration(unsigned version, const char *sql)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%04u_step.sql", folder, version);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(sql, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void remove_migration(unsigned version)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%04u_step.sql", folder, version);
	assert_int_equal(unlink(path), 0);
}

static void count_applied(void *context, const struct db_migration_report *report)
{
	(void)context;
	assert_string_equal(report->name, "step");
	__atomic_fetch_add(&applied, 1, __ATOMIC_SEQ_CST);
}

static enum rc migrate(int64_t deadline_ms, struct err *err)
{
	const struct db_migrate_options migrate = { .folder = folder, .lock_ms = 300, .applied = count_applied };
	struct db_options options;

	test_database_options(&database, TEST_ADMIN, &options);
	return db_migrate(&options, &migrate, deadline_after_ms(deadline_ms), err);
}

static void migrations_are_applied_once(void **state)
{
	struct err err = { 0 };
	struct db_options options;
	const struct db_migrate_options where = { .folder = folder };
	unsigned have = 9, available = 9;

	(void)state;
	assert_int_equal(migrate(5000, &err), RC_NOT_FOUND);
	write_migration(1, "CREATE TABLE counted (n int); INSERT INTO counted VALUES (1);");
	write_migration(2, "INSERT INTO counted VALUES (2);");
	test_database_options(&database, TEST_ADMIN, &options);
	assert_int_equal(db_migrate_status(&options, &where, test_deadline(), &have, &available, &err), RC_OK);
	assert_int_equal(have, 0);
	assert_int_equal(available, 2);
	assert_int_equal(migrate(5000, &err), RC_OK);
	assert_int_equal(applied, 2);
	assert_int_equal(migrate(5000, &err), RC_OK);
	assert_int_equal(applied, 2);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM counted"), 2);
	assert_int_equal(db_migrate_status(&options, &where, test_deadline(), &have, &available, &err), RC_OK);
	assert_int_equal(have, 2);
}

static void a_failed_migration_leaves_nothing(void **state)
{
	struct err err = { 0 };

	(void)state;
	write_migration(3, "INSERT INTO counted VALUES (3); SELECT nothing FROM nowhere;");
	assert_int_equal(migrate(5000, &err), RC_INTERNAL);
	assert_non_null(strstr(err.text, "0003_step.sql"));
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM counted WHERE n = 3"), 0);
	write_migration(3, "INSERT INTO counted VALUES (3);");
	assert_int_equal(migrate(5000, &err), RC_OK);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM counted WHERE n = 3"), 1);
}

static void changed_missing_and_misnamed_files_are_refused(void **state)
{
	struct err err = { 0 };
	char path[128];

	(void)state;
	write_migration(2, "INSERT INTO counted VALUES (22);");
	assert_int_equal(migrate(5000, &err), RC_CONFLICT);
	assert_non_null(strstr(err.text, "0002_step.sql was changed"));
	write_migration(2, "INSERT INTO counted VALUES (2);");
	assert_int_equal(migrate(5000, &err), RC_OK);
	remove_migration(3);
	assert_int_equal(migrate(5000, &err), RC_CONFLICT);
	assert_non_null(strstr(err.text, "0003_step, which has no file"));
	write_migration(3, "INSERT INTO counted VALUES (3);");
	write_migration(5, "SELECT 1;");
	assert_int_equal(migrate(5000, &err), RC_CONFLICT);
	assert_non_null(strstr(err.text, "0004 is missing"));
	remove_migration(5);
	(void)snprintf(path, sizeof(path), "%s/4_Bad.sql", folder);
	{
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		assert_int_equal(fclose(file), 0);
	}
	assert_int_equal(migrate(5000, &err), RC_INVALID);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(migrate(5000, &err), RC_OK);
}

static void a_lock_is_not_waited_for_long(void **state)
{
	struct db_connection *holder = NULL;
	struct err err = { 0 };
	int64_t begun_us;

	(void)state;
	assert_int_equal(db_pool_acquire(database.admin, test_deadline(), &holder, &err), RC_OK);
	assert_int_equal(db_begin(holder, test_deadline(), &err), RC_OK);
	assert_int_equal(db_execute_script(holder, "LOCK TABLE counted", test_deadline(), &err), RC_OK);
	write_migration(4, "ALTER TABLE counted ADD COLUMN more int;");
	begun_us = clock_monotonic_us();
	assert_int_equal(migrate(5000, &err), RC_BUSY);
	assert_true(clock_monotonic_us() - begun_us < 2000000);
	db_pool_release(database.admin, holder);
	assert_int_equal(migrate(5000, &err), RC_OK);
}

static void *migrate_in_thread(void *result)
{
	*(enum rc *)result = migrate(10000, NULL);
	return NULL;
}

static void two_runners_at_once_apply_once(void **state)
{
	pthread_t threads[3];
	enum rc results[3];
	struct db_connection *holder = NULL;

	(void)state;
	applied = 0;
	write_migration(5, "SELECT pg_sleep(0.3); INSERT INTO counted VALUES (5);");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, migrate_in_thread, &results[i]), 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)pthread_join(threads[i], NULL);
		assert_int_equal(results[i], RC_OK);
	}
	assert_int_equal(applied, 1);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM counted WHERE n = 5"), 1);
	// A runner that never ends is not waited for.
	assert_int_equal(db_pool_acquire(database.admin, test_deadline(), &holder, NULL), RC_OK);
	assert_int_equal(db_execute_script(holder, "SELECT pg_advisory_lock(1935762021)", test_deadline(), NULL),
	                 RC_OK);
	write_migration(6, "INSERT INTO counted VALUES (6);");
	assert_int_equal(migrate(500, NULL), RC_TIMEOUT);
	assert_int_equal(db_execute_script(holder, "SELECT pg_advisory_unlock(1935762021)", test_deadline(), NULL),
	                 RC_OK);
	db_pool_release(database.admin, holder);
	assert_int_equal(migrate(5000, NULL), RC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(migrations_are_applied_once),
		cmocka_unit_test(a_failed_migration_leaves_nothing),
		cmocka_unit_test(changed_missing_and_misnamed_files_are_refused),
		cmocka_unit_test(a_lock_is_not_waited_for_long),
		cmocka_unit_test(two_runners_at_once_apply_once),
	};

	return cmocka_run_group_tests_name("db_migrate", tests, make_database, drop_database);
}
