// Pools: starting, adjusting and ending their threads.
#include "transcoder/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/retry.h"
#include "base/settings.h"
#include "media/preset.h"
#include "transcoder/task.h"
#include "transcoder/transcoder.h"

static const struct retry_policy BACKING_OFF = { .attempts = 20, .base_ms = 200, .cap_ms = 10000 };

#define SCALED_HELP "Changes of the number of workers by the transcoder itself."

static void register_metrics(struct pool *pool)
{
	char labels[64];
	struct metrics *all = pool->transcoder->metrics;
	struct pool_metrics *own = &pool->metrics;
	(void)snprintf(labels, sizeof labels, "pool=\"%s\"", pool->name);
	own->done = metrics_add(all, METRIC_COUNTER, "safelight_jobs_done_total", "Jobs published.", labels);
	own->failed = metrics_add(all, METRIC_COUNTER, "safelight_job_attempts_failed_total", "Attempts that failed.",
	                          labels);
	own->ended =
	        metrics_add(all, METRIC_COUNTER, "safelight_jobs_failed_total", "Jobs that failed for good.", labels);
	own->lost =
	        metrics_add(all, METRIC_COUNTER, "safelight_jobs_lost_total", "Jobs whose lease ran out here.", labels);
	own->fetch_seconds =
	        metrics_add(all, METRIC_HISTOGRAM, "safelight_job_fetch_seconds", "Reading the original.", labels);
	own->decode_seconds = metrics_add(all, METRIC_HISTOGRAM, "safelight_job_decode_seconds",
	                                  "The child's time with a job.", labels);
	own->preview_seconds = metrics_add(all, METRIC_HISTOGRAM, "safelight_job_preview_seconds",
	                                   "Claim to published preview.", labels);
	own->total_seconds =
	        metrics_add(all, METRIC_HISTOGRAM, "safelight_job_seconds", "Claim to acknowledgement.", labels);
	own->ready_seconds = metrics_add(all, METRIC_HISTOGRAM, "safelight_media_ready_seconds",
	                                 "Completed upload to ready, by the pool that was last.", labels);
	own->workers_wanted =
	        metrics_add(all, METRIC_GAUGE, "safelight_pool_workers_wanted", "Workers asked for.", labels);
	own->workers_running =
	        metrics_add(all, METRIC_GAUGE, "safelight_pool_workers_running", "Workers at work or waiting.", labels);
	(void)snprintf(labels, sizeof labels, "pool=\"%s\",direction=\"up\"", pool->name);
	own->scaled_up = metrics_add(all, METRIC_COUNTER, "safelight_pool_scaled_total", SCALED_HELP, labels);
	(void)snprintf(labels, sizeof labels, "pool=\"%s\",direction=\"down\"", pool->name);
	own->scaled_down = metrics_add(all, METRIC_COUNTER, "safelight_pool_scaled_total", SCALED_HELP, labels);
	(void)snprintf(labels, sizeof labels, "pool=\"%s\"", pool->name);
	own->children_started = metrics_add(all, METRIC_COUNTER, "safelight_decoder_started_total",
	                                    "Decoder children started.", labels);
	own->children_killed = metrics_add(all, METRIC_COUNTER, "safelight_decoder_died_total",
	                                   "Children that died in a job.", labels);
	own->sandbox_kills = metrics_add(all, METRIC_COUNTER, "safelight_decoder_sandbox_kills_total",
	                                 "Children killed for a forbidden system call.", labels);
	own->waiting = metrics_add(all, METRIC_GAUGE, "safelight_pool_inputs_waiting", "Inputs fetched ahead.", labels);
}

enum rc pool_new(struct transcoder *transcoder, const struct pool_settings *settings, struct pool **ret_pool,
                 struct err *err)
{
	struct pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for pool %s", settings->name);
	pool->transcoder = transcoder;
	(void)snprintf(pool->name, sizeof pool->name, "%s", settings->name);
	pool->live = pool_configured_live(settings);
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_mutex_init(&pool->threads, NULL);
	for (size_t i = 0; i < POOL_WORKERS_MAX; i++) {
		pool->workers[i].pool = pool;
		pool->workers[i].index = i;
	}
	pool->inputs = queue_new((size_t)pool->live.prefetch);
	if (pool->inputs == NULL) {
		pool_free(pool);
		return err_set(err, RC_NO_MEMORY, "no memory for pool %s", settings->name);
	}
	register_metrics(pool);
	*ret_pool = pool;
	return RC_OK;
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	queue_free(pool->inputs);
	(void)pthread_mutex_destroy(&pool->threads);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

enum rc pool_start(struct pool *pool, struct err *err)
{
	if (strcmp(pool->name, PRESET_POOL_RESIZE) == 0)
		return RC_OK;
	int failure = pthread_create(&pool->fetcher, NULL, pool_fetch_thread, pool);
	if (failure != 0)
		return err_set(err, RC_UNAVAILABLE, "cannot start the fetcher of pool %s: %s", pool->name,
		               strerror(failure));
	pool->has_fetcher = true;
	return RC_OK;
}

struct pool_live pool_read_live(struct pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	struct pool_live live = pool->live;
	(void)pthread_mutex_unlock(&pool->lock);
	return live;
}

void pool_set_live(struct pool *pool, const struct pool_live *live)
{
	(void)pthread_mutex_lock(&pool->lock);
	// An operator's number holds at once; from there the scaler goes on.
	if (live->workers != pool->live.workers)
		atomic_store(&pool->scaled, 0);
	pool->live = *live;
	(void)pthread_mutex_unlock(&pool->lock);
	queue_set_limit(pool->inputs, (size_t)live->prefetch);
}

bool pool_is_adjusted(const struct pool_live *live)
{
	return live->workers_min > 0 && live->workers_max > live->workers_min;
}

// Lock held on entry.
static int64_t workers_of(struct pool *pool)
{
	const struct pool_live *live = &pool->live;
	int64_t scaled = atomic_load(&pool->scaled);
	if (!pool_is_adjusted(live))
		return live->workers;
	int64_t workers = scaled == 0 ? live->workers : scaled;
	if (workers < live->workers_min)
		return live->workers_min;
	return workers > live->workers_max ? live->workers_max : workers;
}

int64_t pool_workers(struct pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	int64_t workers = workers_of(pool);
	(void)pthread_mutex_unlock(&pool->lock);
	return workers;
}

bool pool_scale(struct pool *pool, int64_t from, int64_t to)
{
	(void)pthread_mutex_lock(&pool->lock);
	bool is_so = workers_of(pool) == from && pool_is_adjusted(&pool->live);
	if (is_so)
		atomic_store(&pool->scaled, to);
	(void)pthread_mutex_unlock(&pool->lock);
	return is_so;
}

struct pool_live pool_configured_live(const struct pool_settings *settings)
{
	return (struct pool_live){
#define POOL_SETTING(key, kind, initial, least, most, unit, text) .key = settings->key,
#include "base/settings.def"
#undef POOL_SETTING
	};
}

int64_t pool_decode_ms(struct pool *pool)
{
	int64_t own_ms = pool_read_live(pool).decode_ms;
	return own_ms > 0 ? own_ms : pool->transcoder->settings->transcoder_decode_ms;
}

bool pool_is_outranked(struct pool *pool)
{
	struct task_list *tasks = &pool->transcoder->tasks;
	int64_t nice = pool_read_live(pool).nice;
	bool found = false;
	if (nice == 0)
		return false;
	(void)pthread_mutex_lock(&tasks->lock);
	for (const struct task *task = tasks->first; task != NULL && !found; task = task->next)
		found = pool_read_live(task->pool).nice < nice;
	(void)pthread_mutex_unlock(&tasks->lock);
	return found;
}

void pool_count_death(struct pool *pool)
{
	if (atomic_fetch_add(&pool->deaths, 1) + 1 == POOL_DEATHS_MOST)
		LOG_EVENT(LOG_ERROR, "pool_backs_off", LOG_TEXT("pool", pool->name),
		          LOG_INT("children_died", POOL_DEATHS_MOST));
}

void pool_count_life(struct pool *pool)
{
	if (atomic_exchange(&pool->deaths, 0) >= POOL_DEATHS_MOST)
		LOG_EVENT(LOG_INFO, "pool_works_again", LOG_TEXT("pool", pool->name));
}

bool pool_backs_off(struct pool *pool)
{
	return atomic_load(&pool->deaths) >= POOL_DEATHS_MOST;
}

void pool_pause_after_deaths(struct pool *pool)
{
	unsigned deaths = atomic_load(&pool->deaths);
	if (deaths < POOL_DEATHS_MOST)
		return;
	struct deadline deadline = deadline_after_ms(retry_delay_ms(&BACKING_OFF, deaths - POOL_DEATHS_MOST + 1));
	while (!deadline_passed(deadline) && !atomic_load(&pool->transcoder->stopping))
		clock_sleep_ms(20);
}

bool pool_is_surplus(struct pool *pool, size_t worker_index)
{
	return atomic_load(&pool->transcoder->stopping) || (int64_t)worker_index >= pool_workers(pool);
}

static void start_worker(struct worker *worker)
{
	atomic_store(&worker->ended, false);
	int failure = pthread_create(&worker->thread, NULL, pool_worker_thread, worker);
	worker->started = failure == 0;
	if (failure != 0)
		LOG_EVENT(LOG_ERROR, "worker_not_started", LOG_TEXT("pool", worker->pool->name),
		          LOG_TEXT("detail", strerror(failure)));
}

void pool_adjust(struct pool *pool)
{
	int64_t wanted = pool_workers(pool);
	(void)pthread_mutex_lock(&pool->threads);
	// From `stopping` on the threads are pool_join's.
	for (size_t i = 0; i < POOL_WORKERS_MAX && !atomic_load(&pool->transcoder->stopping); i++) {
		struct worker *worker = &pool->workers[i];
		if (worker->started && atomic_load(&worker->ended)) {
			(void)pthread_join(worker->thread, NULL);
			worker->started = false;
		}
		if (!worker->started && (int64_t)i < wanted)
			start_worker(worker);
	}
	(void)pthread_mutex_unlock(&pool->threads);
	metric_set(pool->metrics.workers_wanted, wanted);
	metric_set(pool->metrics.workers_running, (int64_t)atomic_load(&pool->running));
	metric_set(pool->metrics.waiting, (int64_t)queue_length(pool->inputs));
}

void pool_join(struct pool *pool)
{
	if (pool->has_fetcher)
		(void)pthread_join(pool->fetcher, NULL);
	pool->has_fetcher = false;
	// The keeper's last round is over after this, and it makes no other.
	(void)pthread_mutex_lock(&pool->threads);
	(void)pthread_mutex_unlock(&pool->threads);
	for (size_t i = 0; i < POOL_WORKERS_MAX; i++) {
		if (pool->workers[i].started)
			(void)pthread_join(pool->workers[i].thread, NULL);
		pool->workers[i].started = false;
	}
}
