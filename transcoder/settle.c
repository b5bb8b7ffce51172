// Failing, giving back, losing.
#include "transcoder/settle.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "bus/message.h"
#include "transcoder/pool.h"
#include "transcoder/transcoder.h"

// Pauses between attempts of one job, by attempts so far.
static const struct retry_policy ATTEMPTS = { .attempts = LIMIT_JOB_ATTEMPTS, .base_ms = 2000, .cap_ms = 60000 };
// Pauses between tries of one database call; Postgres may be restarting.
static const struct retry_policy DATABASE = { .attempts = 6, .base_ms = 200, .cap_ms = 3000 };
// A message whose job we could not settle comes back after so long; the reconciler rings besides.
#define UNSETTLED_MS 5000

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

void settle_lost(struct transcoder *transcoder, struct task *task)
{
	task_wait_preview(task);
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
		if (!rc_is_transient(rc) && rc != RC_UNKNOWN)
			break;
		clock_sleep_ms(retry_delay_ms(&DATABASE, attempt));
	}
	return rc;
}

void settle_failed(struct transcoder *transcoder, struct task *task, enum media_reason reason, const char *detail)
{
	struct err err = { 0 };
	struct job_failed failed = { 0 };
	int64_t retry_ms = retry_delay_ms(&ATTEMPTS, task->claim.attempts);
	task_wait_preview(task);
	enum rc rc = fail_in_database(transcoder, task, reason, detail, retry_ms, &failed, &err);
	if (rc == RC_CONFLICT) {
		settle_lost(transcoder, task);
		return;
	}
	if (rc != RC_OK) {
		log_task(LOG_ERROR, "job_not_settled", task, &err);
		nak(task, UNSETTLED_MS);
	} else {
		struct err why = { .rc = RC_INVALID };
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

void settle_released(struct transcoder *transcoder, struct task *task)
{
	struct err err = { 0 };
	struct catalog_call call = transcoder_call(task);
	task_wait_preview(task);
	if (catalog_job_release(&transcoder->catalog, &call, &task->claim.job_id, task->claim.token, &err) != RC_OK)
		log_task(LOG_WARNING, "job_not_released", task, &err); // its lease ends by itself
	nak(task, 1);
	task_free(&transcoder->tasks, task);
}
