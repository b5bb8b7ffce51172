// A fixed set of threads behind a bounded queue: where work that may block is sent so that event threads never wait.
#pragma once

#include <stddef.h>

#include "base/error.h"

struct work_pool;
typedef void work_function(void *context);

// threads >= 1, queue_limit >= 1 (work accepted but not begun). name is given to the threads (<= 15 bytes). NULL and
// err on failure.
struct work_pool *work_pool_new(const char *name, unsigned threads, size_t queue_limit, struct err *err);

// RC_OK: function(context) will be called once on a pool thread. RC_BUSY: the queue is full, or the pool is stopping;
// nothing happens. Any thread.
enum rc work_pool_submit(struct work_pool *pool, work_function *function, void *context) MUST_CHECK;

// Work accepted but not begun (a gauge).
size_t work_pool_waiting(struct work_pool *pool);

// Refuses new work, finishes what was accepted, joins the threads, frees. Accepts NULL. Not from a pool thread.
void work_pool_free(struct work_pool *pool);
