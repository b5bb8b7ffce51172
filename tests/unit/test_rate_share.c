// Limits kept by several processes together: how much all allow, and what one that tells nonsense can do.
#include "cmocka_all.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "http/rate_limit.h"
#include "http/rate_share.h"

#define SECOND INT64_C(1000000)
#define START (1000 * SECOND)
#define PROCESSES 3

static const struct rate_policy TEN = { "ten", 10, 100 };

// What lies between them, for one bucket.
struct middle {
	int64_t debt_us;
	bool is_down;
};

static void tell(void *context, const struct rate_taken *taken, int64_t asked_at_us, rate_learned *learned,
                 void *learned_context)
{
	struct middle *middle = context;
	if (middle->is_down)
		return;
	if (taken->is_forgotten)
		middle->debt_us = 0;
	middle->debt_us += (int64_t)taken->units * taken->unit_us;
	learned(learned_context, taken, asked_at_us, middle->debt_us);
}

struct group {
	struct middle middle;
	struct rate_exchange exchange;
	struct rate_limit *limits[PROCESSES];
};

static int setup(void **state)
{
	struct group *group = calloc(1, sizeof *group);
	struct err err = { 0 };
	assert_int_equal(crypto_init(&err), RC_OK);
	group->exchange = (struct rate_exchange){ .context = &group->middle, .secret = { 7 }, .tell = tell };
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(rate_limit_new(1, &group->limits[i], &err), RC_OK);
		rate_share_prepare(group->limits[i], &group->exchange);
	}
	*state = group;
	return 0;
}

static int teardown(void **state)
{
	struct group *group = *state;
	for (int i = 0; i < PROCESSES; i++)
		rate_limit_free(group->limits[i]);
	free(group);
	return 0;
}

static void exchange(struct group *group, int64_t now_us)
{
	for (int i = 0; i < PROCESSES; i++)
		rate_share_tell(group->limits[i], &group->exchange, now_us);
}

// How many of so many calls at one process are allowed.
static unsigned take(struct group *group, int process, unsigned calls, int64_t now_us)
{
	unsigned allowed = 0;
	for (unsigned i = 0; i < calls; i++)
		allowed += rate_limit_take(group->limits[process], &TEN, "a", now_us).allowed;
	return allowed;
}

static void all_together_allow_one_quota(void **state)
{
	struct group *group = *state;
	unsigned allowed = 0;
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < PROCESSES; i++) {
			allowed += take(group, i, 1, START);
			exchange(group, START);
		}
	// Each may have allowed one before it knew of the others.
	assert_in_range(allowed, 10, 10 + PROCESSES - 1);
	struct rate_verdict verdict = rate_limit_take(group->limits[0], &TEN, "a", START);
	assert_false(verdict.allowed);
	assert_int_equal(verdict.remaining, 0);
	assert_in_range(verdict.retry_after_seconds, 10, 10 * PROCESSES);
}

static void what_was_too_much_counts_against_the_next_window(void **state)
{
	struct group *group = *state;
	unsigned allowed = 0;
	for (int i = 0; i < PROCESSES; i++)
		allowed += take(group, i, 20, START);
	assert_int_equal(allowed, 10 * PROCESSES); // nobody knew of anybody
	exchange(group, START);
	for (int i = 0; i < PROCESSES; i++)
		(void)take(group, i, 1, START);
	exchange(group, START);
	// By itself each would be half full again.
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(take(group, i, 1, START + 50 * SECOND), 0);
}

static void each_limits_by_itself_while_there_is_nothing_between_them(void **state)
{
	struct group *group = *state;
	group->middle.is_down = true;
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(take(group, i, 6, START), 6);
		exchange(group, START);
	}
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(take(group, i, 6, START), 4);
}

static void one_that_tells_nonsense_can_neither_loosen_nor_lock(void **state)
{
	struct group *group = *state;
	group->middle.debt_us = -1000000 * SECOND;
	assert_int_equal(take(group, 0, 10, START), 10);
	rate_share_tell(group->limits[0], &group->exchange, START);
	assert_int_equal(take(group, 0, 1, START), 0);
	group->middle.debt_us = INT64_MAX / 2;
	(void)take(group, 0, 1, START);
	rate_share_tell(group->limits[0], &group->exchange, START);
	assert_int_equal(take(group, 0, 1, START + 100 * SECOND), 0);
	assert_int_equal(take(group, 0, 1, START + 200 * SECOND), 1); // two windows later, not never
}

static void a_bucket_filled_up_by_one_is_full_for_all(void **state)
{
	struct group *group = *state;
	assert_int_equal(take(group, 0, 10, START), 10);
	exchange(group, START);
	assert_int_equal(take(group, 1, 1, START), 1); // before it knew
	exchange(group, START);
	assert_int_equal(take(group, 1, 1, START), 0);
	rate_limit_forget(group->limits[0], &TEN, "a");
	exchange(group, START);
	// All but the one that it has taken itself.
	assert_int_equal(take(group, 1, 20, START), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_together_allow_one_quota, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_too_much_counts_against_the_next_window, setup, teardown),
		cmocka_unit_test_setup_teardown(each_limits_by_itself_while_there_is_nothing_between_them, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(one_that_tells_nonsense_can_neither_loosen_nor_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bucket_filled_up_by_one_is_full_for_all, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
