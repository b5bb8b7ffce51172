// Batches against a real Postgres: each request gets what the single statement gives, and nothing of its neighbours.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "db/batch.h"
#include "tests/integration/support/database.h"
#include "tests/integration/support/pipeline.h"
#include "tests/unit/cmocka_all.h"

static struct test_database database;

static const struct db_batch one_number = { .types = { DB_BATCH_BIGINT } };
static const struct db_batch one_text = { .types = { DB_BATCH_TEXT } };

// A keyset page with every type of parameter: rows are 0 to 7.
static const struct db_batch page_batch = {
	.types = { DB_BATCH_UUID, DB_BATCH_TIME, DB_BATCH_BIGINT, DB_BATCH_TEXT, DB_BATCH_BOOL },
	.order = "r.at DESC, r.id DESC",
};
static const struct db_statement page_statement = {
	.name = "test_page",
	.sql = "SELECT e.id, e.owner, e.at, e.note FROM entries e WHERE e.owner = $1 AND e.at < $2::timestamptz "
	       "AND ($4::text IS NULL OR e.note = $4) AND (NOT $5::boolean OR e.id % 2 = 0) "
	       "ORDER BY e.at DESC, e.id DESC LIMIT $3::bigint",
	.parameter_count = 5,
	.read_only = true,
	.batch = &page_batch,
};
static const struct db_statement divide = { .name = "test_divide_batched",
	                                    .sql = "SELECT 1000::bigint / $1::bigint AS number",
	                                    .parameter_count = 1,
	                                    .read_only = true,
	                                    .batch = &one_number };
static const struct db_statement negate = { .name = "test_negate_batched",
	                                    .sql = "SELECT -$1::bigint AS number",
	                                    .parameter_count = 1,
	                                    .read_only = true,
	                                    .batch = &one_number };
static const struct db_statement nap = { .name = "test_nap_batched",
	                                 .sql = "SELECT n.number FROM (SELECT $1::bigint AS number, "
	                                        "pg_sleep($1::bigint::double precision / 1000)) n",
	                                 .parameter_count = 1,
	                                 .read_only = true,
	                                 .batch = &one_number };
// An array as a parameter travels as its text.
static const struct db_batch things_batch = { .types = { DB_BATCH_TEXT }, .order = "r.id" };
static const struct db_statement things = {
	.name = "test_things_batched",
	.sql = "SELECT e.id FROM entries e WHERE e.id = ANY ($1::bigint[]) ORDER BY e.id",
	.parameter_count = 1,
	.read_only = true,
	.batch = &things_batch
};
// Cannot be batched: the type is not what the statement needs.
static const struct db_statement misdeclared = { .name = "test_misdeclared",
	                                         .sql = "SELECT id FROM entries WHERE id = $1",
	                                         .parameter_count = 1,
	                                         .read_only = true,
	                                         .batch = &one_text };

static int make_database(void **state)
{
	(void)state;
	if (test_database_create(&database, false) != 0)
		return -1;
	test_database_run(
	        &database,
	        "CREATE TABLE entries (id bigint PRIMARY KEY, owner uuid NOT NULL, at timestamptz NOT NULL, note text);"
	        "INSERT INTO entries SELECT n, ('00000000-0000-7000-8000-' || lpad((n % 7)::text, 12, '0'))::uuid, "
	        "  '2026-01-01'::timestamptz + n / 3 * interval '1 second', CASE WHEN n % 5 = 0 THEN NULL ELSE 'note ' || n % 5 END "
	        "  FROM generate_series(1, 2000) n");
	return 0;
}

static int drop_database(void **state)
{
	(void)state;
	test_pipeline_done();
	test_database_drop(&database);
	return 0;
}

#define BATCH DB_PIPELINE_BATCH
#define ROUNDS 20

struct page_key {
	struct db_value values[5];
	char note[16];
};

// Owner 7 has no entries; some pages end before the first entry; one key in four repeats another.
static void draw_key(struct page_key *keys, int i)
{
	struct page_key *key = &keys[i];
	struct uuid owner;
	char text[UUID_TEXT_SIZE];

	if (i > 0 && random_below(4) == 0) {
		*key = keys[random_below((uint32_t)i)];
	} else {
		(void)snprintf(text, sizeof(text), "00000000-0000-7000-8000-%012u", random_below(8));
		assert_true(uuid_parse(text, &owner));
		(void)snprintf(key->note, sizeof(key->note), "note %u", random_below(5));
		key->values[0] = db_uuid(&owner);
		key->values[1] = random_below(10) == 0
		                         ? db_null()
		                         : db_time_us((INT64_C(1767225600) + random_below(700)) * 1000000);
		key->values[2] = db_int64(random_below(8));
		key->values[3] = random_below(2) == 0 ? db_null() : db_text(key->note);
		key->values[4] = db_bool(random_below(2) == 0);
	}
	if (key->values[3].kind == DB_VALUE_POINTER)
		key->values[3].pointer = key->note;
}

static size_t compare_pages(const struct db_result *batched, const struct db_result *single)
{
	assert_int_equal(db_result_rows(batched), db_result_rows(single));
	assert_int_equal(db_result_columns(batched), db_result_columns(single));
	assert_int_equal(db_result_affected(batched), db_result_affected(single));
	for (size_t row = 0; row < db_result_rows(single); row++) {
		struct uuid left = db_result_uuid(batched, row, 1), right = db_result_uuid(single, row, 1);
		const char *note = db_result_text(single, row, 3);

		assert_int_equal(db_result_int64(batched, row, 0), db_result_int64(single, row, 0));
		assert_true(uuid_equal(&left, &right));
		assert_int_equal(db_result_time_us(batched, row, 2), db_result_time_us(single, row, 2));
		assert_int_equal(db_result_is_null(batched, row, 3), note == NULL);
		if (note != NULL)
			assert_string_equal(db_result_text(batched, row, 3), note);
	}
	return db_result_rows(single);
}

static void each_answer_is_the_single_statements(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	size_t rows = 0, empty = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct page_key keys[BATCH];
		struct test_outcome gate, outcomes[BATCH];

		test_pipeline_hold(pipeline, &gate);
		for (int i = 0; i < BATCH; i++) {
			draw_key(keys, i);
			outcomes[i] = (struct test_outcome){ .begun_us = clock_monotonic_us(), .keeps_result = true };
			assert_int_equal(db_pipeline_submit(pipeline, &page_statement, keys[i].values, 5,
			                                    deadline_after_ms(10000), test_outcome_note, &outcomes[i],
			                                    NULL),
			                 RC_OK);
		}
		test_outcomes_wait(&gate, 1);
		test_outcomes_wait(outcomes, BATCH);
		assert_int_equal(test_pipeline_metric("safelight_db_batched_total"), (round + 1) * BATCH);
		for (int i = 0; i < BATCH; i++) {
			struct db_result *single = NULL;
			size_t compared;

			assert_int_equal(outcomes[i].rc, RC_OK);
			assert_int_equal(db_pipeline_query(pipeline, &page_statement, keys[i].values, 5,
			                                   deadline_after_ms(10000), &single, NULL),
			                 RC_OK);
			compared = compare_pages(outcomes[i].result, single);
			rows += compared;
			empty += compared == 0;
			db_result_free(single);
			db_result_free(outcomes[i].result);
		}
	}
	assert_int_equal(test_pipeline_metric("safelight_db_batches_failed_total"), 0);
	print_message("# %d pages, %zu rows, %zu empty\n", ROUNDS * BATCH, rows, empty);
	assert_true(rows > 500 && empty > 50);
	db_pipeline_free(pipeline, 1000);
}

static void an_error_of_one_is_its_own(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	struct test_outcome gate, outcomes[BATCH];

	(void)state;
	test_pipeline_hold(pipeline, &gate);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(
		        test_pipeline_submit(pipeline, &divide, db_int64(i == 9 ? 0 : i + 1), 10000, &outcomes[i]),
		        RC_OK);
	test_outcomes_wait(outcomes, BATCH);
	for (int i = 0; i < BATCH; i++) {
		assert_int_equal(outcomes[i].rc, i == 9 ? RC_INVALID : RC_OK);
		if (i != 9)
			assert_int_equal(outcomes[i].number, 1000 / (i + 1));
	}
	assert_int_equal(test_pipeline_metric("safelight_db_batches_failed_total"), 1);
	test_outcomes_wait(&gate, 1);
	db_pipeline_free(pipeline, 1000);
}

// One sleeps beyond the server's own limit: the batch fails with it, and the rest is read again beside it.
static void a_timeout_of_one_is_its_own(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 2, 100, 1500);
	struct test_outcome gates[2], outcomes[BATCH];

	(void)state;
	test_pipeline_hold(pipeline, &gates[0]);
	test_pipeline_hold(pipeline, &gates[1]);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(
		        test_pipeline_submit(pipeline, &nap, db_int64(i == 3 ? 60000 : i % 3), 10000, &outcomes[i]),
		        RC_OK);
	test_outcomes_wait(outcomes, BATCH);
	for (int i = 0; i < BATCH; i++) {
		assert_int_equal(outcomes[i].rc, i == 3 ? RC_TIMEOUT : RC_OK);
		if (i != 3)
			assert_int_equal(outcomes[i].number, i % 3);
		// The batch's time, not the slow one's second turn.
		if (i != 3)
			assert_true(outcomes[i].after_us < 2800000);
	}
	test_outcomes_wait(gates, 2);
	db_pipeline_free(pipeline, 1000);
}

static void a_deadline_under_way_ends_one_alone(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	struct test_outcome gate, outcomes[4];

	(void)state;
	test_pipeline_hold(pipeline, &gate);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		        test_pipeline_submit(pipeline, &nap, db_int64(300), i == 2 ? 700 : 10000, &outcomes[i]), RC_OK);
	test_outcomes_wait(outcomes, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcomes[i].rc, i == 2 ? RC_TIMEOUT : RC_OK);
	assert_int_equal(test_pipeline_metric("safelight_db_batched_total"), 3);
	test_outcomes_wait(&gate, 1);
	db_pipeline_free(pipeline, 1000);
}

static void statements_gather_by_kind_and_all_are_served(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 3 * BATCH, 5000);
	struct test_outcome gate, refused, outcomes[3 * BATCH];

	(void)state;
	test_pipeline_hold(pipeline, &gate);
	for (int i = 0; i < 3 * BATCH; i++) {
		static const struct db_statement *const KINDS[] = { &divide, &negate, &things, &misdeclared };
		char array[32];

		(void)snprintf(array, sizeof(array), "{%d,99999}", i + 1);
		assert_int_equal(test_pipeline_submit(pipeline, KINDS[i % 4],
		                                      i % 4 == 2 ? db_text(array) : db_int64(i + 1), 10000,
		                                      &outcomes[i]),
		                 RC_OK);
	}
	// The queue is bounded for batched ones too.
	assert_int_equal(test_pipeline_submit(pipeline, &negate, db_int64(1), 10000, &refused), RC_BUSY);
	test_outcomes_wait(outcomes, 3 * BATCH);
	for (int i = 0; i < 3 * BATCH; i++) {
		int64_t wanted = i % 4 == 0 ? 1000 / (i + 1) : i % 4 == 1 ? -(i + 1) : i + 1;

		assert_int_equal(outcomes[i].rc, RC_OK);
		assert_int_equal(outcomes[i].number, wanted);
	}
	// A batch of each kind in each of three turns; those of the misdeclared one failed and went one by one.
	assert_int_equal(test_pipeline_metric("safelight_db_batched_total"), 3 * BATCH / 4 * 3);
	assert_int_equal(test_pipeline_metric("safelight_db_batches_failed_total"), 3);
	test_outcomes_wait(&gate, 1);
	db_pipeline_free(pipeline, 1000);
}

static void a_lost_connection_answers_every_member_once(void **state)
{
	struct db_pipeline *pipeline = test_pipeline_new(&database, 1, 100, 5000);
	struct test_outcome gate, outcomes[BATCH], after;

	(void)state;
	test_pipeline_hold(pipeline, &gate);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(test_pipeline_submit(pipeline, &nap, db_int64(100), 10000, &outcomes[i]), RC_OK);
	test_outcomes_wait(&gate, 1);
	clock_sleep_ms(50);
	assert_int_equal(test_database_count(&database,
	                                     "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
	                                     "application_name = 'safelight-pipeline' AND "
	                                     "datname = current_database()"),
	                 1);
	test_outcomes_wait(outcomes, BATCH);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(outcomes[i].rc, RC_UNAVAILABLE);
	assert_int_equal(test_pipeline_submit(pipeline, &negate, db_int64(5), 10000, &after), RC_OK);
	test_outcomes_wait(&after, 1);
	assert_int_equal(after.number, -5);
	db_pipeline_free(pipeline, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_is_the_single_statements),
		cmocka_unit_test(an_error_of_one_is_its_own),
		cmocka_unit_test(a_timeout_of_one_is_its_own),
		cmocka_unit_test(a_deadline_under_way_ends_one_alone),
		cmocka_unit_test(statements_gather_by_kind_and_all_are_served),
		cmocka_unit_test(a_lost_connection_answers_every_member_once),
	};

	return cmocka_run_group_tests(tests, make_database, drop_database);
}
