// Variants on demand: the edge asks for one that is not there, a sandboxed child makes it, it is published like every
// other, and all who asked get it.
//
//   GET /resize/<object key>  ──▶  one resize a key (joined by whoever asks meanwhile)  ──▶  workers of [pool.resize]
//                             ◀──  200 the file | 404 | 422 | 503 with Retry-After       ──▶  publishers
//
// Bounded everywhere: the pool's workers and queue, who may wait for one, and one deadline from the question to the
// answer. What cannot be made at once is refused, never kept.
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "media/reason.h"

struct resize;
struct resizes;
struct route;
struct task;
struct transcoder;
struct wire_job;

// The route, and what stands behind it: made at start, when there is a [pool.resize]; its pool must be among the
// transcoder's. RC_INVALID without transcoder.resize_token. Freed after the HTTP server has ended; accepts NULL.
extern const struct route route_resize;
enum rc resizes_new(struct transcoder *transcoder, struct resizes **ret_resizes, struct err *err) MUST_CHECK;
void resizes_free(struct resizes *resizes);

// In a worker, for a task with a resize: find the media and read its original. False: the task has been ended.
bool resize_prepare(struct transcoder *transcoder, struct task *task);
// What the decoder is told besides its limits.
void resize_describe(const struct resize *resize, struct wire_job *job);
struct deadline resize_deadline(const struct resize *resize);

// In a publisher: store the file, write its row, answer. Ends the task.
void resize_publish(struct transcoder *transcoder, struct task *task);

// How a task with a resize ends otherwise; each answers all who wait and frees the task. Later: it may work then.
void resize_end_later(struct transcoder *transcoder, struct task *task);
// This picture cannot be made in this size (or not for now, when the reason is one that passes).
void resize_end_failed(struct transcoder *transcoder, struct task *task, enum media_reason reason, const char *detail);
// There is no such variant (any more).
void resize_end_missing(struct transcoder *transcoder, struct task *task);
// Here it is: fd is a memory file of that many bytes.
void resize_end_made(struct transcoder *transcoder, struct task *task, int fd, size_t bytes);
