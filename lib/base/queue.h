// A bounded blocking queue of pointers between the stages of a pipeline (fetch → decode → publish).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct queue;

// NULL without memory. limit >= 1. Items are not owned by the queue.
struct queue *queue_new(size_t limit);
// The queue must be empty or its items known elsewhere; no thread may be inside. Accepts NULL.
void queue_free(struct queue *queue);

// Waits for room. RC_OK; RC_TIMEOUT after timeout_ms (negative: no limit); RC_BUSY once the queue is closed. Any
// thread.
enum rc queue_push(struct queue *queue, void *item, int64_t timeout_ms) MUST_CHECK;
// Waits for an item. RC_OK and *ret_item; RC_TIMEOUT; RC_BUSY once the queue is closed and empty. Any thread.
enum rc queue_pop(struct queue *queue, void **ret_item, int64_t timeout_ms) MUST_CHECK;
// No more pushes; poppers drain what is left and then get RC_BUSY. Any thread.
void queue_close(struct queue *queue);
size_t queue_length(struct queue *queue);
// Change the limit while in use (live prefetch); items beyond a lowered limit stay.
void queue_set_limit(struct queue *queue, size_t limit);
