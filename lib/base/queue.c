// The bounded blocking queue: a singly linked list under one lock.
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

struct queue_node {
	struct queue_node *next;
	void *item;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct queue_node *first;
	struct queue_node *last;
	size_t length;
	size_t limit;
	bool closed;
};

struct queue *queue_new(size_t limit)
{
	struct queue *queue = calloc(1, sizeof *queue);
	if (queue == NULL)
		return NULL;
	queue->limit = limit;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&queue->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&queue->lock, NULL);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	while (queue->first != NULL) {
		struct queue_node *node = queue->first;
		queue->first = node->next;
		free(node);
	}
	(void)pthread_cond_destroy(&queue->changed);
	(void)pthread_mutex_destroy(&queue->lock);
	free(queue);
}

// Lock held. False once the deadline has passed; a negative timeout has none.
static bool wait_for_change(struct queue *queue, int64_t timeout_ms, struct deadline deadline)
{
	if (timeout_ms < 0) {
		(void)pthread_cond_wait(&queue->changed, &queue->lock);
		return true;
	}
	if (deadline_passed(deadline))
		return false;
	struct timespec until = { .tv_sec = (time_t)(deadline.at_us / 1000000),
		                  .tv_nsec = (long)(deadline.at_us % 1000000) * 1000 };
	(void)pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
	return true;
}

enum rc queue_push(struct queue *queue, void *item, int64_t timeout_ms)
{
	struct queue_node *node = malloc(sizeof *node);
	if (node == NULL)
		return RC_NO_MEMORY;
	*node = (struct queue_node){ .item = item };
	struct deadline deadline = deadline_after_ms(timeout_ms);
	enum rc rc = RC_OK;
	(void)pthread_mutex_lock(&queue->lock);
	while (rc == RC_OK && !queue->closed && queue->length >= queue->limit)
		if (!wait_for_change(queue, timeout_ms, deadline))
			rc = RC_TIMEOUT;
	if (queue->closed)
		rc = RC_BUSY;
	if (rc == RC_OK) {
		if (queue->last == NULL)
			queue->first = node;
		else
			queue->last->next = node;
		queue->last = node;
		queue->length++;
		(void)pthread_cond_broadcast(&queue->changed);
		node = NULL;
	}
	(void)pthread_mutex_unlock(&queue->lock);
	free(node);
	return rc;
}

enum rc queue_pop(struct queue *queue, void **ret_item, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	struct queue_node *node = NULL;
	enum rc rc = RC_OK;
	(void)pthread_mutex_lock(&queue->lock);
	while (rc == RC_OK && queue->first == NULL) {
		if (queue->closed)
			rc = RC_BUSY;
		else if (!wait_for_change(queue, timeout_ms, deadline))
			rc = RC_TIMEOUT;
	}
	if (rc == RC_OK) {
		node = queue->first;
		queue->first = node->next;
		if (queue->first == NULL)
			queue->last = NULL;
		queue->length--;
		(void)pthread_cond_broadcast(&queue->changed);
		*ret_item = node->item;
	}
	(void)pthread_mutex_unlock(&queue->lock);
	free(node);
	return rc;
}

void queue_close(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	(void)pthread_cond_broadcast(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
}

size_t queue_length(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	size_t length = queue->length;
	(void)pthread_mutex_unlock(&queue->lock);
	return length;
}

void queue_set_limit(struct queue *queue, size_t limit)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->limit = limit;
	(void)pthread_cond_broadcast(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
}
