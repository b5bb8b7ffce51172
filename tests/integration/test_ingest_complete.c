// How uploads end by their owner's calls, against the running stack: completed, rejected with a reason, given up; and
// that they are nobody else's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/stack.h"
#include "tests/integration/support/store.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define TEXT "This is text, whatever it is called.\n"

// Removals that are not for later.
#define AT_ONCE \
	"SELECT count(*) FROM deletions WHERE media_id = $1::uuid AND not_before < now() + interval '10 minutes'"

static struct test_account account;

static const struct test_file TEXT_FILE = { "words.txt", "text/plain", TEXT, sizeof TEXT - 1 };

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void waits_for_the_bytes(void **state)
{
	(void)state;
	struct test_upload upload;
	struct test_reply reply;
	char path[128];
	test_upload_request(&account, &TEXT_FILE, &upload);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 409);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/not-uploaded");
	test_reply_done(&reply);
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 200);
	// With and without a body, as often as one likes.
	(void)snprintf(path, sizeof path, "/v1/uploads/%s/complete", upload.upload_id);
	for (int i = 0; i < 3; i++) {
		test_http_json("POST", path, account.access_token, i == 0 ? NULL : "{}", &reply);
		test_assert_status(&reply, 202);
		assert_string_equal(test_json_text(reply.json, "media.state"), "ready");
		test_reply_done(&reply);
	}
	test_http_json("POST", path, account.access_token, "{\"parts\":[]}", &reply);
	test_assert_status(&reply, 422);
	test_reply_done(&reply);
	test_upload_done(&upload);
}

static void expect_rejection(const struct test_file *file, const char *code)
{
	struct test_upload upload;
	struct test_reply reply;
	test_upload_request(&account, file, &upload);
	char *key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", upload.media_id, NULL);
	assert_int_equal(test_upload_put(&upload, file->data, file->length), 200);
	for (int i = 0; i < 2; i++) {
		test_upload_confirm(&account, upload.upload_id, &reply);
		test_assert_status(&reply, 202);
		assert_string_equal(test_json_text(reply.json, "media.state"), "rejected");
		assert_string_equal(test_json_text(reply.json, "media.reason.code"), code);
		assert_true(strlen(test_json_text(reply.json, "media.reason.detail")) > 10);
		test_reply_done(&reply);
	}
	assert_int_equal(test_sql_int("SELECT count(*) FROM jobs WHERE media_id = $1::uuid", upload.media_id, NULL), 0);
	test_store_await(TEST_ORIGINALS, key, false, 10000);
	free(key);
	test_upload_done(&upload);
}

static void rejects_what_is_no_picture(void **state)
{
	(void)state;
	static const char svg[] = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
	static const char pdf[] = "%PDF-1.7\n1 0 obj\n";
	int64_t reserved =
	        test_sql_int("SELECT reserved_files FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL);
	expect_rejection(&(struct test_file){ "words.jpg", "image/jpeg", TEXT, sizeof TEXT - 1 }, "type_mismatch");
	expect_rejection(&(struct test_file){ "page.jpg", "image/jpeg", pdf, sizeof pdf - 1 }, "type_mismatch");
	expect_rejection(&(struct test_file){ "lamp.jpg", "image/jpeg", svg, sizeof svg - 1 }, "unsupported_type");
	expect_rejection(&(struct test_file){ "nothing.jpg", "image/jpeg", "", 0 }, "empty");
	assert_int_equal(
	        test_sql_int("SELECT reserved_files FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL),
	        reserved);
}

static void checks_the_hash_of_small_files(void **state)
{
	(void)state;
	struct test_reply reply;
	struct test_upload upload = { 0 };
	test_http_json("POST", "/v1/uploads", account.access_token,
	               "{\"filename\":\"a\",\"content_type\":\"text/plain\",\"size\":5,\"sha256\":"
	               "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
	               &reply);
	test_assert_status(&reply, 201);
	upload.url = strdup(test_json_text(reply.json, "url"));
	upload.headers = json_incref(test_json_at(reply.json, "headers"));
	char *upload_id = strdup(test_json_text(reply.json, "upload_id"));
	test_reply_done(&reply);
	assert_int_equal(test_upload_put(&upload, "hello", 5), 200);
	test_upload_confirm(&account, upload_id, &reply);
	test_assert_status(&reply, 202);
	assert_string_equal(test_json_text(reply.json, "media.reason.code"), "checksum");
	test_reply_done(&reply);
	free(upload_id);
	test_upload_done(&upload);
}

static void giving_up_frees_everything(void **state)
{
	(void)state;
	struct test_upload upload;
	struct test_reply reply;
	char path[96];
	int64_t before =
	        test_sql_int("SELECT reserved_bytes FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL);
	test_upload_request(&account, &TEXT_FILE, &upload);
	char *key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", upload.media_id, NULL);
	assert_int_equal(
	        test_sql_int("SELECT reserved_bytes FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL),
	        before + (int64_t)TEXT_FILE.length);
	(void)snprintf(path, sizeof path, "/v1/uploads/%s", upload.upload_id);
	for (int i = 0; i < 2; i++) {
		test_http_json("DELETE", path, account.access_token, NULL, &reply);
		test_assert_status(&reply, 204);
		test_reply_done(&reply);
	}
	assert_int_equal(
	        test_sql_int("SELECT reserved_bytes FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL),
	        before);
	// Bytes that come all the same (the URL still works) go again at once: the store's event tells.
	test_sql_await(0, 15000, AT_ONCE, upload.media_id, NULL);
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 200);
	test_store_await(TEST_ORIGINALS, key, false, 15000);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 404);
	test_reply_done(&reply);
	free(key);
	test_upload_done(&upload);
	// What is complete is deleted as a media.
	char media_id[37];
	test_upload_whole(&account, &TEXT_FILE, media_id);
	char *upload_id = test_sql_text("SELECT id FROM uploads WHERE media_id = $1::uuid", media_id, NULL);
	(void)snprintf(path, sizeof path, "/v1/uploads/%s", upload_id);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 409);
	test_reply_done(&reply);
	free(upload_id);
}

static void hides_uploads_of_others(void **state)
{
	(void)state;
	struct test_account other;
	struct test_upload upload;
	struct test_reply reply;
	char path[96], complete[128];
	test_account_new(&other);
	test_upload_request(&account, &TEXT_FILE, &upload);
	(void)snprintf(path, sizeof path, "/v1/uploads/%s", upload.upload_id);
	(void)snprintf(complete, sizeof complete, "%s/complete", path);
	test_http_json("GET", path, other.access_token, NULL, &reply);
	test_assert_status(&reply, 404);
	test_reply_done(&reply);
	test_http_json("POST", complete, other.access_token, "{}", &reply);
	test_assert_status(&reply, 404);
	test_reply_done(&reply);
	test_http_json("DELETE", path, other.access_token, NULL, &reply);
	test_assert_status(&reply, 404);
	test_reply_done(&reply);
	test_upload_done(&upload);
	test_account_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_the_bytes),
		cmocka_unit_test(rejects_what_is_no_picture),
		cmocka_unit_test(checks_the_hash_of_small_files),
		cmocka_unit_test(giving_up_frees_everything),
		cmocka_unit_test(hides_uploads_of_others),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
