// Passes of sweeps, their counts, and the pauses between.
#include "ingest/reconciler.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "ingest/ingest.h"
#include "ingest/sweep.h"
#include "ingest/trouble.h"

// Which sweeps, in this order, in every how manieth pass.
static const struct step {
	const char *name;
	unsigned every;
	sweep_function *function;
} STEPS[] = {
	{ "store_probe", 1, sweep_store },     { "bus_streams", 1, sweep_streams },
	{ "sweep_jobs", 1, sweep_jobs },       { "sweep_uploads", 1, sweep_uploads },
	{ "sweep_expired", 1, sweep_expired }, { "sweep_deletions", 1, sweep_deletions },
	{ "sweep_events", 1, sweep_events },   { "sweep_orphans", 5, sweep_orphans },
	{ "sweep_parts", 30, sweep_parts },    { "sweep_rows", 30, sweep_rows },
	{ "sweep_pools", 1, sweep_pools },
};
#define STEP_COUNT (sizeof STEPS / sizeof STEPS[0])

static const struct {
	const char *name;
	const char *metric;
	const char *help;
} COUNTS[] = {
#define SWEEP_COUNT(field, text) { #field, "safelight_sweep_" #field "_total", text },
	SWEEP_COUNTS(SWEEP_COUNT)
#undef SWEEP_COUNT
};
static_assert(sizeof COUNTS / sizeof COUNTS[0] == SWEEP_COUNT_COUNT, "each count has its names");

struct reconciler {
	struct sweep sweep;
	struct trouble troubles[STEP_COUNT];
	struct metric *failures[STEP_COUNT];
	struct metric *pass_time;
	uint64_t passes;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stopping;
};

void sweep_add(struct sweep *sweep, enum sweep_count count, int64_t amount)
{
	sweep->counts[count] += amount;
	metric_add(sweep->metrics[count], amount);
}

struct catalog_call sweep_call(void)
{
	return (struct catalog_call){ .deadline = deadline_after_ms(SWEEP_CALL_MS) };
}

static void log_counts(const struct sweep *sweep, int64_t milliseconds)
{
	struct log_field fields[SWEEP_COUNT_COUNT + 2];
	size_t count = 0;
	for (size_t i = 0; i < SWEEP_COUNT_COUNT; i++)
		if (sweep->counts[i] != 0)
			fields[count++] = LOG_INT(COUNTS[i].name, sweep->counts[i]);
	if (count == 0)
		return;
	fields[count++] = LOG_INT("milliseconds", milliseconds);
	fields[count] = LOG_END;
	log_event(LOG_INFO, "reconciled", fields);
}

static void make_pass(struct reconciler *reconciler)
{
	struct sweep *sweep = &reconciler->sweep;
	int64_t began_us = clock_monotonic_us();
	memset(sweep->counts, 0, sizeof sweep->counts);
	for (size_t i = 0; i < STEP_COUNT && !sweep->is_stopping; i++) {
		struct err err = { 0 };
		if (reconciler->passes % STEPS[i].every != 0)
			continue;
		enum rc rc = STEPS[i].function(sweep, &err);
		metric_add(reconciler->failures[i], rc != RC_OK);
		(void)trouble_report(&reconciler->troubles[i], rc, &err);
	}
	reconciler->passes++;
	int64_t took_us = clock_monotonic_us() - began_us;
	metric_observe_us(reconciler->pass_time, took_us);
	log_counts(sweep, took_us / 1000);
}

// A quarter less or more than configured, so that several instances do not march in step.
static void pause_between(struct reconciler *reconciler)
{
	int64_t pause_ms = reconciler->sweep.ingest->live.reconcile_ms;
	pause_ms = pause_ms - pause_ms / 4 + random_below((uint32_t)(pause_ms / 2) + 1);
	int64_t until_us = clock_monotonic_us() + pause_ms * 1000;
	const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
	(void)pthread_mutex_lock(&reconciler->lock);
	for (int waited = 0; waited == 0 && !reconciler->sweep.is_stopping;)
		waited = pthread_cond_timedwait(&reconciler->stopping, &reconciler->lock, &until);
	(void)pthread_mutex_unlock(&reconciler->lock);
}

static void *run(void *argument)
{
	struct reconciler *reconciler = argument;
	while (!reconciler->sweep.is_stopping) {
		make_pass(reconciler);
		pause_between(reconciler);
	}
	return NULL;
}

static void add_metrics(struct reconciler *reconciler, struct metrics *metrics)
{
	struct sweep *sweep = &reconciler->sweep;
	for (size_t i = 0; i < SWEEP_COUNT_COUNT; i++)
		sweep->metrics[i] = metrics_add(metrics, METRIC_COUNTER, COUNTS[i].metric, COUNTS[i].help, NULL);
	for (size_t i = 0; i < STEP_COUNT; i++) {
		char label[64];
		(void)snprintf(label, sizeof label, "step=\"%s\"", STEPS[i].name);
		reconciler->troubles[i].name = STEPS[i].name;
		reconciler->failures[i] = metrics_add(metrics, METRIC_COUNTER, "safelight_sweep_failures_total",
		                                      "Steps of the reconciler that failed.", label);
	}
	reconciler->pass_time = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_sweep_pass_seconds",
	                                    "Duration of one pass of the reconciler.", NULL);
	sweep->clock_skew = metrics_add(metrics, METRIC_GAUGE, "safelight_store_clock_skew_seconds",
	                                "The store's clock less ours.", NULL);
}

enum rc reconciler_start(struct ingest *ingest, struct reconciler **ret_reconciler, struct err *err)
{
	pthread_condattr_t monotonic;
	struct reconciler *reconciler = calloc(1, sizeof *reconciler);
	if (reconciler == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the reconciler");
	reconciler->sweep.ingest = ingest;
	add_metrics(reconciler, ingest->metrics);
	(void)pthread_mutex_init(&reconciler->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&reconciler->stopping, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (pthread_create(&reconciler->thread, NULL, run, reconciler) != 0) {
		(void)pthread_cond_destroy(&reconciler->stopping);
		(void)pthread_mutex_destroy(&reconciler->lock);
		free(reconciler);
		return err_set(err, RC_NO_MEMORY, "no thread for the reconciler");
	}
	(void)pthread_setname_np(reconciler->thread, "reconciler");
	*ret_reconciler = reconciler;
	return RC_OK;
}

void reconciler_stop(struct reconciler *reconciler)
{
	if (reconciler == NULL)
		return;
	(void)pthread_mutex_lock(&reconciler->lock);
	reconciler->sweep.is_stopping = true;
	(void)pthread_cond_signal(&reconciler->stopping);
	(void)pthread_mutex_unlock(&reconciler->lock);
	(void)pthread_join(reconciler->thread, NULL);
	(void)pthread_cond_destroy(&reconciler->stopping);
	(void)pthread_mutex_destroy(&reconciler->lock);
	free(reconciler);
}
