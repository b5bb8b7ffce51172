// How a task ends when it is not published: given up, given back, or lost. Each of these frees the task.
// One with a resize has no job: who asked is answered (resize.h).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/reason.h"

struct err;
struct task;
struct transcoder;

// The attempt failed. With attempts left and a retryable reason the job is queued again and its message comes back
// after the same pause; otherwise job and media end with the reason and detail (NULL: the reason's own) and it is
// acknowledged.
void settle_failed(struct transcoder *transcoder, struct task *task, enum media_reason reason, const char *detail);

// The store could not be read or written (err says how). When it answers nothing at all the job is given back unharmed,
// for a few seconds, and true returned: better take no further one before a pause. Otherwise the attempt failed.
bool settle_store_failed(struct transcoder *transcoder, struct task *task, const struct err *err);

// Give it back unharmed: the attempt does not count, another worker may have it at once.
void settle_released(struct transcoder *transcoder, struct task *task);

// The media was deleted meanwhile: what was stored of it goes on the deletions list.
void settle_deleted(struct transcoder *transcoder, struct task *task);

// Another worker has the lease now (or the media was deleted): drop what was made.
void settle_lost(struct transcoder *transcoder, struct task *task);
