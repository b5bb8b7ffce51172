// Single statements of all threads through few connections in libpq's pipeline mode: nobody waits for a connection, and
// waiting statements leave together.
//
// Each statement is its own transaction as far as anyone can see: an error, time-out or lost result of one never
// touches another. A write is reported as done only after its commit has been confirmed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "db/options.h"
#include "db/result.h"
#include "db/statement.h"

struct db_pipeline;

// Most statements that leave together.
#define DB_PIPELINE_BATCH 32

// `connections` threads (>= 1) with a connection each, opened at once in the background and again, with back-off, when
// lost. At most queue_limit (>= 1) statements wait. RC_INVALID when an option is wrong. At start.
enum rc db_pipeline_new(const struct db_options *options, unsigned connections, size_t queue_limit,
                        struct db_pipeline **ret_pipeline, struct err *err) MUST_CHECK;

// Refuse new statements, give those accepted drain_ms to finish, end the rest as if the connection were lost, join,
// free. Accepts NULL. Not from a callback.
void db_pipeline_free(struct db_pipeline *pipeline, int64_t drain_ms);

// The outcome of one statement, on a thread of the pipeline: be quick, never block. On success failure is NULL and the
// callee owns result (db_result_free, on any thread, later). Otherwise result is NULL and failure lives until return:
//   RC_TIMEOUT      the deadline passed, queued (not sent) or under way, or the server's own time-out struck
//   RC_UNAVAILABLE  nothing happened, or it was read-only
//   RC_UNKNOWN      a write was sent and the connection was lost: look before repeating
//   others          what the server said (statement.h)
typedef void db_callback(void *context, struct db_result *result, const struct db_failure *failure);

// Hand a statement over; values are copied. RC_OK: callback is called exactly once. Otherwise never: RC_BUSY (queue
// full, or stopping), RC_TIMEOUT (the deadline has passed), RC_UNAVAILABLE (no connection at present), RC_NO_MEMORY.
// Any thread, callbacks included. Never blocks.
enum rc db_pipeline_submit(struct db_pipeline *pipeline, const struct db_statement *statement,
                           const struct db_value *values, unsigned count, struct deadline deadline,
                           db_callback *callback, void *context, struct err *err) MUST_CHECK;

// Submit and wait, for threads that may block. The caller frees *ret_result (may be NULL: rows do not matter).
// Not from a callback.
enum rc db_pipeline_query(struct db_pipeline *pipeline, const struct db_statement *statement,
                          const struct db_value *values, unsigned count, struct deadline deadline,
                          struct db_result **ret_result, struct err *err) MUST_CHECK;

// True while at least one connection is up: for readiness. Any thread.
bool db_pipeline_is_up(const struct db_pipeline *pipeline);

// Statements accepted and not yet sent. Any thread.
size_t db_pipeline_waiting(struct db_pipeline *pipeline);
