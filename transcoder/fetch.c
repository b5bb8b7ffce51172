// The fetcher of a pool: takes messages, claims their jobs, reads the originals.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/settings.h"
#include "bus/lanes.h"
#include "bus/message.h"
#include "media/event.h"
#include "store/store.h"
#include "transcoder/fetch.h"
#include "transcoder/pool.h"
#include "transcoder/settle.h"
#include "transcoder/spans.h"
#include "transcoder/transcoder.h"

#define FETCH_MS 400
#define PAUSED_MS 100
// Of the consumer, which all instances share: far above what they can have in hand, since each fetches only as much as
// its queue takes.
#define UNACKNOWLEDGED_MOST 1000
// A claim that the database could not answer: the message comes back after so long.
#define RETRY_MS 2000
// Between two looks at a store that is down.
#define STORE_DOWN_MS 1000
// A pool that an operator has paused must not take a job before its live settings were read; but a server that has
// jobs and no settings must not hold up the jobs.
#define LIVE_WAIT_MS 5000

// A message that is no job of ours can never become one: it is dropped, once and loudly.
static void drop_poison(struct bus_message *message, const struct err *reason)
{
	struct err err = { 0 };
	LOG_FAILURE(LOG_ERROR, "poison_message", reason, LOG_TEXT("subject", bus_message_subject(message)),
	            LOG_INT("sequence", (int64_t)bus_message_sequence(message)));
	if (bus_message_term(message, &err) != RC_OK)
		LOG_FAILURE(LOG_INFO, "term_lost", &err);
	bus_message_free(message);
}

static void give_back(struct bus_message *message, int64_t delay_ms)
{
	struct err err = { 0 };
	(void)bus_message_nak(message, delay_ms, &err);
	bus_message_free(message);
}

static void acknowledge_over(struct bus_message *message)
{
	struct err err = { 0 };
	if (bus_message_ack_sync(message, &err) != RC_OK)
		LOG_FAILURE(LOG_INFO, "ack_lost", &err);
	bus_message_free(message);
}

// The task of a message, or NULL when the message has been settled.
static struct task *claim(struct pool *pool, struct bus_message *message)
{
	struct transcoder *transcoder = pool->transcoder;
	struct err err = { 0 };
	struct event event;
	struct job_claim claim;
	enum rc rc = event_decode(bus_message_data(message), bus_message_length(message), &event, &err);
	if (rc == RC_OK && (event.kind != EVENT_JOB || strcmp(event.job.pool, pool->name) != 0))
		rc = err_set(&err, RC_INVALID, "not a job of this pool");
	if (rc != RC_OK) {
		drop_poison(message, &err);
		return NULL;
	}
	struct catalog_call call = { .deadline = deadline_after_ms(TRANSCODER_DATABASE_MS),
		                     .traceparent = event.traceparent[0] == '\0' ? NULL : event.traceparent };
	rc = catalog_job_claim(&transcoder->catalog, &call, &event.job.job_id, transcoder->worker_name,
	                       transcoder->settings->transcoder_lease_ms, &claim, &err);
	if (rc != RC_OK) {
		LOG_FAILURE(LOG_WARNING, "claim_failed", &err, LOG_TEXT("pool", pool->name));
		give_back(message, RETRY_MS);
		return NULL;
	}
	struct task *task = NULL;
	if (claim.outcome == JOB_CLAIMED)
		task = task_new(&transcoder->tasks, pool, message, &claim, event.traceparent);
	if (task != NULL)
		return task;
	// A job in other hands needs no bell: should they fall off, the reconciler rings for its lapsed lease. Keeping
	// the message for that would fill the consumer's few places with repeats, and the pool would stand still.
	if (claim.outcome == JOB_OVER || claim.outcome == JOB_MISSING || claim.outcome == JOB_TAKEN)
		acknowledge_over(message);
	else
		give_back(message, claim.outcome == JOB_CLAIMED ? RETRY_MS : claim.retry_ms);
	return NULL;
}

enum media_reason fetch_original(struct transcoder *transcoder, struct task *task, struct err *err)
{
	const struct job_claim *claimed = &task->claim;
	const struct store_target target = { .bucket = transcoder->settings->store_originals_bucket,
		                             .key = claimed->original_key };
	const struct store_get_options options = { .if_match = claimed->original_etag[0] == '\0'
		                                                       ? NULL
		                                                       : claimed->original_etag };
	uint64_t length = 0;
	enum rc rc = file_new_memory("original", &task->input_fd, err);
	if (rc == RC_OK)
		rc = store_get_file(transcoder->store, &target, &options, task->input_fd, (uint64_t)claimed->size,
		                    task->sha256, &length, NULL, err);
	// An object that is gone or is not the verified one any more is not there for us.
	if (rc == RC_NOT_FOUND || rc == RC_CONFLICT)
		return REASON_MISSING_OBJECT;
	if (rc == RC_LIMIT || (rc == RC_OK && length != (uint64_t)claimed->size)) {
		err_set(err, RC_INVALID, "the object does not have the size that was verified");
		return REASON_SIZE_MISMATCH;
	}
	if (rc != RC_OK)
		return REASON_STORE_FAILED;
	if (claimed->has_declared_sha256 && memcmp(claimed->declared_sha256, task->sha256, sizeof task->sha256) != 0) {
		err_set(err, RC_INVALID, "the bytes do not have the SHA-256 that was declared");
		return REASON_CHECKSUM;
	}
	return file_seal(task->input_fd, err) == RC_OK ? REASON_NONE : REASON_INTERNAL;
}

static void hand_over(struct pool *pool, struct task *task)
{
	enum rc rc;
	while ((rc = queue_push(pool->inputs, task, PAUSED_MS)) == RC_TIMEOUT &&
	       !atomic_load(&pool->transcoder->stopping))
		;
	if (rc != RC_OK)
		settle_released(pool->transcoder, task);
}

static void take_one(struct pool *pool, struct bus_lanes *lanes)
{
	struct bus_message *message = NULL;
	struct err err = { 0 };
	// RC_TIMEOUT and RC_UNAVAILABLE come after the time-out is over: this loop does not spin.
	if (bus_lanes_fetch(lanes, FETCH_MS, &message, &err) != RC_OK)
		return;
	struct task *task = claim(pool, message);
	if (task == NULL)
		return;
	int64_t began_us = clock_monotonic_us();
	enum media_reason reason = fetch_original(pool->transcoder, task, &err);
	metric_observe_us(pool->metrics.fetch_seconds, clock_monotonic_us() - began_us);
	spans_end_stage(task, "fetch", began_us, reason != REASON_NONE);
	if (reason == REASON_NONE)
		hand_over(pool, task);
	else if (reason != REASON_STORE_FAILED)
		settle_failed(pool->transcoder, task, reason, err.text);
	else if (settle_store_failed(pool->transcoder, task, &err))
		clock_sleep_ms(STORE_DOWN_MS);
}

// Wait until the pool's live settings are known (a paused pool must not take a job before), but not for ever.
static void await_settings(const struct transcoder *transcoder)
{
	struct deadline deadline = deadline_after_ms(LIVE_WAIT_MS);
	while (!atomic_load(&transcoder->stopping) && !atomic_load(&transcoder->live_known) &&
	       !deadline_passed(deadline))
		clock_sleep_ms(10);
}

void *pool_fetch_thread(void *argument)
{
	struct pool *pool = argument;
	struct bus_lanes *lanes = NULL;
	(void)pthread_setname_np(pthread_self(), "fetcher");
	await_settings(pool->transcoder);
	while (!atomic_load(&pool->transcoder->stopping)) {
		struct err err = { 0 };
		struct pool_live live = pool_read_live(pool);
		if (live.paused) {
			// No pull request is held, so that the backlog stays where other instances can take it.
			bus_lanes_close(lanes);
			lanes = NULL;
			clock_sleep_ms(PAUSED_MS);
		} else if (lanes != NULL || bus_lanes_open(pool->transcoder->bus, pool->name, UNACKNOWLEDGED_MOST,
		                                           BUS_INTERACTIVE_SHARE, &lanes, &err) == RC_OK) {
			bus_lanes_set_share(lanes, (unsigned)live.interactive_share);
			take_one(pool, lanes);
		} else {
			LOG_FAILURE(LOG_ERROR, "lanes_not_opened", &err, LOG_TEXT("pool", pool->name));
			clock_sleep_ms(FETCH_MS);
		}
	}
	bus_lanes_close(lanes);
	return NULL;
}
