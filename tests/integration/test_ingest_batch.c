// Many uploads begun by one call, all or none, against the running stack.
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

static struct test_account account;

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

static char *batch_of(size_t count, size_t wrong, const char *wrong_size)
{
	struct buffer json;
	size_t length = 0;
	buffer_init(&json, 1024 * 1024);
	for (size_t i = 0; i < count; i++)
		buffer_append_format(&json,
		                     "%s{\"filename\":\"%zu.txt\",\"content_type\":\"text/plain\",\"size\":%s%s}",
		                     i == 0 ? "{\"uploads\":[" : ",", i, i == wrong ? wrong_size : "7",
		                     i == 1 ? ",\"multipart\":true" : "");
	buffer_append_text(&json, "]}");
	char *text = buffer_take(&json, &length);
	assert_non_null(text);
	return text;
}

static void begin_batch(const char *key, const char *json, unsigned status, struct test_reply *ret_reply)
{
	char header[64];
	const char *headers[] = { header, NULL };
	(void)snprintf(header, sizeof header, "Idempotency-Key: \"%s\"", key);
	test_http(&(struct test_call){ .method = "POST",
	                               .url = "/v1/uploads/batch",
	                               .token = account.access_token,
	                               .json = json,
	                               .headers = key == NULL ? NULL : headers },
	          ret_reply);
	test_assert_status(ret_reply, status);
}

static int64_t count_uploads(void)
{
	return test_sql_int("SELECT count(*) FROM uploads WHERE owner_id = $1::uuid", account.user_id, NULL);
}

static void begins_a_camera_roll(void **state)
{
	(void)state;
	struct test_reply reply, again;
	char *json = batch_of(100, 100, "");
	int64_t before = count_uploads();
	begin_batch("roll-1", json, 201, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "uploads")), 100);
	assert_int_equal(count_uploads(), before + 100);
	assert_int_equal(test_json_int(reply.json, "uploads.0.status"), 201);
	const struct test_upload first = { .url = (char *)test_json_text(reply.json, "uploads.0.url"),
		                           .headers = test_json_at(reply.json, "uploads.0.headers") };
	assert_int_equal(test_upload_put(&first, "content", 7), 200);
	assert_int_equal(json_array_size(test_json_at(reply.json, "uploads.1.multipart.urls")), 0);
	// Its parts' URLs are had by asking.
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/uploads/%s/parts", test_json_text(reply.json, "uploads.1.upload_id"));
	test_http_json("POST", path, account.access_token, "{\"numbers\":[1]}", &again);
	test_assert_status(&again, 200);
	test_reply_done(&again);
	// The answer was lost: the same uploads again.
	begin_batch("roll-1", json, 201, &again);
	assert_int_equal(count_uploads(), before + 100);
	assert_string_equal(test_json_text(again.json, "uploads.99.upload_id"),
	                    test_json_text(reply.json, "uploads.99.upload_id"));
	test_reply_done(&again);
	test_reply_done(&reply);
	free(json);
	json = batch_of(2, 100, "");
	begin_batch("roll-1", json, 422, &reply);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/idempotency-key-reused");
	test_reply_done(&reply);
	free(json);
}

static void begins_all_or_none(void **state)
{
	(void)state;
	struct test_reply reply;
	int64_t before = count_uploads();
	char *json = batch_of(5, 3, "9999999999999");
	begin_batch("roll-2", json, 413, &reply);
	assert_string_equal(test_json_text(reply.json, "errors.0.pointer"), "/uploads/3/size");
	test_reply_done(&reply);
	free(json);
	json = batch_of(101, 101, "");
	begin_batch("roll-3", json, 422, &reply);
	test_reply_done(&reply);
	free(json);
	// What only the catalog finds out is told of the right one too.
	begin_batch("roll-5",
	            "{\"uploads\":[{\"filename\":\"a.txt\",\"content_type\":\"text/plain\",\"size\":3},"
	            "{\"filename\":\"b.txt\",\"content_type\":\"text/plain\",\"size\":3,"
	            "\"item_id\":\"01a20ca8-1180-7243-b65c-1dee9be55c5b\"},"
	            "{\"filename\":\"c.txt\",\"content_type\":\"text/plain\",\"size\":3}]}",
	            422, &reply);
	assert_string_equal(test_json_text(reply.json, "errors.0.pointer"), "/uploads/1/item_id");
	test_reply_done(&reply);
	assert_int_equal(count_uploads(), before);
	// The last of them is one too many for the account.
	free(test_sql_text("UPDATE usage SET files_limit = files + reserved_files + 4 WHERE owner_id = $1::uuid",
	                   account.user_id, NULL));
	json = batch_of(5, 5, "");
	begin_batch("roll-4", json, 507, &reply);
	test_reply_done(&reply);
	assert_int_equal(count_uploads(), before);
	free(test_sql_text("UPDATE usage SET files_limit = NULL WHERE owner_id = $1::uuid", account.user_id, NULL));
	begin_batch("roll-4", json, 201, &reply);
	test_reply_done(&reply);
	free(json);
	assert_int_equal(count_uploads(), before + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_a_camera_roll),
		cmocka_unit_test(begins_all_or_none),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
