// The catalog as each service sees it, and media brought to a wanted point of their life.
#pragma once

#include "catalog/catalog.h"
#include "catalog/job.h"
#include "catalog/upload.h"
#include "tests/integration/support/database.h"

// Catalogs of the three services' roles on one test database; [TEST_ADMIN] is unused.
struct test_catalogs {
	struct test_database database;
	struct db_pool *pools[TEST_ROLE_COUNT];
	struct db_pipeline *pipelines[TEST_ROLE_COUNT];
	struct catalog of[TEST_ROLE_COUNT];
};

int test_catalogs_open(struct test_catalogs *catalogs);
void test_catalogs_close(struct test_catalogs *catalogs);

// Ten seconds, no traceparent.
struct catalog_call test_call(void);

// Fill a small JPEG's upload with new ids. The texts are static.
void test_upload_fill(const struct uuid *owner_id, struct upload_new *ret_upload);

// Begin an upload of a new owner. ret_upload says its ids.
void test_upload_begin(struct test_catalogs *catalogs, struct upload_new *ret_upload);

// Complete it with the jobs of a photo (fast required, slow optional when with_optional).
struct upload_ended test_upload_complete(struct test_catalogs *catalogs, const struct uuid *upload_id,
                                         bool with_optional);

// The id of a media's job in a pool.
struct uuid test_job_id(struct test_catalogs *catalogs, const struct uuid *media_id, const char *pool);

// A media of a new owner whose jobs are queued; ret_job_id is the one in pool fast.
void test_media_queue(struct test_catalogs *catalogs, bool with_optional, struct upload_new *ret_upload,
                      struct uuid *ret_job_id);

// The transcoder's catalog.
const struct catalog *test_transcoder(const struct test_catalogs *catalogs);

// Outbox rows of events.media.<verb> of that media.
int64_t test_event_count(struct test_catalogs *catalogs, const char *verb, const struct uuid *media_id);

// Let a claimed job's lease run out.
void test_job_lapse(struct test_catalogs *catalogs, const struct uuid *job_id);

// Claim it as the transcoder; the outcome is asserted.
struct job_claim test_job_claim(struct test_catalogs *catalogs, const struct uuid *job_id,
                                enum job_claim_outcome outcome);

// Two variants of a claimed job, with keys of its generation. The texts are the caller's array's.
struct test_variants {
	struct variant_new variants[2];
	char keys[2][160];
	uint8_t sha256[32];
	struct job_publish publish;
};
void test_variants_fill(const struct job_claim *claim, struct test_variants *ret_variants);

// A number by SQL with one %s, the id.
int64_t test_count_for(struct test_catalogs *catalogs, const char *format, const struct uuid *id)
        __attribute__((format(printf, 2, 0)));
void test_run_for(struct test_catalogs *catalogs, const char *format, const struct uuid *id)
        __attribute__((format(printf, 2, 0)));
