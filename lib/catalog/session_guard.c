// A hash table of ended sessions and the thread that fills it from the database.
#include "catalog/session_guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/cleanup.h"
#include "db/pipeline.h"
#include "db/result.h"
#include "db/statement.h"

#define LEAST_SLOTS 1024
// A revocation carries the time at which its transaction began and is seen when that has ended.
#define OVERLAP_SECONDS 60
#define POLL_DEADLINE_MS 5000

struct ended {
	struct uuid id;
	int64_t until_us; // monotonic; 0: an empty slot
};

struct session_guard {
	struct db_pipeline *pipeline;
	int64_t token_us;
	session_guard_report *report;
	pthread_mutex_t lock; // guards what follows
	struct ended *slots;  // open addressing; at most half full
	size_t slot_count;    // a power of two
	size_t used;
	struct background *poller;
	int64_t read_at_us; // the poller's: monotonic time of the last good poll; 0: there was none
	bool was_read;      // the poller's: the last poll was good
};

// $1: seconds back from now.
static const struct db_statement SESSIONS_ENDED = {
	.name = "sessions_ended",
	.sql = "SELECT id FROM sessions WHERE revoked_at > now() - make_interval(secs => $1::bigint) "
	       "ORDER BY revoked_at DESC LIMIT 1048576",
	.parameter_count = 1,
	.read_only = true,
};

// Ids are made by us and end in random bits, so they need no hashing.
static size_t slot_of(const struct uuid *id, size_t slot_count)
{
	uint64_t bits;
	memcpy(&bits, id->bytes + 8, sizeof bits);
	return (size_t)(bits ^ bits >> 32) & (slot_count - 1);
}

static struct ended *find(struct ended *slots, size_t slot_count, const struct uuid *id)
{
	size_t at = slot_of(id, slot_count);
	while (slots[at].until_us != 0 && !uuid_equal(&slots[at].id, id))
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

// A table without what is over; twice as large when it would still be more than a quarter full. False without memory.
static bool rebuild(struct session_guard *guard, int64_t now)
{
	size_t living = 0;
	for (size_t i = 0; i < guard->slot_count; i++)
		living += guard->slots[i].until_us > now;
	size_t count = LEAST_SLOTS;
	while (count < living * 4)
		count *= 2;
	struct ended *slots = calloc(count, sizeof *slots);
	if (slots == NULL)
		return false;
	for (size_t i = 0; i < guard->slot_count; i++)
		if (guard->slots[i].until_us > now)
			*find(slots, count, &guard->slots[i].id) = guard->slots[i];
	free(guard->slots);
	guard->slots = slots;
	guard->slot_count = count;
	guard->used = living;
	return true;
}

static void add_locked(struct session_guard *guard, const struct uuid *id, int64_t now)
{
	struct ended *slot = find(guard->slots, guard->slot_count, id);
	if (slot->until_us != 0)
		return;
	if ((guard->used + 1) * 2 > guard->slot_count) {
		if (!rebuild(guard, now) || guard->used >= SESSION_GUARD_MAX)
			return;
		slot = find(guard->slots, guard->slot_count, id);
	}
	*slot = (struct ended){ .id = *id, .until_us = now + guard->token_us };
	guard->used++;
}

void session_guard_add(struct session_guard *guard, const struct uuid *session_id)
{
	(void)pthread_mutex_lock(&guard->lock);
	add_locked(guard, session_id, clock_monotonic_us());
	(void)pthread_mutex_unlock(&guard->lock);
}

bool session_guard_has_ended(void *context, const struct uuid *session_id)
{
	struct session_guard *guard = context;
	(void)pthread_mutex_lock(&guard->lock);
	bool ended = find(guard->slots, guard->slot_count, session_id)->until_us != 0;
	(void)pthread_mutex_unlock(&guard->lock);
	return ended;
}

static bool poll_ended(struct session_guard *guard, int64_t seconds_back)
{
	struct err err = { 0 };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_int64(seconds_back) };
	if (db_pipeline_query(guard->pipeline, &SESSIONS_ENDED, values, 1, deadline_after_ms(POLL_DEADLINE_MS), &result,
	                      &err) != RC_OK) {
		if (guard->was_read) // once an outage
			guard->report(&err);
		guard->was_read = false;
		return false;
	}
	guard->was_read = true;
	int64_t now = clock_monotonic_us();
	(void)pthread_mutex_lock(&guard->lock);
	for (size_t row = 0; row < db_result_rows(result); row++) {
		struct uuid id = db_result_uuid(result, row, 0);
		add_locked(guard, &id, now);
	}
	(void)pthread_mutex_unlock(&guard->lock);
	return true;
}

static bool poll(void *context)
{
	struct session_guard *guard = context;
	int64_t now = clock_monotonic_us();
	int64_t all = guard->token_us / 1000000 + OVERLAP_SECONDS;
	int64_t back = guard->read_at_us == 0 ? all : (now - guard->read_at_us) / 1000000 + OVERLAP_SECONDS;
	if (poll_ended(guard, back < all ? back : all))
		guard->read_at_us = now;
	return false;
}

enum rc session_guard_new(struct db_pipeline *pipeline, int64_t token_seconds, session_guard_report *report,
                          struct session_guard **ret_guard, struct err *err)
{
	struct session_guard *guard = calloc(1, sizeof *guard);
	if (guard == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the ended sessions");
	guard->pipeline = pipeline;
	guard->token_us = token_seconds * 1000000;
	guard->report = report;
	(void)pthread_mutex_init(&guard->lock, NULL);
	enum rc rc = rebuild(guard, 0) ? RC_OK : err_set(err, RC_NO_MEMORY, "no memory for the ended sessions");
	if (rc == RC_OK)
		rc = background_new("sessions", SESSION_GUARD_POLL_MS, poll, guard, &guard->poller, err);
	if (rc != RC_OK) {
		session_guard_free(guard);
		return rc;
	}
	*ret_guard = guard;
	return RC_OK;
}

void session_guard_free(struct session_guard *guard)
{
	if (guard == NULL)
		return;
	background_free(guard->poller);
	(void)pthread_mutex_destroy(&guard->lock);
	free(guard->slots);
	free(guard);
}
