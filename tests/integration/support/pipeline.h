// Pipelines for tests, and what became of the statements that were handed to them.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "db/pipeline.h"

struct metrics;
struct test_database;

// A pipeline of the database's administrator, with all of its connections up. Its metrics live until the next one.
struct db_pipeline *test_pipeline_new(const struct test_database *database, unsigned connections, size_t limit,
                                      int64_t statement_ms);
// The value of one of its metrics without labels.
int64_t test_pipeline_metric(const char *name);
// After the last pipeline was freed.
void test_pipeline_done(void);

// What became of one statement: the first column of its row when it has just one.
struct test_outcome {
	_Atomic unsigned calls;
	enum rc rc;
	int64_t number;
	char constraint[64];
	int64_t after_us;
	int64_t begun_us;
	struct db_result *result; // when keeps_result was set: owned by the test
	bool keeps_result;
};

// A db_callback; context is a struct test_outcome whose begun_us is set.
void test_outcome_note(void *context, struct db_result *result, const struct db_failure *failure);

// Submit a statement of one parameter.
enum rc test_pipeline_submit(struct db_pipeline *pipeline, const struct db_statement *statement, struct db_value value,
                             int64_t deadline_ms, struct test_outcome *outcome);
// Until each callback has come; asserts that it came once.
void test_outcomes_wait(struct test_outcome *outcomes, size_t count);

// SELECT pg_sleep($1), seconds.
extern const struct db_statement test_sleep_statement;
// Hold a pipeline's only connection for a moment, so that what is submitted meanwhile leaves as one batch.
void test_pipeline_hold(struct db_pipeline *pipeline, struct test_outcome *outcome);
