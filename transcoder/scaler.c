// Looking at the pools once a second and turning what scale.c decides. A thread of its own: it waits for NATS, and the
// keeper must not.
#include "transcoder/scaler.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/settings.h"
#include "bus/health.h"
#include "bus/pools.h"
#include "transcoder/admission.h"
#include "transcoder/pool.h"
#include "transcoder/scale.h"
#include "transcoder/transcoder.h"

#define TICK_MS 100
#define LOOK_MS 1000
#define PRESSURE_FILE "/proc/pressure/cpu"
#define PRESSURE_BYTES 4096
// What older looks count for in the time of a job: half after some seven looks.
#define FADE 0.9

// What has been seen of one pool.
struct sight {
	struct scale_state state;
	int64_t ticks, busy_ticks; // since the look before: their number, workers at work added up
	bool memory_is_short;
	int64_t looked_us;
	int64_t finished;          // of the pool's counters at the look before
	double busy_seconds, jobs; // faded sums
	bool is_adjusted;          // it was so at the look before
};

struct scaler {
	struct transcoder *transcoder;
	struct sight sights[LIMIT_POOLS];
	bool has_told; // that the kernel does not say the pressure
};

static double read_pressure(struct scaler *scaler)
{
	struct err err = { 0 };
	char *text = NULL;
	size_t length;
	double percent = -1;
	if (file_read(PRESSURE_FILE, PRESSURE_BYTES, &text, &length, &err) == RC_OK)
		percent = scale_parse_pressure(text);
	free(text);
	if (percent < 0 && !scaler->has_told)
		LOG_EVENT(LOG_WARNING, "cpu_pressure_unknown", LOG_TEXT("file", PRESSURE_FILE),
		          LOG_TEXT("detail", "this kernel does not say it: pools are adjusted by their backlog alone"));
	scaler->has_told = scaler->has_told || percent < 0;
	return percent;
}

static void sample(struct scaler *scaler, size_t i)
{
	struct sight *sight = &scaler->sights[i];
	sight->ticks++;
	sight->busy_ticks += (int64_t)atomic_load(&scaler->transcoder->pools[i]->busy);
	sight->memory_is_short = sight->memory_is_short || admission_is_short(&scaler->transcoder->admission);
}

// Workers of the pool in every transcoder that shows itself; 0: not known.
static int64_t count_in_all(struct transcoder *transcoder, const struct pool *pool)
{
	struct err err = { 0 };
	json_t *shown = NULL;
	if (bus_pool_read(transcoder->bus, transcoder->settings, pool->name, &shown, &err) != RC_OK)
		return 0;
	int64_t workers = json_integer_value(json_object_get(shown, "workers_wanted"));
	json_decref(shown);
	return workers;
}

static struct scale_look look_at(struct scaler *scaler, size_t i, const struct bus_health *health, double pressure)
{
	struct pool *pool = scaler->transcoder->pools[i];
	struct sight *sight = &scaler->sights[i];
	struct pool_live live = pool_read_live(pool);
	int64_t most = admission_workers_most(&scaler->transcoder->admission);
	int64_t finished = metric_value(pool->metrics.done) + metric_value(pool->metrics.failed);
	struct scale_look look = { .now_us = clock_monotonic_us(),
		                   .least = live.workers_min,
		                   .most = live.workers_max < most ? live.workers_max : most,
		                   .workers = pool_workers(pool),
		                   .pressure_percent = pressure,
		                   .memory_is_short = sight->memory_is_short };
	struct bus_health_backlog backlog = bus_health_backlog(health, pool->name);
	look.least = look.least < look.most ? look.least : look.most;
	look.backlog = (int64_t)backlog.pending + (int64_t)queue_length(pool->inputs);
	look.busy = sight->ticks == 0 ? 0 : (double)sight->busy_ticks / (double)sight->ticks;
	sight->busy_seconds = sight->busy_seconds * FADE + look.busy * (double)(look.now_us - sight->looked_us) / 1e6;
	sight->jobs = sight->jobs * FADE + (double)(finished - sight->finished);
	// While the first job is not done, it takes at least as long as it has been worked on.
	look.job_seconds = sight->busy_seconds / (sight->jobs < 1 ? 1 : sight->jobs);
	if (scale_clear_seconds(&look) * 1000 > (double)scaler->transcoder->settings->transcoder_scale_backlog_ms)
		look.workers_in_all = count_in_all(scaler->transcoder, pool);
	sight->ticks = sight->busy_ticks = 0;
	sight->memory_is_short = false;
	sight->finished = finished;
	sight->looked_us = look.now_us;
	return look;
}

static void turn(struct scaler *scaler, size_t i, const struct scale_look *look)
{
	const struct settings *settings = scaler->transcoder->settings;
	const struct scale_rules rules = { .backlog_ms = settings->transcoder_scale_backlog_ms,
		                           .idle_ms = settings->transcoder_scale_idle_ms,
		                           .pressure_percent = settings->transcoder_scale_pressure_percent };
	struct pool *pool = scaler->transcoder->pools[i];
	enum scale_reason reason;
	int64_t workers = scale_decide(&rules, look, &scaler->sights[i].state, &reason);
	if (reason == SCALE_STAYS || !pool_scale(pool, look->workers, workers))
		return;
	metric_add(workers > look->workers ? pool->metrics.scaled_up : pool->metrics.scaled_down, 1);
	LOG_EVENT(LOG_INFO, "pool_scaled", LOG_TEXT("pool", pool->name), LOG_INT("from", look->workers),
	          LOG_INT("to", workers), LOG_TEXT("why", scale_reason_text(reason)), LOG_INT("backlog", look->backlog),
	          LOG_INT("clear_ms", (int64_t)(scale_clear_seconds(look) * 1000)),
	          LOG_INT("pressure_percent", (int64_t)look->pressure_percent));
}

// A pool that takes no jobs, or whose children die, says nothing about how many workers its jobs need.
static bool is_to_be_adjusted(struct pool *pool)
{
	struct pool_live live = pool_read_live(pool);
	return pool_is_adjusted(&live) && !live.paused && !pool_backs_off(pool);
}

static void begin_anew(struct scaler *scaler, size_t i)
{
	struct pool *pool = scaler->transcoder->pools[i];
	scaler->sights[i] =
	        (struct sight){ .is_adjusted = true,
		                .looked_us = clock_monotonic_us(),
		                .finished = metric_value(pool->metrics.done) + metric_value(pool->metrics.failed) };
}

static void look_at_all(struct scaler *scaler)
{
	struct transcoder *transcoder = scaler->transcoder;
	struct bus_health *health = NULL;
	struct err err = { 0 };
	double pressure = -1;
	for (size_t i = 0; i < transcoder->pool_count; i++) {
		struct sight *sight = &scaler->sights[i];
		if (!is_to_be_adjusted(transcoder->pools[i])) {
			sight->is_adjusted = false;
			continue;
		}
		if (!sight->is_adjusted) {
			begin_anew(scaler, i);
			continue;
		}
		if (health == NULL) {
			pressure = read_pressure(scaler);
			health = malloc(sizeof *health);
			// Without NATS there is no backlog to be told, and nothing comes in: another second.
			if (health == NULL ||
			    bus_health_check(transcoder->bus, health, deadline_after_ms(LOOK_MS), &err) != RC_OK)
				break;
		}
		const struct scale_look look = look_at(scaler, i, health, pressure);
		turn(scaler, i, &look);
	}
	free(health);
}

void *scaler_thread(void *argument)
{
	struct scaler scaler = { .transcoder = argument };
	struct deadline look = deadline_after_ms(LOOK_MS);
	(void)pthread_setname_np(pthread_self(), "scaler");
	while (!atomic_load(&scaler.transcoder->stopping)) {
		for (size_t i = 0; i < scaler.transcoder->pool_count; i++)
			sample(&scaler, i);
		if (deadline_passed(look)) {
			look_at_all(&scaler);
			look = deadline_after_ms(LOOK_MS);
		}
		clock_sleep_ms(TICK_MS);
	}
	return NULL;
}
