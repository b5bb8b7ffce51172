// How a task ends when it is not published: given up, given back, or lost. Each of these frees the task.
#pragma once

#include <stdint.h>

#include "media/reason.h"

struct task;
struct transcoder;

// The attempt failed. With attempts left and a retryable reason the job is queued again and its message comes back
// after the same pause; otherwise job and media end with the reason and detail (NULL: the reason's own) and it is
// acknowledged.
void settle_failed(struct transcoder *transcoder, struct task *task, enum media_reason reason, const char *detail);

// Give it back unharmed: the attempt does not count, another worker may have it at once.
void settle_released(struct transcoder *transcoder, struct task *task);

// Another worker has the lease now: drop what was made.
void settle_lost(struct transcoder *transcoder, struct task *task);
