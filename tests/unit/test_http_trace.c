// Spans: what a collector gets for a request, retries, a collector that is gone, and spans that nobody wants.
#include "test_http_support.h"

#include <jansson.h>
#include <pthread.h>

#include "base/metrics.h"
#include "http/trace.h"

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define UNSAMPLED "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

// The collector: keeps bodies, and refuses as often as it was told.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *taken; // every span
static json_t *resource;
static unsigned refusals, calls;

static void collect(struct http_request *request)
{
	size_t length = 0, index = 0;
	json_t *span = NULL;
	(void)pthread_mutex_lock(&lock);
	calls++;
	if (refusals > 0) {
		refusals--;
		(void)pthread_mutex_unlock(&lock);
		http_respond_empty(request, 503);
		return;
	}
	const char *body = http_request_body(request, &length);
	json_t *document = json_loadb(body, length, 0, NULL);
	json_t *spans = NULL, *first = NULL;
	assert_int_equal(json_unpack(document, "{s:[{s:o, s:[{s:o}]}]}", "resourceSpans", "resource", &first,
	                             "scopeSpans", "spans", &spans),
	                 0);
	json_array_foreach(spans, index, span)(void) json_array_append(taken, span);
	json_decref(resource);
	resource = json_incref(first);
	json_decref(document);
	(void)pthread_mutex_unlock(&lock);
	http_respond_empty(request, 200);
}

TEST_ROUTE(route_collect, .method = "POST", .path = "/v1/traces", .handle = collect, .body_limit = 1 << 20);
TEST_ROUTE(route_echo, .method = "GET", .path = "/echo/{name}", .handle = test_echo);
static const struct route *const COLLECTOR[] = { &route_collect };
static const struct route *const ROUTES[] = { &route_echo };

static int begin(void **state)
{
	struct http_server_config config = test_config(COLLECTOR, 1);
	taken = json_array();
	refusals = calls = 0;
	*state = test_start(&config);
	return 0;
}

static int end(void **state)
{
	http_server_drain(*state, 1000);
	json_decref(taken);
	json_decref(resource);
	resource = NULL;
	return 0;
}

static struct trace_exporter *start_exporter(uint16_t port, struct metrics *metrics)
{
	char url[64];
	struct err err = { 0 };
	struct trace_exporter *exporter = NULL;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", port);
	const struct trace_config config = {
		.url = url, .service = "safelight-test", .version = "1.2", .metrics = metrics
	};
	assert_int_equal(trace_exporter_new(&config, &exporter, &err), RC_OK);
	return exporter;
}

static int64_t counted(struct metrics *metrics, const char *name)
{
	return metric_value(metrics_add(metrics, METRIC_COUNTER, name, "", NULL));
}

static const char *attribute(const json_t *span, const char *key)
{
	size_t index = 0;
	json_t *entry = NULL;
	json_array_foreach(json_object_get(span, "attributes"), index, entry)
	{
		const json_t *value = json_object_get(entry, "value");
		const char *text = json_string_value(json_object_get(value, "stringValue"));
		if (strcmp(json_string_value(json_object_get(entry, "key")), key) == 0)
			return text != NULL ? text : json_string_value(json_object_get(value, "intValue"));
	}
	return "";
}

static const char *member(const json_t *span, const char *name)
{
	const char *text = json_string_value(json_object_get(span, name));
	return text == NULL ? "" : text;
}

static void test_request_is_a_span(void **state)
{
	struct metrics *metrics = metrics_new();
	struct trace_exporter *exporter = start_exporter(http_server_port(*state), metrics);
	struct http_server_config config = test_config(ROUTES, 1);
	config.trace = exporter;
	struct http_server *server = test_start(&config);
	struct raw_answer answer;
	int64_t before_us = clock_now_us();
	test_ask(server, "GET", "/echo/secret-name", "traceparent: " PARENT "\r\n", "", &answer);
	assert_int_equal(answer.status, 200);
	test_ask(server, "GET", "/echo/quiet", "traceparent: " UNSAMPLED "\r\n", "", &answer);
	http_server_drain(server, 1000);
	trace_exporter_free(exporter);

	assert_int_equal(json_array_size(taken), 1); // the other one was not sampled
	const json_t *span = json_array_get(taken, 0);
	assert_string_equal(member(span, "traceId"), "4bf92f3577b34da6a3ce929d0e0e4736");
	assert_string_equal(member(span, "parentSpanId"), "00f067aa0ba902b7");
	assert_int_equal(strlen(member(span, "spanId")), 16);
	assert_string_not_equal(member(span, "spanId"), "00f067aa0ba902b7");
	assert_string_equal(member(span, "name"), "GET /echo/{name}"); // the route, never the path
	assert_string_equal(attribute(span, "http.response.status_code"), "200");
	assert_string_equal(attribute(span, "http.route"), "/echo/{name}");
	assert_int_equal(json_integer_value(json_object_get(span, "kind")), TRACE_SERVER);
	long long started = strtoll(member(span, "startTimeUnixNano"), NULL, 10);
	long long ended = strtoll(member(span, "endTimeUnixNano"), NULL, 10);
	assert_true(started >= before_us * 1000 - 1000000 && ended >= started);
	assert_null(json_object_get(json_object_get(span, "status"), "code"));
	assert_string_equal(attribute(resource, "service.name"), "safelight-test");
	assert_int_equal(counted(metrics, "safelight_trace_spans_sent_total"), 1);
	metrics_free(metrics);
}

static void test_refused_batches_are_tried_again(void **state)
{
	struct metrics *metrics = metrics_new();
	struct trace_exporter *exporter = start_exporter(http_server_port(*state), metrics);
	(void)pthread_mutex_lock(&lock);
	refusals = 2;
	(void)pthread_mutex_unlock(&lock);
	struct trace_span span = {
		.name = "job", .traceparent = PARENT, .kind = TRACE_CONSUMER, .failed = true, .failure = "truncated"
	};
	trace_record(exporter, &span);
	for (int i = 0; i < 500 && counted(metrics, "safelight_trace_spans_sent_total") == 0; i++)
		clock_sleep_ms(20);
	assert_int_equal(counted(metrics, "safelight_trace_spans_sent_total"), 1);
	trace_exporter_free(exporter);
	(void)pthread_mutex_lock(&lock);
	assert_int_equal(calls, 3);
	const json_t *status = json_object_get(json_array_get(taken, 0), "status");
	assert_int_equal(json_integer_value(json_object_get(status, "code")), 2);
	assert_string_equal(member(status, "message"), "truncated");
	(void)pthread_mutex_unlock(&lock);
	metrics_free(metrics);
}

// A collector that is gone costs spans, and nobody's time.
static void test_dead_collector_drops(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct trace_exporter *exporter = start_exporter(9, metrics);
	struct trace_span span = { .name = "x", .traceparent = PARENT, .kind = TRACE_INTERNAL };
	int64_t began_us = clock_monotonic_us();
	for (int i = 0; i < 6000; i++) // more than the queue holds
		trace_record(exporter, &span);
	assert_true(clock_monotonic_us() - began_us < 3000000);
	assert_true(counted(metrics, "safelight_trace_spans_dropped_total") > 0);
	trace_exporter_free(exporter);
	assert_int_equal(counted(metrics, "safelight_trace_spans_sent_total"), 0);
	metrics_free(metrics);
}

static void test_new_spans(void **state)
{
	(void)state;
	char child[TRACE_PARENT_SIZE], root[TRACE_PARENT_SIZE];
	trace_new_span(UNSAMPLED, child);
	assert_memory_equal(child, UNSAMPLED, 36);
	assert_memory_not_equal(child + 36, UNSAMPLED + 36, 16);
	assert_string_equal(child + 52, "-00");
	trace_new_span("nonsense", root);
	assert_int_equal(strlen(root), 55);
	assert_string_equal(root + 52, "-01");
	struct err err = { 0 };
	struct trace_exporter *exporter = NULL;
	const struct trace_config config = { .url = "ftp://x/", .service = "x" };
	assert_int_equal(trace_exporter_new(&config, &exporter, &err), RC_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request_is_a_span, begin, end),
		cmocka_unit_test_setup_teardown(test_refused_batches_are_tried_again, begin, end),
		cmocka_unit_test(test_dead_collector_drops),
		cmocka_unit_test(test_new_spans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
