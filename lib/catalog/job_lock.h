// A job and its media locked inside a transaction, and what its end means. Private to lib/catalog.
//
// The media is locked first, by a statement of its own: what the next statements count (jobs that are left) is then
// nobody else's to change, and they see what the one before us committed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "catalog/job.h"
#include "catalog/run.h"

#define JOB_LOST_TEXT "the job's lease was lost to another worker"

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED };

struct job_lock {
	struct uuid job_id;
	struct uuid media_id;
	struct uuid owner_id;
	bool has_item;
	struct uuid item_id;
	enum media_state media_state;
	uint32_t media_generation;
	uint32_t published_generation;
	bool has_preview;
	// The job.
	enum job_state state;
	int64_t token;
	uint32_t generation;
	bool required;
	unsigned attempts;
	bool is_lapsed; // running, but its lease has run out
	enum media_reason last_reason;
	size_t required_left; // other required jobs of the generation that are not done
};

// RC_NOT_FOUND: no such job, or its media was deleted.
enum rc job_lock_take(struct db_connection *connection, const struct uuid *job_id, struct job_lock *ret_lock,
                      struct err *err) MUST_CHECK;

// An event about the job's media.
struct event job_lock_event(const struct job_lock *lock, enum event_media_verb verb, enum media_state state,
                            enum media_reason reason);

// End a job whose attempts are used up (queued, or its lease ran out) as failed; nothing when it is otherwise by now.
enum rc job_exhaust(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *job_id,
                    struct err *err) MUST_CHECK;
