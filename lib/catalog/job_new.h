// New jobs on their way into a statement. Private to lib/catalog.
#pragma once

#include <stddef.h>

#include "catalog/run.h"
#include "media/preset.h"

// For "INSERT INTO jobs (id, media_id, owner_id, generation, pool, lane, required) SELECT job.id, …, job.pool,
// job.lane, job.required FROM json_to_recordset($n::json) AS " JOB_NEW_RECORD.
#define JOB_NEW_RECORD "job(id uuid, pool text, lane text, required boolean)"

// Append a job for each pool as that argument, and write each one's message into events[0 … count).
void job_new_write(const struct preset_pool *pools, size_t count, enum event_lane lane, const struct uuid *media_id,
                   uint32_t generation, struct buffer *out, struct event *events);
