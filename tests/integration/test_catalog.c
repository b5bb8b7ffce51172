// Uploads and media on a real Postgres, with the rights of the services.
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "catalog/media.h"
#include "catalog/upload.h"
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

static enum rc begin(const struct upload_new *upload, struct upload_begun *ret_begun)
{
	struct catalog_call call = test_call();

	return catalog_upload_begin(&catalogs.of[TEST_INGEST], &call, upload, ret_begun, NULL);
}

static void a_begun_upload_is_all_there(void **state)
{
	static const uint8_t sha256[32] = { 1, 2, 3 }, md5[16] = { 4, 5 };
	struct uuid owner_id = test_database_add_user(&catalogs.database);
	struct catalog_call call = test_call();
	struct upload_new upload;
	struct upload_begun begun;
	struct upload_row row;
	struct media_row media;
	struct db_result *result;

	(void)state;
	test_upload_fill(&owner_id, &upload);
	upload.sha256 = sha256;
	upload.content_md5 = md5;
	upload.alt = "A cat";
	upload.captured_at = 1700000000000000;
	upload.visibility = "shared";
	assert_int_equal(begin(&upload, &begun), RC_OK);
	assert_int_equal(begun.outcome, UPLOAD_BEGUN);
	assert_int_equal(catalog_upload_find(&catalogs.of[TEST_INGEST], &call, &owner_id, &upload.upload_id, &row,
	                                     &result, NULL),
	                 RC_OK);
	assert_true(uuid_equal(&row.media_id, &upload.media_id));
	assert_memory_equal(row.sha256, sha256, 32);
	assert_memory_equal(row.content_md5, md5, 16);
	assert_int_equal(row.size, 1000);
	assert_int_equal(row.media_state, MEDIA_AWAITING_UPLOAD);
	assert_false(row.completed || row.aborted);
	db_result_free(result);
	assert_int_equal(
	        catalog_upload_find_by_media(&catalogs.of[TEST_INGEST], &call, &upload.media_id, &row, &result, NULL),
	        RC_OK);
	db_result_free(result);
	assert_int_equal(catalog_upload_find(&catalogs.of[TEST_INGEST], &call, &upload.media_id, &upload.upload_id,
	                                     &row, &result, NULL),
	                 RC_NOT_FOUND);
	assert_int_equal(
	        catalog_media_find(&catalogs.of[TEST_API], &call, &owner_id, &upload.media_id, &media, &result, NULL),
	        RC_OK);
	assert_string_equal(media.filename, "photo.jpg");
	assert_string_equal(media.alt, "A cat");
	assert_string_equal(media.visibility, "shared");
	assert_true(media.captured_at == 1700000000000000);
	assert_int_equal(media.version, 1);
	assert_int_equal(media.dominant_rgb, -1);
	assert_null(media.content_type);
	assert_int_equal(media.reason, REASON_NONE);
	db_result_free(result);
	assert_int_equal(test_count_for(&catalogs, "SELECT reserved_bytes FROM usage WHERE owner_id = '%s'", &owner_id),
	                 1000);
	// A multipart id is set once.
	assert_int_equal(catalog_upload_set_multipart(&catalogs.of[TEST_INGEST], &call, &upload.upload_id, "m1", NULL),
	                 RC_OK);
	assert_int_equal(catalog_upload_set_multipart(&catalogs.of[TEST_INGEST], &call, &upload.upload_id, "m1", NULL),
	                 RC_OK);
	assert_int_equal(catalog_upload_set_multipart(&catalogs.of[TEST_INGEST], &call, &upload.upload_id, "m2", NULL),
	                 RC_CONFLICT);
}

static void begin_refuses_what_it_must(void **state)
{
	struct uuid owner_id = test_database_add_user(&catalogs.database);
	struct uuid nobody = uuid_new();
	struct upload_new upload;
	struct upload_begun begun;

	(void)state;
	test_upload_fill(&nobody, &upload);
	assert_int_equal(begin(&upload, &begun), RC_DENIED);
	test_upload_fill(&owner_id, &upload);
	upload.item_id = &nobody;
	assert_int_equal(begin(&upload, &begun), RC_NOT_FOUND);
	test_upload_fill(&owner_id, &upload);
	upload.quota = (struct upload_quota){ .bytes = 2500, .files = 10, .reserved_files = 10, .day_bytes = 10000 };
	assert_int_equal(begin(&upload, &begun), RC_OK);
	// The same ids again, as after a lost answer.
	assert_int_equal(begin(&upload, &begun), RC_OK);
	assert_int_equal(begun.outcome, UPLOAD_REPEATED);
	assert_true(uuid_equal(&begun.upload_id, &upload.upload_id));
	upload.upload_id = uuid_new();
	upload.media_id = uuid_new();
	assert_int_equal(begin(&upload, &begun), RC_OK);
	upload.upload_id = uuid_new();
	upload.media_id = uuid_new();
	assert_int_equal(begin(&upload, &begun), RC_LIMIT);
	upload.quota = (struct upload_quota){ .files = 2 };
	assert_int_equal(begin(&upload, &begun), RC_LIMIT);
	upload.quota = (struct upload_quota){ .reserved_files = 2 };
	assert_int_equal(begin(&upload, &begun), RC_LIMIT);
	upload.quota = (struct upload_quota){ .day_bytes = 2999 };
	assert_int_equal(begin(&upload, &begun), RC_LIMIT);
	upload.quota = (struct upload_quota){ .day_bytes = 3000 };
	assert_int_equal(begin(&upload, &begun), RC_OK);
	assert_int_equal(test_count_for(&catalogs, "SELECT reserved_bytes FROM usage WHERE owner_id = '%s'", &owner_id),
	                 3000);
	// An owner's own limit goes before the service's.
	test_run_for(&catalogs, "UPDATE usage SET bytes_limit = 3999 WHERE owner_id = '%s'", &owner_id);
	upload.upload_id = uuid_new();
	upload.media_id = uuid_new();
	upload.quota = (struct upload_quota){ .bytes = 1000000 };
	assert_int_equal(begin(&upload, &begun), RC_LIMIT);
	// Nothing of what was refused is left.
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM media WHERE owner_id = '%s'", &owner_id), 3);
	test_run_for(&catalogs, "UPDATE users SET deleted_at = now() WHERE id = '%s'", &owner_id);
	upload.quota = (struct upload_quota){ 0 };
	assert_int_equal(begin(&upload, &begun), RC_DENIED);
}

struct racer {
	struct upload_new upload;
	struct upload_begun begun;
	enum rc rc;
};

static void *begin_in_thread(void *context)
{
	struct racer *racer = context;

	racer->rc = begin(&racer->upload, &racer->begun);
	return NULL;
}

static void an_idempotency_key_begins_one_upload(void **state)
{
	static const uint8_t fingerprint[32] = { 1 }, other[32] = { 2 };
	struct uuid owner_id = test_database_add_user(&catalogs.database);
	struct racer racers[8];
	pthread_t threads[8];
	unsigned begun = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		test_upload_fill(&owner_id, &racers[i].upload);
		racers[i].upload.idempotency_key = "the key";
		racers[i].upload.idempotency_fingerprint = fingerprint;
		assert_int_equal(pthread_create(&threads[i], NULL, begin_in_thread, &racers[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++)
		(void)pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(racers[i].rc, RC_OK);
		begun += racers[i].begun.outcome == UPLOAD_BEGUN;
		assert_true(uuid_equal(&racers[i].begun.upload_id, &racers[0].begun.upload_id));
		assert_true(uuid_equal(&racers[i].begun.media_id, &racers[0].begun.media_id));
	}
	assert_int_equal(begun, 1);
	assert_int_equal(test_count_for(&catalogs, "SELECT reserved_files FROM usage WHERE owner_id = '%s'", &owner_id),
	                 1);
	racers[0].upload.idempotency_fingerprint = other;
	assert_int_equal(begin(&racers[0].upload, &racers[0].begun), RC_CONFLICT);
}

static void a_camera_roll_is_begun_together_or_not_at_all(void **state)
{
	struct uuid owner_id = test_database_add_user(&catalogs.database);
	struct catalog_call call = test_call();
	struct upload_new uploads[20];
	struct upload_begun begun[20];
	size_t index = 99;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		test_upload_fill(&owner_id, &uploads[i]);
		uploads[i].quota.files = 19;
	}
	assert_int_equal(catalog_upload_begin_many(&catalogs.of[TEST_INGEST], &call, uploads, 20, begun, &index, NULL),
	                 RC_LIMIT);
	assert_int_equal(index, 19);
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM media WHERE owner_id = '%s'", &owner_id), 0);
	assert_int_equal(catalog_upload_begin_many(&catalogs.of[TEST_INGEST], &call, uploads, 19, begun, &index, NULL),
	                 RC_OK);
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM uploads WHERE owner_id = '%s'", &owner_id),
	                 19);
	assert_int_equal(catalog_upload_begin_many(&catalogs.of[TEST_INGEST], &call, uploads, 19, begun, &index, NULL),
	                 RC_OK);
	assert_int_equal(begun[3].outcome, UPLOAD_REPEATED);
}

static void *complete_in_thread(void *context)
{
	struct upload_ended *ended = context;

	*ended = test_upload_complete(&catalogs, &ended->media_id, true);
	return NULL;
}

static void racing_completes_make_one_job_and_one_event(void **state)
{
	struct upload_new upload;
	struct upload_ended ended[8];
	pthread_t threads[8];
	unsigned changed = 0;

	(void)state;
	test_upload_begin(&catalogs, &upload);
	for (unsigned i = 0; i < 8; i++) {
		ended[i].media_id = upload.upload_id;
		assert_int_equal(pthread_create(&threads[i], NULL, complete_in_thread, &ended[i]), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		(void)pthread_join(threads[i], NULL);
		changed += ended[i].changed;
		assert_int_equal(ended[i].state, MEDIA_UPLOADED);
		assert_int_equal(ended[i].version, 2);
	}
	assert_int_equal(changed, 1);
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM jobs WHERE media_id = '%s'", &upload.media_id),
	                 2);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM outbox WHERE payload->'data'->>'media_id' = '%s' "
	                                "AND kind = 'media' AND subject = 'events.media.uploaded'",
	                                &upload.media_id),
	                 1);
	assert_int_equal(
	        test_count_for(&catalogs,
	                       "SELECT count(*) FROM outbox o JOIN jobs j ON j.id::text = o.payload->'data'->>'job_id' "
	                       "WHERE j.media_id = '%s' AND o.subject = 'jobs.' || j.pool || '.interactive'",
	                       &upload.media_id),
	        2);
	assert_int_equal(test_count_for(&catalogs, "SELECT bytes FROM usage WHERE owner_id = '%s'", &upload.owner_id),
	                 1000);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT reserved_bytes FROM usage WHERE owner_id = '%s'", &upload.owner_id),
	        0);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM media_history WHERE media_id = '%s'", &upload.media_id),
	        1);
}

static void a_file_is_ready_at_once(void **state)
{
	struct upload_new upload;
	struct upload_completion completion = { .content_type = "application/zip", .kind = MEDIA_FILE, .etag = "e" };
	struct catalog_call call = test_call();
	struct upload_ended ended;

	(void)state;
	test_upload_begin(&catalogs, &upload);
	completion.upload_id = upload.upload_id;
	assert_int_equal(catalog_upload_complete(&catalogs.of[TEST_INGEST], &call, &completion, &ended, NULL), RC_OK);
	assert_true(ended.changed);
	assert_int_equal(ended.state, MEDIA_READY);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM outbox WHERE payload->'data'->>'media_id' = '%s' "
	                                "AND subject IN ('events.media.uploaded', 'events.media.ready')",
	                                &upload.media_id),
	                 2);
	assert_int_equal(catalog_upload_complete(&catalogs.of[TEST_INGEST], &call, &completion, &ended, NULL), RC_OK);
	assert_false(ended.changed);
}

static void an_upload_ends_in_one_way(void **state)
{
	struct catalog_call call = test_call();
	struct upload_completion completion = { .content_type = "application/zip", .kind = MEDIA_FILE, .etag = "e" };
	struct upload_new uploads[4];
	struct upload_ended ended;
	struct err err = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		test_upload_begin(&catalogs, &uploads[i]);
	assert_int_equal(catalog_upload_reject(&catalogs.of[TEST_INGEST], &call, &uploads[0].upload_id,
	                                       REASON_TYPE_MISMATCH, NULL, &ended, NULL),
	                 RC_OK);
	assert_true(ended.changed);
	assert_int_equal(catalog_upload_expire(&catalogs.of[TEST_INGEST], &call, &uploads[1].upload_id, &ended, NULL),
	                 RC_OK);
	assert_int_equal(catalog_upload_abort(&catalogs.of[TEST_INGEST], &call, &uploads[2].upload_id, &ended, NULL),
	                 RC_OK);
	assert_int_equal(ended.state, MEDIA_DELETED);
	completion.upload_id = uploads[3].upload_id;
	assert_int_equal(catalog_upload_complete(&catalogs.of[TEST_INGEST], &call, &completion, &ended, NULL), RC_OK);
	// Once more: nothing changes; otherwise: refused.
	assert_int_equal(catalog_upload_reject(&catalogs.of[TEST_INGEST], &call, &uploads[0].upload_id,
	                                       REASON_TYPE_MISMATCH, NULL, &ended, NULL),
	                 RC_OK);
	assert_false(ended.changed);
	for (unsigned i = 0; i < 3; i++) {
		completion.upload_id = uploads[i].upload_id;
		assert_int_equal(catalog_upload_complete(&catalogs.of[TEST_INGEST], &call, &completion, &ended, &err),
		                 RC_CONFLICT);
		assert_int_equal(test_count_for(&catalogs,
		                                "SELECT reserved_files + files FROM usage WHERE owner_id = '%s'",
		                                &uploads[i].owner_id),
		                 0);
		// Now, and again when its URL has expired.
		assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM deletions WHERE media_id = '%s'",
		                                &uploads[i].media_id),
		                 2);
	}
	assert_int_equal(catalog_upload_abort(&catalogs.of[TEST_INGEST], &call, &uploads[3].upload_id, &ended, NULL),
	                 RC_CONFLICT);
	assert_int_equal(catalog_upload_abort(&catalogs.of[TEST_INGEST], &call, &uploads[3].media_id, &ended, NULL),
	                 RC_NOT_FOUND);
	assert_int_equal(test_database_count(&catalogs.database,
	                                     "SELECT count(*) FROM media WHERE state = 'rejected' AND reason_code = "
	                                     "'type_mismatch' AND reason_detail LIKE 'The content is of%'"),
	                 1);
}

static void pages_are_complete_under_inserts(void **state)
{
	struct uuid owner_id = test_database_add_user(&catalogs.database);
	struct media_page page = { .owner_id = owner_id, .limit = 7 };
	struct catalog_call call = test_call();
	struct uuid seen[100];
	size_t count = 0;
	char text[UUID_TEXT_SIZE], sql[512];

	(void)state;
	uuid_format(&owner_id, text);
	// Many of one moment: the id breaks ties.
	(void)snprintf(
	        sql, sizeof(sql),
	        "INSERT INTO media (id, owner_id, filename, declared_type, kind, size, original_key, created_at) "
	        "SELECT gen_random_uuid(), '%s', 'f', 't/t', 'photo', 1, 'k', now() - (i / 10) * interval '1 hour' "
	        "FROM generate_series(0, 59) AS i",
	        text);
	test_database_run(&catalogs.database, sql);
	for (;;) {
		struct db_result *result;
		size_t rows;

		assert_int_equal(catalog_media_list(&catalogs.of[TEST_API], &call, &page, &result, NULL), RC_OK);
		rows = db_result_rows(result);
		for (size_t i = 0; i < rows; i++) {
			struct media_row media;

			catalog_media_read(result, i, &media);
			for (size_t j = 0; j < count; j++)
				assert_false(uuid_equal(&seen[j], &media.id));
			seen[count++] = media.id;
			page.after_created_at = media.created_at;
			page.after_id = media.id;
			page.has_after = true;
		}
		db_result_free(result);
		if (rows < page.limit)
			break;
		// New ones come in at the front meanwhile.
		(void)snprintf(sql, sizeof(sql),
		               "INSERT INTO media (id, owner_id, filename, declared_type, kind, size, original_key) "
		               "VALUES (gen_random_uuid(), '%s', 'f', 't/t', 'photo', 1, 'k')",
		               text);
		test_database_run(&catalogs.database, sql);
	}
	assert_int_equal(count, 60);
	page = (struct media_page){ .owner_id = owner_id, .limit = 100, .states = 1u << MEDIA_READY };
	{
		struct db_result *result;

		assert_int_equal(catalog_media_list(&catalogs.of[TEST_API], &call, &page, &result, NULL), RC_OK);
		assert_int_equal(db_result_rows(result), 0);
		db_result_free(result);
	}
}

static void deleting_gives_everything_back_once(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload, waiting;
	struct test_variants variants;
	struct job_published published;
	struct job_claim claim;
	struct uuid job_id;
	struct media_row media;
	struct db_result *result;

	(void)state;
	test_upload_begin(&catalogs, &upload);
	(void)test_upload_complete(&catalogs, &upload.upload_id, true);
	job_id = test_job_id(&catalogs, &upload.media_id, "fast");
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	test_variants_fill(&claim, &variants);
	assert_int_equal(
	        catalog_job_publish_preview(&catalogs.of[TEST_TRANSCODER], &call, &variants.publish, &published, NULL),
	        RC_OK);
	assert_int_equal(catalog_media_delete(&catalogs.of[TEST_API], &call, &upload.media_id, &upload.media_id, NULL),
	                 RC_NOT_FOUND);
	assert_int_equal(catalog_media_delete(&catalogs.of[TEST_API], &call, &upload.owner_id, &upload.media_id, NULL),
	                 RC_OK);
	assert_int_equal(catalog_media_delete(&catalogs.of[TEST_API], &call, &upload.owner_id, &upload.media_id, NULL),
	                 RC_OK);
	assert_int_equal(catalog_media_find(&catalogs.of[TEST_API], &call, &upload.owner_id, &upload.media_id, &media,
	                                    &result, NULL),
	                 RC_NOT_FOUND);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT bytes + files FROM usage WHERE owner_id = '%s'", &upload.owner_id),
	        0);
	// Two originals (now and later), two variants, one purge.
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM deletions WHERE media_id = '%s'", &upload.media_id), 5);
	assert_int_equal(
	        test_count_for(&catalogs, "SELECT count(*) FROM variants WHERE media_id = '%s'", &upload.media_id), 0);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT count(*) FROM outbox WHERE payload->'data'->>'media_id' = '%s' "
	                                "AND subject = 'events.media.deleted'",
	                                &upload.media_id),
	                 1);
	// The worker that was at it can change nothing any more, and learns that its objects are orphans.
	assert_int_equal(catalog_job_finish(&catalogs.of[TEST_TRANSCODER], &call, &variants.publish, &published, NULL),
	                 RC_NOT_FOUND);
	(void)test_job_claim(&catalogs, &job_id, JOB_OVER);
	test_upload_begin(&catalogs, &waiting);
	assert_int_equal(
	        catalog_media_delete(&catalogs.of[TEST_API], &call, &waiting.owner_id, &waiting.media_id, NULL), RC_OK);
	assert_int_equal(test_count_for(&catalogs,
	                                "SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = '%s'",
	                                &waiting.owner_id),
	                 0);
}

static void the_same_bytes_are_found_again(void **state)
{
	static const uint8_t sha256[32] = { 9, 9, 9 };
	struct catalog_call call = test_call();
	struct upload_completion completion = {
		.content_type = "application/zip", .kind = MEDIA_FILE, .etag = "e", .sha256 = sha256
	};
	struct upload_new upload, again;
	struct upload_begun begun;
	struct upload_ended ended;
	struct media_row media;
	struct db_result *result;

	(void)state;
	test_upload_begin(&catalogs, &upload);
	completion.upload_id = upload.upload_id;
	assert_int_equal(catalog_upload_complete(&catalogs.of[TEST_INGEST], &call, &completion, &ended, NULL), RC_OK);
	test_upload_fill(&upload.owner_id, &again);
	again.sha256 = sha256;
	assert_int_equal(begin(&again, &begun), RC_OK);
	assert_int_equal(begun.outcome, UPLOAD_DUPLICATE);
	assert_true(uuid_equal(&begun.media_id, &upload.media_id));
	assert_int_equal(catalog_media_find_by_sha256(&catalogs.of[TEST_INGEST], &call, &upload.owner_id, sha256,
	                                              &media, &result, NULL),
	                 RC_OK);
	db_result_free(result);
	// Only of one's own.
	again.owner_id = test_database_add_user(&catalogs.database);
	assert_int_equal(begin(&again, &begun), RC_OK);
	assert_int_equal(begun.outcome, UPLOAD_BEGUN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_begun_upload_is_all_there),
		cmocka_unit_test(begin_refuses_what_it_must),
		cmocka_unit_test(an_idempotency_key_begins_one_upload),
		cmocka_unit_test(a_camera_roll_is_begun_together_or_not_at_all),
		cmocka_unit_test(racing_completes_make_one_job_and_one_event),
		cmocka_unit_test(a_file_is_ready_at_once),
		cmocka_unit_test(an_upload_ends_in_one_way),
		cmocka_unit_test(pages_are_complete_under_inserts),
		cmocka_unit_test(deleting_gives_everything_back_once),
		cmocka_unit_test(the_same_bytes_are_found_again),
	};

	return cmocka_run_group_tests_name("catalog", tests, open_catalogs, close_catalogs);
}
