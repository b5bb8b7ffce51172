// The pool, statements, transactions and the listener against a real Postgres.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/metrics.h"
#include "db/array.h"
#include "db/listen.h"
#include "db/pool.h"
#include "tests/integration/support/database.h"
#include "tests/unit/cmocka_all.h"

static struct test_database database;

static int make_database(void **state)
{
	(void)state;
	if (test_database_create(&database, false) != 0)
		return -1;
	test_database_run(&database,
	                  "CREATE TABLE parents (id bigint PRIMARY KEY);"
	                  "CREATE TABLE things (id bigint PRIMARY KEY, n int CHECK (n > 0), "
	                  "parent bigint CONSTRAINT things_parent REFERENCES parents, "
	                  "late bigint CONSTRAINT things_late REFERENCES parents DEFERRABLE INITIALLY DEFERRED);"
	                  "INSERT INTO things (id, n) SELECT i, 1 FROM generate_series(1, 100) AS i");
	return 0;
}

static int drop_database(void **state)
{
	(void)state;
	test_database_drop(&database);
	return 0;
}

static struct db_pool *new_pool(unsigned connections, int64_t statement_ms, int64_t lock_ms)
{
	struct db_options options;
	struct db_pool *pool = NULL;

	test_database_options(&database, TEST_ADMIN, &options);
	options.statement_ms = statement_ms;
	options.lock_ms = lock_ms;
	assert_int_equal(db_pool_new(&options, connections, &pool, NULL), RC_OK);
	return pool;
}

static struct db_connection *take(struct db_pool *pool)
{
	struct db_connection *connection = NULL;
	struct err err = { 0 };

	if (db_pool_acquire(pool, test_deadline(), &connection, &err) != RC_OK)
		fail_msg("%s", err.text);
	return connection;
}

static int64_t backend_of(struct db_connection *connection)
{
	static const struct db_statement statement = { .name = "test_backend", .sql = "SELECT pg_backend_pid()" };
	struct db_result *result = NULL;
	int64_t pid;

	assert_int_equal(db_execute(connection, &statement, NULL, 0, test_deadline(), &result, NULL), RC_OK);
	pid = db_result_int64(result, 0, 0);
	db_result_free(result);
	return pid;
}

static void kill_backend(int64_t pid)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld, 5000)::int", (long long)pid);
	assert_int_equal(test_database_count(&database, sql), 1);
}

static const uint8_t some_bytes[] = { 0, 1, 254, 255 };

static void check_values(const struct db_result *result, const struct uuid *id, const char *id_array)
{
	struct uuid read;
	size_t length;

	assert_int_equal(db_result_rows(result), 1);
	assert_int_equal(db_result_columns(result), 15);
	assert_string_equal(db_result_text(result, 0, 0), "grün \xF0\x9F\x93\xB7");
	assert_true(db_result_int64(result, 0, 1) == INT64_MIN);
	assert_int_equal(db_result_int64(result, 0, 2), -7);
	assert_int_equal(db_result_int64(result, 0, 3), 32767);
	assert_true(db_result_bool(result, 0, 4));
	read = db_result_uuid(result, 0, 5);
	assert_memory_equal(read.bytes, id->bytes, 16);
	assert_memory_equal(db_result_bytes(result, 0, 6, &length), some_bytes, sizeof(some_bytes));
	assert_int_equal(length, sizeof(some_bytes));
	assert_true(db_result_time_us(result, 0, 7) == 1795502101123456);
	assert_true(db_result_double(result, 0, 8) == 0.1);
	assert_string_equal(db_result_text(result, 0, 9), "{\"a\": [1, 2]}");
	assert_null(db_result_text(result, 0, 10));
	assert_true(db_result_is_null(result, 0, 10));
	assert_string_equal(db_result_text(result, 0, 11), id_array);
	assert_string_equal(db_result_text(result, 0, 12),
	                    "{plain,\"quo\\\"te\",\"back\\\\slash\",\"comma,\",NULL,\"\"}");
	assert_true(db_result_double(result, 0, 13) == (double)0.1f);
	assert_true(db_result_time_us(result, 0, 14) == DB_NO_TIME);
}

static void values_come_back_as_they_went(void **state)
{
	static const struct db_statement statement = {
		.name = "test_values",
		.sql = "SELECT $1::text, $2::bigint, $3::int, $4::smallint, $5::boolean, $6::uuid, $7::bytea, "
		       "$8::timestamptz, $9::double precision, $10::jsonb, $11::text, $12::uuid[]::text, $13::text[]::text, "
		       "$9::real, $14::timestamptz",
		.parameter_count = 14,
		.read_only = true,
	};
	const char *const texts[] = { "plain", "quo\"te", "back\\slash", "comma,", NULL, "" };
	struct db_pool *pool = new_pool(1, 5000, 1000);
	struct db_connection *connection = take(pool);
	struct uuid ids[2] = { uuid_new(), uuid_new() };
	struct buffer id_array, text_array;
	struct db_result *result = NULL;

	(void)state;
	buffer_init(&id_array, 1000);
	buffer_init(&text_array, 1000);
	db_array_of_uuids(&id_array, ids, 2);
	db_array_of_texts(&text_array, texts, 6);
	{
		const struct db_value values[] = { db_text("grün \xF0\x9F\x93\xB7"),
			                           db_int64(INT64_MIN),
			                           db_int64(-7),
			                           db_int64(32767),
			                           db_bool(true),
			                           db_uuid(&ids[0]),
			                           db_bytes(some_bytes, sizeof(some_bytes)),
			                           db_time_us(1795502101123456),
			                           db_double(0.1),
			                           db_text("{\"a\": [1, 2]}"),
			                           db_null(),
			                           db_text(buffer_text(&id_array)),
			                           db_text(buffer_text(&text_array)),
			                           db_time_us(DB_NO_TIME) };

		assert_int_equal(db_execute(connection, &statement, values, 14, test_deadline(), &result, NULL), RC_OK);
	}
	check_values(result, &ids[0], buffer_text(&id_array));
	db_result_free(result);
	buffer_done(&id_array);
	buffer_done(&text_array);
	db_pool_release(pool, connection);
	db_pool_free(pool);
}

static void errors_get_their_codes(void **state)
{
	static const struct {
		struct db_statement statement;
		enum rc rc;
		const char *constraint;
	} rows[] = {
		{ { .name = "e1", .sql = "INSERT INTO things (id) VALUES (1)" }, RC_EXISTS, "things_pkey" },
		{ { .name = "e2", .sql = "INSERT INTO things (id, n) VALUES (0, 0)" }, RC_CONFLICT, "things_n_check" },
		{ { .name = "e3", .sql = "INSERT INTO things (id, parent) VALUES (0, 5)" },
		  RC_CONFLICT,
		  "things_parent" },
		{ { .name = "e4", .sql = "INSERT INTO things (id, late) VALUES (0, 5)" }, RC_CONFLICT, "things_late" },
		{ { .name = "e5", .sql = "INSERT INTO things (id) VALUES (NULL)" }, RC_INVALID, "" },
		{ { .name = "e6", .sql = "SELECT 'x'::text::bigint" }, RC_INVALID, "" },
		{ { .name = "e7", .sql = "SELEKT" }, RC_INTERNAL, "" },
		{ { .name = "e8", .sql = "SELECT pg_sleep(30)", .read_only = true }, RC_TIMEOUT, "" },
	};
	struct db_pool *pool = new_pool(1, 300, 200);
	struct db_connection *connection = take(pool);
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = (struct err){ 0 };
		assert_int_equal(db_execute(connection, &rows[i].statement, NULL, 0, test_deadline(), NULL, &err),
		                 rows[i].rc);
		assert_int_equal(err.rc, rows[i].rc);
		assert_string_equal(db_connection_failure(connection)->constraint, rows[i].constraint);
		// What the row holds is nobody's business in a log: DETAIL is left out.
		assert_null(strstr(err.text, "Key ("));
	}
	assert_true(backend_of(connection) > 0);
	assert_string_equal(db_connection_failure(connection)->sqlstate, "");
	db_pool_release(pool, connection);
	db_pool_free(pool);
}

static const struct db_statement lock_row_statement = { .name = "test_lock_row",
	                                                .sql = "SELECT id FROM things WHERE id = 1 FOR UPDATE" };

static void a_locked_row_costs_no_more_than_the_deadline(void **state)
{
	struct db_pool *pool = new_pool(2, 60000, 60000);
	struct db_connection *holder = take(pool);
	struct db_connection *waiter = take(pool);
	int64_t begun_us = clock_monotonic_us();
	int64_t backend = backend_of(waiter);

	(void)state;
	assert_int_equal(db_begin(holder, test_deadline(), NULL), RC_OK);
	assert_int_equal(db_execute(holder, &lock_row_statement, NULL, 0, test_deadline(), NULL, NULL), RC_OK);
	// In a transaction the server itself keeps the deadline (whichever of its two timers strikes first): the
	// connection lives.
	assert_int_equal(db_begin(waiter, deadline_after_ms(300), NULL), RC_OK);
	{
		enum rc rc = db_execute(waiter, &lock_row_statement, NULL, 0, deadline_after_ms(300), NULL, NULL);

		assert_true(rc == RC_BUSY || rc == RC_TIMEOUT);
	}
	db_rollback(waiter, test_deadline());
	assert_int_equal(backend_of(waiter), backend);
	// Outside of one, a deadline short of the session's limits drops the connection.
	assert_int_equal(db_execute(waiter, &lock_row_statement, NULL, 0, deadline_after_ms(300), NULL, NULL),
	                 RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - begun_us, 500000, 1500000);
	assert_int_equal(db_execute(waiter, &lock_row_statement, NULL, 0, test_deadline(), NULL, NULL), RC_UNAVAILABLE);
	db_pool_release(pool, waiter);
	db_rollback(holder, test_deadline());
	waiter = take(pool);
	assert_int_equal(db_execute(waiter, &lock_row_statement, NULL, 0, test_deadline(), NULL, NULL), RC_OK);
	db_pool_release(pool, waiter);
	db_pool_release(pool, holder);
	db_pool_free(pool);
}

static void a_pool_in_use_times_out_and_recovers(void **state)
{
	struct db_pool *pool = new_pool(1, 5000, 1000);
	struct db_connection *connection = take(pool);
	struct db_connection *other = NULL;
	int64_t begun_us = clock_monotonic_us();

	(void)state;
	assert_int_equal(db_pool_acquire(pool, deadline_after_ms(100), &other, NULL), RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - begun_us, 90000, 1000000);
	// Given back inside a transaction: rolled back.
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	assert_int_equal(db_execute_script(connection, "DELETE FROM things", test_deadline(), NULL), RC_OK);
	db_pool_release(pool, connection);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM things"), 100);
	assert_int_equal(db_pool_ping(pool, test_deadline(), NULL), RC_OK);
	db_pool_free(pool);
}

static void a_dead_idle_connection_is_replaced(void **state)
{
	struct db_pool *pool = new_pool(1, 5000, 1000);
	struct db_connection *connection = take(pool);
	int64_t backend = backend_of(connection);

	(void)state;
	db_pool_release(pool, connection);
	kill_backend(backend);
	connection = take(pool);
	assert_true(backend_of(connection) != backend);
	db_pool_release(pool, connection);
	db_pool_free(pool);
}

static void unreachable_servers_are_told_apart(void **state)
{
	struct db_options options;
	struct db_pool *pool = NULL;
	struct err err = { 0 };

	(void)state;
	test_database_options(&database, TEST_ADMIN, &options);
	options.password = "wrong";
	assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_OK);
	assert_int_equal(db_pool_ping(pool, test_deadline(), &err), RC_DENIED);
	assert_null(strstr(err.text, "wrong"));
	db_pool_free(pool);
	test_database_options(&database, TEST_ADMIN, &options);
	options.port = 1;
	assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_OK);
	assert_int_equal(db_pool_ping(pool, test_deadline(), &err), RC_UNAVAILABLE);
	db_pool_free(pool);
	// The first host swallows everything (RFC 5737 addresses lead nowhere), the second one answers.
	test_database_options(&database, TEST_ADMIN, &options);
	options.host = "192.0.2.1,127.0.0.1";
	options.connect_ms = 500;
	assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_OK);
	assert_int_equal(db_pool_ping(pool, test_deadline(), &err), RC_OK);
	db_pool_free(pool);
	options.host = " ,";
	options.connect_ms = 0;
	assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_INVALID);
}

struct attempts {
	unsigned calls;
	unsigned failures; // how many calls end in sqlstate
	const char *sqlstate;
};

static enum rc raise_sometimes(struct db_connection *connection, void *context, struct err *err)
{
	struct attempts *attempts = context;
	char sql[128];

	if (++attempts->calls > attempts->failures)
		return db_execute_script(connection, "UPDATE things SET n = n + 1 WHERE id = 2",
		                         db_connection_deadline(connection), err);
	(void)snprintf(sql, sizeof(sql), "DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '%s'; END $$",
	               attempts->sqlstate);
	return db_execute_script(connection, sql, db_connection_deadline(connection), err);
}

static void transactions_repeat_only_what_may_be_repeated(void **state)
{
	struct db_pool *pool = new_pool(1, 5000, 1000);
	struct attempts attempts = { .failures = 2, .sqlstate = "40001" };

	(void)state;
	assert_int_equal(db_transaction(pool, test_deadline(), raise_sometimes, &attempts, NULL), RC_OK);
	assert_int_equal(attempts.calls, 3);
	assert_int_equal(test_database_count(&database, "SELECT n FROM things WHERE id = 2"), 2);
	attempts = (struct attempts){ .failures = 100, .sqlstate = "40P01" };
	assert_int_equal(db_transaction(pool, test_deadline(), raise_sometimes, &attempts, NULL), RC_UNAVAILABLE);
	assert_int_equal(attempts.calls, 5);
	attempts = (struct attempts){ .failures = 100, .sqlstate = "23505" };
	assert_int_equal(db_transaction(pool, test_deadline(), raise_sometimes, &attempts, NULL), RC_EXISTS);
	assert_int_equal(attempts.calls, 1);
	assert_int_equal(db_pool_ping(pool, test_deadline(), NULL), RC_OK);
	db_pool_free(pool);
}

static enum rc swallow_a_failure(struct db_connection *connection, void *context, struct err *err)
{
	(void)context;
	(void)err;
	assert_int_equal(db_execute_script(connection, "SELECT 1 / 0", test_deadline(), NULL), RC_INVALID);
	return RC_OK;
}

static void a_failed_transaction_is_never_reported_as_committed(void **state)
{
	struct db_pool *pool = new_pool(1, 5000, 1000);

	(void)state;
	assert_int_equal(db_transaction(pool, test_deadline(), swallow_a_failure, NULL, NULL), RC_INTERNAL);
	db_pool_free(pool);
}

static void *kill_soon(void *backend)
{
	clock_sleep_ms(300);
	kill_backend(*(int64_t *)backend);
	return NULL;
}

static void a_lost_commit_is_unknown(void **state)
{
	struct db_pool *pool = new_pool(1, 5000, 1000);
	struct db_connection *connection;
	pthread_t killer;
	int64_t backend;

	(void)state;
	// A check at commit that takes its time.
	test_database_run(&database,
	                  "CREATE TABLE slow (id int);"
	                  "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
	                  "$$ BEGIN PERFORM pg_sleep(5); RETURN NULL; END $$;"
	                  "CREATE CONSTRAINT TRIGGER slow_check AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED "
	                  "FOR EACH ROW EXECUTE FUNCTION dawdle()");
	connection = take(pool);
	backend = backend_of(connection);
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	assert_int_equal(db_execute_script(connection, "INSERT INTO slow VALUES (1)", test_deadline(), NULL), RC_OK);
	assert_int_equal(pthread_create(&killer, NULL, kill_soon, &backend), 0);
	assert_int_equal(db_commit(connection, test_deadline(), NULL), RC_UNKNOWN);
	(void)pthread_join(killer, NULL);
	db_pool_release(pool, connection);
	// So is one that the deadline overtakes.
	connection = take(pool);
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	assert_int_equal(db_execute_script(connection, "INSERT INTO slow VALUES (1)", test_deadline(), NULL), RC_OK);
	assert_int_equal(db_commit(connection, deadline_after_ms(200), NULL), RC_UNKNOWN);
	db_pool_release(pool, connection);
	// One that was lost before COMMIT was sent is not: it is rolled back.
	connection = take(pool);
	backend = backend_of(connection);
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	kill_backend(backend);
	assert_int_equal(db_execute_script(connection, "INSERT INTO slow VALUES (1)", test_deadline(), NULL),
	                 RC_UNAVAILABLE);
	assert_int_equal(db_commit(connection, test_deadline(), NULL), RC_UNAVAILABLE);
	db_pool_release(pool, connection);
	db_pool_free(pool);
}

static void count_notification(void *context, const char *payload)
{
	_Atomic int *counts = context;

	atomic_fetch_add(&counts[payload[0] == '\0' ? 0 : 1], 1);
}

static bool wait_for_count(_Atomic int *count, int wanted)
{
	struct deadline deadline = test_deadline();

	while (atomic_load(count) < wanted && !deadline_passed(deadline))
		clock_sleep_ms(10);
	return atomic_load(count) == wanted;
}

static void the_listener_hears_and_reconnects(void **state)
{
	static const char kill_listeners_sql[] =
	        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE query LIKE 'LISTEN test%'";
	_Atomic int counts[2] = { 0, 0 }; // connections, notifications
	struct db_listener *listener = NULL;
	struct db_options options;

	(void)state;
	test_database_options(&database, TEST_ADMIN, &options);
	assert_int_equal(db_listener_new(&options, "Not A Name", count_notification, counts, &listener, NULL),
	                 RC_INVALID);
	assert_int_equal(db_listener_new(&options, "test_channel", count_notification, counts, &listener, NULL), RC_OK);
	assert_true(wait_for_count(&counts[0], 1));
	test_database_run(&database, "NOTIFY test_channel, 'x'; NOTIFY other_channel, 'x'");
	assert_true(wait_for_count(&counts[1], 1));
	assert_int_equal(test_database_count(&database, kill_listeners_sql), 1);
	assert_true(wait_for_count(&counts[0], 2));
	test_database_run(&database, "NOTIFY test_channel, 'x'");
	assert_true(wait_for_count(&counts[1], 2));
	db_listener_free(listener);
	test_database_run(&database, "NOTIFY test_channel, 'x'");
	assert_int_equal(atomic_load(&counts[1]), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back_as_they_went),
		cmocka_unit_test(errors_get_their_codes),
		cmocka_unit_test(a_locked_row_costs_no_more_than_the_deadline),
		cmocka_unit_test(a_pool_in_use_times_out_and_recovers),
		cmocka_unit_test(a_dead_idle_connection_is_replaced),
		cmocka_unit_test(unreachable_servers_are_told_apart),
		cmocka_unit_test(transactions_repeat_only_what_may_be_repeated),
		cmocka_unit_test(a_failed_transaction_is_never_reported_as_committed),
		cmocka_unit_test(a_lost_commit_is_unknown),
		cmocka_unit_test(the_listener_hears_and_reconnects),
	};

	return cmocka_run_group_tests_name("db", tests, make_database, drop_database);
}
