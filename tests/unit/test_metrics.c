// base/metrics: the text that Prometheus reads, and counting from several threads.
#include <pthread.h>
#include <string.h>

#include "base/buffer.h"
#include "base/metrics.h"
#include "tests/unit/cmocka_all.h"

static void renders_families_once(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *first = metrics_add(metrics, METRIC_COUNTER, "safelight_a_total", "A.", "x=\"1\"");
	struct metric *second = metrics_add(metrics, METRIC_COUNTER, "safelight_a_total", "A.", "x=\"2\"");
	struct metric *gauge = metrics_add(metrics, METRIC_GAUGE, "safelight_b", "B.", NULL);
	assert_ptr_equal(first, metrics_add(metrics, METRIC_COUNTER, "safelight_a_total", "A.", "x=\"1\""));
	metric_add(first, 2);
	metric_add(second, 3);
	metric_set(gauge, 7);
	metric_add(gauge, -1);
	metric_add(NULL, 1);
	struct buffer out;
	buffer_init(&out, 10000);
	metrics_render(metrics, &out);
	assert_string_equal(buffer_text(&out), "# HELP safelight_a_total A.\n# TYPE safelight_a_total counter\n"
	                                       "safelight_a_total{x=\"1\"} 2\nsafelight_a_total{x=\"2\"} 3\n"
	                                       "# HELP safelight_b B.\n# TYPE safelight_b gauge\nsafelight_b 6\n");
	buffer_done(&out);
	metrics_free(metrics);
}

static void histograms_are_cumulative(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *seconds = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_c_seconds", "C.", "r=\"x\"");
	metric_observe_us(seconds, 1000); // in the first bucket: le is inclusive
	metric_observe_us(seconds, 3000);
	metric_observe_us(seconds, 100000000); // beyond the last
	struct buffer out;
	buffer_init(&out, 10000);
	metrics_render(metrics, &out);
	assert_non_null(strstr(out.data, "safelight_c_seconds_bucket{r=\"x\",le=\"0.001\"} 1\n"));
	assert_non_null(strstr(out.data, "safelight_c_seconds_bucket{r=\"x\",le=\"0.005\"} 2\n"));
	assert_non_null(strstr(out.data, "safelight_c_seconds_bucket{r=\"x\",le=\"60\"} 2\n"));
	assert_non_null(strstr(out.data, "safelight_c_seconds_bucket{r=\"x\",le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(out.data, "safelight_c_seconds_sum{r=\"x\"} 100.004000\n"));
	assert_non_null(strstr(out.data, "safelight_c_seconds_count{r=\"x\"} 3\n"));
	// The same, each by itself.
	int64_t counts[METRIC_BOUNDS + 1];
	metric_read_buckets(seconds, counts);
	assert_int_equal(METRIC_BOUNDS_US[2], 5000);
	for (size_t i = 0; i <= METRIC_BOUNDS; i++)
		assert_int_equal(counts[i], i == 0 || i == 2 || i == METRIC_BOUNDS ? 1 : 0);
	buffer_done(&out);
	metrics_free(metrics);
}

static void *count(void *metric)
{
	for (int i = 0; i < 100000; i++)
		metric_add(metric, 1);
	return NULL;
}

static void counts_from_threads(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric *counter = metrics_add(metrics, METRIC_COUNTER, "safelight_d_total", "D.", NULL);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, counter), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_value(counter), 400000);
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renders_families_once),
		cmocka_unit_test(histograms_are_cumulative),
		cmocka_unit_test(counts_from_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
