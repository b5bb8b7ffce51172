// The list of sessions, the memory they share, and the keeper of their leases.
#include "ingest/tus.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "base/work_pool.h"
#include "catalog/tus.h"
#include "http/stream.h"
#include "ingest/ingest.h"
#include "ingest/trouble.h"
#include "ingest/tus_memory.h"
#include "ingest/tus_session.h"
#include "store/store_multipart.h"

// A lease is renewed several times before it would run out.
#define KEEP_MS 1500
#define KEEP_CALL_MS 3000
// What a drain leaves to uploads that are nearly done.
#define LEAVE_MS 2000

struct tus {
	struct ingest *ingest;
	struct work_pool *pool;
	struct tus_memory memory;
	_Atomic int64_t cut_all_at_us; // 0: never
	struct metric *bytes;
	struct metric *sessions_now;
	struct metric *cut;

	pthread_mutex_t lock; // guards the list and the sessions' request pointers
	struct tus_session *sessions;

	pthread_t keeper;
	bool keeper_runs;
	pthread_mutex_t keeper_lock; // guards is_stopping
	pthread_cond_t keeper_wake;
	bool is_stopping;
};

int64_t tus_max_bytes(const struct ingest *ingest)
{
	int64_t most = ingest->live.max_upload_bytes, parts = STORE_PARTS_MAX * ingest->settings->ingest_tus_part_bytes;
	return most < parts ? most : parts;
}

enum rc tus_submit(struct tus *tus, void (*run)(void *argument), void *argument)
{
	return work_pool_submit(tus->pool, run, argument);
}

struct tus_memory *tus_memory_of(struct tus *tus)
{
	return &tus->memory;
}

void tus_count(struct tus *tus, size_t bytes)
{
	metric_add(tus->bytes, (int64_t)bytes);
}

void tus_lock(struct tus *tus)
{
	(void)pthread_mutex_lock(&tus->lock);
}

void tus_unlock(struct tus *tus)
{
	(void)pthread_mutex_unlock(&tus->lock);
}

void tus_enlist(struct tus *tus, struct tus_session *session)
{
	tus_lock(tus);
	session->previous = NULL;
	session->next = tus->sessions;
	if (session->next != NULL)
		session->next->previous = session;
	tus->sessions = session;
	tus_unlock(tus);
	metric_add(tus->sessions_now, 1);
}

void tus_delist(struct tus *tus, struct tus_session *session)
{
	tus_lock(tus);
	if (session->previous != NULL)
		session->previous->next = session->next;
	else
		tus->sessions = session->next;
	if (session->next != NULL)
		session->next->previous = session->previous;
	tus_unlock(tus);
	metric_add(tus->sessions_now, -1);
}

// Under the lock. A session that is storing something just now looks at `yields` afterwards.
static void cut_off(struct tus *tus, struct tus_session *session)
{
	if (atomic_exchange(&session->yields, true))
		return;
	metric_add(tus->cut, 1);
	if (session->request != NULL)
		http_stream_cut(session->request);
}

static struct tus_session *find_session(struct tus *tus, const struct uuid *upload_id)
{
	struct tus_session *session = tus->sessions;
	while (session != NULL && memcmp(&session->upload_id, upload_id, sizeof *upload_id) != 0)
		session = session->next;
	return session;
}

void tus_yield(struct tus *tus, const struct uuid *upload_id)
{
	tus_lock(tus);
	struct tus_session *session = find_session(tus, upload_id);
	if (session != NULL)
		cut_off(tus, session);
	tus_unlock(tus);
}

// ---- leases ---------------------------------------------------------------------------------------------------------

static size_t list_leases(struct tus *tus, struct tus_lease *leases, size_t skip)
{
	size_t count = 0;
	tus_lock(tus);
	for (struct tus_session *session = tus->sessions; session != NULL && count < CATALOG_TUS_RENEW_MAX;
	     session = session->next) {
		if (skip > 0)
			skip--;
		else
			leases[count++] =
			        (struct tus_lease){ .upload_id = session->upload_id, .writer = session->writer };
	}
	tus_unlock(tus);
	return count;
}

static void obey(struct tus *tus, const struct tus_lease *leases, size_t count)
{
	tus_lock(tus);
	for (size_t i = 0; i < count; i++) {
		struct tus_session *session =
		        leases[i].is_lost || leases[i].is_wanted ? find_session(tus, &leases[i].upload_id) : NULL;
		if (session != NULL && memcmp(&session->writer, &leases[i].writer, sizeof session->writer) == 0)
			cut_off(tus, session);
	}
	tus_unlock(tus);
}

static void renew_all(struct tus *tus, struct tus_lease *leases, struct trouble *trouble)
{
	size_t done = 0, count = CATALOG_TUS_RENEW_MAX;
	while (count == CATALOG_TUS_RENEW_MAX) {
		const struct catalog_call call = { .deadline = deadline_after_ms(KEEP_CALL_MS) };
		struct err err = { 0 };
		count = list_leases(tus, leases, done);
		done += count;
		if (count == 0)
			return;
		enum rc rc = catalog_tus_renew(&tus->ingest->catalog, &call, leases, count, &err);
		if (trouble_report(trouble, rc, &err) == RC_OK)
			obey(tus, leases, count);
	}
}

static void cut_all_when_due(struct tus *tus)
{
	int64_t at_us = tus->cut_all_at_us;
	if (at_us == 0 || at_us > clock_monotonic_us())
		return;
	tus_lock(tus);
	for (struct tus_session *session = tus->sessions; session != NULL; session = session->next)
		cut_off(tus, session);
	tus_unlock(tus);
}

// False when it is time to stop.
static bool wait_a_while(struct tus *tus)
{
	int64_t until_us = clock_monotonic_us() + KEEP_MS * 1000;
	const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
	(void)pthread_mutex_lock(&tus->keeper_lock);
	for (int waited = 0; waited == 0 && !tus->is_stopping;)
		waited = pthread_cond_timedwait(&tus->keeper_wake, &tus->keeper_lock, &until);
	bool goes_on = !tus->is_stopping;
	(void)pthread_mutex_unlock(&tus->keeper_lock);
	return goes_on;
}

static void *keep(void *argument)
{
	struct tus *tus = argument;
	struct trouble trouble = { .name = "tus_leases" };
	struct tus_lease *leases = calloc(CATALOG_TUS_RENEW_MAX, sizeof *leases);
	while (leases != NULL && wait_a_while(tus)) {
		renew_all(tus, leases, &trouble);
		cut_all_when_due(tus);
		tus_memory_trim(&tus->memory);
	}
	free(leases);
	return NULL;
}

// ---- life -----------------------------------------------------------------------------------------------------------

static void add_metrics(struct tus *tus, struct metrics *metrics)
{
	tus->bytes = metrics_add(metrics, METRIC_COUNTER, "safelight_tus_bytes_total", "Bytes received by tus.", NULL);
	tus->sessions_now = metrics_add(metrics, METRIC_GAUGE, "safelight_tus_sessions",
	                                "Requests that are writing to an upload.", NULL);
	tus->cut = metrics_add(metrics, METRIC_COUNTER, "safelight_tus_cut_total",
	                       "Writers cut off because another one came, or their lease was lost.", NULL);
}

enum rc tus_start(struct ingest *ingest, struct tus **ret_tus, struct err *err)
{
	pthread_condattr_t monotonic;
	struct tus *tus = calloc(1, sizeof *tus);
	if (tus == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for tus");
	tus->ingest = ingest;
	(void)pthread_mutex_init(&tus->lock, NULL);
	(void)pthread_mutex_init(&tus->keeper_lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&tus->keeper_wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	add_metrics(tus, ingest->metrics);
	tus_memory_init(&tus->memory, ingest->settings,
	                metrics_add(ingest->metrics, METRIC_GAUGE, "safelight_tus_memory_bytes",
	                            "Memory set aside for parts on their way.", NULL));
	tus->pool = work_pool_new("tus", (unsigned)ingest->settings->http_workers, (size_t)ingest->settings->http_queue,
	                          err);
	if (tus->pool != NULL)
		tus->keeper_runs = pthread_create(&tus->keeper, NULL, keep, tus) == 0;
	if (!tus->keeper_runs) {
		tus_stop(tus);
		return err_set(err, RC_NO_MEMORY, "no threads for tus");
	}
	(void)pthread_setname_np(tus->keeper, "tus-leases");
	*ret_tus = tus;
	return RC_OK;
}

void tus_leave(struct tus *tus)
{
	if (tus != NULL)
		tus->cut_all_at_us = clock_monotonic_us() + LEAVE_MS * 1000;
}

void tus_stop(struct tus *tus)
{
	if (tus == NULL)
		return;
	work_pool_free(tus->pool); // what clients had sent is saved
	(void)pthread_mutex_lock(&tus->keeper_lock);
	tus->is_stopping = true;
	(void)pthread_cond_signal(&tus->keeper_wake);
	(void)pthread_mutex_unlock(&tus->keeper_lock);
	if (tus->keeper_runs)
		(void)pthread_join(tus->keeper, NULL);
	tus_memory_done(&tus->memory);
	(void)pthread_cond_destroy(&tus->keeper_wake);
	(void)pthread_mutex_destroy(&tus->keeper_lock);
	(void)pthread_mutex_destroy(&tus->lock);
	free(tus);
}
