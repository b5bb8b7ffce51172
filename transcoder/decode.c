// A worker: gives inputs to its decoder child and what comes out to the publishers.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/settings.h"
#include "transcoder/child.h"
#include "transcoder/children.h"
#include "transcoder/order.h"
#include "transcoder/pool.h"
#include "transcoder/resize.h"
#include "transcoder/settle.h"
#include "transcoder/spans.h"
#include "transcoder/transcoder.h"

#define POP_MS 200
#define ADMISSION_MS 500
// How long a job of a nice pool stands back, and how often it looks.
#define COURTESY_MS 2000
#define COURTESY_STEP_MS 10
// Tries to get a child for a job before it is given back to others.
#define CHILD_TRIES 5

// One job in this worker's hands.
struct decoding {
	struct transcoder *transcoder;
	struct task *task;
	struct wire_job job;
};

static void hand_to_publishers(struct transcoder *transcoder, struct task *task, bool is_preview)
{
	struct publication *publication = malloc(sizeof *publication);
	enum rc rc = RC_NO_MEMORY;
	if (is_preview)
		task_begin_preview(task);
	if (publication != NULL) {
		*publication = (struct publication){ .task = task, .is_preview = is_preview };
		rc = queue_push(transcoder->publications, publication, -1);
	}
	if (rc == RC_OK)
		return;
	free(publication);
	if (is_preview) // the whole job brings its variants later
		task_end_preview(task);
	else
		settle_released(transcoder, task);
}

static enum rc on_facts(void *context, const struct wire_facts *facts, struct err *err)
{
	struct decoding *decoding = context;
	(void)err;
	decoding->task->facts = *facts;
	decoding->task->has_facts = true;
	return RC_OK;
}

static enum rc on_variant(void *context, const struct wire_variant *info, int *fd, struct err *err)
{
	struct decoding *decoding = context;
	struct task *task = decoding->task;
	if (atomic_load(&task->lost))
		return err_set(err, RC_CONFLICT, "the lease was lost");
	if (task->variant_count == TASK_VARIANTS_MAX)
		return err_set(err, RC_LIMIT, "more variants than a job can have");
	struct task_variant *variant = &task->variants[task->variant_count++];
	variant->info = *info;
	variant->fd = *fd;
	*fd = -1;
	if (decoding->job.preview_first && task->variant_count == decoding->job.encoding_count) {
		task->preview_count = task->variant_count;
		hand_to_publishers(decoding->transcoder, task, true);
	}
	return RC_OK;
}

static void report_outcome(struct pool *pool, const struct child_outcome *outcome)
{
	if (!outcome->usable)
		metric_add(pool->metrics.children_killed, 1);
	if (!outcome->sandbox_killed && !outcome->misbehaved)
		return;
	metric_add(pool->metrics.sandbox_kills, outcome->sandbox_killed ? 1 : 0);
	LOG_EVENT(LOG_ERROR, outcome->sandbox_killed ? "decoder_broke_sandbox" : "decoder_broke_protocol",
	          LOG_TEXT("pool", pool->name), LOG_TEXT("detail", outcome->detail));
}

// What became of the job; the task is handed on or freed in every case.
static void settle(struct decoding *decoding, enum rc rc, const struct child_outcome *outcome, const struct err *err)
{
	struct transcoder *transcoder = decoding->transcoder;
	struct task *task = decoding->task;
	if (atomic_load(&task->lost))
		settle_lost(transcoder, task);
	else if (atomic_load(&transcoder->abandoning) && (rc != RC_OK || !outcome->done))
		settle_released(transcoder, task);
	else if (rc != RC_OK)
		settle_failed(transcoder, task, rc == RC_UNAVAILABLE ? REASON_CRASHED : REASON_INTERNAL, err->text);
	else if (!outcome->done)
		settle_failed(transcoder, task, outcome->reason, outcome->detail[0] == '\0' ? NULL : outcome->detail);
	else
		hand_to_publishers(transcoder, task, false);
}

// A job's time, or what is left of the time of those who wait.
static struct deadline decode_deadline(const struct task *task)
{
	struct deadline deadline = deadline_after_ms(pool_decode_ms(task->pool));
	if (task->resize == NULL || resize_deadline(task->resize).at_us > deadline.at_us)
		return deadline;
	return resize_deadline(task->resize);
}

// Run the job in a child; true when the child can go on. The task is gone afterwards.
static bool run_in_child(struct decoding *decoding, struct child *child)
{
	struct task *task = decoding->task;
	struct pool *pool = task->pool;
	const struct child_events events = { .context = decoding, .facts = on_facts, .variant = on_variant };
	struct child_outcome outcome = { 0 };
	struct err err = { 0 };
	int64_t began_us = clock_monotonic_us();
	uint64_t number = (uint64_t)child_job_count(child) + 1;
	enum rc rc = child_run(child, number, &decoding->job, task->input_fd, decode_deadline(task), &events, &outcome,
	                       &err);
	metric_observe_us(pool->metrics.decode_seconds, clock_monotonic_us() - began_us);
	spans_end_stage(task, "decode", began_us, rc != RC_OK);
	(void)close(task->input_fd);
	task->input_fd = -1;
	bool usable = rc == RC_OK && outcome.usable;
	if (usable)
		pool_count_life(pool);
	else if (!atomic_load(&decoding->transcoder->abandoning) && !atomic_load(&task->lost))
		pool_count_death(pool);
	if (rc == RC_OK)
		report_outcome(pool, &outcome);
	settle(decoding, rc, &outcome, &err);
	return usable;
}

static struct child *get_child(struct children *children, const struct task *task, struct err *err)
{
	char owner[UUID_TEXT_SIZE];
	struct child *child = NULL;
	uuid_format(&task->claim.owner_id, owner);
	for (int attempt = 0; attempt < CHILD_TRIES && child == NULL; attempt++)
		if (!atomic_load(&task->pool->transcoder->stopping))
			child = children_take(children, owner, err);
	return child;
}

// Niceness alone still takes caches, memory and half a core's units from the child that somebody waits for: jobs in
// hand of pools with less of it come first, for a while.
static void give_way(const struct task *task)
{
	struct transcoder *transcoder = task->pool->transcoder;
	struct deadline deadline = deadline_after_ms(COURTESY_MS);
	while (pool_is_outranked(task->pool) && !deadline_passed(deadline) && !atomic_load(&task->lost) &&
	       !atomic_load(&transcoder->stopping))
		clock_sleep_ms(COURTESY_STEP_MS);
}

static void decode(struct children *children, struct task *task)
{
	struct transcoder *transcoder = task->pool->transcoder;
	struct decoding decoding = { .transcoder = transcoder, .task = task };
	struct err err = { 0 };
	pool_pause_after_deaths(task->pool);
	give_way(task);
	if (task->resize != NULL && !resize_prepare(transcoder, task))
		return;
	order_make(transcoder, task, &decoding.job);
	if (decoding.job.encoding_count == 0) { // the preset has changed since the job was made
		hand_to_publishers(transcoder, task, false);
		return;
	}
	int64_t bytes = admission_estimate(task->claim.size, transcoder->settings->transcoder_decode_memory_bytes);
	enum rc rc;
	while ((rc = admission_enter(&transcoder->admission, bytes, ADMISSION_MS)) == RC_TIMEOUT &&
	       !atomic_load(&transcoder->stopping) &&
	       (task->resize == NULL || !deadline_passed(resize_deadline(task->resize))))
		;
	struct child *child = rc == RC_OK ? get_child(children, task, &err) : NULL;
	if (child == NULL) {
		settle_released(transcoder, task);
	} else {
		children_renew(children, run_in_child(&decoding, child));
	}
	if (rc == RC_OK)
		admission_leave(&transcoder->admission, bytes);
}

void *pool_worker_thread(void *argument)
{
	struct worker *worker = argument;
	struct pool *pool = worker->pool;
	struct children children = { .worker = worker };
	(void)pthread_setname_np(pthread_self(), "worker");
	atomic_fetch_add(&pool->running, 1);
	children_renew(&children, true); // the first child warms up before the first job comes
	while (!pool_is_surplus(pool, worker->index)) {
		void *item;
		if (queue_pop(pool->inputs, &item, POP_MS) != RC_OK)
			continue;
		atomic_fetch_add(&pool->busy, 1);
		decode(&children, item);
		atomic_fetch_sub(&pool->busy, 1);
	}
	children_done(&children);
	atomic_fetch_sub(&pool->running, 1);
	atomic_store(&worker->ended, true);
	return NULL;
}
