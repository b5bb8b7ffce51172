// A share that is hot at two instances of metadata-api with a Redis between them: loaded once, judged at each look.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/crowd.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define READERS 2000
// SHARE_BOARD_KEEP_MS: so long is an answer kept.
#define KEEP_SECONDS 5

static struct test_pair pair;
static struct test_account owner;
static char item_path[64]; // "/v1/items/<id>"

struct share {
	char id[37];
	char urls[2][200]; // at each instance
};

static int setup(void **state)
{
	struct test_reply reply;
	if (test_stack_setup(state) != 0)
		return -1;
	test_pair_start(&pair, "api", "SAFELIGHT_HTTP_ADDRESS_CALLS", "0");
	test_account_new(&owner);
	test_http_json("POST", "/v1/items", owner.access_token, "{\"title\":\"Hot\"}", &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(item_path, sizeof item_path, "/v1/items/%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&owner);
	test_pair_stop(&pair);
	return test_stack_teardown(state);
}

static void make_share(const char *json, struct share *ret_share)
{
	struct test_reply reply;
	char path[100];
	(void)snprintf(path, sizeof path, "%s/shares", item_path);
	test_http_json("POST", path, owner.access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_share->id, sizeof ret_share->id, "%s", test_json_text(reply.json, "id"));
	for (int i = 0; i < 2; i++)
		(void)snprintf(ret_share->urls[i], sizeof ret_share->urls[i], "%s/v1/shared/%s", pair.bases[i],
		               test_json_text(reply.json, "token"));
	test_reply_done(&reply);
}

// What a reader at an instance gets; title "" when it is not shown.
static unsigned read_one(const struct share *share, int instance, char ret_title[64])
{
	struct test_reply reply;
	test_http_json("GET", share->urls[instance], NULL, NULL, &reply);
	unsigned status = reply.status;
	ret_title[0] = '\0';
	if (status == 200)
		(void)snprintf(ret_title, 64, "%s", test_json_text(reply.json, "item.title"));
	test_reply_done(&reply);
	return status;
}

static void expect_shown(const struct share *share, int instance, const char *title)
{
	char shown[64];
	assert_int_equal(read_one(share, instance, shown), 200);
	assert_string_equal(shown, title);
}

static void one_loads_for_both(void **state)
{
	(void)state;
	struct share share;
	make_share("{}", &share);
	int64_t loads = test_pair_statements(&pair, "item_find");
	expect_shown(&share, 0, "Hot");
	expect_shown(&share, 1, "Hot");
	expect_shown(&share, 0, "Hot");
	assert_int_equal(test_pair_statements(&pair, "item_find") - loads, 1);
	assert_int_equal(test_sql_int("SELECT views FROM shares WHERE id = $1::uuid", share.id, NULL), 3);
}

static void a_change_is_seen_at_once_at_both(void **state)
{
	(void)state;
	struct share share;
	make_share("{}", &share);
	expect_shown(&share, 0, "Hot");
	expect_shown(&share, 1, "Hot");
	for (int i = 0; i < 3; i++) {
		static const char *const TITLES[] = { "Hotter", "Hottest", "Hot" };
		struct test_reply reply;
		char json[64];
		(void)snprintf(json, sizeof json, "{\"title\":\"%s\"}", TITLES[i]);
		test_http_json("PATCH", item_path, owner.access_token, json, &reply);
		test_assert_status(&reply, 200);
		test_reply_done(&reply);
		expect_shown(&share, 1, TITLES[i]);
		expect_shown(&share, 0, TITLES[i]);
	}
}

static void a_revoked_share_ends_at_once_at_both(void **state)
{
	(void)state;
	struct share share, another;
	struct test_reply reply;
	char path[200], title[64];
	make_share("{}", &share);
	make_share("{}", &another);
	expect_shown(&share, 0, "Hot");
	expect_shown(&share, 1, "Hot");
	(void)snprintf(path, sizeof path, "%s%s/shares/%s", pair.bases[0], item_path, share.id);
	test_http_json("DELETE", path, owner.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	assert_int_equal(read_one(&share, 1, title), 403);
	assert_int_equal(read_one(&share, 0, title), 403);
	expect_shown(&another, 1, "Hot");
}

static void two_thousand_readers_at_both_cost_few_loads(void **state)
{
	(void)state;
	struct share share;
	make_share("{\"max_views\":1500}", &share);
	int64_t began_us = clock_monotonic_us();
	int64_t looks = test_pair_statements(&pair, "share_open"), loads = test_pair_statements(&pair, "item_find");
	const char *const urls[] = { share.urls[0], share.urls[1] };
	struct test_crowd crowd = test_crowd_send(urls, 2, READERS / TEST_CROWD_THREADS);
	looks = test_pair_statements(&pair, "share_open") - looks;
	loads = test_pair_statements(&pair, "item_find") - loads;
	int64_t seconds = (clock_monotonic_us() - began_us) / 1000000;
	print_message("# %d readers at two instances in %lld s: %lld looks at the share, %lld times loaded\n", READERS,
	              (long long)seconds, (long long)looks, (long long)loads);
	assert_int_equal(crowd.other, 0);
	assert_int_equal(crowd.shown, 1500);
	assert_int_equal(crowd.refused, READERS - 1500);
	assert_int_equal(test_sql_int("SELECT views FROM shares WHERE id = $1::uuid", share.id, NULL), 1500);
	assert_in_range(looks, 1, READERS * 3 / 4);
	// Each time that it grew old, both may have missed it at the same moment.
	assert_in_range(loads, 1, 2 * (1 + seconds / KEEP_SECONDS));
}

static void one_that_hangs_or_is_gone_fails_no_reader(void **state)
{
	(void)state;
	struct share share;
	make_share("{}", &share);
	expect_shown(&share, 0, "Hot");
	assert_int_equal(kill(pair.redis, SIGSTOP), 0);
	expect_shown(&share, 1, "Hot"); // it waits for Redis, and loads for itself
	expect_shown(&share, 0, "Hot");
	assert_int_equal(kill(pair.redis, SIGCONT), 0);
	test_pair_await(&pair, true);
	test_instance_kill(pair.redis);
	expect_shown(&share, 0, "Hot");
	expect_shown(&share, 1, "Hot");
	pair.redis = test_redis_start(pair.redis_port, NULL);
	test_pair_await(&pair, true);
	make_share("{}", &share);
	int64_t loads = test_pair_statements(&pair, "item_find");
	expect_shown(&share, 0, "Hot");
	expect_shown(&share, 1, "Hot");
	assert_int_equal(test_pair_statements(&pair, "item_find") - loads, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_loads_for_both),
		cmocka_unit_test(a_change_is_seen_at_once_at_both),
		cmocka_unit_test(a_revoked_share_ends_at_once_at_both),
		cmocka_unit_test(two_thousand_readers_at_both_cost_few_loads),
		cmocka_unit_test(one_that_hangs_or_is_gone_fails_no_reader),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
