// The metrics registry: a list of families, each a list of series.
#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

const int64_t METRIC_BOUNDS_US[METRIC_BOUNDS] = { 1000,    2500,     5000,     10000,   25000,   50000,
	                                          100000,  250000,   300000,   500000,  1000000, 2500000,
	                                          5000000, 10000000, 30000000, 60000000 };

struct metric {
	struct metric *next;
	char *labels;
	enum metric_kind kind;
	atomic_int_least64_t value; // counter, gauge; histogram: count
	atomic_int_least64_t sum_us;
	atomic_int_least64_t buckets[METRIC_BOUNDS];
};

struct family {
	struct family *next;
	char *name;
	char *help;
	enum metric_kind kind;
	struct metric *series;
};

struct metrics {
	pthread_mutex_t lock;
	struct family *families;
};

// Registration happens at start: without memory there is nothing to serve.
static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

struct metrics *metrics_new(void)
{
	struct metrics *metrics = must(calloc(1, sizeof *metrics));
	(void)pthread_mutex_init(&metrics->lock, NULL);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	while (metrics->families != NULL) {
		struct family *family = metrics->families;
		metrics->families = family->next;
		while (family->series != NULL) {
			struct metric *metric = family->series;
			family->series = metric->next;
			free(metric->labels);
			free(metric);
		}
		free(family->name);
		free(family->help);
		free(family);
	}
	(void)pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

static struct family *family_find_or_add(struct metrics *metrics, enum metric_kind kind, const char *name,
                                         const char *help)
{
	struct family **place = &metrics->families;
	for (; *place != NULL; place = &(*place)->next)
		if (strcmp((*place)->name, name) == 0)
			return *place;
	struct family *family = must(calloc(1, sizeof *family));
	family->name = must(strdup(name));
	family->help = must(strdup(help));
	family->kind = kind;
	*place = family;
	return family;
}

static struct metric *series_find_or_add(struct family *family, const char *labels)
{
	struct metric **place = &family->series;
	for (; *place != NULL; place = &(*place)->next)
		if (strcmp((*place)->labels, labels) == 0)
			return *place;
	struct metric *metric = must(calloc(1, sizeof *metric));
	metric->labels = must(strdup(labels));
	metric->kind = family->kind;
	*place = metric;
	return metric;
}

struct metric *metrics_add(struct metrics *metrics, enum metric_kind kind, const char *name, const char *help,
                           const char *labels)
{
	(void)pthread_mutex_lock(&metrics->lock);
	struct family *family = family_find_or_add(metrics, kind, name, help);
	struct metric *metric = series_find_or_add(family, labels == NULL ? "" : labels);
	(void)pthread_mutex_unlock(&metrics->lock);
	return metric;
}

void metric_add(struct metric *metric, int64_t amount)
{
	if (metric != NULL)
		atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
	if (metric != NULL)
		atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_observe_us(struct metric *metric, int64_t microseconds)
{
	if (metric == NULL)
		return;
	atomic_fetch_add_explicit(&metric->value, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->sum_us, microseconds, memory_order_relaxed);
	for (size_t i = 0; i < METRIC_BOUNDS; i++) {
		if (microseconds <= METRIC_BOUNDS_US[i]) {
			atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
			break;
		}
	}
}

int64_t metric_value(const struct metric *metric)
{
	return metric == NULL ? 0 : atomic_load_explicit(&metric->value, memory_order_relaxed);
}

int64_t metric_sum_us(const struct metric *metric)
{
	return metric == NULL ? 0 : atomic_load_explicit(&metric->sum_us, memory_order_relaxed);
}

void metric_read_buckets(const struct metric *metric, int64_t ret_counts[METRIC_BOUNDS + 1])
{
	int64_t below = 0;
	for (size_t i = 0; i < METRIC_BOUNDS; i++) {
		ret_counts[i] = atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
		below += ret_counts[i];
	}
	// They are read one by one while others count.
	int64_t above = metric_value(metric) - below;
	ret_counts[METRIC_BOUNDS] = above < 0 ? 0 : above;
}

static void render_plain(const struct family *family, const struct metric *metric, struct buffer *out)
{
	const char *brace = metric->labels[0] == '\0' ? "" : "{";
	buffer_append_format(out, "%s%s%s%s %lld\n", family->name, brace, metric->labels, brace[0] == '\0' ? "" : "}",
	                     (long long)metric_value(metric));
}

static void render_histogram(const struct family *family, const struct metric *metric, struct buffer *out)
{
	const char *comma = metric->labels[0] == '\0' ? "" : ",";
	int64_t below = 0;
	for (size_t i = 0; i < METRIC_BOUNDS; i++) {
		below += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
		buffer_append_format(out, "%s_bucket{%s%sle=\"%g\"} %lld\n", family->name, metric->labels, comma,
		                     (double)METRIC_BOUNDS_US[i] / 1e6, (long long)below);
	}
	int64_t count = metric_value(metric);
	// The counts are read one by one while others count: +Inf must not be under the last bucket.
	if (count < below)
		count = below;
	buffer_append_format(out, "%s_bucket{%s%sle=\"+Inf\"} %lld\n", family->name, metric->labels, comma,
	                     (long long)count);
	const char *open = metric->labels[0] == '\0' ? "" : "{";
	const char *close = metric->labels[0] == '\0' ? "" : "}";
	double sum = (double)atomic_load_explicit(&metric->sum_us, memory_order_relaxed) / 1e6;
	buffer_append_format(out, "%s_sum%s%s%s %.6f\n", family->name, open, metric->labels, close, sum);
	buffer_append_format(out, "%s_count%s%s%s %lld\n", family->name, open, metric->labels, close, (long long)count);
}

void metrics_render(struct metrics *metrics, struct buffer *out)
{
	static const char *const KINDS[] = { "counter", "gauge", "histogram" };
	(void)pthread_mutex_lock(&metrics->lock);
	for (const struct family *family = metrics->families; family != NULL; family = family->next) {
		buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
		                     KINDS[family->kind]);
		for (const struct metric *metric = family->series; metric != NULL; metric = metric->next) {
			if (family->kind == METRIC_HISTOGRAM)
				render_histogram(family, metric, out);
			else
				render_plain(family, metric, out);
		}
	}
	(void)pthread_mutex_unlock(&metrics->lock);
}
