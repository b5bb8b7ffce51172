// Two instances of metadata-api, or of ingest, with a Redis between them: limits that hold for both, with and without
// it.
#include <stdio.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

// A minute; few enough to be used up at once, and slow to come back.
#define CALLS 60
#define TRIES 5
// Redis is told every 100 ms; the machine may be busy.
#define EXCHANGE_MS 600

static struct test_pair pair;
// What is called, and what it answers when it may be.
static const char *path;
static unsigned allowed_status;

static int start_api(void **state)
{
	(void)state;
	path = "/v1/me";
	allowed_status = 200;
	test_pair_start(&pair, "api", "SAFELIGHT_HTTP_ACCOUNT_CALLS", "60");
	return 0;
}

static int start_ingest(void **state)
{
	(void)state;
	path = "/v1/uploads/01890000-0000-7000-8000-000000000000";
	allowed_status = 404;
	test_pair_start(&pair, "ingest", "SAFELIGHT_HTTP_ACCOUNT_CALLS", "60");
	return 0;
}

static int stop_pair(void **state)
{
	(void)state;
	test_pair_stop(&pair);
	return 0;
}

// One call of an account at an instance: whether it was allowed. Anything else but 429 fails the test.
static bool is_allowed(const char *base, const struct test_account *account)
{
	struct test_reply reply;
	char url[96];
	(void)snprintf(url, sizeof url, "%s%s", base, path);
	test_http_json("GET", url, account->access_token, NULL, &reply);
	bool allowed = reply.status == allowed_status;
	if (!allowed)
		test_assert_status(&reply, 429);
	test_reply_done(&reply);
	return allowed;
}

static int call(const char *base, const struct test_account *account, int times)
{
	int allowed = 0;
	for (int i = 0; i < times; i++)
		allowed += is_allowed(base, account);
	return allowed;
}

// All of one account's calls at the first, until no more; then the second has next to nothing left for it.
static void expect_shared(void)
{
	struct test_account account;
	test_account_new(&account);
	int64_t began_us = clock_monotonic_us();
	int allowed = call(pair.bases[0], &account, CALLS + 10);
	assert_in_range(allowed, CALLS, CALLS + 9);
	clock_sleep_ms(EXCHANGE_MS);
	// Its first call may come before it knows, and so may those of the next exchange.
	int more = 0;
	for (int i = 0; i < 10; i++) {
		more += call(pair.bases[1], &account, 1);
		clock_sleep_ms(EXCHANGE_MS / 3);
	}
	int back = 1 + (int)((clock_monotonic_us() - began_us) / 1000000); // one a second comes back
	print_message("# %d at the first, then %d at the second (%d came back)\n", allowed, more, back);
	assert_in_range(allowed + more, CALLS, CALLS + back + 4);
	test_account_done(&account);
}

static void both_together_allow_one_quota(void **state)
{
	(void)state;
	expect_shared();
}

// In turn, as by a load balancer: nobody waits for an exchange.
static void both_together_allow_one_quota_in_turn(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	int64_t began_us = clock_monotonic_us();
	int allowed = 0;
	for (int i = 0; i < 2 * CALLS; i++) {
		allowed += call(i % 2 == 0 ? pair.bases[0] : pair.bases[1], &account, 1);
		clock_sleep_ms(20);
	}
	int back = 1 + (int)((clock_monotonic_us() - began_us) / 1000000);
	print_message("# %d of %d allowed (%d came back)\n", allowed, 2 * CALLS, back);
	// Of what the other one allows within EXCHANGE_MS each may know nothing.
	assert_in_range(allowed, CALLS, CALLS + back + 2 * (EXCHANGE_MS / 40));
	test_account_done(&account);
}

static unsigned try_login(const char *base, const struct test_account *account, const char *password)
{
	struct test_reply reply;
	char url[96], json[200];
	(void)snprintf(url, sizeof url, "%s/v1/auth/login", base);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account->email, password);
	test_http_json("POST", url, NULL, json, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

static void wrong_passwords_count_wherever_they_are_tried(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	for (int i = 0; i < TRIES; i++)
		assert_int_equal(try_login(pair.bases[0], &account, "wrong password"), 401);
	assert_int_equal(try_login(pair.bases[0], &account, account.password), 429);
	clock_sleep_ms(EXCHANGE_MS);
	(void)try_login(pair.bases[1], &account, "wrong password"); // it may not have asked yet
	clock_sleep_ms(EXCHANGE_MS);
	assert_int_equal(try_login(pair.bases[1], &account, account.password), 429);
	test_account_done(&account);
	// And a right one ends the row at both.
	test_account_new(&account);
	for (int i = 0; i < TRIES - 1; i++)
		assert_int_equal(try_login(pair.bases[0], &account, "wrong password"), 401);
	clock_sleep_ms(EXCHANGE_MS);
	assert_int_equal(try_login(pair.bases[1], &account, account.password), 200);
	clock_sleep_ms(EXCHANGE_MS);
	for (int i = 0; i < TRIES; i++)
		assert_int_equal(try_login(pair.bases[1], &account, "wrong password"), 401);
	test_account_done(&account);
}

// Without Redis each limits by itself, and nothing fails; when it is back they do so together.
static void without_redis_each_limits_by_itself(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	(void)call(pair.bases[0], &account, 10);
	test_instance_kill(pair.redis);
	(void)call(pair.bases[0], &account, 5);
	(void)call(pair.bases[1], &account, 5);
	test_pair_await(&pair, false);
	test_account_done(&account);
	test_account_new(&account);
	int64_t began_us = clock_monotonic_us();
	int one = call(pair.bases[0], &account, 2 * CALLS), other = call(pair.bases[1], &account, 2 * CALLS);
	int back = 1 + (int)((clock_monotonic_us() - began_us) / 1000000);
	assert_in_range(one, CALLS, CALLS + back);
	assert_in_range(other, CALLS, CALLS + back);
	test_account_done(&account);
	pair.redis = test_redis_start(pair.redis_port, NULL);
	test_pair_await(&pair, true);
	expect_shared();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_together_allow_one_quota, start_api),
		cmocka_unit_test(both_together_allow_one_quota_in_turn),
		cmocka_unit_test(wrong_passwords_count_wherever_they_are_tried),
		cmocka_unit_test_teardown(without_redis_each_limits_by_itself, stop_pair),
		cmocka_unit_test_setup_teardown(both_together_allow_one_quota, start_ingest, stop_pair),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
