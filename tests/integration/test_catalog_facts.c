// What pictures say, in the database: positions are there only while their owner wants them, whoever writes and
// whatever happens at once; and what looks alike is found exactly, whatever the indexes skip.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "catalog/media.h"
#include "catalog/run.h"
#include "db/pool.h"
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

// ---- positions ------------------------------------------------------------------------------------------------------

static void keep_positions(const struct uuid *owner_id, bool kept)
{
	test_run_for(&catalogs,
	             kept ? "UPDATE users SET keep_positions = true WHERE id = '%s'"
	                  : "UPDATE users SET keep_positions = false WHERE id = '%s'",
	             owner_id);
}

static const struct media_facts facts_of_iceland = { .width = 4000,
	                                             .height = 3000,
	                                             .dominant_rgb = -1,
	                                             .exif = "{\"model\":\"L-1\"}",
	                                             .has_position = true,
	                                             .latitude_e6 = 64145867,
	                                             .longitude_e6 = -21940500,
	                                             .has_altitude = true,
	                                             .altitude_mm = -12345 };

static void publish_iceland(const struct job_claim *claim)
{
	struct catalog_call call = test_call();
	struct test_variants variants;
	struct job_published published;
	struct err err = { 0 };

	test_variants_fill(claim, &variants);
	variants.publish.facts = &facts_of_iceland;
	if (catalog_job_publish_preview(test_transcoder(&catalogs), &call, &variants.publish, &published, &err) !=
	    RC_OK)
		fail_msg("%s", err.text);
}

static int64_t positions_of(const struct uuid *media_id)
{
	return test_count_for(&catalogs, "SELECT count(*) FROM media_positions WHERE media_id = '%s'", media_id);
}

static void nobody_keeps_positions_unasked(void **state)
{
	struct upload_new upload;
	struct uuid job_id;
	struct job_claim claim;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_false(claim.keep_positions);
	publish_iceland(&claim); // and even a transcoder that says one gets none in
	assert_int_equal(positions_of(&upload.media_id), 0);
	assert_int_equal(test_count_for(&catalogs, "SELECT count(*) FROM media WHERE id = '%s' AND exif IS NOT NULL",
	                                &upload.media_id),
	                 1);
}

// Ends with a media that has a position.
static void make_placed(struct upload_new *ret_upload)
{
	struct uuid job_id;
	struct job_claim claim;

	test_media_queue(&catalogs, false, ret_upload, &job_id);
	keep_positions(&ret_upload->owner_id, true);
	claim = test_job_claim(&catalogs, &job_id, JOB_CLAIMED);
	assert_true(claim.keep_positions);
	publish_iceland(&claim);
	publish_iceland(&claim); // a second attempt
	assert_int_equal(positions_of(&ret_upload->media_id), 1);
}

static void the_owner_alone_reads_them(void **state)
{
	struct upload_new upload;
	struct catalog_call call = test_call();
	struct db_value values[2];
	struct db_result *result = NULL;
	struct media_row media;

	(void)state;
	make_placed(&upload);
	catalog_media_find_values(&upload.owner_id, &upload.media_id, values);
	assert_int_equal(
	        catalog_run(&catalogs.of[TEST_API], &call, &catalog_media_find_own_statement, values, 2, &result, NULL),
	        RC_OK);
	catalog_media_read(result, 0, &media);
	assert_string_equal(media.exif, "{\"gps\": {\"altitude\": -12.345, \"latitude\": 64.145867, \"longitude\": "
	                                "-21.9405}, \"model\": \"L-1\"}");
	db_result_free(result);
	assert_int_equal(catalog_media_find(&catalogs.of[TEST_API], &call, &upload.owner_id, &upload.media_id, &media,
	                                    &result, NULL),
	                 RC_OK);
	assert_string_equal(media.exif, "{\"model\": \"L-1\"}");
	db_result_free(result);
	assert_int_equal(catalog_run(&catalogs.of[TEST_INGEST], &call, &catalog_media_find_own_statement, values, 2,
	                             &result, NULL),
	                 RC_DENIED);
}

static void turning_it_off_removes_them(void **state)
{
	struct upload_new first, second;

	(void)state;
	make_placed(&first);
	make_placed(&second); // of somebody else
	keep_positions(&first.owner_id, false);
	assert_int_equal(positions_of(&first.media_id), 0);
	assert_int_equal(positions_of(&second.media_id), 1);
	keep_positions(&first.owner_id, true); // does not bring back what is gone
	assert_int_equal(positions_of(&first.media_id), 0);
}

static void deleting_removes_them(void **state)
{
	struct catalog_call call = test_call();
	struct upload_new upload;

	(void)state;
	make_placed(&upload);
	assert_int_equal(catalog_media_delete(&catalogs.of[TEST_API], &call, &upload.owner_id, &upload.media_id, NULL),
	                 RC_OK);
	assert_int_equal(positions_of(&upload.media_id), 0);
	make_placed(&upload);
	test_run_for(&catalogs, "UPDATE users SET deleted_at = now() WHERE id = '%s'", &upload.owner_id);
	assert_int_equal(positions_of(&upload.media_id), 0);
}

static void *turn_off_in_thread(void *owner_id)
{
	keep_positions(owner_id, false);
	return NULL;
}

// A position that is being written while its owner turns them off is gone too: the removal waits for it and sees it.
static void none_slips_through_at_the_same_moment(void **state)
{
	static const struct db_statement WRITE = {
		.name = "test_position",
		.sql = "INSERT INTO media_positions (media_id, owner_id, latitude_e6, longitude_e6) VALUES ($1, $2, 1, 1)",
		.parameter_count = 2,
	};
	struct upload_new upload;
	struct uuid job_id;
	struct db_connection *connection;
	pthread_t thread;

	(void)state;
	test_media_queue(&catalogs, false, &upload, &job_id);
	keep_positions(&upload.owner_id, true);
	assert_int_equal(db_pool_acquire(catalogs.pools[TEST_TRANSCODER], test_deadline(), &connection, NULL), RC_OK);
	assert_int_equal(db_begin(connection, test_deadline(), NULL), RC_OK);
	const struct db_value values[] = { db_uuid(&upload.media_id), db_uuid(&upload.owner_id) };
	assert_int_equal(db_execute(connection, &WRITE, values, 2, test_deadline(), NULL, NULL), RC_OK);
	assert_int_equal(pthread_create(&thread, NULL, turn_off_in_thread, &upload.owner_id), 0);
	clock_sleep_ms(300); // time enough to be at the lock; if it is later, the test is easier to pass
	assert_int_equal(db_commit(connection, test_deadline(), NULL), RC_OK);
	(void)pthread_join(thread, NULL);
	db_pool_release(catalogs.pools[TEST_TRANSCODER], connection);
	assert_int_equal(positions_of(&upload.media_id), 0);
}

// ---- likeness -------------------------------------------------------------------------------------------------------

#define ALIKE 3000

// An owner's media around one hash: number n differs from it in n % 20 bits, whose places are spread by chance.
static struct uuid make_alike(struct uuid *ret_owner_id)
{
	struct upload_new upload;
	struct uuid job_id;
	char sql[1400], owner[UUID_TEXT_SIZE];

	test_media_queue(&catalogs, false, &upload, &job_id);
	uuid_format(&upload.owner_id, owner);
	test_run_for(&catalogs, "UPDATE media SET perceptual_hash = x'fedcba9876543210'::bigint WHERE id = '%s'",
	             &upload.media_id);
	(void)snprintf(
	        sql, sizeof sql,
	        "SELECT setseed(0.42); INSERT INTO media (id, owner_id, state, filename, declared_type, kind, "
	        "size, original_key, perceptual_hash) SELECT gen_random_uuid(), '%s', 'ready', 'x.jpg', "
	        "'image/jpeg', 'photo', 1, 'k', x'fedcba9876543210'::bigint # (SELECT bit_or(1::bigint << place) "
	        "FROM (SELECT place FROM generate_series(0, 63) place ORDER BY random() + n * 0 LIMIT n %% 20) p) "
	        "FROM generate_series(1, %d) n WHERE n %% 20 > 0",
	        owner, ALIKE);
	test_database_run(&catalogs.database, sql);
	test_database_run(&catalogs.database, "ANALYZE media");
	*ret_owner_id = upload.owner_id;
	return upload.media_id;
}

// All pages of two rows more than `limit`, counted; distances rise and none comes twice.
static int64_t count_similar(const struct uuid *owner_id, const struct uuid *media_id, unsigned distance,
                             unsigned limit)
{
	struct media_similar_page page = {
		.owner_id = *owner_id, .media_id = *media_id, .distance = distance, .limit = limit
	};
	int64_t count = 0;
	size_t rows;

	do {
		struct catalog_call call = test_call();
		struct db_value values[6];
		struct db_result *result;
		struct media_row media;
		struct err err = { 0 };

		catalog_media_similar_values(&page, values);
		if (catalog_run(&catalogs.of[TEST_API], &call, &catalog_media_similar_statement, values, 6, &result,
		                &err) != RC_OK)
			fail_msg("%s", err.text);
		rows = db_result_rows(result);
		assert_in_range(rows, 1, limit + 1);
		catalog_media_read(result, 0, &media);
		assert_true(uuid_equal(&media.id, media_id));
		for (size_t row = 1; row < rows; row++) {
			unsigned of_row = catalog_media_similar_distance(result, row);

			catalog_media_read(result, row, &media);
			assert_in_range(of_row, page.has_after ? (unsigned)page.after_distance : 0, distance);
			assert_true(!page.has_after || of_row > page.after_distance ||
			            memcmp(&media.id, &page.after_id, sizeof media.id) > 0);
			page.after_distance = of_row;
			page.after_id = media.id;
			page.has_after = true;
			count++;
		}
		db_result_free(result);
	} while (rows == limit + 1);
	return count;
}

static void all_within_the_distance_are_found(void **state)
{
	struct uuid owner_id, media_id = make_alike(&owner_id);

	(void)state;
	for (unsigned distance = 0; distance <= CATALOG_SIMILAR_DISTANCE_MOST; distance++) {
		char sql[300];
		int64_t wanted;

		(void)snprintf(
		        sql, sizeof sql,
		        "SELECT count(*) FROM media m, media g WHERE g.id = '%%s' AND m.owner_id = g.owner_id AND "
		        "m.id <> g.id AND bit_count((m.perceptual_hash # g.perceptual_hash)::bit(64)) <= %u",
		        distance);
		wanted = test_count_for(&catalogs, sql, &media_id);
		assert_int_equal(wanted, distance * ALIKE / 20);
		assert_int_equal(count_similar(&owner_id, &media_id, distance, 200), wanted);
	}
	assert_int_equal(count_similar(&owner_id, &media_id, 5, 7), 5 * ALIKE / 20);
}

static void others_and_deleted_ones_are_not_alike(void **state)
{
	struct uuid owner_id, other_id, media_id = make_alike(&owner_id), others = make_alike(&other_id);
	struct catalog_call call = test_call();
	struct media_similar_page page = { .owner_id = other_id, .media_id = media_id, .distance = 11, .limit = 5 };
	struct db_value values[6];
	struct db_result *result;

	(void)state;
	catalog_media_similar_values(&page, values);
	assert_int_equal(
	        catalog_run(&catalogs.of[TEST_API], &call, &catalog_media_similar_statement, values, 6, &result, NULL),
	        RC_OK);
	assert_int_equal(db_result_rows(result), 0); // not theirs: there is none such
	db_result_free(result);
	assert_int_equal(count_similar(&owner_id, &media_id, 1, 200), ALIKE / 20);
	test_run_for(&catalogs,
	             "UPDATE media SET state = 'deleted', deleted_at = now() WHERE owner_id = '%s' AND state = 'ready'",
	             &owner_id);
	assert_int_equal(count_similar(&owner_id, &media_id, 11, 200), 0);
	assert_int_equal(count_similar(&other_id, &others, 1, 200), ALIKE / 20);
}

// A media that has no hash (not decoded, or without structure) resembles nothing.
static void without_a_hash_nothing_is_alike(void **state)
{
	struct uuid owner_id, media_id = make_alike(&owner_id);

	(void)state;
	test_run_for(&catalogs, "UPDATE media SET perceptual_hash = NULL WHERE id = '%s'", &media_id);
	assert_int_equal(count_similar(&owner_id, &media_id, 11, 200), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_keeps_positions_unasked),
		cmocka_unit_test(the_owner_alone_reads_them),
		cmocka_unit_test(turning_it_off_removes_them),
		cmocka_unit_test(deleting_removes_them),
		cmocka_unit_test(none_slips_through_at_the_same_moment),
		cmocka_unit_test(all_within_the_distance_are_found),
		cmocka_unit_test(others_and_deleted_ones_are_not_alike),
		cmocka_unit_test(without_a_hash_nothing_is_alike),
	};

	return cmocka_run_group_tests(tests, open_catalogs, close_catalogs);
}
