// The pipeline against a real Postgres: neighbours are never touched, every callback comes once, the truth is told
// about writes.
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "tests/integration/support/database.h"
#include "tests/integration/support/pipeline.h"
#include "tests/unit/cmocka_all.h"

static struct test_database database;

static const struct db_statement read_one = {
	.name = "test_read", .sql = "SELECT id FROM things WHERE id = $1", .parameter_count = 1, .read_only = true
};
static const struct db_statement divide = {
	.name = "test_divide", .sql = "SELECT 1::bigint / $1", .parameter_count = 1, .read_only = true
};
static const struct db_statement broken = { .name = "test_broken",
	                                    .sql = "SELECT nothing FROM nowhere WHERE $1::bigint = 0",
	                                    .parameter_count = 1,
	                                    .read_only = true };
static const struct db_statement write_one = { .name = "test_write",
	                                       .sql = "INSERT INTO written (id) VALUES ($1) RETURNING id",
	                                       .parameter_count = 1 };
static const struct db_statement write_late = { .name = "test_write_late",
	                                        .sql = "INSERT INTO late (id, parent) VALUES ($1, $1) RETURNING id",
	                                        .parameter_count = 1 };

static int make_database(void **state)
{
	(void)state;
	if (test_database_create(&database, false) != 0)
		return -1;
	test_database_run(&database,
	                  "CREATE TABLE things (id bigint PRIMARY KEY);"
	                  "INSERT INTO things SELECT generate_series(1, 1000);"
	                  "CREATE TABLE written (id bigint PRIMARY KEY);"
	                  "CREATE TABLE late (id bigint, parent bigint CONSTRAINT late_parent REFERENCES things "
	                  "DEFERRABLE INITIALLY DEFERRED)");
	return 0;
}

static int drop_database(void **state)
{
	(void)state;
	test_pipeline_done();
	test_database_drop(&database);
	return 0;
}

#define BATCH 30

static void an_error_and_a_timeout_leave_the_neighbours_alone(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 600);
	struct test_outcome gate, outcomes[BATCH], missing, zero, slow, slow_write, prepare_again;

	(void)state;
	test_pipeline_hold(pipeline, &gate);
	for (int i = 0; i < BATCH; i++) {
		if (i == 5)
			assert_int_equal(test_pipeline_submit(pipeline, &divide, db_int64(0), 10000, &zero), RC_OK);
		if (i == 10)
			assert_int_equal(
			        test_pipeline_submit(pipeline, &test_sleep_statement, db_double(30), 10000, &slow),
			        RC_OK);
		if (i == 15)
			assert_int_equal(test_pipeline_submit(pipeline, &broken, db_int64(0), 10000, &missing), RC_OK);
		if (i == 20)
			assert_int_equal(test_pipeline_submit(pipeline, &write_late, db_int64(-1), 10000, &slow_write),
			                 RC_OK);
		assert_int_equal(test_pipeline_submit(pipeline, i % 3 == 0 ? &write_one : &read_one, db_int64(i + 1),
		                                      10000, &outcomes[i]),
		                 RC_OK);
	}
	assert_int_equal(test_pipeline_submit(pipeline, &divide, db_int64(1), 10000, &prepare_again), RC_OK);
	test_outcomes_wait(&gate, 1);
	test_outcomes_wait(outcomes, BATCH);
	for (int i = 0; i < BATCH; i++) {
		assert_int_equal(outcomes[i].rc, RC_OK);
		assert_int_equal(outcomes[i].number, i + 1);
	}
	test_outcomes_wait(&zero, 1);
	test_outcomes_wait(&slow, 1);
	test_outcomes_wait(&missing, 1);
	test_outcomes_wait(&slow_write, 1);
	test_outcomes_wait(&prepare_again, 1);
	assert_int_equal(zero.rc, RC_INVALID);
	assert_int_equal(slow.rc, RC_TIMEOUT);
	assert_int_equal(missing.rc, RC_INTERNAL);
	// A constraint that is checked at commit: the row came back, but it is not written.
	assert_int_equal(slow_write.rc, RC_CONFLICT);
	assert_string_equal(slow_write.constraint, "late_parent");
	assert_int_equal(prepare_again.rc, RC_OK);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM written"), 10);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM late"), 0);
	db_pipeline_free(pipeline, 1000);
}

static void a_statement_that_fails_to_prepare_spoils_nobody(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	struct test_outcome gate, outcomes[20];

	(void)state;
	test_pipeline_hold(pipeline, &gate);
	for (int i = 0; i < 20; i++)
		assert_int_equal(test_pipeline_submit(pipeline, i % 2 == 0 ? &broken : &read_one, db_int64(i + 1),
		                                      10000, &outcomes[i]),
		                 RC_OK);
	test_outcomes_wait(outcomes, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(outcomes[i].rc, i % 2 == 0 ? RC_INTERNAL : RC_OK);
	test_outcomes_wait(&gate, 1);
	db_pipeline_free(pipeline, 1000);
}

static void deadlines_are_kept_queued_and_under_way(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 3, 1500);
	struct test_outcome busy, under_way, queued[3], refused, after;

	(void)state;
	assert_int_equal(test_pipeline_submit(pipeline, &test_sleep_statement, db_double(0.7), 10000, &busy), RC_OK);
	clock_sleep_ms(50);
	// These wait, and are never sent.
	for (int i = 0; i < 3; i++)
		assert_int_equal(test_pipeline_submit(pipeline, &write_one, db_int64(5000 + i), 200, &queued[i]),
		                 RC_OK);
	assert_int_equal(test_pipeline_submit(pipeline, &read_one, db_int64(1), 200, &refused), RC_BUSY);
	assert_int_equal(test_pipeline_submit(pipeline, &read_one, db_int64(1), 0, &refused), RC_TIMEOUT);
	test_outcomes_wait(queued, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(queued[i].rc, RC_TIMEOUT);
		assert_in_range(queued[i].after_us, 190000, 350000);
	}
	test_outcomes_wait(&busy, 1);
	assert_int_equal(busy.rc, RC_OK);
	// This one is overtaken under way; what comes behind it is only late.
	assert_int_equal(test_pipeline_submit(pipeline, &test_sleep_statement, db_double(30), 300, &under_way), RC_OK);
	clock_sleep_ms(50);
	assert_int_equal(test_pipeline_submit(pipeline, &read_one, db_int64(7), 5000, &after), RC_OK);
	test_outcomes_wait(&under_way, 1);
	assert_int_equal(under_way.rc, RC_TIMEOUT);
	assert_in_range(under_way.after_us, 290000, 450000);
	test_outcomes_wait(&after, 1);
	assert_int_equal(after.rc, RC_OK);
	assert_int_equal(after.number, 7);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM written WHERE id >= 5000"), 0);
	db_pipeline_free(pipeline, 1000);
}

static void a_stuck_connection_does_not_hold_the_others(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 2, 100, 5000);
	struct test_outcome stuck, outcomes[50];

	(void)state;
	assert_int_equal(test_pipeline_submit(pipeline, &test_sleep_statement, db_double(2), 10000, &stuck), RC_OK);
	clock_sleep_ms(50);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(test_pipeline_submit(pipeline, &read_one, db_int64(i + 1), 10000, &outcomes[i]),
		                 RC_OK);
		test_outcomes_wait(&outcomes[i], 1);
		assert_true(outcomes[i].after_us < 1000000);
	}
	test_outcomes_wait(&stuck, 1);
	db_pipeline_free(pipeline, 1000);
}

#define LOAD_THREADS 4
#define LOAD_STATEMENTS 4000

struct load {
	struct db_pipeline *pipeline;
	struct test_outcome *outcomes;
	int64_t first;
};

static void *submit_load(void *context)
{
	struct load *load = context;

	for (int i = 0; i < LOAD_STATEMENTS; i++) {
		struct test_outcome *outcome = &load->outcomes[i];
		enum rc rc =
		        test_pipeline_submit(load->pipeline, i % 2 == 0 ? &write_one : &read_one,
		                             db_int64(i % 2 == 0 ? load->first + i : 1 + i % 1000), 10000, outcome);

		if (rc == RC_BUSY || rc == RC_UNAVAILABLE) {
			clock_sleep_ms(1);
			i--;
			continue;
		}
		assert_int_equal(rc, RC_OK);
		// Paced, so that the kills fall into the load.
		if (i % 20 == 0)
			clock_sleep_ms(2);
	}
	return NULL;
}

static void killed_backends_cost_no_callback_and_no_truth(void **state)
{
	static struct test_outcome outcomes[LOAD_THREADS][LOAD_STATEMENTS];
	struct db_pipeline *pipeline = test_pipeline_new(&database, 2, 500, 5000);
	struct load loads[LOAD_THREADS];
	pthread_t threads[LOAD_THREADS];
	int64_t kills = 0, counts[RC_INTERNAL + 1] = { 0 };
	char sql[128];

	(void)state;
	for (int t = 0; t < LOAD_THREADS; t++) {
		loads[t] = (struct load){ .pipeline = pipeline, .outcomes = outcomes[t], .first = 1000000 * (t + 1) };
		assert_int_equal(pthread_create(&threads[t], NULL, submit_load, &loads[t]), 0);
	}
	for (int i = 0; i < 10; i++) {
		clock_sleep_ms(40);
		kills += test_database_count(
		        &database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
		                   "WHERE application_name = 'safelight-pipeline' AND datname = current_database()");
	}
	for (int t = 0; t < LOAD_THREADS; t++)
		(void)pthread_join(threads[t], NULL);
	for (int t = 0; t < LOAD_THREADS; t++)
		test_outcomes_wait(outcomes[t], LOAD_STATEMENTS);
	db_pipeline_free(pipeline, 5000);
	for (int t = 0; t < LOAD_THREADS; t++) {
		for (int i = 0; i < LOAD_STATEMENTS; i++) {
			const struct test_outcome *outcome = &outcomes[t][i];
			bool is_write = i % 2 == 0;

			counts[outcome->rc]++;
			assert_int_equal(atomic_load(&outcome->calls), 1);
			assert_true(outcome->rc == RC_OK || outcome->rc == RC_UNAVAILABLE ||
			            (is_write && outcome->rc == RC_UNKNOWN));
			if (!is_write)
				continue;
			// Done is written; unavailable is not; unknown may be either.
			(void)snprintf(sql, sizeof(sql), "INSERT INTO ledger VALUES (%" PRId64 ", %d)",
			               loads[t].first + i, (int)outcome->rc);
			if (i == 0 && t == 0)
				test_database_run(&database, "CREATE TABLE ledger (id bigint, rc int)");
			if (outcome->rc != RC_OK)
				test_database_run(&database, sql);
		}
	}
	print_message("# %lld kills: %lld done, %lld unavailable, %lld unknown\n", (long long)kills,
	              (long long)counts[RC_OK], (long long)counts[RC_UNAVAILABLE], (long long)counts[RC_UNKNOWN]);
	assert_true(kills >= 5 && counts[RC_UNAVAILABLE] + counts[RC_UNKNOWN] > 0);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM ledger l JOIN written w ON w.id = l.id "
	                                                "WHERE l.rc = 9"),
	                 0);
	assert_int_equal(test_database_count(&database,
	                                     "SELECT count(*) FROM generate_series(1, 4) AS t CROSS JOIN "
	                                     "generate_series(0, 3998, 2) AS i LEFT JOIN LATERAL "
	                                     "(SELECT 1 AS found FROM written WHERE id = t * 1000000 + i) w ON true "
	                                     "LEFT JOIN ledger l ON l.id = t * 1000000 + i "
	                                     "WHERE l.id IS NULL AND w.found IS NULL"),
	                 0);
}

static void no_database_is_said_quickly(void **state)
{
	struct db_options options;
	struct db_pipeline *pipeline = NULL;
	struct test_outcome early, late;
	struct deadline deadline = test_deadline();
	enum rc rc;

	(void)state;
	test_database_options(&database, TEST_ADMIN, &options);
	options.port = 1;
	assert_int_equal(db_pipeline_new(&options, 2, 10, &pipeline, NULL), RC_OK);
	rc = test_pipeline_submit(pipeline, &read_one, db_int64(1), 10000, &early);
	if (rc == RC_OK) {
		test_outcomes_wait(&early, 1);
		rc = early.rc;
	}
	assert_int_equal(rc, RC_UNAVAILABLE);
	do {
		rc = test_pipeline_submit(pipeline, &read_one, db_int64(1), 10000, &late);
		if (rc == RC_OK)
			test_outcomes_wait(&late, 1);
	} while (rc != RC_UNAVAILABLE && !deadline_passed(deadline));
	assert_int_equal(rc, RC_UNAVAILABLE);
	assert_false(db_pipeline_is_up(pipeline));
	db_pipeline_free(pipeline, 10000);
}

static void draining_answers_everything(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	struct test_outcome slow, outcomes[20];
	int64_t begun_us;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(test_pipeline_submit(pipeline, &read_one, db_int64(i + 1), 10000, &outcomes[i]),
		                 RC_OK);
	db_pipeline_free(pipeline, 5000);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(atomic_load(&outcomes[i].calls), 1);
		assert_int_equal(outcomes[i].rc, RC_OK);
	}
	// What does not end in time is ended.
	pipeline = test_pipeline_new(&database, 1, 100, 60000);
	assert_int_equal(test_pipeline_submit(pipeline, &test_sleep_statement, db_double(30), 60000, &slow), RC_OK);
	clock_sleep_ms(100);
	for (int i = 0; i < 20; i++)
		assert_int_equal(test_pipeline_submit(pipeline, &write_one, db_int64(9000 + i), 60000, &outcomes[i]),
		                 RC_OK);
	begun_us = clock_monotonic_us();
	db_pipeline_free(pipeline, 300);
	assert_true(clock_monotonic_us() - begun_us < 2000000);
	assert_int_equal(atomic_load(&slow.calls), 1);
	assert_int_equal(slow.rc, RC_UNAVAILABLE);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(atomic_load(&outcomes[i].calls), 1);
		assert_int_equal(outcomes[i].rc, RC_UNAVAILABLE);
	}
}

static void waiting_threads_get_their_rows(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	const struct db_value value = db_int64(42), zero = db_int64(0);
	struct db_result *result = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(db_pipeline_query(pipeline, &read_one, &value, 1, test_deadline(), &result, &err), RC_OK);
	assert_int_equal(db_result_int64(result, 0, 0), 42);
	db_result_free(result);
	assert_int_equal(db_pipeline_query(pipeline, &divide, &zero, 1, test_deadline(), &result, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "test_divide"));
	// The session has its limits.
	{
		static const struct db_statement show = {
			.name = "test_show",
			.sql = "SELECT extract(epoch FROM current_setting('statement_timeout')::interval)::bigint",
			.read_only = true
		};

		assert_int_equal(db_pipeline_query(pipeline, &show, NULL, 0, test_deadline(), &result, &err), RC_OK);
		assert_int_equal(db_result_int64(result, 0, 0), 5);
		db_result_free(result);
	}
	db_pipeline_free(pipeline, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_threads_get_their_rows),
		cmocka_unit_test(an_error_and_a_timeout_leave_the_neighbours_alone),
		cmocka_unit_test(a_statement_that_fails_to_prepare_spoils_nobody),
		cmocka_unit_test(deadlines_are_kept_queued_and_under_way),
		cmocka_unit_test(a_stuck_connection_does_not_hold_the_others),
		cmocka_unit_test(killed_backends_cost_no_callback_and_no_truth),
		cmocka_unit_test(no_database_is_said_quickly),
		cmocka_unit_test(draining_answers_everything),
	};

	return cmocka_run_group_tests_name("db_pipeline", tests, make_database, drop_database);
}
