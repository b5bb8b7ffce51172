// Ingest's HTTP contract, against the running stack: what begin answers and refuses, and what its URLs take.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/settings.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define READY_MS 30000
#define TEXT "This is text, whatever it is called.\n"

static struct test_account account;
static char *photo;
static size_t photo_length;

static const struct test_file TEXT_FILE = { "words.txt", "text/plain", TEXT, sizeof TEXT - 1 };

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	photo = test_file_read("samples/photos/tide.jpg", &photo_length);
	return 0;
}

static int teardown(void **state)
{
	free(photo);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void begin(const char *token, const char *const *headers, const char *json, struct test_reply *ret_reply)
{
	test_http(
	        &(struct test_call){
	                .method = "POST", .url = "/v1/uploads", .token = token, .json = json, .headers = headers },
	        ret_reply);
}

static void expect_begin(const char *json, unsigned status, const char *type)
{
	struct test_reply reply;
	begin(account.access_token, NULL, json, &reply);
	if (reply.status != status)
		print_error("for %.200s\n", json);
	test_assert_status(&reply, status);
	if (type != NULL)
		assert_string_equal(test_json_text(reply.json, "type"), type);
	test_reply_done(&reply);
}

static int64_t count_media(void)
{
	return test_sql_int("SELECT count(*) FROM media WHERE owner_id = $1::uuid", account.user_id, NULL);
}

// ---- the happy path -----------------------------------------------------------------------------------------------

static void takes_a_photo(void **state)
{
	(void)state;
	const struct test_file file = { "../../Tide \xf0\x9f\x8c\x8a.jpg", "image/jpeg", photo, photo_length };
	struct test_upload upload;
	struct test_reply reply;
	test_upload_request(&account, &file, &upload);
	char *length = NULL;
	assert_true(asprintf(&length, "%zu", photo_length) > 0);
	assert_string_equal(test_json_text(upload.headers, "content-length"), length);
	assert_string_equal(test_json_text(upload.headers, "content-type"), "image/jpeg");
	assert_string_equal(test_json_text(upload.headers, "if-none-match"), "*");
	free(length);
	assert_int_equal(test_upload_put(&upload, photo, photo_length), 200);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 202);
	assert_string_equal(test_json_text(reply.json, "media.id"), upload.media_id);
	assert_string_equal(test_json_text(reply.json, "media.filename"), "Tide \xf0\x9f\x8c\x8a.jpg");
	assert_string_equal(test_json_text(reply.json, "media.content_type"), "image/jpeg");
	assert_string_equal(test_json_text(reply.json, "media.kind"), "photo");
	assert_int_equal(test_json_int(reply.json, "media.size"), photo_length);
	test_reply_done(&reply);
	json_t *media = test_media_await(&account, upload.media_id, "ready", READY_MS);
	assert_true(test_json_int(media, "width") > 0);
	json_decref(media);
	// Bytes counted once, nothing reserved any more.
	assert_int_equal(test_sql_int("SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = $1::uuid",
	                              account.user_id, NULL),
	                 0);
	assert_int_equal(test_sql_int("SELECT bytes FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL),
	                 photo_length);
	test_upload_done(&upload);
}

static void knows_a_photo_again(void **state)
{
	(void)state;
	struct test_account other;
	struct test_reply reply;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_TEXT_SIZE], json[512];
	sha256_of(photo, photo_length, digest);
	encode_hex(digest, sizeof digest, hex);
	(void)snprintf(json, sizeof json,
	               "{\"filename\":\"again.jpg\",\"content_type\":\"image/jpeg\",\"size\":%zu,\"sha256\":\"%s\"}",
	               photo_length, hex);
	int64_t before = count_media();
	begin(account.access_token, NULL, json, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "media.state"), "ready");
	assert_string_equal(test_json_text(reply.json, "media.sha256"), hex);
	test_reply_done(&reply);
	assert_int_equal(count_media(), before);
	// Somebody else's photo is nobody's business.
	test_account_new(&other);
	begin(other.access_token, NULL, json, &reply);
	test_assert_status(&reply, 201);
	test_reply_done(&reply);
	test_account_done(&other);
}

static void keeps_other_files_as_they_are(void **state)
{
	(void)state;
	char media_id[37];
	test_upload_whole(&account, &TEXT_FILE, media_id);
	json_t *media = test_media_await(&account, media_id, "ready", READY_MS);
	assert_string_equal(test_json_text(media, "kind"), "file");
	assert_string_equal(test_json_text(media, "content_type"), "text/plain");
	json_decref(media);
	assert_int_equal(test_sql_int("SELECT count(*) FROM jobs WHERE media_id = $1::uuid", media_id, NULL), 0);
	// Small enough to have been read whole: its hash is verified.
	assert_int_equal(test_sql_int("SELECT count(*) FROM media WHERE id = $1::uuid AND sha256 = sha256($2::bytea)",
	                              media_id, TEXT, NULL),
	                 1);
}

static void resumes_an_open_upload(void **state)
{
	(void)state;
	struct test_upload upload, again = { 0 };
	struct test_reply reply;
	char path[96];
	test_upload_request(&account, &TEXT_FILE, &upload);
	(void)snprintf(path, sizeof path, "/v1/uploads/%s", upload.upload_id);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "state"), "awaiting_upload");
	assert_string_equal(test_json_text(reply.json, "media_id"), upload.media_id);
	again.url = strdup(test_json_text(reply.json, "url"));
	again.headers = json_incref(test_json_at(reply.json, "headers"));
	test_reply_done(&reply);
	assert_int_equal(test_upload_put(&again, TEXT, sizeof TEXT - 1), 200);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 202);
	test_reply_done(&reply);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "state"), "ready");
	assert_null(test_json_at(reply.json, "url"));
	test_reply_done(&reply);
	test_upload_done(&again);
	test_upload_done(&upload);
}

// ---- what the store refuses ---------------------------------------------------------------------------------------

static void the_url_takes_exactly_what_was_declared(void **state)
{
	(void)state;
	struct test_upload upload;
	test_upload_request(&account, &TEXT_FILE, &upload);
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 2), 403);
	assert_int_equal(test_upload_put(&upload, TEXT "more", sizeof TEXT + 3), 403);
	json_object_set_new(upload.headers, "content-type", json_string("text/html"));
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 403);
	json_object_set_new(upload.headers, "content-type", json_string("text/plain"));
	json_object_del(upload.headers, "if-none-match");
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 403);
	json_object_set_new(upload.headers, "if-none-match", json_string("*"));
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 200);
	// What was verified cannot be replaced.
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 412);
	test_upload_done(&upload);
}

static void the_url_takes_exactly_the_declared_md5(void **state)
{
	(void)state;
	struct test_reply reply;
	struct test_upload upload = { 0 };
	// Of "hello".
	begin(account.access_token, NULL,
	      "{\"filename\":\"a\",\"content_type\":\"text/plain\",\"size\":5,\"content_md5\":\"XUFAKrxLKna5cZ2REBfFkg==\"}",
	      &reply);
	test_assert_status(&reply, 201);
	assert_string_equal(test_json_text(reply.json, "headers.content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
	upload.url = strdup(test_json_text(reply.json, "url"));
	upload.headers = json_incref(test_json_at(reply.json, "headers"));
	test_reply_done(&reply);
	assert_int_equal(test_upload_put(&upload, "hellO", 5), 400);
	assert_int_equal(test_upload_put(&upload, "hello", 5), 200);
	test_upload_done(&upload);
}

// ---- what begin refuses -------------------------------------------------------------------------------------------

static void refuses_before_any_row_is_written(void **state)
{
	(void)state;
	int64_t before = count_media();
	char json[4096], name[3000];
	const struct settings *settings = test_stack_settings();
	(void)snprintf(json, sizeof json, "{\"filename\":\"a\",\"content_type\":\"video/mp4\",\"size\":%lld}",
	               (long long)settings->ingest_max_upload_bytes + 1);
	expect_begin(json, 413, "/problems/too-large");
	(void)snprintf(json, sizeof json, "{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":%lld}",
	               (long long)settings->ingest_max_image_bytes + 1);
	expect_begin(json, 413, "/problems/too-large");
	expect_begin("{\"filename\":\"a\",\"content_type\":\"jpeg\",\"size\":5}", 415,
	             "/problems/unsupported-media-type");
	expect_begin("{\"filename\":\"a\",\"content_type\":\"image/jpeg, x\",\"size\":5}", 415, NULL);
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	(void)snprintf(json, sizeof json, "{\"filename\":\"a\",\"content_type\":\"image/%.500s\",\"size\":5}", name);
	expect_begin(json, 415, NULL);
	expect_begin("{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,"
	             "\"item_id\":\"01a20c7b-6bc0-734c-9537-19d97deda6ea\"}",
	             422, "/problems/invalid-field");
	assert_int_equal(count_media(), before);
	// A long name is cut, not refused.
	(void)snprintf(json, sizeof json, "{\"filename\":\"%s\",\"content_type\":\"image/jpeg\",\"size\":5}", name);
	expect_begin(json, 201, NULL);
}

static void refuses_hostile_bodies(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		"null",
		"[]",
		"{",
		"{}",
		"{\"filename\":\"a\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":-1}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":1.5}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":1e400}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":\"5\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":9223372036854775808}",
		"{\"filename\":\"a\\u0000b\",\"content_type\":\"image/jpeg\",\"size\":5}",
		"{\"filename\":\"\\ud800\",\"content_type\":\"image/jpeg\",\"size\":5}",
		"{\"filename\":\"\xff\",\"content_type\":\"image/jpeg\",\"size\":5}",
		"{\"filename\":\"a\",\"filename\":\"b\",\"content_type\":\"image/jpeg\",\"size\":5}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,\"owner_id\":\"x\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,\"state\":\"ready\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,\"sha256\":\"00\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,\"content_md5\":\"AAAA\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,\"captured_at\":\"yesterday\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5,\"visibility\":\"all\"}",
		"{\"filename\":\"a\",\"content_type\":\"image/jpeg\",\"size\":5} trailing",
	};
	int64_t before = count_media();
	struct test_reply reply;
	for (size_t i = 0; i <= sizeof rows / sizeof rows[0]; i++) {
		static char deep[20001];
		memset(deep, '[', sizeof deep - 1);
		begin(account.access_token, NULL, i < sizeof rows / sizeof rows[0] ? rows[i] : deep, &reply);
		if (reply.status < 400 || reply.status > 499)
			fail_msg("%u for %.200s", reply.status, i < sizeof rows / sizeof rows[0] ? rows[i] : deep);
		assert_non_null(test_json_at(reply.json, "request_id"));
		test_reply_done(&reply);
	}
	assert_int_equal(count_media(), before);
	static const char *const as_text[] = { "Content-Type: text/plain", NULL };
	test_http(&(struct test_call){ .method = "POST",
	                               .url = "/v1/uploads",
	                               .token = account.access_token,
	                               .body = "{}",
	                               .length = 2,
	                               .headers = as_text },
	          &reply);
	test_assert_status(&reply, 415);
	test_reply_done(&reply);
}

static void asks_who_calls(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path;
	} rows[] = {
		{ "POST", "/v1/uploads" },
		{ "GET", "/v1/uploads/01a20c7b-6bc0-734c-9537-19d97deda6ea" },
		{ "DELETE", "/v1/uploads/01a20c7b-6bc0-734c-9537-19d97deda6ea" },
		{ "POST", "/v1/uploads/01a20c7b-6bc0-734c-9537-19d97deda6ea/complete" },
	};
	const char *const tokens[] = { NULL, "", "nonsense", account.refresh_token };
	struct test_reply reply;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t j = 0; j < sizeof tokens / sizeof tokens[0]; j++) {
			test_http_json(rows[i].method, rows[i].path, tokens[j], NULL, &reply);
			test_assert_status(&reply, 401);
			test_reply_done(&reply);
		}
		if (i == 0)
			continue;
		test_http_json(rows[i].method, rows[i].path, account.access_token, NULL, &reply);
		test_assert_status(&reply, 404);
		test_reply_done(&reply);
	}
}

// ---- once, and no more than allowed
// -------------------------------------------------------------------------------------

static void answers_an_idempotency_key_once(void **state)
{
	(void)state;
	static const char json[] = "{\"filename\":\"a\",\"content_type\":\"text/plain\",\"size\":5}";
	char quoted[128], bare[128], random[33];
	uint8_t bytes[16];
	random_fill(bytes, sizeof bytes);
	encode_hex(bytes, sizeof bytes, random);
	(void)snprintf(quoted, sizeof quoted, "Idempotency-Key: \"%s\"", random);
	(void)snprintf(bare, sizeof bare, "Idempotency-Key: %s", random);
	const char *const as_quoted[] = { quoted, NULL }, *const as_bare[] = { bare, NULL };
	struct test_reply first, second;
	int64_t before = count_media();
	begin(account.access_token, as_quoted, json, &first);
	test_assert_status(&first, 201);
	begin(account.access_token, as_bare, json, &second);
	test_assert_status(&second, 201);
	assert_string_equal(test_json_text(first.json, "upload_id"), test_json_text(second.json, "upload_id"));
	assert_string_equal(test_json_text(first.json, "media_id"), test_json_text(second.json, "media_id"));
	assert_non_null(test_json_at(second.json, "url"));
	test_reply_done(&second);
	assert_int_equal(count_media(), before + 1);
	begin(account.access_token, as_quoted, "{\"filename\":\"b\",\"content_type\":\"text/plain\",\"size\":5}",
	      &second);
	test_assert_status(&second, 422);
	assert_string_equal(test_json_text(second.json, "type"), "/problems/idempotency-key-reused");
	test_reply_done(&second);
	test_reply_done(&first);
	static const char *const wrong[] = { "Idempotency-Key: \"", "Idempotency-Key: \"\"", "Idempotency-Key: \"a\" b",
		                             "Idempotency-Key: a b", "Idempotency-Key: \"a\\b\"" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const char *const headers[] = { wrong[i], NULL };
		begin(account.access_token, headers, json, &first);
		test_assert_status(&first, 400);
		test_reply_done(&first);
	}
	assert_int_equal(count_media(), before + 1);
}

static void keeps_to_the_quota(void **state)
{
	(void)state;
	struct test_account poor;
	struct test_reply reply;
	char json[256];
	test_account_new(&poor);
	(void)test_sql_int("UPDATE usage SET bytes_limit = 10 WHERE owner_id = $1::uuid", poor.user_id, NULL);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(json, sizeof json, "{\"filename\":\"a\",\"content_type\":\"text/plain\",\"size\":5}");
		begin(poor.access_token, NULL, json, &reply);
		test_assert_status(&reply, i < 2 ? 201 : 507);
		test_reply_done(&reply);
	}
	test_account_done(&poor);
}

static void echoes_the_request_id(void **state)
{
	(void)state;
	static const char *const headers[] = { "X-Request-Id: test-4711", NULL };
	char url[256], id[128];
	struct test_reply reply;
	(void)snprintf(url, sizeof url, "http://%s/v1/uploads", test_stack_settings()->ingest_listen);
	test_http(&(struct test_call){ .method = "POST", .url = url, .json = "{}", .headers = headers }, &reply);
	test_assert_status(&reply, 401);
	test_reply_header(&reply, "X-Request-Id", id, sizeof id);
	assert_string_equal(id, "test-4711");
	assert_string_equal(test_json_text(reply.json, "request_id"), "test-4711");
	test_reply_done(&reply);
	// Nor does the edge lose it.
	test_http_json("POST", "/v1/uploads", NULL, "{}", &reply);
	test_reply_header(&reply, "X-Request-Id", id, sizeof id);
	assert_string_equal(test_json_text(reply.json, "request_id"), id);
	test_reply_done(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_photo),
		cmocka_unit_test(knows_a_photo_again),
		cmocka_unit_test(keeps_other_files_as_they_are),
		cmocka_unit_test(resumes_an_open_upload),
		cmocka_unit_test(the_url_takes_exactly_what_was_declared),
		cmocka_unit_test(the_url_takes_exactly_the_declared_md5),
		cmocka_unit_test(refuses_before_any_row_is_written),
		cmocka_unit_test(refuses_hostile_bodies),
		cmocka_unit_test(asks_who_calls),
		cmocka_unit_test(answers_an_idempotency_key_once),
		cmocka_unit_test(keeps_to_the_quota),
		cmocka_unit_test(echoes_the_request_id),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
