// Listing buckets.
#include "tests/integration/support/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "store/store.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

void test_objects_done(struct test_objects *objects)
{
	for (size_t i = 0; i < objects->count; i++)
		free(objects->keys[i]);
	free(objects->keys);
	free(objects->sizes);
	*objects = (struct test_objects){ 0 };
}

static void append_page(struct test_objects *objects, const struct store_page *page)
{
	if (page->count == 0)
		return;
	objects->keys = realloc(objects->keys, (objects->count + page->count) * sizeof objects->keys[0]);
	objects->sizes = realloc(objects->sizes, (objects->count + page->count) * sizeof objects->sizes[0]);
	assert_non_null(objects->keys);
	assert_non_null(objects->sizes);
	for (size_t i = 0; i < page->count; i++) {
		objects->keys[objects->count] = strdup(page->entries[i].key);
		objects->sizes[objects->count++] = page->entries[i].size;
	}
}

void test_objects_list(enum test_bucket bucket, const char *prefix, struct test_objects *ret_objects)
{
	const struct settings *settings = test_stack_settings();
	struct test_objects objects = { 0 };
	struct store *store = NULL;
	struct err err = { 0 };
	char *continuation = NULL;
	enum rc rc = store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key, NULL,
	                                   &store, &err);
	while (rc == RC_OK) {
		struct store_page page = { 0 };
		const struct store_list_options options = { .prefix = prefix, .continuation = continuation };
		rc = store_list(store,
		                bucket == TEST_ORIGINALS ? settings->store_originals_bucket
		                                         : settings->store_media_bucket,
		                &options, &page, &err);
		if (rc != RC_OK)
			break;
		append_page(&objects, &page);
		free(continuation);
		continuation = page.continuation == NULL ? NULL : strdup(page.continuation);
		store_page_done(&page);
		if (continuation == NULL)
			break;
	}
	free(continuation);
	store_free(store);
	if (rc != RC_OK)
		fail_msg("listing %s: %s", prefix, err.text);
	*ret_objects = objects;
}

size_t test_objects_count(enum test_bucket bucket, const char *prefix)
{
	struct test_objects objects;
	test_objects_list(bucket, prefix, &objects);
	size_t count = objects.count;
	test_objects_done(&objects);
	return count;
}

void test_objects_await(enum test_bucket bucket, const char *prefix, size_t count, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (size_t now; (now = test_objects_count(bucket, prefix)) != count; clock_sleep_ms(50))
		if (deadline_passed(deadline))
			fail_msg("after %lld ms there are %zu objects below %s in the %s bucket, not %zu",
			         (long long)timeout_ms, now, prefix, bucket == TEST_ORIGINALS ? "originals" : "media",
			         count);
}
