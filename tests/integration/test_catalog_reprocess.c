// New generations: asked for twice, during processing, during a deletion; the old one stands until the new one is
// whole. On a database of its own.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "catalog/media.h"
#include "catalog/media_reprocess.h"
#include "tests/integration/support/catalog.h"
#include "tests/unit/cmocka_all.h"

static struct test_catalogs catalogs;

static int setup(void **state)
{
	(void)state;
	return test_catalogs_open(&catalogs);
}

static int teardown(void **state)
{
	(void)state;
	test_catalogs_close(&catalogs);
	return 0;
}

static bool choose_pools(void *context, const char *preset, enum media_kind kind,
                         struct preset_pool ret_pools[PRESET_POOLS_MAX], size_t *ret_count)
{
	(void)context;
	*ret_count = kind == MEDIA_FILE ? 0 : 1;
	ret_pools[0] = (struct preset_pool){ .name = "fast", .required = true };
	return strcmp(preset, "default") == 0 || strcmp(preset, "print") == 0;
}

static enum rc reprocess(const struct upload_new *upload, const char *preset, struct media_reprocessed *ret_reprocessed)
{
	const struct catalog_call call = test_call();
	struct err err = { 0 };
	const struct media_reprocess wanted = {
		.owner_id = &upload->owner_id, .media_id = upload->media_id, .preset = preset, .pools = choose_pools
	};
	return catalog_media_reprocess(&catalogs.of[TEST_API], &call, &wanted, ret_reprocessed, &err);
}

// The job of the newest generation.
static struct uuid newest_job(const struct upload_new *upload)
{
	return test_job_id(&catalogs, &upload->media_id, "fast");
}

static enum rc finish(const struct job_claim *claim)
{
	struct test_variants variants;
	struct job_published published;
	struct err err = { 0 };
	const struct catalog_call call = test_call();
	test_variants_fill(claim, &variants);
	return catalog_job_finish(test_transcoder(&catalogs), &call, &variants.publish, &published, &err);
}

// A media that is ready with generation 1.
static void make_ready(struct upload_new *ret_upload)
{
	struct uuid job_id;
	test_media_queue(&catalogs, false, ret_upload, &job_id);
	struct job_claim claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_string_equal(claim.preset, "default");
	assert_false(claim.has_focal);
	assert_int_equal(finish(&claim), RC_OK);
}

#define COUNT(sql, upload) test_count_for(&catalogs, sql, &(upload).media_id)

static void the_old_generation_stands_until_the_new_one_is_whole(void **state)
{
	(void)state;
	struct upload_new upload;
	struct media_reprocessed reprocessed;
	make_ready(&upload);
	test_run_for(&catalogs, "UPDATE media SET focal_x = 0.25, focal_y = 1 WHERE id = '%s'", &upload.media_id);
	assert_int_equal(reprocess(&upload, "print", &reprocessed), RC_OK);
	assert_int_equal(reprocessed.generation, 2);
	assert_true(reprocessed.is_new);
	assert_int_equal(COUNT("SELECT published_generation FROM media WHERE id = '%s' AND state = 'ready'", upload),
	                 1);
	assert_int_equal(COUNT("SELECT count(*) FROM outbox WHERE kind = 'job' AND subject = 'jobs.fast.bulk' "
	                       "AND payload::text LIKE '%%%s%%'",
	                       upload),
	                 1);
	struct uuid job_id = newest_job(&upload);
	struct job_claim claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_string_equal(claim.preset, "print");
	assert_true(claim.has_focal && claim.focal_x > 0.2499 && claim.focal_x < 0.2501 && claim.focal_y > 0.9999);
	assert_int_equal(claim.published_generation, 1);
	assert_int_equal(COUNT("SELECT count(*) FROM variants WHERE media_id = '%s' AND generation = 1", upload), 2);
	int64_t updates = test_event_count(&catalogs, "updated", &upload.media_id);
	assert_int_equal(finish(&claim), RC_OK);
	assert_int_equal(test_event_count(&catalogs, "updated", &upload.media_id), updates + 1);
	assert_int_equal(COUNT("SELECT published_generation FROM media WHERE id = '%s' AND state = 'ready'", upload),
	                 2);
	assert_int_equal(COUNT("SELECT count(*) FROM variants WHERE media_id = '%s' AND generation = 1", upload), 0);
	assert_int_equal(COUNT("SELECT count(*) FROM deletions WHERE media_id = '%s' AND kind = 'variant' "
	                       "AND not_before > now() + interval '23 hours'",
	                       upload),
	                 2);
}

static void calls_before_the_work_begins_are_one(void **state)
{
	(void)state;
	struct upload_new upload;
	struct media_reprocessed first, second, third;
	make_ready(&upload);
	assert_int_equal(reprocess(&upload, NULL, &first), RC_OK);
	assert_int_equal(reprocess(&upload, NULL, &second), RC_OK);
	assert_int_equal(second.generation, first.generation);
	assert_false(second.is_new);
	assert_int_equal(COUNT("SELECT count(*) FROM jobs WHERE media_id = '%s'", upload), 2);
	// Another preset is another matter.
	assert_int_equal(reprocess(&upload, "print", &third), RC_OK);
	assert_int_equal(third.generation, 3);
	assert_int_equal(COUNT("SELECT count(*) FROM jobs WHERE media_id = '%s' AND state = 'failed' AND "
	                       "last_error_code = 'overtaken'",
	                       upload),
	                 1);
}

static void work_that_has_begun_is_overtaken(void **state)
{
	(void)state;
	struct upload_new upload;
	struct media_reprocessed reprocessed;
	make_ready(&upload);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_OK);
	struct uuid second = newest_job(&upload);
	struct job_claim late = test_job_claim(&catalogs, &second, JOB_CLAIMED);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_OK);
	assert_int_equal(reprocessed.generation, 3);
	assert_true(reprocessed.is_new);
	// The one that is late changes nothing more, and its message finds its job over.
	assert_int_equal(finish(&late), RC_CONFLICT);
	(void)test_job_claim(&catalogs, &second, JOB_OVER);
	assert_int_equal(COUNT("SELECT published_generation FROM media WHERE id = '%s'", upload), 1);
	struct uuid third = newest_job(&upload);
	struct job_claim claim = test_job_claim(&catalogs, &third, JOB_CLAIMED);
	assert_int_equal(finish(&claim), RC_OK);
	assert_int_equal(COUNT("SELECT published_generation FROM media WHERE id = '%s'", upload), 3);
}

static void what_is_not_ready_or_not_there_is_refused(void **state)
{
	(void)state;
	struct upload_new upload, other;
	struct uuid job_id;
	struct media_reprocessed reprocessed;
	test_media_queue(&catalogs, false, &upload, &job_id);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_CONFLICT); // uploaded
	struct job_claim claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_CONFLICT); // processing
	assert_int_equal(finish(&claim), RC_OK);
	assert_int_equal(reprocess(&upload, "missing", &reprocessed), RC_INVALID);
	make_ready(&other);
	other.media_id = upload.media_id; // of another owner
	assert_int_equal(reprocess(&other, NULL, &reprocessed), RC_NOT_FOUND);
	test_run_for(&catalogs, "UPDATE media SET kind = 'file' WHERE id = '%s'", &upload.media_id);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_CONFLICT);
	// A preset that is gone gives way to the default.
	test_run_for(&catalogs, "UPDATE media SET kind = 'photo', preset = 'gone' WHERE id = '%s'", &upload.media_id);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_OK);
	assert_int_equal(COUNT("SELECT count(*) FROM media WHERE id = '%s' AND preset = 'default'", upload), 1);
}

static void a_deletion_wins(void **state)
{
	(void)state;
	struct upload_new upload;
	struct media_reprocessed reprocessed;
	struct err err = { 0 };
	const struct catalog_call call = test_call();
	make_ready(&upload);
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_OK);
	struct uuid job_id = newest_job(&upload);
	struct job_claim claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_int_equal(catalog_media_delete(&catalogs.of[TEST_API], &call, &upload.owner_id, &upload.media_id, &err),
	                 RC_OK);
	assert_int_equal(finish(&claim), RC_NOT_FOUND); // the worker discards what it has stored
	assert_int_equal(reprocess(&upload, NULL, &reprocessed), RC_NOT_FOUND);
	assert_int_equal(COUNT("SELECT count(*) FROM variants WHERE media_id = '%s'", upload), 0);
}

struct caller {
	pthread_t thread;
	const struct upload_new *upload;
	enum rc rc;
	struct media_reprocessed reprocessed;
};

static void *call_once(void *argument)
{
	struct caller *caller = argument;
	caller->rc = reprocess(caller->upload, NULL, &caller->reprocessed);
	return NULL;
}

static void many_at_once_make_one_generation(void **state)
{
	(void)state;
	struct upload_new upload;
	struct caller callers[8];
	unsigned begun = 0;
	make_ready(&upload);
	for (size_t i = 0; i < 8; i++) {
		callers[i] = (struct caller){ .upload = &upload };
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_once, &callers[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].rc, RC_OK);
		assert_int_equal(callers[i].reprocessed.generation, 2);
		begun += callers[i].reprocessed.is_new;
	}
	assert_int_equal(begun, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_old_generation_stands_until_the_new_one_is_whole),
		cmocka_unit_test(calls_before_the_work_begins_are_one),
		cmocka_unit_test(work_that_has_begun_is_overtaken),
		cmocka_unit_test(what_is_not_ready_or_not_there_is_refused),
		cmocka_unit_test(a_deletion_wins),
		cmocka_unit_test(many_at_once_make_one_generation),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
