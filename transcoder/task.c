// Tasks and their list.
#include "transcoder/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/message.h"
#include "http/trace.h"

void task_list_init(struct task_list *list)
{
	*list = (struct task_list){ 0 };
	(void)pthread_mutex_init(&list->lock, NULL);
}

void task_list_done(struct task_list *list)
{
	(void)pthread_mutex_destroy(&list->lock);
}

size_t task_list_count(struct task_list *list)
{
	(void)pthread_mutex_lock(&list->lock);
	size_t count = list->count;
	(void)pthread_mutex_unlock(&list->lock);
	return count;
}

struct task *task_new(struct task_list *list, struct pool *pool, struct bus_message *message,
                      const struct job_claim *claim, const char *traceparent)
{
	struct task *task = calloc(1, sizeof *task);
	if (task == NULL)
		return NULL;
	task->pool = pool;
	task->message = message;
	task->claim = *claim;
	task->input_fd = -1;
	task->began_us = clock_monotonic_us();
	(void)snprintf(task->traceparent, sizeof task->traceparent, "%s", traceparent);
	trace_new_span(traceparent, task->span);
	(void)pthread_mutex_init(&task->lock, NULL);
	(void)pthread_cond_init(&task->preview_ended, NULL);
	(void)pthread_mutex_lock(&list->lock);
	task->next = list->first;
	if (list->first != NULL)
		list->first->previous = task;
	list->first = task;
	list->count++;
	(void)pthread_mutex_unlock(&list->lock);
	return task;
}

void task_free(struct task_list *list, struct task *task)
{
	// Out of the list first: the keeper beats what it finds there.
	(void)pthread_mutex_lock(&list->lock);
	if (task->previous == NULL)
		list->first = task->next;
	else
		task->previous->next = task->next;
	if (task->next != NULL)
		task->next->previous = task->previous;
	list->count--;
	(void)pthread_mutex_unlock(&list->lock);
	if (task->input_fd >= 0)
		(void)close(task->input_fd);
	for (size_t i = 0; i < task->variant_count; i++)
		if (task->variants[i].fd >= 0)
			(void)close(task->variants[i].fd);
	bus_message_free(task->message);
	(void)pthread_cond_destroy(&task->preview_ended);
	(void)pthread_mutex_destroy(&task->lock);
	free(task);
}

void task_begin_preview(struct task *task)
{
	(void)pthread_mutex_lock(&task->lock);
	task->preview_under_way = true;
	(void)pthread_mutex_unlock(&task->lock);
}

void task_end_preview(struct task *task)
{
	(void)pthread_mutex_lock(&task->lock);
	task->preview_under_way = false;
	(void)pthread_cond_broadcast(&task->preview_ended);
	(void)pthread_mutex_unlock(&task->lock);
}

void task_wait_preview(struct task *task)
{
	(void)pthread_mutex_lock(&task->lock);
	while (task->preview_under_way)
		(void)pthread_cond_wait(&task->preview_ended, &task->lock);
	(void)pthread_mutex_unlock(&task->lock);
}
