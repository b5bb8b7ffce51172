// Which pools a nice one stands back for.
#include <stdio.h>

#include "tests/unit/cmocka_all.h"
#include "transcoder/pool.h"
#include "transcoder/transcoder.h"

// The pools' threads, which nothing here starts.
void *pool_fetch_thread(void *argument)
{
	return argument;
}

void *pool_worker_thread(void *argument)
{
	return argument;
}

static struct transcoder transcoder;
static struct pool nice, nicer, usual;

static void init_pool(struct pool *pool, const char *name, int64_t niceness)
{
	*pool = (struct pool){ .transcoder = &transcoder, .live.nice = niceness };
	(void)snprintf(pool->name, sizeof pool->name, "%s", name);
	(void)pthread_mutex_init(&pool->lock, NULL);
}

static int setup(void **state)
{
	(void)state;
	task_list_init(&transcoder.tasks);
	init_pool(&usual, "fast", 0);
	init_pool(&nice, "slow", 10);
	init_pool(&nicer, "slowest", 19);
	return 0;
}

static struct task *claim(struct pool *pool)
{
	const struct job_claim job = { .attempts = 1 };
	struct task *task = task_new(&transcoder.tasks, pool, NULL, &job, "");

	assert_non_null(task);
	return task;
}

static void only_less_nice_work_outranks(void **state)
{
	struct task *own = claim(&nice), *before;

	(void)state;
	assert_false(pool_is_outranked(&nice)); // its own job in hand does not
	assert_true(pool_is_outranked(&nicer));
	assert_false(pool_is_outranked(&usual));
	before = claim(&usual);
	assert_true(pool_is_outranked(&nice));
	assert_true(pool_is_outranked(&nicer));
	assert_false(pool_is_outranked(&usual));
	task_free(&transcoder.tasks, before);
	assert_false(pool_is_outranked(&nice));
	task_free(&transcoder.tasks, own);
	assert_false(pool_is_outranked(&nicer));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(only_less_nice_work_outranks, setup) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
