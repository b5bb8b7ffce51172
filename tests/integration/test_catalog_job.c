// Jobs on a real Postgres: leases, fencing, publication.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "catalog/job.h"
#include "catalog/media.h"
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

struct claimer {
	struct uuid job_id;
	struct job_claim claim;
};

static void *claim_in_thread(void *context)
{
	struct claimer *claimer = context;
	struct catalog_call call = test_call();

	assert_int_equal(catalog_job_claim(test_transcoder(&catalogs), &call, &claimer->job_id, "racer", 30000,
	                                   &claimer->claim, NULL),
	                 RC_OK);
	return NULL;
}

static void one_of_many_claims_a_job(void **state)
{
	struct upload_new upload;
	struct claimer claimers[8];
	pthread_t threads[8];
	unsigned claimed = 0;

	(void)state;
	test_media_queue(&catalogs, true, &upload, &claimers[0].job_id);
	for (unsigned i = 0; i < 8; i++) {
		claimers[i].job_id = claimers[0].job_id;
		assert_int_equal(pthread_create(&threads[i], NULL, claim_in_thread, &claimers[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		(void)pthread_join(threads[i], NULL);
		claimed += claimers[i].claim.outcome == JOB_CLAIMED;
		if (claimers[i].claim.outcome == JOB_TAKEN)
			assert_in_range(claimers[i].claim.retry_ms, 1, 30000);
		else
			assert_int_equal(claimers[i].claim.outcome, JOB_CLAIMED);
	}
	assert_int_equal(claimed, 1);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM media WHERE id = '%s' AND state = 'processing'",
	                                &upload.media_id),
	                 1);
}

static void a_claim_says_what_the_worker_needs(void **state)
{
	struct upload_new upload;
	struct uuid job_id, missing = uuid_new();
	struct job_claim claim;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_true(uuid_equal(&claim.media_id, &upload.media_id));
	assert_true(uuid_equal(&claim.owner_id, &upload.owner_id));
	assert_int_equal(claim.generation, 1);
	assert_string_equal(claim.pool, "fast");
	assert_int_equal(claim.lane, LANE_INTERACTIVE);
	assert_true(claim.required);
	assert_int_equal(claim.attempts, 1);
	assert_int_equal(claim.token, 1);
	assert_int_equal(claim.media_state, MEDIA_PROCESSING);
	assert_int_equal(claim.kind, MEDIA_PHOTO);
	assert_string_equal(claim.content_type, "image/jpeg");
	assert_int_equal(claim.size, 1000);
	assert_string_equal(claim.original_key, "key/of/the/original");
	assert_string_equal(claim.original_etag, "etag-of-the-original");
	assert_false(claim.has_declared_sha256);
	(void)test_job_claim(&catalogs, &missing, JOB_MISSING);
}

static void a_late_worker_changes_nothing(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim late, claim;
	struct test_variants of_late, variants;
	struct job_published published;
	struct job_failed failed;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	late = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_int_equal(catalog_job_beat(test_transcoder(&catalogs), &call, &job_id, late.token, 30000, NULL), RC_OK);
	(void)test_job_claim(&catalogs, &job_id, JOB_TAKEN);
	test_job_lapse(&catalogs, &job_id);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_true(claim.token > late.token);
	assert_int_equal(claim.attempts, 2);
	test_variants_fill(&late, &of_late);
	assert_int_equal(catalog_job_beat(test_transcoder(&catalogs), &call, &job_id, late.token, 30000, NULL),
	                 RC_CONFLICT);
	assert_int_equal(
	        catalog_job_publish_preview(test_transcoder(&catalogs), &call, &of_late.publish, &published, NULL),
	        RC_CONFLICT);
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &of_late.publish, &published, NULL),
	                 RC_CONFLICT);
	assert_int_equal(catalog_job_fail(test_transcoder(&catalogs), &call, &job_id, late.token, REASON_DECODE_FAILED,
	                                  NULL, 0, &failed, NULL),
	                 RC_CONFLICT);
	assert_int_equal(catalog_job_release(test_transcoder(&catalogs), &call, &job_id, late.token, NULL),
	                 RC_CONFLICT);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM variants WHERE media_id = '%s'", &upload.media_id), 0);
	assert_int_equal(test_count_for(&catalogs, "SELECT attempts FROM jobs WHERE id = '%s'", &job_id), 2);
	test_variants_fill(&claim, &variants);
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_true(published.is_ready);
	// Its answer was lost: once more.
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_false(published.is_ready);
	assert_int_equal(test_event_count(&catalogs, "ready", &upload.media_id), 1);
	(void)test_job_claim(&catalogs, &job_id, JOB_OVER);
}

// What the owner sees of it afterwards.
static void check_published(const struct upload_new *upload, size_t thumbhash_length, const uint8_t sha256[32])
{
	struct catalog_call call = test_call();
	struct media_row media;
	struct variant_row variant;
	struct db_result *result;

	assert_int_equal(catalog_media_find(&catalogs.of[TEST_API], &call, &upload->owner_id, &upload->media_id, &media,
	                                    &result, NULL),
	                 RC_OK);
	assert_int_equal(media.state, MEDIA_READY);
	assert_int_equal(media.width, 4000);
	assert_int_equal(media.orientation, 6);
	assert_int_equal(media.published_generation, 1);
	assert_int_equal(media.thumbhash_length, thumbhash_length);
	assert_int_equal(media.dominant_rgb, 0x102030);
	assert_true(media.captured_at == 1600000000000000);
	assert_string_equal(media.exif, "{\"camera\": \"X\"}");
	assert_true(media.preview_at != DB_NO_TIME && media.ready_at >= media.preview_at);
	db_result_free(result);
	assert_int_equal(catalog_variants(&catalogs.of[TEST_API], &call, &upload->media_id, 1, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 4);
	catalog_variant_read(result, 0, &variant);
	assert_string_equal(variant.name, "w320");
	assert_int_equal(variant.format, FORMAT_AVIF);
	assert_int_equal(variant.state, VARIANT_READY);
	assert_int_equal(variant.width, 320);
	assert_memory_equal(variant.sha256, sha256, 32);
	db_result_free(result);
}

static void preview_first_then_ready_then_updated(void **state)
{
	static const uint8_t thumbhash[] = { 1, 2, 3, 4, 5 };
	const struct media_facts facts = { .width = 4000,
		                           .height = 3000,
		                           .orientation = 6,
		                           .frames = 1,
		                           .pages = 1,
		                           .thumbhash = thumbhash,
		                           .thumbhash_length = sizeof(thumbhash),
		                           .dominant_rgb = 0x102030,
		                           .exif = "{\"camera\":\"X\"}",
		                           .captured_at = 1600000000000000 };
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id, slow_id;
	struct job_claim claim, slow;
	struct test_variants variants, slow_variants;
	struct job_published published;

	(void)state;
	test_media_queue(&catalogs, true, &upload, &job_id);
	slow_id = test_job_id(&catalogs, &upload.media_id, "slow");
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	test_variants_fill(&claim, &variants);
	variants.publish.variant_count = 1;
	variants.publish.facts = &facts;
	assert_int_equal(
	        catalog_job_publish_preview(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	        RC_OK);
	assert_true(published.is_first_preview && !published.is_ready && !published.is_updated);
	assert_int_equal(
	        catalog_job_publish_preview(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	        RC_OK);
	assert_false(published.is_first_preview);
	variants.publish.variant_count = 2;
	variants.publish.facts = NULL;
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_true(!published.is_first_preview && published.is_ready && !published.is_updated);
	slow = test_job_claim(&catalogs, &slow_id, JOB_CLAIMED);
	assert_int_equal(slow.media_state, MEDIA_READY);
	test_variants_fill(&slow, &slow_variants);
	assert_int_equal(
	        catalog_job_finish(test_transcoder(&catalogs), &call, &slow_variants.publish, &published, NULL), RC_OK);
	assert_true(!published.is_first_preview && !published.is_ready && published.is_updated);
	assert_int_equal(test_event_count(&catalogs, "preview", &upload.media_id), 1);
	assert_int_equal(test_event_count(&catalogs, "ready", &upload.media_id), 1);
	assert_int_equal(test_event_count(&catalogs, "updated", &upload.media_id), 1);
	check_published(&upload, facts.thumbhash_length, variants.sha256);
}

static void an_optional_job_that_is_first_leaves_ready_to_the_required_one(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id, slow_id;
	struct job_claim claim;
	struct test_variants variants;
	struct job_published published;

	(void)state;
	test_media_queue(&catalogs, true, &upload, &job_id);
	slow_id = test_job_id(&catalogs, &upload.media_id, "slow");
	claim = test_job_claim(&catalogs, &slow_id, JOB_CLAIMED);
	test_variants_fill(&claim, &variants);
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_true(published.is_first_preview && !published.is_ready);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	test_variants_fill(&claim, &variants);
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_true(!published.is_first_preview && published.is_ready);
}

struct finisher {
	struct job_claim claim;
	struct job_published published;
};

static void *finish_in_thread(void *context)
{
	struct finisher *finisher = context;
	struct catalog_call call = test_call();
	struct test_variants variants;

	test_variants_fill(&finisher->claim, &variants);
	assert_int_equal(
	        catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &finisher->published, NULL),
	        RC_OK);
	return NULL;
}

// Both required jobs end at the same moment: exactly one of them sees that it was the last.
static void two_required_jobs_at_once_make_it_ready_once(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct upload_new upload;
		struct uuid job_id, slow_id;
		struct finisher finishers[2];
		pthread_t threads[2];

		test_media_queue(&catalogs, true, &upload, &job_id);
		slow_id = test_job_id(&catalogs, &upload.media_id, "slow");
		test_run_for(&catalogs, "UPDATE jobs SET required = true WHERE media_id = '%s'", &upload.media_id);
		finishers[0].claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
		finishers[1].claim = test_job_claim(&catalogs, &slow_id, JOB_CLAIMED);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, finish_in_thread, &finishers[i]), 0);
		for (unsigned i = 0; i < 2; i++)
			(void)pthread_join(threads[i], NULL);
		assert_int_equal(finishers[0].published.is_ready + finishers[1].published.is_ready, 1);
		assert_int_equal(test_event_count(&catalogs, "ready", &upload.media_id), 1);
	}
}

static void a_new_generation_replaces_the_old_one_whole(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim claim;
	struct test_variants variants;
	struct job_published published;
	struct db_result *result;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	test_variants_fill(&claim, &variants);
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	test_run_for(
	        &catalogs,
	        "WITH m AS (UPDATE media SET generation = 2 WHERE id = '%s' RETURNING id, owner_id) INSERT INTO jobs (id, "
	        "media_id, owner_id, generation, pool, lane, required) SELECT gen_random_uuid(), id, owner_id, 2, 'fast', "
	        "'bulk', true FROM m",
	        &upload.media_id);
	(void)test_job_claim(&catalogs, &job_id, JOB_OVER);
	job_id = test_job_id(&catalogs, &upload.media_id, "fast");
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_int_equal(claim.generation, 2);
	test_variants_fill(&claim, &variants);
	variants.publish.variant_count = 1;
	assert_int_equal(
	        catalog_job_publish_preview(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	        RC_OK);
	assert_true(!published.is_first_preview && !published.is_updated);
	assert_int_equal(catalog_variants(&catalogs.of[TEST_API], &call, &upload.media_id, 1, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 2);
	assert_int_equal(db_result_int64(result, 0, 1), 1);
	db_result_free(result);
	variants.publish.variant_count = 2;
	assert_int_equal(catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, NULL),
	                 RC_OK);
	assert_true(published.is_updated && !published.is_ready);
	assert_int_equal(catalog_variants(&catalogs.of[TEST_API], &call, &upload.media_id, 1, &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 2);
	assert_int_equal(db_result_int64(result, 0, 1), 2);
	db_result_free(result);
	// The old files stay for a while.
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM deletions WHERE media_id = '%s' AND kind = 'variant' "
	                                "AND not_before > now() + interval '23 hours'",
	                                &upload.media_id),
	                 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_says_what_the_worker_needs),
		cmocka_unit_test(one_of_many_claims_a_job),
		cmocka_unit_test(a_late_worker_changes_nothing),
		cmocka_unit_test(preview_first_then_ready_then_updated),
		cmocka_unit_test(an_optional_job_that_is_first_leaves_ready_to_the_required_one),
		cmocka_unit_test(two_required_jobs_at_once_make_it_ready_once),
		cmocka_unit_test(a_new_generation_replaces_the_old_one_whole),
	};

	return cmocka_run_group_tests_name("catalog_job", tests, open_catalogs, close_catalogs);
}
