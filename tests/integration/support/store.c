// Looking into the buckets.
#include "tests/integration/support/store.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "store/store.h"
#include "store/store_multipart.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

static struct store *open_store(bool is_transcoder)
{
	const struct settings *settings = test_stack_settings();
	struct store *store = NULL;
	struct err err = { 0 };
	if (store_open_configured(settings,
	                          is_transcoder ? settings->transcoder_access_key : settings->ingest_access_key,
	                          is_transcoder ? settings->transcoder_secret_key : settings->ingest_secret_key, NULL,
	                          &store, &err) != RC_OK)
		fail_msg("store: %s", err.text);
	return store;
}

static struct store_target target_of(enum test_bucket bucket, const char *key)
{
	const struct settings *settings = test_stack_settings();
	return (struct store_target){ .bucket = bucket == TEST_ORIGINALS ? settings->store_originals_bucket
		                                                         : settings->store_media_bucket,
		                      .key = key };
}

bool test_store_has(enum test_bucket bucket, const char *key)
{
	struct store *store = open_store(false);
	const struct store_target target = target_of(bucket, key);
	struct store_object object = { 0 };
	struct err err = { 0 };
	enum rc rc = store_head(store, &target, &object, &err);
	if (rc == RC_OK)
		store_object_done(&object);
	store_free(store);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		fail_msg("HEAD %s: %s", key, err.text);
	return rc == RC_OK;
}

void test_store_put(enum test_bucket bucket, const char *key, const void *data, size_t length)
{
	struct store *store = open_store(bucket == TEST_MEDIA);
	const struct store_target target = target_of(bucket, key);
	const struct store_body body = { .data = data, .length = length };
	struct err err = { 0 };
	if (store_put(store, &target, &body, NULL, NULL, &err) != RC_OK)
		fail_msg("PUT %s: %s", key, err.text);
	store_free(store);
}

void test_store_delete(enum test_bucket bucket, const char *key)
{
	struct store *store = open_store(false);
	const struct store_target target = target_of(bucket, key);
	struct err err = { 0 };
	if (store_delete(store, &target, &err) != RC_OK)
		fail_msg("DELETE %s: %s", key, err.text);
	store_free(store);
}

void test_store_begin_parts(const char *key)
{
	struct store *store = open_store(false);
	const struct store_target target = target_of(TEST_ORIGINALS, key);
	char upload_id[STORE_UPLOAD_ID_SIZE];
	struct err err = { 0 };
	if (store_upload_create(store, &target, NULL, upload_id, &err) != RC_OK)
		fail_msg("%s: %s", key, err.text);
	store_free(store);
}

bool test_store_has_parts(const char *key)
{
	struct store *store = open_store(false);
	const struct store_list_options options = { .prefix = key };
	struct store_upload_page page = { 0 };
	struct err err = { 0 };
	if (store_upload_list(store, test_stack_settings()->store_originals_bucket, &options, &page, &err) != RC_OK)
		fail_msg("%s: %s", key, err.text);
	bool has = page.count > 0;
	store_upload_page_done(&page);
	store_free(store);
	return has;
}

void test_store_await(enum test_bucket bucket, const char *key, bool is_there, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (; test_store_has(bucket, key) != is_there; clock_sleep_ms(50))
		if (deadline_passed(deadline))
			fail_msg("after %lld ms %s is %s", (long long)timeout_ms, key,
			         is_there ? "missing" : "still there");
}
