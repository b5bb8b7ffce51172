// Two instances of metadata-api with a Redis between them: limits that hold for both, with and without it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
// A minute; few enough to be used up at once, and slow to come back.
#define CALLS 60
#define TRIES 5
// Redis is told every 100 ms; the machine may be busy.
#define EXCHANGE_MS 600

static uint16_t redis_port;
static pid_t redis, second;
static char first_base[64], second_base[64];

static void make_settings(char url[64], const char *ret_with[9])
{
	static const char *const WITH[] = { "SAFELIGHT_REDIS_URL",
		                            NULL,
		                            "SAFELIGHT_REDIS_KEY",
		                            KEY,
		                            "SAFELIGHT_REDIS_TIMEOUT_MS",
		                            "200",
		                            "SAFELIGHT_HTTP_ACCOUNT_CALLS",
		                            "60",
		                            NULL };
	(void)snprintf(url, 64, "redis://127.0.0.1:%u", redis_port);
	memcpy(ret_with, WITH, sizeof WITH);
	ret_with[1] = url;
}

// What an instance says of Redis.
static bool is_up(void *base)
{
	struct test_reply reply;
	char url[96];
	(void)snprintf(url, sizeof url, "%s/metrics", (const char *)base);
	test_http(&(struct test_call){ .url = url }, &reply);
	bool is_there = reply.status == 200 && strstr(reply.body, "\nsafelight_redis_up 1") != NULL;
	test_reply_done(&reply);
	return is_there;
}

static bool is_down(void *base)
{
	return !is_up(base);
}

static void await_redis(bool (*is_so)(void *), const char *what)
{
	test_wait(is_so, first_base, 20000, what);
	test_wait(is_so, second_base, 20000, what);
}

static int setup(void **state)
{
	char url[64];
	const char *with[9];
	if (test_stack_setup(state) != 0)
		return -1;
	redis_port = test_free_port();
	redis = test_redis_start(redis_port, NULL);
	make_settings(url, with);
	test_stack_restart_with("api", with);
	test_stack_run("wait", "api");
	(void)snprintf(first_base, sizeof first_base, "http://%s", test_stack_settings()->api_listen);
	second = test_instance_start("api", with, second_base);
	await_redis(is_up, "Redis at both");
	return 0;
}

static int teardown(void **state)
{
	test_instance_kill(second);
	test_instance_kill(redis);
	(void)test_stack_try("restart", "api");
	return test_stack_teardown(state);
}

// One call of an account at an instance: whether it was allowed. Anything but 200 and 429 fails the test.
static bool is_allowed(const char *base, const struct test_account *account)
{
	struct test_reply reply;
	char url[96];
	(void)snprintf(url, sizeof url, "%s/v1/me", base);
	test_http_json("GET", url, account->access_token, NULL, &reply);
	bool allowed = reply.status == 200;
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
	int allowed = call(first_base, &account, CALLS + 10);
	assert_in_range(allowed, CALLS, CALLS + 9);
	clock_sleep_ms(EXCHANGE_MS);
	// Its first call may come before it knows, and so may those of the next exchange.
	int more = 0;
	for (int i = 0; i < 10; i++) {
		more += call(second_base, &account, 1);
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
		allowed += call(i % 2 == 0 ? first_base : second_base, &account, 1);
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
		assert_int_equal(try_login(first_base, &account, "wrong password"), 401);
	assert_int_equal(try_login(first_base, &account, account.password), 429);
	clock_sleep_ms(EXCHANGE_MS);
	(void)try_login(second_base, &account, "wrong password"); // it may not have asked yet
	clock_sleep_ms(EXCHANGE_MS);
	assert_int_equal(try_login(second_base, &account, account.password), 429);
	test_account_done(&account);
	// And a right one ends the row at both.
	test_account_new(&account);
	for (int i = 0; i < TRIES - 1; i++)
		assert_int_equal(try_login(first_base, &account, "wrong password"), 401);
	clock_sleep_ms(EXCHANGE_MS);
	assert_int_equal(try_login(second_base, &account, account.password), 200);
	clock_sleep_ms(EXCHANGE_MS);
	for (int i = 0; i < TRIES; i++)
		assert_int_equal(try_login(second_base, &account, "wrong password"), 401);
	test_account_done(&account);
}

// Without Redis each limits by itself, and nothing fails; when it is back they do so together.
static void without_redis_each_limits_by_itself(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	(void)call(first_base, &account, 10);
	test_instance_kill(redis);
	(void)call(first_base, &account, 5);
	(void)call(second_base, &account, 5);
	await_redis(is_down, "both to see that it is gone");
	test_account_done(&account);
	test_account_new(&account);
	int64_t began_us = clock_monotonic_us();
	int one = call(first_base, &account, 2 * CALLS), other = call(second_base, &account, 2 * CALLS);
	int back = 1 + (int)((clock_monotonic_us() - began_us) / 1000000);
	assert_in_range(one, CALLS, CALLS + back);
	assert_in_range(other, CALLS, CALLS + back);
	test_account_done(&account);
	redis = test_redis_start(redis_port, NULL);
	await_redis(is_up, "Redis, back");
	expect_shared();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_together_allow_one_quota),
		cmocka_unit_test(both_together_allow_one_quota_in_turn),
		cmocka_unit_test(wrong_passwords_count_wherever_they_are_tried),
		cmocka_unit_test(without_redis_each_limits_by_itself),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
