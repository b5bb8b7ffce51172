// Failing, giving back, losing.
#include "transcoder/settle.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "base/settings.h"
#include "bus/message.h"
#include "catalog/sweep.h"
#include "store/store.h"
#include "transcoder/pool.h"
#include "transcoder/resize.h"
#include "transcoder/spans.h"
#include "transcoder/transcoder.h"

// Pauses between attempts of one job, by attempts so far.
static const struct retry_policy ATTEMPTS = { .attempts = LIMIT_JOB_ATTEMPTS, .base_ms = 2000, .cap_ms = 60000 };
// Pauses between tries of one database call; Postgres may be restarting.
static const struct retry_policy DATABASE = { .attempts = 6, .base_ms = 200, .cap_ms = 3000 };
// A message whose job we could not settle comes back after so long; the reconciler rings besides.
#define UNSETTLED_MS 5000
// How long the store may take to show that it lives, and how long a job waits for it when it does not.
#define STORE_PROBE_MS 3000
#define STORE_PAUSE_MS 2000

static void log_task(enum log_level level, const char *event, const struct task *task, const struct err *err)
{
	char job_id[UUID_TEXT_SIZE], media_id[UUID_TEXT_SIZE];
	uuid_format(&task->claim.job_id, job_id);
	uuid_format(&task->claim.media_id, media_id);
	LOG_EVENT(level, event, LOG_TEXT("job_id", job_id), LOG_TEXT("media_id", media_id),
	          LOG_TEXT("pool", task->claim.pool), LOG_INT("attempt", task->claim.attempts),
	          LOG_TEXT("error", rc_name(err->rc)), LOG_TEXT("detail", err->text));
}

static void nak(struct task *task, int64_t delay_ms)
{
	// Lost or not: the server gives the message out again when its ack wait is over.
	struct err err = { 0 };
	(void)bus_message_nak(task->message, delay_ms, &err);
}

static void acknowledge(struct task *task)
{
	struct err err = { 0 };
	if (bus_message_ack_sync(task->message, &err) != RC_OK)
		log_task(LOG_INFO, "ack_lost", task, &err); // it comes once more and finds its job over
}

// The media was deleted while we were at work, perhaps after the janitor had looked for what lies below its prefix:
// what was stored goes on the list by its key. Whatever fails here is found as an orphan later.
static void discard_stored(struct transcoder *transcoder, const struct task *task)
{
	for (size_t i = 0; i < task->variant_count; i++) {
		struct err err = { 0 };
		struct catalog_call call = transcoder_call(task);
		if (task->variants[i].key[0] != '\0' &&
		    catalog_deletion_add(&transcoder->catalog, &call, DELETION_VARIANT, &task->claim.media_id,
		                         task->variants[i].key, 0, &err) != RC_OK) {
			log_task(LOG_WARNING, "variants_not_discarded", task, &err);
			return;
		}
	}
}

// Publishing nothing changes nothing, and tells a deleted media from a lost lease.
static bool is_media_deleted(struct transcoder *transcoder, const struct task *task)
{
	struct err err = { 0 };
	struct job_published published = { 0 };
	struct catalog_call call = transcoder_call(task);
	const struct job_publish nothing = { .job_id = task->claim.job_id, .token = task->claim.token };
	return catalog_job_publish_preview(&transcoder->catalog, &call, &nothing, &published, &err) == RC_NOT_FOUND;
}

void settle_deleted(struct transcoder *transcoder, struct task *task)
{
	task_wait_preview(task);
	log_task(LOG_INFO, "media_deleted", task, &(struct err){ .rc = RC_NOT_FOUND });
	discard_stored(transcoder, task);
	if (task->resize != NULL) {
		resize_end_missing(transcoder, task);
		return;
	}
	acknowledge(task);
	task_free(&transcoder->tasks, task);
}

void settle_lost(struct transcoder *transcoder, struct task *task)
{
	task_wait_preview(task);
	if (is_media_deleted(transcoder, task)) {
		settle_deleted(transcoder, task);
		return;
	}
	metric_add(task->pool->metrics.lost, 1);
	log_task(LOG_WARNING, "lease_lost", task, &(struct err){ .rc = RC_CONFLICT });
	nak(task, UNSETTLED_MS);
	task_free(&transcoder->tasks, task);
}

static enum rc fail_in_database(struct transcoder *transcoder, struct task *task, enum media_reason reason,
                                const char *detail, int64_t retry_ms, struct job_failed *ret_failed, struct err *err)
{
	enum rc rc = RC_INTERNAL;
	for (unsigned attempt = 1; attempt <= DATABASE.attempts; attempt++) {
		struct catalog_call call = transcoder_call(task);
		rc = catalog_job_fail(&transcoder->catalog, &call, &task->claim.job_id, task->claim.token, reason,
		                      detail, retry_ms, ret_failed, err);
		if ((!rc_is_transient(rc) && rc != RC_UNKNOWN) || transcoder_is_late(transcoder))
			break;
		clock_sleep_ms(retry_delay_ms(&DATABASE, attempt));
	}
	return rc;
}

void settle_failed(struct transcoder *transcoder, struct task *task, enum media_reason reason, const char *detail)
{
	struct err err = { 0 };
	struct job_failed failed = { 0 };
	if (task->resize != NULL) {
		resize_end_failed(transcoder, task, reason, detail);
		return;
	}
	int64_t retry_ms = retry_delay_ms(&ATTEMPTS, task->claim.attempts);
	task_wait_preview(task);
	enum rc rc = fail_in_database(transcoder, task, reason, detail, retry_ms, &failed, &err);
	if (rc == RC_CONFLICT) {
		settle_lost(transcoder, task);
		return;
	}
	if (rc == RC_NOT_FOUND) {
		settle_deleted(transcoder, task);
		return;
	}
	if (rc != RC_OK) {
		log_task(LOG_ERROR, "job_not_settled", task, &err);
		nak(task, UNSETTLED_MS);
	} else {
		struct err why = { .rc = RC_INVALID };
		spans_end_job(task, media_reason_name(reason));
		err_set(&why, RC_INVALID, "%s: %s", media_reason_name(reason),
		        detail == NULL ? media_reason_detail(reason) : detail);
		log_task(failed.is_final ? LOG_WARNING : LOG_INFO, failed.is_final ? "job_failed" : "attempt_failed",
		         task, &why);
		metric_add(task->pool->metrics.failed, 1);
		if (failed.is_final) {
			metric_add(task->pool->metrics.ended, 1);
			acknowledge(task);
		} else {
			nak(task, retry_ms);
		}
	}
	task_free(&transcoder->tasks, task);
}

static void give_back(struct transcoder *transcoder, struct task *task, int64_t delay_ms)
{
	struct err err = { 0 };
	struct catalog_call call = transcoder_call(task);
	if (task->resize != NULL) {
		resize_end_later(transcoder, task);
		return;
	}
	task_wait_preview(task);
	if (catalog_job_release(&transcoder->catalog, &call, &task->claim.job_id, task->claim.token, &err) != RC_OK)
		log_task(LOG_WARNING, "job_not_released", task, &err); // its lease ends by itself
	nak(task, delay_ms);
	task_free(&transcoder->tasks, task);
}

void settle_released(struct transcoder *transcoder, struct task *task)
{
	give_back(transcoder, task, 1);
}

// An object that is not there is answered by every store that is.
static bool is_store_down(struct transcoder *transcoder)
{
	struct err err = { 0 };
	struct store_object object = { 0 };
	const struct store_target target = { .bucket = transcoder->settings->store_originals_bucket,
		                             .key = ".probe/absent",
		                             .timeout_ms = STORE_PROBE_MS };
	enum rc rc = store_head(transcoder->store, &target, &object, &err);
	if (rc == RC_OK)
		store_object_done(&object);
	return rc_is_transient(rc);
}

bool settle_store_failed(struct transcoder *transcoder, struct task *task, const struct err *err)
{
	bool is_down = (rc_is_transient(err->rc) || err->rc == RC_UNKNOWN) && is_store_down(transcoder);
	log_task(LOG_WARNING, is_down ? "store_down" : "store_failed", task, err);
	if (is_down) // nobody's attempts are used up by that
		give_back(transcoder, task, STORE_PAUSE_MS);
	else // what the store says of its inside is for the log, not for the owner
		settle_failed(transcoder, task, REASON_STORE_FAILED, NULL);
	return is_down;
}
