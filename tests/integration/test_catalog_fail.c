// Failing jobs on a real Postgres: attempts, reasons, dead letters, redriving.
#include <stdio.h>

#include "catalog/job.h"
#include "tests/integration/support/catalog.h"
#include "tests/unit/cmocka_all.h"

static struct test_catalogs catalogs;

static int open_catalogs(void **state)
{
	(void)state;
	return test_catalogs_open(&catalogs);
}

static int close_catalogs(void **state)
{
	(void)state;
	test_catalogs_close(&catalogs);
	return 0;
}

static void attempts_end_at_five_with_a_reason(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim claim;
	struct job_failed failed;

	(void)state;
	test_media_queue(&catalogs, true, &upload, &job_id);
	for (unsigned attempt = 1; attempt <= 5; attempt++) {
		claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
		assert_int_equal(claim.attempts, attempt);
		assert_int_equal(catalog_job_fail(test_transcoder(&catalogs), &call, &job_id, claim.token,
		                                  REASON_DECODE_TIMEOUT, NULL, 60000, &failed, NULL),
		                 RC_OK);
		assert_int_equal(failed.is_final, attempt == 5);
		assert_int_equal(failed.media_ended, attempt == 5);
		if (attempt == 5)
			break;
		claim = test_job_claim(&catalogs, &job_id, JOB_EARLY);
		assert_in_range(claim.retry_ms, 50000, 60000);
		test_run_for(&catalogs, "UPDATE jobs SET not_before = now() WHERE id = '%s'", &job_id);
	}
	(void)test_job_claim(&catalogs, &job_id, JOB_OVER);
	assert_int_equal(test_event_count(&catalogs, "failed", &upload.media_id), 1);
	assert_int_equal(
	        test_count_for(
	                &catalogs,
	                "SELECT count(*) FROM media WHERE id = '%s' AND state = 'failed' "
	                "AND reason_code = 'decode_timeout' AND reason_detail LIKE 'Decoding the picture took%%'",
	                &upload.media_id),
	        1);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM dead_letters WHERE media_id = '%s'", &upload.media_id),
	        1);
	// The other job went with it, without a dead letter of its own.
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM jobs WHERE media_id = '%s' AND state = 'failed'",
	                                &upload.media_id),
	                 2);
	// What failed is still held and still counts.
	assert_int_equal(test_count_for(&catalogs, "SELECT bytes FROM usage WHERE owner_id = '%s'", &upload.owner_id),
	                 1000);
}

static void five_lost_workers_end_a_job(void **state)
{
	struct upload_new lost;
	struct uuid job_id;

	(void)state;
	test_media_queue(&catalogs, false, &lost, &job_id);
	for (unsigned attempt = 1; attempt <= 5; attempt++) {
		(void)test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
		test_job_lapse(&catalogs, &job_id);
	}
	(void)test_job_claim(&catalogs, &job_id, JOB_OVER);
	(void)test_job_claim(&catalogs, &job_id, JOB_OVER);
	assert_int_equal(test_event_count(&catalogs, "failed", &lost.media_id), 1);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM media WHERE id = '%s' AND state = 'failed' "
	                                "AND reason_code = 'internal' AND reason_detail LIKE 'Every attempt%%'",
	                                &lost.media_id),
	                 1);
}

static void a_rejected_media_frees_its_room(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim claim;
	struct test_variants variants;
	struct job_published published;
	struct job_failed failed;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	test_variants_fill(&claim, &variants);
	assert_int_equal(
	        catalog_job_publish_preview(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	        RC_OK);
	assert_int_equal(catalog_job_fail(test_transcoder(&catalogs), &call, &job_id, claim.token, REASON_CHECKSUM,
	                                  "not what was said", 0, &failed, NULL),
	                 RC_OK);
	assert_true(failed.is_final && failed.media_ended);
	// Its answer was lost: once more.
	assert_int_equal(catalog_job_fail(test_transcoder(&catalogs), &call, &job_id, claim.token, REASON_CHECKSUM,
	                                  "not what was said", 0, &failed, NULL),
	                 RC_OK);
	assert_true(failed.is_final && !failed.media_ended);
	assert_int_equal(test_event_count(&catalogs, "rejected", &upload.media_id), 1);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT bytes + files FROM usage WHERE owner_id = '%s'", &upload.owner_id),
	        0);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM deletions WHERE media_id = '%s'", &upload.media_id), 3);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM variants WHERE media_id = '%s'", &upload.media_id), 0);
}

static void an_optional_failure_leaves_the_media_alone(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id, slow_id;
	struct job_claim claim;
	struct job_failed failed;

	(void)state;
	test_media_queue(&catalogs, true, &upload, &job_id);
	slow_id = test_job_id(&catalogs, &upload.media_id, "slow");
	claim = test_job_claim(&catalogs, &slow_id, JOB_CLAIMED);
	assert_int_equal(catalog_job_fail(test_transcoder(&catalogs), &call, &slow_id, claim.token,
	                                  REASON_DECODE_MEMORY, NULL, 0, &failed, NULL),
	                 RC_OK);
	assert_true(failed.is_final && !failed.media_ended);
	assert_int_equal(test_event_count(&catalogs, "failed", &upload.media_id), 0);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM dead_letters WHERE media_id = '%s'", &upload.media_id),
	        1);
	(void)test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
}

static void a_released_job_costs_no_attempt(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim claim;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	for (unsigned i = 0; i < 8; i++) {
		claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
		assert_int_equal(claim.attempts, 1);
		assert_int_equal(claim.token, i + 1);
		assert_int_equal(catalog_job_release(test_transcoder(&catalogs), &call, &job_id, claim.token, NULL),
		                 RC_OK);
		assert_int_equal(catalog_job_release(test_transcoder(&catalogs), &call, &job_id, claim.token, NULL),
		                 RC_OK);
	}
}

static void a_failed_media_can_be_redriven(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim claim;
	struct job_failed failed;
	struct job_published published;
	struct test_variants variants;

	(void)state;
	test_media_queue(&catalogs, true, &upload, &job_id);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_int_equal(catalog_job_redrive(&catalogs.of[TEST_API], &call, &upload.media_id, LANE_BULK, NULL),
	                 RC_CONFLICT);
	assert_int_equal(catalog_job_fail(test_transcoder(&catalogs), &call, &job_id, claim.token, REASON_DECODE_FAILED,
	                                  NULL, 0, &failed, NULL),
	                 RC_OK);
	assert_true(failed.media_ended);
	assert_int_equal(catalog_job_redrive(&catalogs.of[TEST_API], &call, &upload.media_id, LANE_BULK, NULL), RC_OK);
	assert_int_equal(
	        test_count_for(&catalogs,
	                       "SELECT count(*) FROM outbox WHERE subject IN ('jobs.fast.bulk', 'jobs.slow.bulk') "
	                       "AND payload->'data'->>'media_id' = '%s'",
	                       &upload.media_id),
	        2);
	assert_int_equal(
	        test_count_for(&catalogs,
	                       "SELECT count(*) FROM dead_letters WHERE media_id = '%s' AND redriven_at IS NOT NULL",
	                       &upload.media_id),
	        1);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_int_equal(claim.attempts, 1);
	assert_int_equal(claim.token, 3);
	test_variants_fill(&claim, &variants);
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_true(published.is_ready);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_end_at_five_with_a_reason),
		cmocka_unit_test(five_lost_workers_end_a_job),
		cmocka_unit_test(a_rejected_media_frees_its_room),
		cmocka_unit_test(an_optional_failure_leaves_the_media_alone),
		cmocka_unit_test(a_released_job_costs_no_attempt),
		cmocka_unit_test(a_failed_media_can_be_redriven),
	};

	return cmocka_run_group_tests_name("catalog_fail", tests, open_catalogs, close_catalogs);
}
