// Bringing media to a wanted point.
#include "tests/integration/support/catalog.h"

#include <stdio.h>
#include <string.h>

#include "db/pipeline.h"
#include "db/pool.h"
#include "tests/unit/cmocka_all.h"

int test_catalogs_open(struct test_catalogs *catalogs)
{
	static const char *const sources[] = { "", "/safelight/ingest", "/safelight/transcoder", "/safelight/api" };
	struct db_options options;

	*catalogs = (struct test_catalogs){ 0 };
	if (test_database_create(&catalogs->database, true) != 0)
		return -1;
	for (enum test_role role = TEST_INGEST; role < TEST_ROLE_COUNT; role++) {
		test_database_options(&catalogs->database, role, &options);
		if (db_pool_new(&options, 4, &catalogs->pools[role], NULL) != RC_OK ||
		    db_pipeline_new(&options, 1, 1000, &catalogs->pipelines[role], NULL) != RC_OK)
			return -1;
		catalogs->of[role] = (struct catalog){ .pool = catalogs->pools[role],
			                               .pipeline = catalogs->pipelines[role],
			                               .source = sources[role] };
	}
	return 0;
}

void test_catalogs_close(struct test_catalogs *catalogs)
{
	for (enum test_role role = TEST_INGEST; role < TEST_ROLE_COUNT; role++) {
		db_pipeline_free(catalogs->pipelines[role], 1000);
		db_pool_free(catalogs->pools[role]);
	}
	test_database_drop(&catalogs->database);
}

struct catalog_call test_call(void)
{
	return (struct catalog_call){ .deadline = test_deadline() };
}

void test_upload_fill(const struct uuid *owner_id, struct upload_new *ret_upload)
{
	int64_t now_us = clock_now_us();

	*ret_upload = (struct upload_new){
		.upload_id = uuid_new(),
		.media_id = uuid_new(),
		.owner_id = *owner_id,
		.filename = "photo.jpg",
		.content_type = "image/jpeg",
		.kind = MEDIA_PHOTO,
		.size = 1000,
		.captured_at = DB_NO_TIME,
		.object_key = "key/of/the/original",
		.method = UPLOAD_PUT,
		.expires_at = now_us + 600000000,
		.check_after = now_us + 10000000,
	};
}

void test_upload_begin(struct test_catalogs *catalogs, struct upload_new *ret_upload)
{
	struct uuid owner_id = test_database_add_user(&catalogs->database);
	struct catalog_call call = test_call();
	struct upload_begun begun;
	struct err err = { 0 };

	test_upload_fill(&owner_id, ret_upload);
	if (catalog_upload_begin(&catalogs->of[TEST_INGEST], &call, ret_upload, &begun, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(begun.outcome, UPLOAD_BEGUN);
}

struct upload_ended test_upload_complete(struct test_catalogs *catalogs, const struct uuid *upload_id,
                                         bool with_optional)
{
	static const struct preset_pool pools[] = { { .name = "fast", .required = true },
		                                    { .name = "slow", .required = false } };
	const struct upload_completion completion = { .upload_id = *upload_id,
		                                      .content_type = "image/jpeg",
		                                      .kind = MEDIA_PHOTO,
		                                      .etag = "etag-of-the-original",
		                                      .pools = pools,
		                                      .pool_count = with_optional ? 2 : 1,
		                                      .lane = LANE_INTERACTIVE };
	struct catalog_call call = test_call();
	struct upload_ended ended;
	struct err err = { 0 };

	if (catalog_upload_complete(&catalogs->of[TEST_INGEST], &call, &completion, &ended, &err) != RC_OK)
		fail_msg("%s", err.text);
	return ended;
}

int64_t test_count_for(struct test_catalogs *catalogs, const char *format, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE], sql[1024];

	uuid_format(id, text);
	(void)snprintf(sql, sizeof(sql), format, text);
	return test_database_count(&catalogs->database, sql);
}

void test_run_for(struct test_catalogs *catalogs, const char *format, const struct uuid *id)
{
	char text[UUID_TEXT_SIZE], sql[1024];

	uuid_format(id, text);
	(void)snprintf(sql, sizeof(sql), format, text);
	test_database_run(&catalogs->database, sql);
}

struct uuid test_job_id(struct test_catalogs *catalogs, const struct uuid *media_id, const char *pool)
{
	static const struct db_statement statement = { .name = "test_job_id",
		                                       .sql = "SELECT id FROM jobs WHERE media_id = $1 AND pool = $2 "
		                                              "ORDER BY generation DESC LIMIT 1",
		                                       .parameter_count = 2,
		                                       .read_only = true };
	const struct db_value values[] = { db_uuid(media_id), db_text(pool) };
	struct db_connection *connection = NULL;
	struct db_result *result = NULL;
	struct uuid id;

	assert_int_equal(db_pool_acquire(catalogs->database.admin, test_deadline(), &connection, NULL), RC_OK);
	assert_int_equal(db_execute(connection, &statement, values, 2, test_deadline(), &result, NULL), RC_OK);
	assert_int_equal(db_result_rows(result), 1);
	id = db_result_uuid(result, 0, 0);
	db_result_free(result);
	db_pool_release(catalogs->database.admin, connection);
	return id;
}

struct job_claim test_job_claim(struct test_catalogs *catalogs, const struct uuid *job_id,
                                enum job_claim_outcome outcome)
{
	struct catalog_call call = test_call();
	struct job_claim claim = { 0 };
	struct err err = { 0 };

	if (catalog_job_claim(&catalogs->of[TEST_TRANSCODER], &call, job_id, "test", 30000, &claim, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(claim.outcome, outcome);
	return claim;
}

void test_variants_fill(const struct job_claim *claim, struct test_variants *ret_variants)
{
	static const char *const names[] = { "w320", "w640" };
	char media_id[UUID_TEXT_SIZE];

	*ret_variants = (struct test_variants){ 0 };
	uuid_format(&claim->media_id, media_id);
	memset(ret_variants->sha256, 7, sizeof(ret_variants->sha256));
	for (unsigned i = 0; i < 2; i++) {
		(void)snprintf(ret_variants->keys[i], sizeof(ret_variants->keys[i]), "%s/%u/%s-%s.jpg", media_id,
		               claim->generation, names[i], claim->pool);
		ret_variants->variants[i] = (struct variant_new){
			.name = names[i],
			.format = strcmp(claim->pool, "slow") == 0 ? FORMAT_AVIF : FORMAT_JPEG,
			.width = 320 << i,
			.height = 240 << i,
			.bytes = 5000,
			.object_key = ret_variants->keys[i],
			.sha256 = ret_variants->sha256,
		};
	}
	ret_variants->publish = (struct job_publish){
		.job_id = claim->job_id, .token = claim->token, .variants = ret_variants->variants, .variant_count = 2
	};
}

void test_media_queue(struct test_catalogs *catalogs, bool with_optional, struct upload_new *ret_upload,
                      struct uuid *ret_job_id)
{
	test_upload_begin(catalogs, ret_upload);
	(void)test_upload_complete(catalogs, &ret_upload->upload_id, with_optional);
	*ret_job_id = test_job_id(catalogs, &ret_upload->media_id, "fast");
}

const struct catalog *test_transcoder(const struct test_catalogs *catalogs)
{
	return &catalogs->of[TEST_TRANSCODER];
}

int64_t test_event_count(struct test_catalogs *catalogs, const char *verb, const struct uuid *media_id)
{
	char text[UUID_TEXT_SIZE], sql[256];
	uuid_format(media_id, text);
	(void)snprintf(
	        sql, sizeof(sql),
	        "SELECT count(*) FROM outbox WHERE subject = 'events.media.%s' AND payload->'data'->>'media_id' = '%s'",
	        verb, text);
	return test_database_count(&catalogs->database, sql);
}

void test_job_lapse(struct test_catalogs *catalogs, const struct uuid *job_id)
{
	test_run_for(catalogs, "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = '%s'", job_id);
}
