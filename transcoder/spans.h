// The spans of a job: one for the whole, one for each of its stages.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct task;

// A stage ("fetch", "decode", "publish", "preview") that began at began_us on the monotonic clock and ends now. Any
// thread that has the task.
void spans_end_stage(const struct task *task, const char *stage, int64_t began_us, bool failed);

// The job ends now. failure: its reason code; NULL: it was done.
void spans_end_job(const struct task *task, const char *failure);
