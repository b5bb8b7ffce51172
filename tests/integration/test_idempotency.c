// Idempotency-Key on POSTs of both services: the work is done once, the answer given again.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define RACERS 8
#define SWEEP_MS 20000

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
	test_stack_run("restart", "ingest");
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void post(const struct test_account *caller, const char *path, const char *key, const char *json,
                 struct test_reply *ret_reply)
{
	char header[400];
	const char *headers[] = { header, NULL };
	(void)snprintf(header, sizeof header, "Idempotency-Key: %s", key);
	test_http(&(struct test_call){ .method = "POST",
	                               .url = path,
	                               .token = caller->access_token,
	                               .json = json,
	                               .headers = headers },
	          ret_reply);
}

static void expect(const char *path, const char *key, const char *json, unsigned status, const char *type)
{
	struct test_reply reply;
	post(&account, path, key, json, &reply);
	test_assert_status(&reply, status);
	if (type != NULL)
		assert_string_equal(test_json_text(reply.json, "type"), type);
	test_reply_done(&reply);
}

static int64_t count_items(const struct test_account *of)
{
	return test_sql_int("SELECT count(*) FROM items WHERE owner_id = $1::uuid", of->user_id, NULL);
}

static void gives_the_answer_again(void **state)
{
	(void)state;
	struct test_account other;
	struct test_reply first, again;
	char etag[2][64], header[64];
	post(&account, "/v1/items", "\"item-1\"", "{\"title\":\"once\"}", &first);
	test_assert_status(&first, 201);
	test_reply_header(&first, "Idempotency-Replayed", header, sizeof header);
	assert_string_equal(header, "");
	// Quoted or bare, it is the same key.
	post(&account, "/v1/items", "item-1", "{\"title\":\"once\"}", &again);
	test_assert_status(&again, 201);
	test_reply_header(&again, "Idempotency-Replayed", header, sizeof header);
	assert_string_equal(header, "true");
	assert_string_equal(again.body, first.body);
	test_reply_header(&first, "ETag", etag[0], sizeof etag[0]);
	test_reply_header(&again, "ETag", etag[1], sizeof etag[1]);
	assert_string_equal(etag[0], etag[1]);
	test_reply_done(&first);
	test_reply_done(&again);
	assert_int_equal(count_items(&account), 1);
	expect("/v1/items", "item-1", "{\"title\":\"twice\"}", 422, "/problems/idempotency-key-reused");
	// Elsewhere, and for somebody else, it is another key.
	expect("/v1/devices", "item-1", "{\"platform\":\"fcm\",\"token\":\"of the keys\"}", 201, NULL);
	test_account_new(&other);
	post(&other, "/v1/items", "item-1", "{\"title\":\"hers\"}", &first);
	test_assert_status(&first, 201);
	test_reply_done(&first);
	assert_int_equal(count_items(&other), 1);
	test_account_done(&other);
}

static void a_refusal_leaves_the_key_free(void **state)
{
	(void)state;
	expect("/v1/items", "item-2", "{\"titel\":\"wrong\"}", 400, "/problems/unknown-field");
	expect("/v1/items", "item-2", "{\"title\":\"right\"}", 201, NULL);
	expect("/v1/items", "\"not closed", "{\"title\":\"x\"}", 400, "/problems/invalid-idempotency-key");
	expect("/v1/items", "two words", "{\"title\":\"x\"}", 400, "/problems/invalid-idempotency-key");
}

static void *race(void *argument)
{
	struct test_reply reply;
	(void)argument;
	post(&account, "/v1/items", "race", "{\"title\":\"race\"}", &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return (void *)(uintptr_t)status;
}

static void racing_requests_do_the_work_once(void **state)
{
	(void)state;
	pthread_t threads[RACERS];
	int64_t before = count_items(&account);
	for (size_t i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, NULL), 0);
	for (size_t i = 0; i < RACERS; i++) {
		void *status = NULL;
		assert_int_equal(pthread_join(threads[i], &status), 0);
		assert_true((uintptr_t)status == 201 || (uintptr_t)status == 409);
	}
	assert_int_equal(count_items(&account), before + 1);
	expect("/v1/items", "race", "{\"title\":\"race\"}", 201, NULL);
}

// As it stands when the process died in the middle: in progress until the claim lapses.
static void a_lapsed_claim_may_be_taken_over(void **state)
{
	(void)state;
	struct test_reply reply;
	char header[32];
	expect("/v1/items", "lapse", "{\"title\":\"a\"}", 201, NULL);
	free(test_sql_text("UPDATE idempotency_keys SET status = NULL, response = NULL WHERE owner_id = $1::uuid "
	                   "AND key = encode(sha256('lapse'), 'hex')",
	                   account.user_id, NULL));
	post(&account, "/v1/items", "lapse", "{\"title\":\"a\"}", &reply);
	test_assert_status(&reply, 409);
	test_reply_header(&reply, "Retry-After", header, sizeof header);
	assert_string_equal(header, "1");
	test_reply_done(&reply);
	free(test_sql_text("UPDATE idempotency_keys SET expires_at = now() - interval '1 second' "
	                   "WHERE owner_id = $1::uuid AND key = encode(sha256('lapse'), 'hex')",
	                   account.user_id, NULL));
	expect("/v1/items", "lapse", "{\"title\":\"b\"}", 201, NULL);
}

static void keeps_no_secret(void **state)
{
	(void)state;
	struct test_reply reply;
	char path[96], token[128];
	post(&account, "/v1/items", "of-share", "{\"title\":\"shared\"}", &reply);
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	post(&account, path, "share-1", "{}", &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(token, sizeof token, "%s", strrchr(test_json_text(reply.json, "url"), '/') + 1);
	test_reply_done(&reply);
	expect(path, "share-1", "{}", 409, "/problems/idempotency-key-done");
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM idempotency_keys WHERE response LIKE '%' || $1 || '%'", token, NULL),
	        0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM idempotency_keys WHERE owner_id = $1::uuid AND "
	                              "(key = 'share-1' OR response LIKE '%' || 'share-1' || '%')",
	                              account.user_id, NULL),
	                 0);
}

static int64_t count_webhooks(void)
{
	return test_sql_int("SELECT count(*) FROM webhooks WHERE user_id = $1::uuid", account.user_id, NULL);
}

static void keeps_no_secret_of_a_webhook(void **state)
{
	(void)state;
	static const char WANTED[] = "{\"url\":\"https://hooks.example/keys\"}";
	struct test_reply reply;
	char path[96], secret[128];
	post(&account, "/v1/webhooks", "hook-1", WANTED, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(path, sizeof path, "/v1/webhooks/%s/secret", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	expect("/v1/webhooks", "hook-1", WANTED, 409, "/problems/idempotency-key-done");
	assert_int_equal(count_webhooks(), 1);
	post(&account, path, "rotate-1", NULL, &reply);
	test_assert_status(&reply, 200);
	(void)snprintf(secret, sizeof secret, "%s", test_json_text(reply.json, "secret"));
	test_reply_done(&reply);
	// The repeat rotates nothing: the secret that was shown stays the one that signs.
	expect(path, "rotate-1", NULL, 409, "/problems/idempotency-key-done");
	assert_int_equal(test_sql_int("SELECT count(*) FROM idempotency_keys WHERE response LIKE '%' || $1 || '%'",
	                              secret, NULL),
	                 0);
}

// Uppy's /sign answers with URLs that end soon: it keeps no keys, and signs anew whatever the key was.
static void signs_anew(void **state)
{
	(void)state;
	struct test_reply reply;
	char header[16];
	for (size_t size = 3; size <= 4; size++) {
		char json[160];
		(void)snprintf(json, sizeof json,
		               "{\"method\":\"PUT\",\"key\":\"a.txt\",\"filename\":\"a.txt\",\"type\":\"text/plain\","
		               "\"size\":%zu}",
		               size);
		post(&account, "/sign", "sign-1", json, &reply);
		test_assert_status(&reply, 200);
		test_reply_header(&reply, "Idempotency-Replayed", header, sizeof header);
		assert_string_equal(header, "");
		test_reply_done(&reply);
	}
	assert_int_equal(test_sql_int("SELECT count(*) FROM idempotency_keys WHERE owner_id = $1::uuid AND "
	                              "key = encode(sha256('sign-1'), 'hex')",
	                              account.user_id, NULL),
	                 0);
}

static void forgets_after_a_day(void **state)
{
	(void)state;
	static const char *const with[] = { "SAFELIGHT_INGEST_RECONCILE_MS", "200", NULL };
	test_stack_restart_with("ingest", with);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM idempotency_keys WHERE owner_id = $1::uuid AND status = 201 "
	                     "AND expires_at NOT BETWEEN now() + interval '23 hours' AND now() + interval '24 hours'",
	                     account.user_id, NULL),
	        0);
	assert_true(test_sql_int("SELECT count(*) FROM idempotency_keys WHERE owner_id = $1::uuid", account.user_id,
	                         NULL) > 0);
	free(test_sql_text(
	        "UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE owner_id = $1::uuid",
	        account.user_id, NULL));
	test_sql_await(0, SWEEP_MS, "SELECT count(*) FROM idempotency_keys WHERE owner_id = $1::uuid", account.user_id,
	               NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_answer_again),
		cmocka_unit_test(a_refusal_leaves_the_key_free),
		cmocka_unit_test(racing_requests_do_the_work_once),
		cmocka_unit_test(a_lapsed_claim_may_be_taken_over),
		cmocka_unit_test(keeps_no_secret),
		cmocka_unit_test(keeps_no_secret_of_a_webhook),
		cmocka_unit_test(signs_anew),
		cmocka_unit_test(forgets_after_a_day),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
