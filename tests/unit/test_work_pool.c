// base/queue, base/work_pool and base/retry.
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/queue.h"
#include "base/retry.h"
#include "base/work_pool.h"
#include "tests/unit/cmocka_all.h"

static void queue_keeps_order_and_bounds(void **state)
{
	(void)state;
	int items[3];
	void *item;
	struct queue *queue = queue_new(2);
	assert_int_equal(queue_push(queue, &items[0], 0), RC_OK);
	assert_int_equal(queue_push(queue, &items[1], 0), RC_OK);
	assert_int_equal(queue_push(queue, &items[2], 0), RC_TIMEOUT);
	int64_t began_us = clock_monotonic_us();
	assert_int_equal(queue_push(queue, &items[2], 30), RC_TIMEOUT);
	assert_true(clock_monotonic_us() - began_us >= 29000);
	queue_set_limit(queue, 3);
	assert_int_equal(queue_push(queue, &items[2], 0), RC_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(queue_pop(queue, &item, 0), RC_OK);
		assert_ptr_equal(item, &items[i]);
	}
	assert_int_equal(queue_pop(queue, &item, 10), RC_TIMEOUT);
	assert_int_equal(queue_push(queue, &items[0], 0), RC_OK);
	queue_close(queue);
	assert_int_equal(queue_push(queue, &items[1], -1), RC_BUSY);
	assert_int_equal(queue_pop(queue, &item, -1), RC_OK);
	assert_int_equal(queue_pop(queue, &item, -1), RC_BUSY);
	queue_free(queue);
}

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
	atomic_int done;
};

static void wait_at_gate(void *context)
{
	struct gate *gate = context;
	pthread_mutex_lock(&gate->lock);
	while (!gate->open)
		pthread_cond_wait(&gate->opened, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	atomic_fetch_add(&gate->done, 1);
}

static void pool_refuses_beyond_its_queue_and_finishes_what_it_took(void **state)
{
	(void)state;
	struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };
	struct err err;
	struct work_pool *pool = work_pool_new("test", 2, 3, &err);
	assert_non_null(pool);
	int taken = 0;
	struct deadline deadline = deadline_after_ms(20000);
	// Two are held by the threads and three wait, however the threads are scheduled.
	while (taken < 5 && !deadline_passed(deadline)) {
		if (work_pool_submit(pool, wait_at_gate, &gate) == RC_OK)
			taken++;
		else
			clock_sleep_ms(1);
	}
	assert_int_equal(taken, 5);
	while (work_pool_waiting(pool) < 3 && !deadline_passed(deadline))
		clock_sleep_ms(1);
	assert_int_equal(work_pool_submit(pool, wait_at_gate, &gate), RC_BUSY);
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_broadcast(&gate.opened);
	pthread_mutex_unlock(&gate.lock);
	work_pool_free(pool);
	assert_int_equal(atomic_load(&gate.done), 5);
}

static void delays_grow_to_their_cap(void **state)
{
	(void)state;
	const struct retry_policy policy = { .attempts = 9, .base_ms = 100, .cap_ms = 1000 };
	for (int i = 0; i < 200; i++) {
		assert_in_range(retry_delay_ms(&policy, 1), 25, 100);
		assert_in_range(retry_delay_ms(&policy, 2), 50, 200);
		assert_in_range(retry_delay_ms(&policy, 5), 250, 1000);
		assert_in_range(retry_delay_ms(&policy, 4000000000u), 250, 1000);
	}
}

static void breaker_opens_probes_and_closes(void **state)
{
	(void)state;
	struct breaker breaker;
	breaker_init(&breaker, 2, 40);
	for (int i = 0; i < 2; i++) {
		assert_true(breaker_allow(&breaker));
		breaker_report(&breaker, false);
	}
	assert_false(breaker_allow(&breaker));
	clock_sleep_ms(45);
	assert_true(breaker_allow(&breaker));  // the probe
	assert_false(breaker_allow(&breaker)); // only one
	breaker_report(&breaker, false);
	assert_false(breaker_allow(&breaker)); // open again
	clock_sleep_ms(45);
	assert_true(breaker_allow(&breaker));
	breaker_report(&breaker, true);
	assert_true(breaker_allow(&breaker));
	breaker_done(&breaker);
}

int main(void)
{
	struct err err;
	if (crypto_init(&err) != RC_OK)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_keeps_order_and_bounds),
		cmocka_unit_test(pool_refuses_beyond_its_queue_and_finishes_what_it_took),
		cmocka_unit_test(delays_grow_to_their_cap),
		cmocka_unit_test(breaker_opens_probes_and_closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
