// Differences of counters.
#include "safelightctl/rates.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "safelightctl/metrics_text.h"
#include "safelightctl/report.h"

#define BUCKETS_MOST 32
#define QUANTILE 0.95

// The histogram of one pool, cumulative as it is exposed.
struct histogram {
	size_t count;
	double bound[BUCKETS_MOST]; // seconds; the last one is infinite
	double below[BUCKETS_MOST];
};

struct rates {
	json_t *readings; // "worker pool": {at_us, done, failed, done_per_second?, failed_per_second?}
	json_t *buckets;  // pool: the cumulative counts of its latency histogram at the look before
};

struct rates *rates_new(void)
{
	struct rates *rates = calloc(1, sizeof *rates);
	if (rates == NULL)
		return NULL;
	rates->readings = json_object();
	rates->buckets = json_object();
	return rates;
}

void rates_free(struct rates *rates)
{
	if (rates == NULL)
		return;
	json_decref(rates->readings);
	json_decref(rates->buckets);
	free(rates);
}

// ---- the transcoder's /metrics ------------------------------------------------------------------------------------

static int64_t read_counter(const char *metrics, const char *name, const char *pool)
{
	char beginning[128];
	double value = 0;
	const char *next;
	(void)snprintf(beginning, sizeof beginning, "%s{pool=\"%s\"}", name, pool);
	return metrics_text_find(metrics, beginning, &value, &next) ? (int64_t)value : 0;
}

static struct histogram read_histogram(const char *metrics, const char *pool)
{
	struct histogram histogram = { 0 };
	char beginning[128];
	double value;
	const char *at = metrics;
	(void)snprintf(beginning, sizeof beginning, "safelight_job_seconds_bucket{pool=\"%s\",le=\"", pool);
	while (histogram.count < BUCKETS_MOST && metrics_text_find(at, beginning, &value, &at)) {
		// The line just read lies before `at`: its bound stands after the beginning.
		const char *line = at - 1;
		while (line > metrics && line[-1] != '\n')
			line--;
		const char *bound = line + strlen(beginning);
		histogram.bound[histogram.count] = bound[0] == '+' ? INFINITY : strtod(bound, NULL);
		histogram.below[histogram.count++] = value;
	}
	return histogram;
}

// The upper bound of the bucket in which the quantile of the new observations lies; null when there are none.
static json_t *quantile_since(struct rates *rates, const char *pool, const struct histogram *histogram)
{
	const json_t *before = json_object_get(rates->buckets, pool);
	json_t *now = json_array(), *answer = NULL;
	double total = 0;
	if (histogram->count > 0)
		total = histogram->below[histogram->count - 1] -
		        json_number_value(json_array_get(before, histogram->count - 1));
	for (size_t i = 0; i < histogram->count; i++) {
		double fresh = histogram->below[i] - json_number_value(json_array_get(before, i));
		if (before != NULL && answer == NULL && total > 0 && fresh >= QUANTILE * total)
			answer = isinf(histogram->bound[i]) ? json_null() : json_real(histogram->bound[i]);
		(void)json_array_append_new(now, json_real(histogram->below[i]));
	}
	(void)json_object_set_new(rates->buckets, pool, now);
	return answer == NULL ? json_null() : answer;
}

// ---- counters -----------------------------------------------------------------------------------------------------

// A rate against the reading before; the one before that while no newer counter has come; NULL while there is none.
static json_t *rate_of(const json_t *before, const char *rate, const char *counter, int64_t value, int64_t at_us)
{
	int64_t since_us = at_us - report_int(before, "at_us");
	if (before == NULL)
		return NULL;
	if (since_us <= 0)
		return json_incref(json_object_get(before, rate));
	int64_t change = value - report_int(before, counter);
	return json_real((double)(change < 0 ? value : change) * 1e6 / (double)since_us);
}

static void add_rate(json_t *pool, const char *name, json_t *rate)
{
	if (rate == NULL)
		return;
	double sum = json_number_value(json_object_get(pool, name)) + json_number_value(rate);
	(void)json_object_set_new(pool, name, json_real(sum));
	json_decref(rate);
}

static void read_one(struct rates *rates, json_t *pool, const json_t *transcoder, const char *metrics)
{
	const char *name = report_text(pool, "name");
	char key[160];
	int64_t at_us = 0;
	int64_t done = report_int(transcoder, "done"), failed = report_int(transcoder, "attempts_failed");
	(void)snprintf(key, sizeof key, "%s %s", report_text(transcoder, "worker"), name);
	(void)clock_parse_rfc3339(report_text(transcoder, "time"), &at_us);
	if (metrics != NULL) {
		at_us = clock_now_us();
		done = read_counter(metrics, "safelight_jobs_done_total", name);
		failed = read_counter(metrics, "safelight_job_attempts_failed_total", name);
	}
	const json_t *before = json_object_get(rates->readings, key);
	json_t *done_rate = rate_of(before, "done_per_second", "done", done, at_us);
	json_t *failed_rate = rate_of(before, "failed_per_second", "failed", failed, at_us);
	json_t *reading =
	        json_pack("{s:I, s:I, s:I, s:O?, s:O?}", "at_us", (json_int_t)at_us, "done", (json_int_t)done, "failed",
	                  (json_int_t)failed, "done_per_second", done_rate, "failed_per_second", failed_rate);
	(void)json_object_set_new(rates->readings, key, reading);
	add_rate(pool, "done_per_second", done_rate);
	add_rate(pool, "failed_per_second", failed_rate);
}

static size_t count_alive(const json_t *pool)
{
	size_t index = 0, alive = 0;
	json_t *one = NULL;
	json_array_foreach(json_object_get(pool, "transcoders"), index, one) alive += !report_bool(one, "late");
	return alive;
}

void rates_add(struct rates *rates, json_t *pools, const char *metrics)
{
	size_t index = 0;
	json_t *pool = NULL;
	json_array_foreach(pools, index, pool)
	{
		// With several, the one whose metrics we have is not all of them.
		const char *fresh = count_alive(pool) == 1 ? metrics : NULL;
		size_t i = 0;
		json_t *transcoder = NULL;
		(void)json_object_set_new(pool, "done_per_second", json_null());
		(void)json_object_set_new(pool, "failed_per_second", json_null());
		(void)json_object_set_new(pool, "p95_seconds", json_null());
		json_array_foreach(json_object_get(pool, "transcoders"), i,
		                   transcoder) if (!report_bool(transcoder, "late"))
		        read_one(rates, pool, transcoder, fresh);
		if (fresh != NULL) {
			struct histogram histogram = read_histogram(fresh, report_text(pool, "name"));
			(void)json_object_set_new(pool, "p95_seconds",
			                          quantile_since(rates, report_text(pool, "name"), &histogram));
		}
	}
}
