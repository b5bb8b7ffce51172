// Rate limits: how much, how soon again, and what happens when more clients come than fit.
#include "cmocka_all.h"

#include <stdio.h>

#include "base/crypto.h"
#include "http/rate_limit.h"

#define SECOND INT64_C(1000000)
#define START (1000 * SECOND)

static const struct rate_policy FIVE = { "five", 5, 300 };

static struct rate_limit *make(size_t buckets)
{
	struct rate_limit *limit = NULL;
	struct err err = { 0 };
	assert_int_equal(crypto_init(&err), RC_OK);
	assert_int_equal(rate_limit_new(buckets, &limit, &err), RC_OK);
	return limit;
}

static void a_quota_may_be_used_at_once_and_comes_back_bit_by_bit(void **state)
{
	(void)state;
	struct rate_limit *limit = make(1);
	for (unsigned i = 0; i < 5; i++) {
		struct rate_verdict verdict = rate_limit_take(limit, &FIVE, "a", START);
		assert_true(verdict.allowed);
		assert_int_equal(verdict.remaining, 4 - i);
		assert_int_equal(verdict.reset_seconds, 60 * (i + 1));
		assert_int_equal(verdict.retry_after_seconds, 0);
	}
	struct rate_verdict verdict = rate_limit_take(limit, &FIVE, "a", START + 10 * SECOND);
	assert_false(verdict.allowed);
	assert_int_equal(verdict.remaining, 0);
	assert_int_equal(verdict.retry_after_seconds, 50);
	// Within any minute not more than the five; what was refused cost nothing.
	assert_false(rate_limit_take(limit, &FIVE, "a", START + 60 * SECOND - 1).allowed);
	assert_true(rate_limit_take(limit, &FIVE, "a", START + 60 * SECOND).allowed);
	assert_false(rate_limit_take(limit, &FIVE, "a", START + 60 * SECOND).allowed);
	assert_int_equal(rate_limit_take(limit, &FIVE, "a", START + 400 * SECOND).remaining, 4);
	rate_limit_free(limit);
}

static void keys_and_policies_have_buckets_of_their_own(void **state)
{
	(void)state;
	static const struct rate_policy ONE = { "one", 1, 60 };
	static const struct rate_policy ANOTHER = { "another", 1, 60 };
	static const struct rate_policy NONE = { "none", 0, 60 };
	struct rate_limit *limit = make(1);
	assert_true(rate_limit_take(limit, &ONE, "a", START).allowed);
	assert_false(rate_limit_take(limit, &ONE, "a", START).allowed);
	assert_true(rate_limit_take(limit, &ONE, "b", START).allowed);
	assert_true(rate_limit_take(limit, &ANOTHER, "a", START).allowed);
	rate_limit_forget(limit, &ONE, "a");
	assert_true(rate_limit_take(limit, &ONE, "a", START).allowed);
	assert_false(rate_limit_take(limit, &ONE, "b", START).allowed);
	for (int i = 0; i < 1000; i++)
		assert_true(rate_limit_take(limit, &NONE, "a", START).allowed);
	rate_limit_free(limit);
}

static void a_flood_of_keys_does_not_wash_debts_away(void **state)
{
	(void)state;
	struct rate_limit *limit = make(512);
	for (int i = 0; i < 5; i++)
		assert_true(rate_limit_take(limit, &FIVE, "thief", START).allowed);
	for (int i = 0; i < 100000; i++) {
		char key[16];
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_true(rate_limit_take(limit, &FIVE, key, START + 1).allowed);
	}
	assert_false(rate_limit_take(limit, &FIVE, "thief", START + 2).allowed);
	rate_limit_free(limit);
}

static void an_ipv6_customer_is_one_network(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		const char *key;
	} ROWS[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "2001:db8:1:2::9", "2001:db8:1:2::" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		char key[RATE_ADDRESS_SIZE];
		rate_limit_address_key(ROWS[i].address, key);
		assert_string_equal(key, ROWS[i].key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_may_be_used_at_once_and_comes_back_bit_by_bit),
		cmocka_unit_test(keys_and_policies_have_buckets_of_their_own),
		cmocka_unit_test(a_flood_of_keys_does_not_wash_debts_away),
		cmocka_unit_test(an_ipv6_customer_is_one_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
