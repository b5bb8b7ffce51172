// Counters, gauges and histograms with Prometheus' text format (exposition format 0.0.4).
//
// A registry is made at start and passed around. Registering takes a lock; counting is one atomic operation. Names
// follow Prometheus' rules: safelight_<what>_<unit>, _total for counters, base units (seconds, bytes). Labels are
// written by the caller as `name="value",…` from closed sets only: never ids or paths.
#pragma once

#include <stdint.h>

struct buffer;
struct metric;
struct metrics;

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

// Register, or find the one registered before with the same name and labels. name, help and labels are copied; labels
// may be NULL. Histograms count seconds in buckets from 1 ms to 60 s. Never NULL (aborts without memory: only at
// start). Any thread.
struct metric *metrics_add(struct metrics *metrics, enum metric_kind kind, const char *name, const char *help,
                           const char *labels);

// Counter or gauge += amount (counters: amount >= 0). NULL metric is ignored, so a library may be used without a
// registry. Any thread.
void metric_add(struct metric *metric, int64_t amount);
// Gauge = value.
void metric_set(struct metric *metric, int64_t value);
// One observation of a histogram, in microseconds (shown in seconds).
void metric_observe_us(struct metric *metric, int64_t microseconds);
// The present value of a counter or gauge, the count of a histogram (tests, rates).
int64_t metric_value(const struct metric *metric);
// The sum of a histogram's observations, in microseconds.
int64_t metric_sum_us(const struct metric *metric);

// How many observations fell into each bucket of a histogram: above the bound before its own, up to that; the last one
// has no bound. Bounds in microseconds.
#define METRIC_BOUNDS 16
extern const int64_t METRIC_BOUNDS_US[METRIC_BOUNDS];
void metric_read_buckets(const struct metric *metric, int64_t ret_counts[METRIC_BOUNDS + 1]);

// Append the whole registry in Prometheus' text format, HELP and TYPE once a name. Any thread.
void metrics_render(struct metrics *metrics, struct buffer *out);
