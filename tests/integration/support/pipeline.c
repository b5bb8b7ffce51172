// Pipelines for tests.
#include "tests/integration/support/pipeline.h"

#include <stdio.h>

#include "base/metrics.h"
#include "tests/integration/support/database.h"
#include "tests/unit/cmocka_all.h"

static struct metrics *metrics;

const struct db_statement test_sleep_statement = {
	.name = "test_sleep", .sql = "SELECT 0::bigint FROM pg_sleep($1)", .parameter_count = 1, .read_only = true
};

struct db_pipeline *test_pipeline_new(const struct test_database *database, unsigned connections, size_t limit,
                                      int64_t statement_ms)
{
	struct deadline deadline = test_deadline();
	struct db_options options;
	struct db_pipeline *pipeline = NULL;
	struct metric *up;

	test_database_options(database, TEST_ADMIN, &options);
	options.statement_ms = statement_ms;
	options.application_name = "safelight-pipeline";
	metrics_free(metrics);
	metrics = metrics_new();
	options.metrics = metrics;
	assert_int_equal(db_pipeline_new(&options, connections, limit, &pipeline, NULL), RC_OK);
	up = metrics_add(metrics, METRIC_GAUGE, "safelight_db_pipeline_up", "", NULL);
	while (metric_value(up) < connections && !deadline_passed(deadline))
		clock_sleep_ms(5);
	assert_int_equal(metric_value(up), connections);
	assert_true(db_pipeline_is_up(pipeline));
	return pipeline;
}

void test_outcome_note(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct test_outcome *outcome = context;

	outcome->after_us = clock_monotonic_us() - outcome->begun_us;
	outcome->rc = failure == NULL ? RC_OK : failure->err.rc;
	if (failure != NULL)
		(void)snprintf(outcome->constraint, sizeof(outcome->constraint), "%s", failure->constraint);
	if (result != NULL && db_result_rows(result) == 1)
		outcome->number = db_result_int64(result, 0, 0);
	if (outcome->keeps_result)
		outcome->result = result;
	else
		db_result_free(result);
	atomic_fetch_add(&outcome->calls, 1);
}

enum rc test_pipeline_submit(struct db_pipeline *pipeline, const struct db_statement *statement, struct db_value value,
                             int64_t deadline_ms, struct test_outcome *outcome)
{
	*outcome = (struct test_outcome){ .begun_us = clock_monotonic_us() };
	return db_pipeline_submit(pipeline, statement, &value, 1, deadline_after_ms(deadline_ms), test_outcome_note,
	                          outcome, NULL);
}

void test_outcomes_wait(struct test_outcome *outcomes, size_t count)
{
	struct deadline deadline = deadline_after_ms(20000);

	for (size_t i = 0; i < count; i++) {
		while (atomic_load(&outcomes[i].calls) == 0 && !deadline_passed(deadline))
			clock_sleep_ms(1);
		assert_int_equal(atomic_load(&outcomes[i].calls), 1);
	}
}

void test_pipeline_hold(struct db_pipeline *pipeline, struct test_outcome *outcome)
{
	assert_int_equal(test_pipeline_submit(pipeline, &test_sleep_statement, db_double(0.2), 10000, outcome), RC_OK);
	clock_sleep_ms(50);
}

int64_t test_pipeline_metric(const char *name)
{
	return metric_value(metrics_add(metrics, METRIC_COUNTER, name, "", NULL));
}

void test_pipeline_done(void)
{
	metrics_free(metrics);
	metrics = NULL;
}
