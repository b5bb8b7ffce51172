// From a deletion to CloudFront: ingest's janitor with a distribution configured, and a stand-in that takes what it
// sends.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/receivers.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/ember.jpg"
#define TARGET "/2020-05-31/distribution/EDFDVBD6EXAMPLE/invalidation"
#define READY_MS 40000

static struct test_account account;
static struct test_receivers receivers;

// A new stand-in, and ingest told where it is; no edge of ours.
static void begin(void)
{
	test_receivers_start(&receivers);
	const char *const with[] = { "SAFELIGHT_CDN_CLOUDFRONT_DISTRIBUTION",
		                     "EDFDVBD6EXAMPLE",
		                     "SAFELIGHT_CDN_CLOUDFRONT_ACCESS_KEY",
		                     "AKIAIOSFODNN7EXAMPLE",
		                     "SAFELIGHT_CDN_CLOUDFRONT_SECRET_KEY",
		                     "of-the-test",
		                     "SAFELIGHT_CDN_CLOUDFRONT_ENDPOINT",
		                     receivers.address,
		                     "SAFELIGHT_CDN_PURGE_URLS",
		                     "",
		                     NULL };
	test_stack_restart_with("ingest", with);
}

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	begin();
	return 0;
}

static int teardown(void **state)
{
	test_stack_run("restart", "ingest");
	test_receivers_stop(&receivers);
	test_account_done(&account);
	return test_stack_teardown(state);
}

// A ready one.
static void new_media(char ret_id[37])
{
	size_t length;
	char *photo = test_file_read(PHOTO, &length);
	test_upload_whole(&account, &(struct test_file){ "ember.jpg", "image/jpeg", photo, length }, ret_id);
	free(photo);
	json_decref(test_media_await(&account, ret_id, "ready", READY_MS));
}

static void delete_media(const char *id)
{
	struct test_reply reply;
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
}

// Everything that CloudFront was told so far, one after the other.
static void join_posts(struct buffer *ret_text)
{
	size_t count = test_receivers_count(&receivers, TARGET);
	buffer_init(ret_text, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		json_t *post = test_receivers_post(&receivers, TARGET, i);
		const char *body = json_string_value(json_object_get(post, "body"));
		const json_t *headers = json_object_get(post, "headers");
		const char *authorization = json_string_value(json_object_get(headers, "authorization"));
		assert_string_equal(json_string_value(json_object_get(headers, "host")), "cloudfront.amazonaws.com");
		assert_non_null(strstr(authorization, "Credential=AKIAIOSFODNN7EXAMPLE/"));
		assert_non_null(strstr(authorization, "/us-east-1/cloudfront/aws4_request"));
		buffer_append_text(ret_text, body);
		json_decref(post);
	}
	assert_true(buffer_ok(ret_text));
}

static void a_deleted_media_is_invalidated(void **state)
{
	(void)state;
	char id[37], wanted[256];
	new_media(id);
	struct test_objects objects = { 0 };
	test_objects_list(TEST_MEDIA, id, &objects);
	assert_true(objects.count >= 2);
	size_t earlier = test_receivers_count(&receivers, TARGET);

	delete_media(id);
	test_sql_await(0, 20000, "SELECT count(*) FROM deletions WHERE media_id = $1 AND kind <> 'original'", id, NULL);
	assert_int_equal(test_objects_count(TEST_MEDIA, id), 0);
	assert_true(test_receivers_count(&receivers, TARGET) > earlier);

	// Each object that there was, by its own path and by the one that clients ask for.
	struct buffer told;
	join_posts(&told);
	for (size_t i = 0; i < objects.count; i++) {
		(void)snprintf(wanted, sizeof wanted, "<Path>/%s</Path>", objects.keys[i]);
		if (strstr(buffer_text(&told), wanted) == NULL)
			fail_msg("no %s in %s", wanted, buffer_text(&told));
		(void)snprintf(wanted, sizeof wanted, "<Path>/m/%s", objects.keys[i]);
		if (strstr(buffer_text(&told), wanted) == NULL)
			fail_msg("no %s in %s", wanted, buffer_text(&told));
	}
	buffer_done(&told);
	test_objects_done(&objects);
}

// A CloudFront that cannot be reached keeps its entries on the list, which says why; they are done once it can.
static void it_is_told_later(void **state)
{
	(void)state;
	char id[37];
	new_media(id);
	test_receivers_stop(&receivers);
	delete_media(id);
	test_objects_await(TEST_MEDIA, id, 0, 15000);
	test_sql_await(1, 20000,
	               "SELECT (count(*) > 0)::int FROM deletions WHERE media_id = $1 AND kind = 'variant' "
	               "AND last_error LIKE '%CloudFront%'",
	               id, NULL);
	begin();
	(void)test_sql_int("UPDATE deletions SET not_before = now() WHERE media_id = $1 AND kind = 'variant'", id,
	                   NULL);
	test_sql_await(0, 30000, "SELECT count(*) FROM deletions WHERE media_id = $1 AND kind <> 'original'", id, NULL);
	struct buffer told;
	join_posts(&told);
	assert_non_null(strstr(buffer_text(&told), id));
	buffer_done(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deleted_media_is_invalidated),
		cmocka_unit_test(it_is_told_later),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
