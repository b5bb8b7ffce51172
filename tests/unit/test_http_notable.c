// Which requests are kept for operators, what of them, and how many.
#include "tests/unit/test_http_support.h"

#include "base/log.h"
#include "base/metrics.h"
#include "http/notable.h"

#define SLOW_MS (HTTP_NOTABLE_US / 1000 + 20)

static void answer_empty(struct http_request *request)
{
	http_respond_empty(request, 204);
}

static void answer_slowly(struct http_request *request)
{
	clock_sleep_ms(SLOW_MS);
	http_respond_empty(request, 204);
}

static void fail_on_our_side(struct http_request *request)
{
	http_respond_problem(request, 503, "unavailable", "Not now.");
}

static void refuse_beyond_quota(struct http_request *request)
{
	http_respond_problem(request, 507, "quota-exceeded", "No room.");
}

static void fail_on_theirs(struct http_request *request)
{
	http_respond_problem(request, 400, "invalid-request", "No.");
}

TEST_ROUTE(route_quick, .method = "GET", .path = "/quick", .run = ROUTE_EVENT, .handle = answer_empty);
TEST_ROUTE(route_slow, .method = "GET", .path = "/slow", .run = ROUTE_WORKER, .handle = answer_slowly);
TEST_ROUTE(route_ours, .method = "GET", .path = "/ours/{name}", .run = ROUTE_EVENT, .handle = fail_on_our_side);
TEST_ROUTE(route_theirs, .method = "GET", .path = "/theirs", .run = ROUTE_EVENT, .handle = fail_on_theirs);
TEST_ROUTE(route_quota, .method = "GET", .path = "/quota", .run = ROUTE_EVENT, .handle = refuse_beyond_quota);
static const struct route *const ROUTES[] = { &route_quick, &route_slow, &route_ours, &route_theirs, &route_quota };

static void ask(const struct http_server *server, const char *path, const char *id, unsigned wanted)
{
	static struct raw_answer answer;
	char headers[96];
	(void)snprintf(headers, sizeof headers, "X-Request-Id: %s\r\n", id);
	test_ask(server, "GET", path, headers, NULL, &answer);
	assert_int_equal(answer.status, wanted);
}

// A request is counted when its answer has left, which its client may know first.
static size_t await_kept(struct http_server *server, size_t wanted, struct http_notable *ret_latest)
{
	struct deadline deadline = deadline_after_ms(5000);
	size_t count;
	while ((count = http_server_notables(server, ret_latest)) < wanted && !deadline_passed(deadline))
		clock_sleep_ms(5);
	return count;
}

static void slow_and_failed_ones_are_kept(void **state)
{
	(void)state;
	static struct http_notable latest[HTTP_NOTABLES];
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	struct http_server *server = test_start(&config);
	int64_t began_us = clock_now_us();
	ask(server, "/slow", "the-slow-one", 204);
	assert_int_equal(await_kept(server, 1, latest), 1);
	ask(server, "/quick", "a-quick-one", 204);
	ask(server, "/theirs", "their-mistake", 400);
	ask(server, "/nowhere", "no-route", 404);
	ask(server, "/quota", "over-quota", 507);
	ask(server, "/ours/secret?token=secret", "our-failure", 503);
	assert_int_equal(await_kept(server, 2, latest), 2);

	// The latest first, by the route's path: what the client sent may be a secret.
	assert_string_equal(latest[0].request_id, "our-failure");
	assert_string_equal(latest[0].route, "/ours/{name}");
	assert_string_equal(latest[0].method, "GET");
	assert_int_equal(latest[0].status, 503);
	assert_string_equal(latest[1].request_id, "the-slow-one");
	assert_string_equal(latest[1].route, "/slow");
	assert_int_equal(latest[1].status, 204);
	assert_true(latest[1].took_us >= HTTP_NOTABLE_US);
	assert_in_range(latest[1].at_us, began_us, clock_now_us());
	assert_true(latest[0].at_us >= latest[1].at_us);
	http_server_drain(server, 1000);
}

static void the_oldest_make_room(void **state)
{
	(void)state;
	static struct http_notable latest[HTTP_NOTABLES];
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	struct http_server *server = test_start(&config);
	char id[32];
	for (int i = 0; i < HTTP_NOTABLES + 7; i++) {
		(void)snprintf(id, sizeof id, "request-%d", i);
		ask(server, "/ours/x", id, 503);
	}
	struct deadline deadline = deadline_after_ms(5000);
	do
		assert_int_equal(await_kept(server, HTTP_NOTABLES, latest), HTTP_NOTABLES);
	while (strcmp(latest[0].request_id, id) != 0 && !deadline_passed(deadline));
	for (int i = 0; i < HTTP_NOTABLES; i++) {
		(void)snprintf(id, sizeof id, "request-%d", HTTP_NOTABLES + 6 - i);
		assert_string_equal(latest[i].request_id, id);
	}
	http_server_drain(server, 1000);
}

// What the objectives are held against: a full account is no failure of ours.
static void failures_of_ours_are_counted_as_such(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	config.metrics = metrics;
	struct http_server *server = test_start(&config);
	ask(server, "/quota", "over-quota", 507);
	ask(server, "/ours/x", "our-failure", 503);
	http_server_drain(server, 1000);
	struct buffer out;
	buffer_init(&out, 1024 * 1024);
	metrics_render(metrics, &out);
	assert_holds(out.data, "safelight_http_requests_total{route=\"/quota\",method=\"GET\",status=\"4xx\"} 1\n");
	assert_holds(out.data, "safelight_http_requests_total{route=\"/quota\",method=\"GET\",status=\"5xx\"} 0\n");
	assert_holds(out.data,
	             "safelight_http_requests_total{route=\"/ours/{name}\",method=\"GET\",status=\"5xx\"} 1\n");
	buffer_done(&out);
	metrics_free(metrics);
}

int main(void)
{
	log_init("test", LOG_ERROR); // each of these requests is a line
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_and_failed_ones_are_kept),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(failures_of_ours_are_counted_as_such),
	};
	return cmocka_run_group_tests_name("http notable", tests, NULL, NULL);
}
