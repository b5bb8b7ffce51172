// Uploads in parts, against the running stack: parts in any order and at once, resumed, repeated, given up, forgotten.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/settings.h"
#include "store/store_multipart.h"
#include "store/store_presign.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/store.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PART (5 * 1024 * 1024)
#define FILE_LENGTH (2 * PART + 4321)
#define PARTS 3
#define SWEEP_MS 30000
#define RACERS 8

static struct test_account account;
static struct store *store;
static char *content;

// Parts as short as the store allows; a reconciler that looks often; room for the largest upload there can be.
static const char *const SMALL_PARTS[] = { "SAFELIGHT_INGEST_PART_BYTES",
	                                   "5242880",
	                                   "SAFELIGHT_INGEST_OVERDUE_MS",
	                                   "3000",
	                                   "SAFELIGHT_INGEST_RECONCILE_MS",
	                                   "200",
	                                   "SAFELIGHT_INGEST_MAX_UPLOAD_BYTES",
	                                   "5497558138880",
	                                   "SAFELIGHT_INGEST_ORPHAN_GRACE_SECONDS",
	                                   "2",
	                                   NULL };

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	assert_int_equal(store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key, NULL,
	                                       &store, NULL),
	                 RC_OK);
	test_account_new(&account);
	content = malloc(FILE_LENGTH + 32);
	assert_non_null(content);
	for (size_t i = 0; i < FILE_LENGTH; i += 16)
		(void)snprintf(content + i, 17, "line %10zu\n", i);
	test_stack_restart_with("ingest", SMALL_PARTS);
	return 0;
}

static int teardown(void **state)
{
	test_stack_run("restart", "ingest");
	free(content);
	test_account_done(&account);
	store_free(store);
	return test_stack_teardown(state);
}

// ---- steps --------------------------------------------------------------------------------------------------------

struct in_parts {
	char id[37];
	char media_id[37];
	char key[112];
	char multipart_id[STORE_UPLOAD_ID_SIZE];
};

static void copy_sql(char *to, size_t size, const char *sql, const char *id)
{
	char *text = test_sql_text(sql, id, NULL);
	(void)snprintf(to, size, "%s", text);
	free(text);
}

static void call(const char *method, const struct in_parts *upload, const char *below, const char *json,
                 unsigned status, struct test_reply *ret_reply)
{
	char path[128];
	(void)snprintf(path, sizeof path, "/v1/uploads/%s%s", upload->id, below);
	test_http_json(method, path, account.access_token, json, ret_reply);
	test_assert_status(ret_reply, status);
}

static void expect(const char *method, const struct in_parts *upload, const char *below, const char *json,
                   unsigned status)
{
	struct test_reply reply;
	call(method, upload, below, json, status, &reply);
	test_reply_done(&reply);
}

// Begin one and leave its answer to the caller.
static void begin(int64_t size, struct in_parts *ret_upload, struct test_reply *ret_reply)
{
	char json[192];
	(void)snprintf(json, sizeof json,
	               "{\"filename\":\"long.txt\",\"content_type\":\"text/plain\",\"size\":%lld,\"multipart\":true}",
	               (long long)size);
	test_http_json("POST", "/v1/uploads", account.access_token, json, ret_reply);
	test_assert_status(ret_reply, 201);
	(void)snprintf(ret_upload->id, sizeof ret_upload->id, "%s", test_json_text(ret_reply->json, "upload_id"));
	(void)snprintf(ret_upload->media_id, sizeof ret_upload->media_id, "%s",
	               test_json_text(ret_reply->json, "media_id"));
	copy_sql(ret_upload->key, sizeof ret_upload->key, "SELECT object_key FROM uploads WHERE id = $1::uuid",
	         ret_upload->id);
	copy_sql(ret_upload->multipart_id, sizeof ret_upload->multipart_id,
	         "SELECT multipart_id FROM uploads WHERE id = $1::uuid", ret_upload->id);
}

static void begin_file(struct in_parts *ret_upload)
{
	struct test_reply reply;
	begin(FILE_LENGTH, ret_upload, &reply);
	test_reply_done(&reply);
}

static size_t length_of(unsigned number)
{
	return number < PARTS ? PART : FILE_LENGTH - (PARTS - 1) * PART;
}

// PUT with the signed headers of an element of "urls".
static unsigned put(json_t *url, const void *data, size_t length)
{
	const struct test_upload one = { .url = (char *)json_string_value(json_object_get(url, "url")),
		                         .headers = json_object_get(url, "headers") };
	return test_upload_put(&one, data, length);
}

static void put_part(const struct in_parts *upload, unsigned number)
{
	struct test_reply reply;
	char json[64];
	(void)snprintf(json, sizeof json, "{\"numbers\":[%u]}", number);
	call("POST", upload, "/parts", json, 200, &reply);
	assert_int_equal(test_json_int(reply.json, "urls.0.number"), number);
	assert_int_equal(
	        put(test_json_at(reply.json, "urls.0"), content + (size_t)(number - 1) * PART, length_of(number)), 200);
	test_reply_done(&reply);
}

static void put_all(const struct in_parts *upload)
{
	for (unsigned number = 1; number <= PARTS; number++)
		put_part(upload, number);
}

static void assert_stored_whole(const struct in_parts *upload)
{
	const struct store_target target = { test_stack_settings()->store_originals_bucket, upload->key, 10000 };
	struct buffer bytes;
	buffer_init(&bytes, FILE_LENGTH + 1);
	assert_int_equal(store_get(store, &target, NULL, &bytes, NULL, NULL), RC_OK);
	assert_int_equal(bytes.length, FILE_LENGTH);
	assert_memory_equal(buffer_text(&bytes), content, FILE_LENGTH);
	buffer_done(&bytes);
}

static int64_t count_steps(const struct in_parts *upload)
{
	return test_sql_int("SELECT count(*) FROM media_history WHERE media_id = $1::uuid AND new_state = 'uploaded'",
	                    upload->media_id, NULL);
}

// ---- tests --------------------------------------------------------------------------------------------------------

static void takes_parts_in_any_order(void **state)
{
	(void)state;
	struct in_parts upload;
	struct test_reply reply;
	begin(FILE_LENGTH, &upload, &reply);
	assert_int_equal(test_json_int(reply.json, "multipart.part_size"), PART);
	assert_int_equal(test_json_int(reply.json, "multipart.parts"), PARTS);
	assert_int_equal(json_array_size(test_json_at(reply.json, "multipart.urls")), PARTS);
	assert_string_equal(test_json_text(reply.json, "multipart.urls.2.headers.content-length"), "4321");
	assert_int_equal(put(test_json_at(reply.json, "multipart.urls.2"), content + 2 * PART, length_of(3)), 200);
	assert_int_equal(put(test_json_at(reply.json, "multipart.urls.0"), content, PART), 200);
	test_reply_done(&reply);
	// What a client that was restarted asks.
	call("GET", &upload, "", NULL, 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "multipart.stored")), 2);
	assert_int_equal(test_json_int(reply.json, "multipart.stored.1.number"), 3);
	assert_int_equal(test_json_int(reply.json, "multipart.stored.1.size"), 4321);
	assert_int_equal(json_array_size(test_json_at(reply.json, "multipart.urls")), 1);
	assert_int_equal(test_json_int(reply.json, "multipart.urls.0.number"), 2);
	test_reply_done(&reply);
	// Too early: refused, and nothing is lost by it.
	call("POST", &upload, "/complete", "{}", 409, &reply);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/not-uploaded");
	assert_non_null(strstr(test_json_text(reply.json, "detail"), "Part 2 "));
	test_reply_done(&reply);
	put_part(&upload, 2);
	call("POST", &upload, "/complete", NULL, 202, &reply);
	assert_string_equal(test_json_text(reply.json, "media.id"), upload.media_id);
	test_reply_done(&reply);
	assert_stored_whole(&upload);
	// Again, and again with a list: the same.
	expect("POST", &upload, "/complete", "{}", 202);
	expect("POST", &upload, "/complete", "{\"parts\":[{\"number\":1,\"etag\":\"x\"}]}", 202);
	expect("POST", &upload, "/parts", "{\"numbers\":[1]}", 409);
	json_decref(test_media_await(&account, upload.media_id, "ready", SWEEP_MS));
	assert_int_equal(count_steps(&upload), 1);
	assert_int_equal(test_sql_int("SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = $1::uuid",
	                              account.user_id, NULL),
	                 0);
}

// "parts" as a client sends it: any order, ETags quoted or not.
// spoil takes the place of the second part's first digits.
static void list_stored(const struct in_parts *upload, const char *spoil, char *ret_json, size_t size)
{
	struct test_reply reply;
	size_t length = (size_t)snprintf(ret_json, size, "{\"parts\":[");
	call("GET", upload, "", NULL, 200, &reply);
	for (unsigned at = PARTS; at-- > 0;) {
		char path[64];
		(void)snprintf(path, sizeof path, "multipart.stored.%u.etag", at);
		const char *quote = at == 1 ? "\\\"" : "", *start = at == 1 ? spoil : "";
		length += (size_t)snprintf(ret_json + length, size - length, "{\"number\":%u,\"etag\":\"%s%s%s%s\"}%s",
		                           at + 1, quote, start, test_json_text(reply.json, path) + strlen(start),
		                           quote, at == 0 ? "]}" : ",");
	}
	test_reply_done(&reply);
}

static void compares_what_the_client_lists(void **state)
{
	(void)state;
	struct in_parts upload;
	struct test_reply reply;
	char json[1024];
	begin_file(&upload);
	put_all(&upload);
	list_stored(&upload, "spoilt", json, sizeof json);
	call("POST", &upload, "/complete", json, 409, &reply);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/parts-mismatch");
	assert_non_null(strstr(test_json_text(reply.json, "detail"), "Part 2 "));
	test_reply_done(&reply);
	list_stored(&upload, "", json, sizeof json);
	expect("POST", &upload, "/complete", json, 202);
	assert_stored_whole(&upload);
}

static void a_part_url_takes_exactly_its_part(void **state)
{
	(void)state;
	struct in_parts upload;
	struct test_reply reply;
	uint8_t md5[MD5_SIZE];
	char text[BASE64_TEXT_SIZE(MD5_SIZE)], json[160];
	begin_file(&upload);
	struct digest_stream *digest = digest_stream_new(DIGEST_MD5);
	digest_stream_update(digest, content + 2 * PART, length_of(3));
	digest_stream_finish(digest, md5);
	digest_stream_free(digest);
	encode_base64(md5, sizeof md5, text);
	(void)snprintf(json, sizeof json, "{\"parts\":[{\"number\":3,\"content_md5\":\"%s\"}]}", text);
	call("POST", &upload, "/parts", json, 200, &reply);
	json_t *url = test_json_at(reply.json, "urls.0");
	assert_int_equal(put(url, content + 2 * PART, length_of(3) - 1), 403);
	assert_int_equal(put(url, content, length_of(3)), 400);
	assert_int_equal(put(url, content + 2 * PART, length_of(3)), 200);
	test_reply_done(&reply);
	expect("POST", &upload, "/parts", "{\"numbers\":[4]}", 422);
	expect("POST", &upload, "/parts", "{\"numbers\":[0]}", 422);
	expect("POST", &upload, "/parts", "{}", 422);
	expect("POST", &upload, "/parts", "{\"parts\":[{\"number\":1,\"content_md5\":\"short\"}]}", 422);
	expect("DELETE", &upload, "", NULL, 204);
}

static void *complete(void *argument)
{
	const struct in_parts *upload = argument;
	struct test_reply reply;
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/uploads/%s/complete", upload->id);
	// 503 says "again", and is obeyed.
	for (unsigned attempt = 0;; attempt++) {
		test_http_json("POST", path, account.access_token, "{}", &reply);
		unsigned status = reply.status;
		test_reply_done(&reply);
		if (status != 503 || attempt == 5)
			return (void *)(uintptr_t)status;
	}
}

static void racing_completes_give_one_result(void **state)
{
	(void)state;
	struct in_parts upload;
	pthread_t threads[RACERS];
	begin_file(&upload);
	put_all(&upload);
	for (size_t i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, complete, &upload), 0);
	for (size_t i = 0; i < RACERS; i++) {
		void *status = NULL;
		assert_int_equal(pthread_join(threads[i], &status), 0);
		assert_int_equal((uintptr_t)status, 202);
	}
	assert_int_equal(count_steps(&upload), 1);
	assert_stored_whole(&upload);
}

static void survives_a_lost_answer_of_the_store(void **state)
{
	(void)state;
	struct in_parts upload;
	struct store_parts parts;
	begin_file(&upload);
	put_all(&upload);
	// The store has assembled it, and ingest was killed before it knew.
	const struct store_target target = { test_stack_settings()->store_originals_bucket, upload.key, 10000 };
	assert_int_equal(store_upload_list_parts(store, &target, upload.multipart_id, &parts, NULL), RC_OK);
	assert_int_equal(
	        store_upload_complete(store, &target, upload.multipart_id, parts.parts, parts.count, NULL, NULL),
	        RC_OK);
	store_parts_done(&parts);
	expect("POST", &upload, "/complete", "{}", 202);
	assert_stored_whole(&upload);
	assert_int_equal(count_steps(&upload), 1);
}

static void is_completed_although_nobody_says_so(void **state)
{
	(void)state;
	struct in_parts upload;
	begin_file(&upload);
	put_all(&upload);
	json_decref(test_media_await(&account, upload.media_id, "ready", SWEEP_MS));
	assert_stored_whole(&upload);
}

static void frees_the_parts_of_what_is_given_up(void **state)
{
	(void)state;
	struct in_parts upload;
	struct test_reply reply;
	begin_file(&upload);
	put_part(&upload, 1);
	assert_true(test_store_has_parts(upload.key));
	expect("DELETE", &upload, "", NULL, 204);
	assert_false(test_store_has_parts(upload.key));
	expect("DELETE", &upload, "", NULL, 204);
	call("GET", &upload, "", NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "state"), "deleted");
	test_reply_done(&reply);
	expect("POST", &upload, "/complete", "{}", 404);
}

static bool are_parts_gone(void *key)
{
	return !test_store_has_parts(key);
}

// Older than the grace time: strangers' parts go, an open upload's stay until it expires.
static void sweeps_the_parts_of_nobody(void **state)
{
	(void)state;
	struct in_parts open, late;
	char stranger[] = "somebody/elses-key";
	begin_file(&open);
	put_part(&open, 1);
	begin_file(&late);
	put_part(&late, 1);
	test_store_begin_parts(stranger);
	test_wait(are_parts_gone, stranger, SWEEP_MS, "a stranger's parts are still there");
	assert_true(test_store_has_parts(open.key));
	free(test_sql_text("UPDATE uploads SET expires_at = now() - interval '1 day' WHERE id = $1::uuid", late.id,
	                   NULL));
	test_wait(are_parts_gone, late.key, SWEEP_MS, "an expired upload's parts are still there");
	test_sql_await(1, SWEEP_MS, "SELECT count(*) FROM media WHERE id = $1::uuid AND state = 'expired'",
	               late.media_id, NULL);
	assert_true(test_store_has_parts(open.key));
	expect("DELETE", &open, "", NULL, 204);
}

static void grows_the_parts_of_the_longest(void **state)
{
	(void)state;
	struct in_parts upload;
	struct test_reply reply;
	begin(INT64_C(5497558138880), &upload, &reply);
	int64_t parts = test_json_int(reply.json, "multipart.parts");
	assert_in_range(parts, 1, STORE_PARTS_MAX);
	assert_true(test_json_int(reply.json, "multipart.part_size") * parts >= INT64_C(5497558138880));
	assert_int_equal(json_array_size(test_json_at(reply.json, "multipart.urls")), 20);
	test_reply_done(&reply);
	(void)snprintf(upload.multipart_id, sizeof upload.multipart_id, "{\"numbers\":[%lld]}", (long long)parts);
	expect("POST", &upload, "/parts", upload.multipart_id, 200);
	// As many parts as there can be, listed: that they are missing is all that is wrong with them.
	struct buffer json;
	buffer_init(&json, 1024 * 1024);
	for (unsigned number = 1; number <= STORE_PARTS_MAX; number++)
		buffer_append_format(&json, "%s{\"number\":%u,\"etag\":\"\\\"d41d8cd98f00b204e9800998ecf8427e\\\"\"}",
		                     number == 1 ? "{\"parts\":[" : ",", number);
	buffer_append_text(&json, "]}");
	assert_true(buffer_ok(&json));
	call("POST", &upload, "/complete", buffer_text(&json), 409, &reply);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/not-uploaded");
	test_reply_done(&reply);
	buffer_done(&json);
	expect("DELETE", &upload, "", NULL, 204);
}

// Nothing reads a file after us, so its declared hash is verified by us before it is ready.
// Begun again in parts, with its hash: nothing is to be uploaded.
static void expect_known(const struct in_parts *upload, const char *hex)
{
	struct test_reply reply;
	char json[256];
	int64_t uploads = test_sql_int("SELECT count(*) FROM uploads", NULL);
	(void)snprintf(json, sizeof json,
	               "{\"filename\":\"again.txt\",\"content_type\":\"text/plain\",\"size\":%d,\"multipart\":true,"
	               "\"sha256\":\"%s\"}",
	               FILE_LENGTH, hex);
	test_http_json("POST", "/v1/uploads", account.access_token, json, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "media.id"), upload->media_id);
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM uploads", NULL), uploads);
}

static void verifies_the_hash_of_a_long_file(void **state)
{
	(void)state;
	for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
		struct in_parts upload;
		struct test_reply reply;
		uint8_t digest[SHA256_SIZE];
		char hex[SHA256_TEXT_SIZE];
		sha256_of(content, FILE_LENGTH - (size_t)is_wrong, digest);
		encode_hex(digest, sizeof digest, hex);
		begin_file(&upload);
		free(test_sql_text("UPDATE media SET declared_sha256 = decode($2, 'hex') WHERE id = $1::uuid",
		                   upload.media_id, hex, NULL));
		put_all(&upload);
		call("POST", &upload, "/complete", "{}", 202, &reply);
		assert_string_equal(test_json_text(reply.json, "media.state"), is_wrong ? "rejected" : "ready");
		if (is_wrong)
			assert_string_equal(test_json_text(reply.json, "media.reason.code"), "checksum");
		else
			assert_string_equal(test_json_text(reply.json, "media.sha256"), hex);
		test_reply_done(&reply);
		if (!is_wrong)
			expect_known(&upload, hex);
	}
}

// What the store says once a URL's time is over: it is the same signing, only shorter than a setting allows.
static void a_url_ends(void **state)
{
	(void)state;
	const struct store_pair headers[] = { { "content-length", "4" } };
	const struct store_presign presign = { .method = "PUT",
		                               .bucket = test_stack_settings()->store_originals_bucket,
		                               .key = ".probe/late",
		                               .headers = headers,
		                               .header_count = 1,
		                               .seconds = 1 };
	struct store_signed_request signed_request;
	struct test_reply reply;
	assert_int_equal(store_presign_request(store, &presign, &signed_request, NULL), RC_OK);
	clock_sleep_ms(2100);
	test_http(&(struct test_call){ .method = "PUT", .url = signed_request.url, .body = "late", .length = 4 },
	          &reply);
	assert_int_equal(reply.status, 403);
	test_reply_done(&reply);
	store_signed_request_done(&signed_request);
	assert_false(test_store_has(TEST_ORIGINALS, ".probe/late"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_parts_in_any_order),
		cmocka_unit_test(compares_what_the_client_lists),
		cmocka_unit_test(a_part_url_takes_exactly_its_part),
		cmocka_unit_test(racing_completes_give_one_result),
		cmocka_unit_test(survives_a_lost_answer_of_the_store),
		cmocka_unit_test(is_completed_although_nobody_says_so),
		cmocka_unit_test(frees_the_parts_of_what_is_given_up),
		cmocka_unit_test(sweeps_the_parts_of_nobody),
		cmocka_unit_test(grows_the_parts_of_the_longest),
		cmocka_unit_test(verifies_the_hash_of_a_long_file),
		cmocka_unit_test(a_url_ends),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
