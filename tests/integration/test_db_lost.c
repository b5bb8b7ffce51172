// What is said when answers or connections are lost: a write whose answer did not come is unknown, never "failed".
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/settings.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "tests/integration/support/database.h"
#include "tests/integration/support/proxy.h"
#include "tests/unit/cmocka_all.h"

static struct test_database database;
static struct test_proxy *proxy;
static struct db_options options;

static const struct db_statement write_one = { .name = "lost_write",
	                                       .sql = "INSERT INTO written (id) VALUES ($1)",
	                                       .parameter_count = 1 };
static const struct db_statement read_one = { .name = "lost_read",
	                                      .sql = "SELECT count(*) FROM written WHERE id = $1",
	                                      .parameter_count = 1,
	                                      .read_only = true };

static int open_all(void **state)
{
	(void)state;
	if (test_database_create(&database, false) != 0)
		return -1;
	test_database_run(&database, "CREATE TABLE written (id bigint PRIMARY KEY)");
	proxy = test_proxy_start((uint16_t)database.settings->database_port);
	test_database_options(&database, TEST_ADMIN, &options);
	options.host = "127.0.0.1";
	options.port = test_proxy_port(proxy);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	test_proxy_stop(proxy);
	test_database_drop(&database);
	return 0;
}

static int64_t count_written(int64_t id)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM written WHERE id = %lld", (long long)id);
	return test_database_count(&database, sql);
}

static void *cut_soon(void *unused)
{
	(void)unused;
	clock_sleep_ms(300);
	test_proxy_cut(proxy);
	test_proxy_set(proxy, TEST_PROXY_PASS);
	return NULL;
}

// From now on answers are lost, and in a moment the connections.
static pthread_t lose(void)
{
	pthread_t thread;

	test_proxy_set(proxy, TEST_PROXY_SWALLOW);
	assert_int_equal(pthread_create(&thread, NULL, cut_soon, NULL), 0);
	return thread;
}

static struct db_connection *take(struct db_pool *pool)
{
	struct db_connection *connection = NULL;
	struct err err = { 0 };

	if (db_pool_acquire(pool, test_deadline(), &connection, &err) != RC_OK)
		fail_msg("%s", err.text);
	return connection;
}

static void a_pooled_write_is_unknown(void **state)
{
	const struct db_value first = db_int64(1), second = db_int64(2), third = db_int64(3);
	struct db_pool *pool = NULL;
	struct db_connection *connection;
	pthread_t thread;

	(void)state;
	assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_OK);
	connection = take(pool);
	assert_int_equal(db_execute(connection, &write_one, &first, 1, test_deadline(), NULL, NULL), RC_OK);
	assert_int_equal(db_execute(connection, &read_one, &first, 1, test_deadline(), NULL, NULL), RC_OK);
	thread = lose();
	assert_int_equal(db_execute(connection, &write_one, &second, 1, test_deadline(), NULL, NULL), RC_UNKNOWN);
	(void)pthread_join(thread, NULL);
	assert_int_equal(count_written(2), 1);
	db_pool_release(pool, connection);
	// A read is only unavailable.
	connection = take(pool);
	assert_int_equal(db_execute(connection, &read_one, &first, 1, test_deadline(), NULL, NULL), RC_OK);
	thread = lose();
	assert_int_equal(db_execute(connection, &read_one, &first, 1, test_deadline(), NULL, NULL), RC_UNAVAILABLE);
	(void)pthread_join(thread, NULL);
	db_pool_release(pool, connection);
	// So is a write in a transaction that cannot be committed any more.
	connection = take(pool);
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	thread = lose();
	assert_int_equal(db_execute(connection, &write_one, &third, 1, test_deadline(), NULL, NULL), RC_UNAVAILABLE);
	(void)pthread_join(thread, NULL);
	db_pool_release(pool, connection);
	assert_int_equal(count_written(3), 0);
	db_pool_free(pool);
}

static void a_commit_is_unknown(void **state)
{
	const struct db_value value = db_int64(4);
	struct db_pool *pool = NULL;
	struct db_connection *connection;
	pthread_t thread;

	(void)state;
	assert_int_equal(db_pool_new(&options, 1, &pool, NULL), RC_OK);
	connection = take(pool);
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	assert_int_equal(db_execute(connection, &write_one, &value, 1, test_deadline(), NULL, NULL), RC_OK);
	thread = lose();
	assert_int_equal(db_commit(connection, test_deadline(), NULL), RC_UNKNOWN);
	(void)pthread_join(thread, NULL);
	assert_int_equal(count_written(4), 1);
	db_pool_release(pool, connection);
	db_pool_free(pool);
}

static void note(void *context, struct db_result *result, const struct db_failure *failure)
{
	_Atomic int *rc = context;

	db_result_free(result);
	atomic_store(rc, failure == NULL ? RC_OK : (int)failure->err.rc);
}

#define PENDING (-1)

static int outcome_of(_Atomic int *rc)
{
	struct deadline deadline = test_deadline();

	while (atomic_load(rc) == PENDING && !deadline_passed(deadline))
		clock_sleep_ms(2);
	return atomic_load(rc);
}

static void a_pipelined_write_is_unknown(void **state)
{
	struct db_pipeline *pipeline = NULL;
	struct db_value values[4] = { db_int64(10), db_int64(11), db_int64(12), db_int64(13) };
	_Atomic int rc[4];
	pthread_t thread;

	(void)state;
	assert_int_equal(db_pipeline_new(&options, 1, 100, &pipeline, NULL), RC_OK);
	assert_int_equal(db_pipeline_query(pipeline, &write_one, &values[0], 1, test_deadline(), NULL, NULL), RC_OK);
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &values[0], 1, test_deadline(), NULL, NULL), RC_OK);
	thread = lose();
	for (unsigned i = 1; i < 4; i++) {
		atomic_store(&rc[i], PENDING);
		assert_int_equal(db_pipeline_submit(pipeline, i == 2 ? &read_one : &write_one, &values[i], 1,
		                                    test_deadline(), note, &rc[i], NULL),
		                 RC_OK);
	}
	assert_int_equal(outcome_of(&rc[1]), RC_UNKNOWN);
	(void)pthread_join(thread, NULL);
	assert_int_equal(count_written(11), 1);
	// Those that left with it are lost too; one that still waited is done after the reconnection.
	assert_true(outcome_of(&rc[2]) == RC_UNAVAILABLE || outcome_of(&rc[2]) == RC_OK);
	assert_true(outcome_of(&rc[3]) == RC_UNKNOWN || outcome_of(&rc[3]) == RC_OK);
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &values[0], 1, test_deadline(), NULL, NULL), RC_OK);
	db_pipeline_free(pipeline, 1000);
}

static void silence_costs_no_more_than_the_deadline(void **state)
{
	const struct db_value value = db_int64(20);
	struct db_pool *pool = NULL;
	struct db_pipeline *pipeline = NULL;
	struct db_connection *connection;
	int64_t begun_us;

	(void)state;
	assert_int_equal(db_pool_new(&options, 2, &pool, NULL), RC_OK);
	assert_int_equal(db_pipeline_new(&options, 1, 100, &pipeline, NULL), RC_OK);
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &value, 1, test_deadline(), NULL, NULL), RC_OK);
	connection = take(pool);
	assert_int_equal(db_execute(connection, &read_one, &value, 1, test_deadline(), NULL, NULL), RC_OK);
	test_proxy_set(proxy, TEST_PROXY_SWALLOW);
	begun_us = clock_monotonic_us();
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &value, 1, deadline_after_ms(300), NULL, NULL),
	                 RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - begun_us, 290000, 600000);
	begun_us = clock_monotonic_us();
	assert_int_equal(db_execute(connection, &read_one, &value, 1, deadline_after_ms(300), NULL, NULL), RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - begun_us, 290000, 900000);
	db_pool_release(pool, connection);
	// Connecting, too.
	begun_us = clock_monotonic_us();
	assert_int_equal(db_pool_acquire(pool, deadline_after_ms(300), &connection, NULL), RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - begun_us, 290000, 600000);
	test_proxy_set(proxy, TEST_PROXY_PASS);
	test_proxy_cut(proxy);
	assert_int_equal(db_pool_ping(pool, test_deadline(), NULL), RC_OK);
	db_pipeline_free(pipeline, 1000);
	db_pool_free(pool);
}

static void a_silent_server_is_given_up(void **state)
{
	const struct db_value value = db_int64(20);
	struct db_options impatient = options;
	struct db_pipeline *pipeline = NULL;
	int64_t begun_us;

	(void)state;
	impatient.statement_ms = 300;
	assert_int_equal(db_pipeline_new(&impatient, 1, 100, &pipeline, NULL), RC_OK);
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &value, 1, test_deadline(), NULL, NULL), RC_OK);
	test_proxy_set(proxy, TEST_PROXY_SWALLOW);
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &value, 1, deadline_after_ms(200), NULL, NULL),
	                 RC_TIMEOUT);
	// The connection stands, but its answer will never come.
	test_proxy_set(proxy, TEST_PROXY_PASS);
	begun_us = clock_monotonic_us();
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &value, 1, test_deadline(), NULL, NULL), RC_OK);
	assert_in_range(clock_monotonic_us() - begun_us, 500000, 4000000);
	db_pipeline_free(pipeline, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pooled_write_is_unknown),
		cmocka_unit_test(a_commit_is_unknown),
		cmocka_unit_test(a_pipelined_write_is_unknown),
		cmocka_unit_test(silence_costs_no_more_than_the_deadline),
		cmocka_unit_test(a_silent_server_is_given_up),
	};

	return cmocka_run_group_tests_name("db_lost", tests, open_all, close_all);
}
