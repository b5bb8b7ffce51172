// The memory budget.
#include "transcoder/admission.h"

#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"

#define BYTES_PER_FILE_BYTE 40
#define LEAST_BYTES (48 * 1024 * 1024)

void admission_init(struct admission *admission, int64_t budget_bytes, struct metric *gauge)
{
	*admission = (struct admission){ .budget_bytes = budget_bytes, .gauge = gauge };
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&admission->freed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&admission->lock, NULL);
}

void admission_done(struct admission *admission)
{
	(void)pthread_cond_destroy(&admission->freed);
	(void)pthread_mutex_destroy(&admission->lock);
}

int64_t admission_estimate(int64_t file_bytes, int64_t child_limit_bytes)
{
	int64_t estimate = file_bytes > child_limit_bytes / BYTES_PER_FILE_BYTE ? child_limit_bytes
	                                                                        : file_bytes * BYTES_PER_FILE_BYTE;
	return estimate < LEAST_BYTES ? LEAST_BYTES : estimate;
}

enum rc admission_enter(struct admission *admission, int64_t bytes, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	struct timespec until = { .tv_sec = (time_t)(deadline.at_us / 1000000),
		                  .tv_nsec = (long)(deadline.at_us % 1000000) * 1000 };
	enum rc rc = RC_OK;
	(void)pthread_mutex_lock(&admission->lock);
	admission->waiting++;
	while (admission->used_bytes > 0 && admission->used_bytes + bytes > admission->budget_bytes && rc == RC_OK)
		if (pthread_cond_timedwait(&admission->freed, &admission->lock, &until) != 0)
			rc = RC_TIMEOUT;
	admission->waiting--;
	if (rc == RC_OK) {
		admission->used_bytes += bytes;
		metric_set(admission->gauge, admission->used_bytes);
	}
	(void)pthread_mutex_unlock(&admission->lock);
	return rc;
}

bool admission_is_short(struct admission *admission)
{
	(void)pthread_mutex_lock(&admission->lock);
	bool is_short = admission->waiting > 0;
	(void)pthread_mutex_unlock(&admission->lock);
	return is_short;
}

int64_t admission_workers_most(const struct admission *admission)
{
	int64_t most = admission->budget_bytes / LEAST_BYTES;
	return most < 1 ? 1 : most;
}

void admission_leave(struct admission *admission, int64_t bytes)
{
	(void)pthread_mutex_lock(&admission->lock);
	admission->used_bytes -= bytes;
	metric_set(admission->gauge, admission->used_bytes);
	(void)pthread_cond_broadcast(&admission->freed);
	(void)pthread_mutex_unlock(&admission->lock);
}
