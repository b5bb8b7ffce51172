// What the files of lib/catalog share: running a statement, and events on their way into a statement. Private.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "catalog/catalog.h"
#include "catalog/outbox.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"
#include "media/event.h"

// One statement by itself: reads through the pipeline; writes on a connection of the pool, for a commit waits for the
// disk, and in a pipeline everybody behind it would wait too.
enum rc catalog_run(const struct catalog *catalog, const struct catalog_call *call,
                    const struct db_statement *statement, const struct db_value *values, unsigned count,
                    struct db_result **ret_result, struct err *err) MUST_CHECK;

// The same, for one number; 0 when there is no row.
enum rc catalog_run_number(const struct catalog *catalog, const struct catalog_call *call,
                           const struct db_statement *statement, const struct db_value *values, unsigned count,
                           int64_t *ret_number, struct err *err) MUST_CHECK;

// Most bytes of a statement's JSON argument.
#define CATALOG_ARGUMENT_BYTES (4 * 1024 * 1024)

// How a statement inserts events from a JSON argument: "INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT "
// CATALOG_EVENT_VALUES " FROM json_to_recordset($n::json) AS " CATALOG_EVENT_RECORD.
#define CATALOG_EVENT_COLUMNS "(event_id, kind, subject, payload)"
#define CATALOG_EVENT_VALUES "event.id, event.kind, event.subject, event.payload"
#define CATALOG_EVENT_RECORD "event(id uuid, kind text, subject text, payload json)"

// Append events as that argument; fills in their id, time, source and traceparent like catalog_outbox_add.
enum rc catalog_events_write(const struct catalog *catalog, const struct catalog_call *call, struct event *events,
                             size_t count, struct buffer *out, struct err *err) MUST_CHECK;

// The message of a job.
struct event catalog_job_event(const struct uuid *job_id, const struct uuid *media_id, uint32_t generation,
                               const char *pool, enum event_lane lane);
