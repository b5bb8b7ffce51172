// Worker threads over a bounded queue.
#include "base/work_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/queue.h"

struct work {
	work_function *function;
	void *context;
};

struct work_pool {
	struct queue *queue;
	unsigned thread_count;
	pthread_t threads[];
};

static void *pool_thread(void *argument)
{
	struct work_pool *pool = argument;
	void *item;
	while (queue_pop(pool->queue, &item, -1) == RC_OK) {
		struct work work = *(struct work *)item;
		free(item);
		work.function(work.context);
	}
	return NULL;
}

struct work_pool *work_pool_new(const char *name, unsigned threads, size_t queue_limit, struct err *err)
{
	struct work_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
	if (pool != NULL)
		pool->queue = queue_new(queue_limit);
	if (pool == NULL || pool->queue == NULL) {
		free(pool);
		err_set(err, RC_NO_MEMORY, "no memory for the %s threads", name);
		return NULL;
	}
	for (unsigned i = 0; i < threads; i++) {
		int failure = pthread_create(&pool->threads[i], NULL, pool_thread, pool);
		if (failure != 0) {
			err_set(err, RC_UNAVAILABLE, "cannot start %s thread %u: %s", name, i, strerror(failure));
			work_pool_free(pool);
			return NULL;
		}
		pool->thread_count++;
		(void)pthread_setname_np(pool->threads[i], name);
	}
	return pool;
}

enum rc work_pool_submit(struct work_pool *pool, work_function *function, void *context)
{
	struct work *work = malloc(sizeof *work);
	if (work == NULL)
		return RC_NO_MEMORY;
	*work = (struct work){ .function = function, .context = context };
	enum rc rc = queue_push(pool->queue, work, 0);
	if (rc == RC_OK)
		return RC_OK;
	free(work);
	return RC_BUSY;
}

size_t work_pool_waiting(struct work_pool *pool)
{
	return queue_length(pool->queue);
}

void work_pool_free(struct work_pool *pool)
{
	if (pool == NULL)
		return;
	queue_close(pool->queue);
	for (unsigned i = 0; i < pool->thread_count; i++)
		(void)pthread_join(pool->threads[i], NULL);
	queue_free(pool->queue);
	free(pool);
}
