// Recording a job's spans under the trace of the call that caused it.
#include "transcoder/spans.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "http/trace.h"
#include "transcoder/pool.h"
#include "transcoder/task.h"
#include "transcoder/transcoder.h"

void spans_end_stage(const struct task *task, const char *stage, int64_t began_us, bool failed)
{
	struct trace_exporter *trace = task->pool->transcoder->trace;
	char span[TRACE_PARENT_SIZE];
	if (trace == NULL)
		return;
	int64_t now_us = clock_now_us();
	trace_new_span(task->span, span);
	trace_record(trace, &(struct trace_span){ .name = stage,
	                                          .traceparent = span,
	                                          .parent = task->span,
	                                          .kind = TRACE_INTERNAL,
	                                          .started_us = now_us - (clock_monotonic_us() - began_us),
	                                          .ended_us = now_us,
	                                          .failed = failed });
}

void spans_end_job(const struct task *task, const char *failure)
{
	struct trace_exporter *trace = task->pool->transcoder->trace;
	char name[64], media_id[UUID_TEXT_SIZE];
	if (trace == NULL)
		return;
	int64_t now_us = clock_now_us();
	uuid_format(&task->claim.media_id, media_id);
	(void)snprintf(name, sizeof name, "job %s", task->pool->name);
	trace_record(trace,
	             &(struct trace_span){ .name = name,
	                                   .traceparent = task->span,
	                                   .parent = task->traceparent,
	                                   .kind = TRACE_CONSUMER,
	                                   .started_us = now_us - (clock_monotonic_us() - task->began_us),
	                                   .ended_us = now_us,
	                                   .failed = failure != NULL,
	                                   .failure = failure,
	                                   .attributes = { { "messaging.system", "nats", 0 },
	                                                   { "safelight.media_id", media_id, 0 },
	                                                   { "safelight.attempt", NULL, task->claim.attempts },
	                                                   { "safelight.queued_ms", NULL, task->claim.waited_ms } } });
}
