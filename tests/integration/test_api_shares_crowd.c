// Share links under many readers: views counted exactly, and few statements.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/crowd.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"
// Services are not libraries: the statement that counts is compiled into the test.
#include "db/pool.h"
#include "metadata-api/share_store.c"

static struct test_account owner;
static char item_id[37];

struct share {
	char id[37];
	char path[128]; // "/v1/shared/<token>"
	const char *token;
};

static void make_share(const char *json, struct share *ret_share)
{
	struct test_reply reply;
	char path[100];
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", item_id);
	test_http_json("POST", path, owner.access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_share->id, sizeof ret_share->id, "%s", test_json_text(reply.json, "id"));
	(void)snprintf(ret_share->path, sizeof ret_share->path, "/v1/shared/%s", test_json_text(reply.json, "token"));
	ret_share->token = ret_share->path + strlen("/v1/shared/");
	test_reply_done(&reply);
}

static int64_t views_of(const struct share *share)
{
	return test_sql_int("SELECT views FROM shares WHERE id = $1::uuid", share->id, NULL);
}

static int setup(void **state)
{
	struct test_reply reply;
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&owner);
	test_http_json("POST", "/v1/items", owner.access_token, "{\"title\":\"Shared trip\"}", &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(item_id, sizeof item_id, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&owner);
	return test_stack_teardown(state);
}

static void views_are_counted_exactly(void **state)
{
	(void)state;
	struct share share;
	make_share("{\"max_views\":25}", &share);
	const char *const url = share.path;
	struct test_crowd crowd = test_crowd_send(&url, 1, 2);
	assert_int_equal(crowd.other, 0);
	assert_int_equal(crowd.shown, 25);
	assert_int_equal(crowd.refused, 2 * TEST_CROWD_THREADS - 25);
	assert_int_equal(views_of(&share), 25);
	struct test_reply reply;
	test_http_json("GET", share.path, NULL, NULL, &reply);
	test_assert_status(&reply, 403);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/share-used-up");
	test_reply_done(&reply);
}

struct counter {
	struct db_pool *pool;
	const uint8_t *token_hash;
	int64_t granted;
	int failures;
};

// As a process of metadata-api would for three readers at a time.
static void *count_views(void *argument)
{
	struct counter *counter = argument;
	for (int i = 0; i < 10; i++) {
		const struct db_value values[] = { db_bytes(counter->token_hash, SHA256_SIZE), db_int64(3),
			                           db_int64(0) };
		struct db_connection *connection = NULL;
		struct db_result *result = NULL;
		struct err err = { 0 };
		struct share_opened opened = { 0 };
		enum rc rc = db_pool_acquire(counter->pool, deadline_after_ms(20000), &connection, &err);
		if (rc == RC_OK)
			rc = db_execute(connection, &share_open_statement, values, 3, deadline_after_ms(20000), &result,
			                &err);
		if (rc == RC_OK)
			share_read_opened(result, &opened);
		__atomic_fetch_add(&counter->granted, opened.granted, __ATOMIC_RELAXED);
		__atomic_fetch_add(&counter->failures, rc != RC_OK, __ATOMIC_RELAXED);
		db_result_free(result);
		db_pool_release(counter->pool, connection);
	}
	return NULL;
}

static void several_processes_count_exactly(void **state)
{
	(void)state;
	const struct settings *settings = test_stack_settings();
	struct share share;
	struct db_options options;
	struct err err = { 0 };
	uint8_t token[32], hash[SHA256_SIZE];
	size_t length;
	pthread_t threads[8];
	make_share("{\"max_views\":100}", &share);
	assert_true(decode_base64url(share.token, strlen(share.token), token, sizeof token, &length));
	sha256_of(token, length, hash);
	struct counter counter = { .token_hash = hash };
	db_options_init(&options, settings, settings->api_database_user, settings->api_database_password,
	                "safelight-test", NULL);
	assert_int_equal(db_pool_new(&options, 8, &counter.pool, &err), RC_OK);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_views, &counter), 0);
	for (int i = 0; i < 8; i++)
		(void)pthread_join(threads[i], NULL);
	db_pool_free(counter.pool);
	assert_int_equal(counter.failures, 0);
	assert_int_equal(counter.granted, 100); // of 240 that asked
	assert_int_equal(views_of(&share), 100);
}

// How often metadata-api has run a statement.
static int64_t statements_run(const char *name)
{
	struct test_reply reply;
	char url[100], line[120];
	(void)snprintf(url, sizeof url, "http://%s/metrics", test_stack_settings()->api_listen);
	test_http_json("GET", url, NULL, NULL, &reply);
	test_assert_status(&reply, 200);
	(void)snprintf(line, sizeof line, "_count{statement=\"%s\"} ", name);
	const char *found = strstr(reply.body, line);
	int64_t count = found == NULL ? 0 : strtoll(found + strlen(line), NULL, 10);
	test_reply_done(&reply);
	return count;
}

static void two_thousand_readers_cost_few_statements(void **state)
{
	(void)state;
	struct share share;
	make_share("{}", &share);
	int64_t looks = statements_run("share_open"), loads = statements_run("item_find");
	const char *const url = share.path;
	struct test_crowd crowd = test_crowd_send(&url, 1, 2000 / TEST_CROWD_THREADS);
	looks = statements_run("share_open") - looks;
	loads = statements_run("item_find") - loads;
	print_message("# 2,000 readers: %lld looks at the share, %lld times loaded\n", (long long)looks,
	              (long long)loads);
	assert_int_equal(crowd.shown, 2000);
	assert_int_equal(views_of(&share), 2000);
	assert_in_range(looks, 1, 1500); // gathered
	assert_in_range(loads, 1, 20);   // once in SHARE_BOARD_KEEP_MS
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_are_counted_exactly),
		cmocka_unit_test(several_processes_count_exactly),
		cmocka_unit_test(two_thousand_readers_cost_few_statements),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
