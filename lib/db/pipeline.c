// The pipeline's front: making and ending it, the waiting queue, submitting.
#include "db/pipeline.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/metrics.h"
#include "db/pipeline_private.h"

void pipeline_list_append(struct pipeline_list *list, struct pipeline_request *request)
{
	request->next = NULL;
	if (list->last == NULL)
		list->first = request;
	else
		list->last->next = request;
	list->last = request;
	list->length++;
}

struct pipeline_request *pipeline_list_take(struct pipeline_list *list)
{
	struct pipeline_request *request = list->first;

	if (request == NULL)
		return NULL;
	list->first = request->next;
	if (list->first == NULL)
		list->last = NULL;
	list->length--;
	return request;
}

void pipeline_answer(struct db_pipeline *pipeline, struct pipeline_request *request, const struct db_failure *failure)
{
	struct db_result *result = request->result;

	assert(!request->is_answered);
	request->is_answered = true;
	if (request->members.length > 0) {
		pipeline_batch_answer(pipeline, request, failure);
		return;
	}
	request->result = NULL;
	if (failure == NULL) {
		request->callback(request->context, result, NULL);
		return;
	}
	db_result_free(result);
	metric_add(pipeline->errors[failure->err.rc], 1);
	request->callback(request->context, NULL, failure);
}

void pipeline_refuse(struct db_pipeline *pipeline, struct pipeline_request *request, enum rc rc, const char *why)
{
	struct db_failure failure = { .err.rc = RC_OK };

	(void)err_set(&failure.err, rc, "%s: %s", request->statement->name, why);
	pipeline_answer(pipeline, request, &failure);
}

void pipeline_request_free(struct pipeline_request *request)
{
	struct pipeline_request *member;

	while ((member = pipeline_list_take(&request->members)) != NULL)
		free(member);
	db_result_free(request->result);
	free(request);
}

void pipeline_requeue(struct db_pipeline *pipeline, struct pipeline_list *requests)
{
	int wakes[DB_PIPELINE_BATCH];
	size_t wake_count = 0;

	if (requests->length == 0)
		return;
	(void)pthread_mutex_lock(&pipeline->lock);
	for (const struct pipeline_request *request = requests->first; request != NULL; request = request->next)
		if (request->deadline.at_us < pipeline->earliest_us)
			pipeline->earliest_us = request->deadline.at_us;
	requests->last->next = pipeline->waiting.first;
	if (pipeline->waiting.first == NULL)
		pipeline->waiting.last = requests->last;
	pipeline->waiting.first = requests->first;
	pipeline->waiting.length += requests->length;
	metric_set(pipeline->waiting_gauge, (int64_t)pipeline->waiting.length);
	for (unsigned i = 0; i < pipeline->count && wake_count < requests->length; i++) {
		if (!pipeline->links[i].is_sleeping)
			continue;
		pipeline->links[i].is_sleeping = false;
		wakes[wake_count++] = pipeline->links[i].wake;
	}
	(void)pthread_mutex_unlock(&pipeline->lock);
	for (size_t i = 0; i < wake_count; i++)
		(void)eventfd_write(wakes[i], 1);
	*requests = (struct pipeline_list){ 0 };
}

void pipeline_expire(struct db_pipeline *pipeline, bool all, enum rc rc, const char *why)
{
	struct pipeline_list expired = { 0 };
	struct pipeline_list kept = { 0 };
	struct pipeline_request *request;
	int64_t now_us = clock_monotonic_us();

	(void)pthread_mutex_lock(&pipeline->lock);
	if (all || now_us >= pipeline->earliest_us) {
		pipeline->earliest_us = INT64_MAX;
		while ((request = pipeline_list_take(&pipeline->waiting)) != NULL) {
			if (all || request->deadline.at_us <= now_us) {
				pipeline_list_append(&expired, request);
				continue;
			}
			if (request->deadline.at_us < pipeline->earliest_us)
				pipeline->earliest_us = request->deadline.at_us;
			pipeline_list_append(&kept, request);
		}
		pipeline->waiting = kept;
		metric_set(pipeline->waiting_gauge, (int64_t)kept.length);
	}
	(void)pthread_mutex_unlock(&pipeline->lock);
	while ((request = pipeline_list_take(&expired)) != NULL) {
		pipeline_refuse(pipeline, request, rc, why);
		pipeline_request_free(request);
	}
}

static void add_metrics(struct db_pipeline *pipeline, struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	pipeline->waiting_gauge = metrics_add(metrics, METRIC_GAUGE, "safelight_db_pipeline_waiting",
	                                      "Statements that wait for a pipeline.", NULL);
	pipeline->up_gauge = metrics_add(metrics, METRIC_GAUGE, "safelight_db_pipeline_up",
	                                 "Pipeline connections that are up.", NULL);
	pipeline->batched = metrics_add(metrics, METRIC_COUNTER, "safelight_db_batched_total",
	                                "Statements that were answered by a batch.", NULL);
	pipeline->unbatched = metrics_add(metrics, METRIC_COUNTER, "safelight_db_batches_failed_total",
	                                  "Batches that failed, so that their statements were sent one by one.", NULL);
	pipeline->reconnects = metrics_add(metrics, METRIC_COUNTER, "safelight_db_pipeline_connects_total",
	                                   "Pipeline connections made.", NULL);
	for (int rc = RC_OK + 1; rc <= RC_INTERNAL; rc++) {
		char labels[64];

		(void)snprintf(labels, sizeof(labels), "code=\"%s\"", rc_name((enum rc)rc));
		pipeline->errors[rc] = metrics_add(metrics, METRIC_COUNTER, "safelight_db_errors_total",
		                                   "Database calls that failed, by result code.", labels);
	}
}

static void free_parts(struct db_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->count; i++) {
		if (pipeline->links[i].wake >= 0)
			(void)close(pipeline->links[i].wake);
		db_prepared_done(&pipeline->links[i].prepared);
	}
	free(pipeline->links);
	(void)pthread_mutex_destroy(&pipeline->lock);
	db_endpoint_done(&pipeline->endpoint);
	free(pipeline);
}

// Start the thread of one link, with all signals left to the process's own threads.
static bool start_link(struct pipeline_link *link)
{
	sigset_t all, before;
	int failed;

	link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->wake < 0)
		return false;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&link->thread, NULL, pipeline_link_run, link);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed == 0)
		(void)pthread_setname_np(link->thread, "db-pipeline");
	return failed == 0;
}

enum rc db_pipeline_new(const struct db_options *options, unsigned connections, size_t queue_limit,
                        struct db_pipeline **ret_pipeline, struct err *err)
{
	struct db_pipeline *pipeline = calloc(1, sizeof(*pipeline));
	enum rc rc;

	assert(connections >= 1 && queue_limit >= 1);
	if (pipeline == NULL)
		return err_set(err, RC_NO_MEMORY, "database pipeline: no memory");
	rc = db_endpoint_init(&pipeline->endpoint, options, err);
	if (rc != RC_OK) {
		free(pipeline);
		return rc;
	}
	pipeline->limit = queue_limit;
	pipeline->batch_limit =
	        options->batch == 0 || options->batch > DB_PIPELINE_BATCH ? DB_PIPELINE_BATCH : options->batch;
	pipeline->earliest_us = INT64_MAX;
	(void)pthread_mutex_init(&pipeline->lock, NULL);
	add_metrics(pipeline, options->metrics);
	pipeline->links = calloc(connections, sizeof(*pipeline->links));
	if (pipeline->links == NULL) {
		free_parts(pipeline);
		return err_set(err, RC_NO_MEMORY, "database pipeline: no memory");
	}
	// All links are complete before the first thread looks at any of them.
	pipeline->count = connections;
	for (unsigned i = 0; i < connections; i++) {
		pipeline->links[i].pipeline = pipeline;
		pipeline->links[i].wake = -1;
		pipeline->links[i].earliest_us = INT64_MAX;
		db_prepared_init(&pipeline->links[i].prepared, options->metrics);
	}
	for (unsigned i = 0; i < connections; i++) {
		if (start_link(&pipeline->links[i]))
			continue;
		(void)pthread_mutex_lock(&pipeline->lock);
		pipeline->is_stopping = true;
		(void)pthread_mutex_unlock(&pipeline->lock);
		for (unsigned started = 0; started < i; started++) {
			(void)eventfd_write(pipeline->links[started].wake, 1);
			(void)pthread_join(pipeline->links[started].thread, NULL);
		}
		free_parts(pipeline);
		return err_set(err, RC_UNAVAILABLE, "database pipeline: no thread to be had");
	}
	*ret_pipeline = pipeline;
	return RC_OK;
}

void db_pipeline_free(struct db_pipeline *pipeline, int64_t drain_ms)
{
	if (pipeline == NULL)
		return;
	(void)pthread_mutex_lock(&pipeline->lock);
	pipeline->is_stopping = true;
	pipeline->drain = deadline_after_ms(drain_ms);
	(void)pthread_mutex_unlock(&pipeline->lock);
	for (unsigned i = 0; i < pipeline->count; i++)
		(void)eventfd_write(pipeline->links[i].wake, 1);
	for (unsigned i = 0; i < pipeline->count; i++)
		(void)pthread_join(pipeline->links[i].thread, NULL);
	pipeline_expire(pipeline, true, RC_UNAVAILABLE, "the service is stopping");
	free_parts(pipeline);
}

static struct pipeline_request *make_request(const struct db_statement *statement, const struct db_value *values,
                                             unsigned count, struct deadline deadline, db_callback *callback,
                                             void *context)
{
	struct pipeline_request *request;
	size_t bytes = 0;
	char *free_space;

	for (unsigned i = 0; i < count; i++)
		bytes += values[i].kind == DB_VALUE_POINTER ? values[i].length + 1 : 0;
	request = malloc(sizeof(*request) + count * sizeof(*values) + bytes);
	if (request == NULL)
		return NULL;
	*request = (struct pipeline_request){ .statement = statement,
		                              .deadline = deadline,
		                              .submitted_us = clock_monotonic_us(),
		                              .callback = callback,
		                              .context = context,
		                              .count = count };
	if (count > 0)
		memcpy(request->values, values, count * sizeof(*values));
	free_space = (char *)&request->values[count];
	for (unsigned i = 0; i < count; i++) {
		struct db_value *value = &request->values[i];

		if (value->kind != DB_VALUE_POINTER)
			continue;
		if (value->length > 0)
			memcpy(free_space, value->pointer, value->length);
		free_space[value->length] = '\0';
		value->pointer = free_space;
		free_space += value->length + 1;
	}
	return request;
}

// Append under the lock; *ret_wake is the eventfd of the link to wake, or -1.
static enum rc enqueue(struct db_pipeline *pipeline, struct pipeline_request *request, int *ret_wake,
                       const char **ret_why)
{
	bool is_earliest = request->deadline.at_us < pipeline->earliest_us;

	*ret_wake = -1;
	if (pipeline->is_stopping) {
		*ret_why = "the service is stopping";
		return RC_BUSY;
	}
	if (pipeline->waiting.length >= pipeline->limit) {
		*ret_why = "too many statements are waiting";
		return RC_BUSY;
	}
	if (pipeline->down == pipeline->count) {
		*ret_why = "the database cannot be reached";
		return RC_UNAVAILABLE;
	}
	pipeline_list_append(&pipeline->waiting, request);
	metric_set(pipeline->waiting_gauge, (int64_t)pipeline->waiting.length);
	if (is_earliest)
		pipeline->earliest_us = request->deadline.at_us;
	for (unsigned i = 0; i < pipeline->count && *ret_wake < 0; i++) {
		if (!pipeline->links[i].is_sleeping)
			continue;
		pipeline->links[i].is_sleeping = false;
		*ret_wake = pipeline->links[i].wake;
	}
	// Nobody is free to take it, but somebody has to look at the clock earlier than planned.
	if (*ret_wake < 0 && is_earliest)
		*ret_wake = pipeline->links[0].wake;
	return RC_OK;
}

enum rc db_pipeline_submit(struct db_pipeline *pipeline, const struct db_statement *statement,
                           const struct db_value *values, unsigned count, struct deadline deadline,
                           db_callback *callback, void *context, struct err *err)
{
	struct pipeline_request *request;
	const char *why = "no memory";
	enum rc rc = RC_NO_MEMORY;
	int wake = -1;

	assert(count == statement->parameter_count && count <= DB_PARAMETERS_MAX);
	if (deadline_passed(deadline)) {
		metric_add(pipeline->errors[RC_TIMEOUT], 1);
		return err_set(err, RC_TIMEOUT, "%s: the deadline passed before it was sent", statement->name);
	}
	request = make_request(statement, values, count, deadline, callback, context);
	if (request != NULL) {
		(void)pthread_mutex_lock(&pipeline->lock);
		rc = enqueue(pipeline, request, &wake, &why);
		(void)pthread_mutex_unlock(&pipeline->lock);
	}
	if (rc != RC_OK) {
		free(request);
		metric_add(pipeline->errors[rc], 1);
		return err_set(err, rc, "%s: %s", statement->name, why);
	}
	if (wake >= 0)
		(void)eventfd_write(wake, 1);
	return RC_OK;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool is_answered;
	struct db_result *result;
	struct err err;
};

static void wake_waiter(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct waiter *waiter = context;

	(void)pthread_mutex_lock(&waiter->lock);
	waiter->result = result;
	if (failure != NULL)
		waiter->err = failure->err;
	waiter->is_answered = true;
	(void)pthread_cond_signal(&waiter->answered);
	(void)pthread_mutex_unlock(&waiter->lock);
}

enum rc db_pipeline_query(struct db_pipeline *pipeline, const struct db_statement *statement,
                          const struct db_value *values, unsigned count, struct deadline deadline,
                          struct db_result **ret_result, struct err *err)
{
	struct waiter waiter = { .lock = PTHREAD_MUTEX_INITIALIZER, .answered = PTHREAD_COND_INITIALIZER };
	enum rc rc = db_pipeline_submit(pipeline, statement, values, count, deadline, wake_waiter, &waiter, err);

	if (rc != RC_OK)
		return rc;
	// The deadline is the pipeline's to keep: it always answers.
	(void)pthread_mutex_lock(&waiter.lock);
	while (!waiter.is_answered)
		(void)pthread_cond_wait(&waiter.answered, &waiter.lock);
	(void)pthread_mutex_unlock(&waiter.lock);
	(void)pthread_cond_destroy(&waiter.answered);
	(void)pthread_mutex_destroy(&waiter.lock);
	if (waiter.result == NULL)
		return err_set(err, waiter.err.rc, "%s", waiter.err.text);
	if (ret_result != NULL)
		*ret_result = waiter.result;
	else
		db_result_free(waiter.result);
	return RC_OK;
}

bool db_pipeline_is_up(const struct db_pipeline *pipeline)
{
	return atomic_load_explicit(&pipeline->up, memory_order_relaxed) > 0;
}

size_t db_pipeline_waiting(struct db_pipeline *pipeline)
{
	size_t length;

	(void)pthread_mutex_lock(&pipeline->lock);
	length = pipeline->waiting.length;
	(void)pthread_mutex_unlock(&pipeline->lock);
	return length;
}
