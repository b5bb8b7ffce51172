// A hash table of ended sessions and the thread that fills it from the database.
#include "metadata-api/session_guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
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
	pthread_mutex_t lock; // guards what follows
	struct ended *slots;  // open addressing; at most half full
	size_t slot_count;    // a power of two
	size_t used;
	bool stops;
	pthread_cond_t wake;
	pthread_t thread;
	bool was_read; // the thread's: the last poll was good
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

bool session_guard_has_ended(struct session_guard *guard, const struct uuid *session_id)
{
	(void)pthread_mutex_lock(&guard->lock);
	bool ended = find(guard->slots, guard->slot_count, session_id)->until_us != 0;
	(void)pthread_mutex_unlock(&guard->lock);
	return ended;
}

size_t session_guard_count(struct session_guard *guard)
{
	(void)pthread_mutex_lock(&guard->lock);
	size_t count = guard->used;
	(void)pthread_mutex_unlock(&guard->lock);
	return count;
}

static bool poll_ended(struct session_guard *guard, int64_t seconds_back)
{
	struct err err = { 0 };
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	const struct db_value values[] = { db_int64(seconds_back) };
	if (db_pipeline_query(guard->pipeline, &SESSIONS_ENDED, values, 1, deadline_after_ms(POLL_DEADLINE_MS), &result,
	                      &err) != RC_OK) {
		if (guard->was_read) // once an outage
			LOG_FAILURE(LOG_WARNING, "ended_sessions_not_read", &err);
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

// Sleeps until the next poll; false when the guard is to stop.
static bool wait_for_next(struct session_guard *guard)
{
	struct timespec at;
	int64_t until = clock_monotonic_us() + SESSION_GUARD_POLL_MS * 1000;
	at.tv_sec = until / 1000000;
	at.tv_nsec = until % 1000000 * 1000;
	(void)pthread_mutex_lock(&guard->lock);
	while (!guard->stops && clock_monotonic_us() < until)
		(void)pthread_cond_timedwait(&guard->wake, &guard->lock, &at);
	bool goes_on = !guard->stops;
	(void)pthread_mutex_unlock(&guard->lock);
	return goes_on;
}

static void *run(void *argument)
{
	struct session_guard *guard = argument;
	int64_t all = guard->token_us / 1000000 + OVERLAP_SECONDS;
	int64_t read_at = 0; // the last good poll; 0: there was none
	do {
		int64_t now = clock_monotonic_us();
		int64_t back = read_at == 0 ? all : (now - read_at) / 1000000 + OVERLAP_SECONDS;
		if (poll_ended(guard, back < all ? back : all))
			read_at = now;
	} while (wait_for_next(guard));
	return NULL;
}

enum rc session_guard_new(struct db_pipeline *pipeline, int64_t token_seconds, struct session_guard **ret_guard,
                          struct err *err)
{
	struct session_guard *guard = calloc(1, sizeof *guard);
	if (guard == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the ended sessions");
	guard->pipeline = pipeline;
	guard->token_us = token_seconds * 1000000;
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&guard->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&guard->lock, NULL);
	bool good = rebuild(guard, 0);
	if (good && pthread_create(&guard->thread, NULL, run, guard) == 0) {
		*ret_guard = guard;
		return RC_OK;
	}
	free(guard->slots);
	free(guard);
	return good ? err_set(err, RC_UNAVAILABLE, "cannot start the thread of ended sessions")
	            : err_set(err, RC_NO_MEMORY, "no memory for the ended sessions");
}

void session_guard_free(struct session_guard *guard)
{
	if (guard == NULL)
		return;
	(void)pthread_mutex_lock(&guard->lock);
	guard->stops = true;
	(void)pthread_cond_signal(&guard->wake);
	(void)pthread_mutex_unlock(&guard->lock);
	(void)pthread_join(guard->thread, NULL);
	(void)pthread_mutex_destroy(&guard->lock);
	(void)pthread_cond_destroy(&guard->wake);
	free(guard->slots);
	free(guard);
}
