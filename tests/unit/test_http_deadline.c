// Absolute deadlines and the protocol of deferred requests: slow clients, late answers, overload, and many of all
// at once (worth running under ThreadSanitizer and AddressSanitizer).
#include "test_http_support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/metrics.h"
#include "base/work_pool.h"

#define REQUEST_MS 400
#define HEADER_MS 300
#define LARGE_BYTES (64 * 1024 * 1024)

// ---- the routes under test ------------------------------------------------------------------------------------------

struct fixture {
	struct http_server *server;
	struct work_pool *others; // threads that deferred requests are handed to
	struct metrics *metrics;
	atomic_int late_answers;
	atomic_int handled;
	atomic_bool gate; // closed: holders wait
};

static struct fixture fixture;

static void answer_text(struct http_request *request, const char *text)
{
	struct buffer out;
	buffer_init(&out, 4096);
	buffer_append_text(&out, text);
	http_respond_buffer(request, 200, "text/plain", &out);
}

static void answer_elsewhere(void *argument)
{
	struct http_request *request = argument;
	char *text = arena_format(http_request_arena(request), "elsewhere %s", http_request_query(request, "q"));
	answer_text(request, text);
}

static void defer(struct http_request *request)
{
	http_request_defer(request);
	if (work_pool_submit(fixture.others, answer_elsewhere, request) != RC_OK)
		http_respond_rc(request, &(struct err){ RC_BUSY, "the other pool is full" });
}

// Waits until the deadline's 503 must have gone out, uses everything of the request, then answers.
static void answer_late(void *argument)
{
	struct http_request *request = argument;
	while (!http_request_is_over(request))
		clock_sleep_ms(5);
	clock_sleep_ms(200); // the connection serves its next request meanwhile, or is gone
	assert_string_equal(http_request_query(request, "q"), "late");
	assert_string_equal(http_request_header(request, "X-Keep"), "kept");
	assert_string_equal(http_request_path(request), http_request_route(request)->path);
	http_respond_header(request, "X-Late", "1");
	atomic_fetch_add(&fixture.late_answers, 1);
	answer_text(request, "late");
}

static void defer_late(struct http_request *request)
{
	http_request_defer(request);
	assert_int_equal(work_pool_submit(fixture.others, answer_late, request), RC_OK);
}

static void work_late(struct http_request *request)
{
	answer_late(request);
}

// On a worker: hands the request on once more.
static void defer_again(struct http_request *request)
{
	assert_false(http_request_is_over(request));
	http_request_defer(request);
	if (work_pool_submit(fixture.others, answer_elsewhere, request) != RC_OK)
		http_respond_rc(request, &(struct err){ RC_BUSY, "the other pool is full" });
}

static void hold(struct http_request *request)
{
	while (!atomic_load(&fixture.gate))
		clock_sleep_ms(1);
	atomic_fetch_add(&fixture.handled, 1);
	answer_text(request, "held");
}

static void get_large(struct http_request *request)
{
	struct buffer out;
	buffer_init(&out, LARGE_BYTES);
	assert_true(buffer_reserve(&out, LARGE_BYTES));
	memset(out.data, 'x', LARGE_BYTES);
	out.length = LARGE_BYTES;
	http_respond_buffer(request, 200, "text/plain", &out);
}

static void post(struct http_request *request)
{
	answer_text(request, http_request_body(request, NULL));
}

TEST_ROUTE(route_quick, .method = "GET", .path = "/quick", .handle = post);
TEST_ROUTE(route_defer, .method = "GET", .path = "/defer", .handle = defer);
TEST_ROUTE(route_defer_late, .method = "GET", .path = "/defer-late", .handle = defer_late);
TEST_ROUTE(route_work_late, .method = "GET", .path = "/work-late", .handle = work_late, .run = ROUTE_WORKER);
TEST_ROUTE(route_defer_again, .method = "GET", .path = "/defer-again", .handle = defer_again, .run = ROUTE_WORKER);
TEST_ROUTE(route_hold, .method = "GET", .path = "/hold", .handle = hold, .run = ROUTE_WORKER);
TEST_ROUTE(route_large, .method = "GET", .path = "/large", .handle = get_large);
TEST_ROUTE(route_post, .method = "POST", .path = "/post", .handle = post, .body_limit = 1000);

static const struct route *const ROUTES[] = { &route_quick,       &route_defer, &route_defer_late, &route_work_late,
	                                      &route_defer_again, &route_hold,  &route_large,      &route_post };

static int start(void **state)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	fixture = (struct fixture){ .metrics = metrics_new() };
	config.event_threads = 2;
	config.queue = 4;
	config.request_ms = REQUEST_MS;
	config.header_ms = HEADER_MS;
	config.idle_ms = 600;
	config.metrics = fixture.metrics;
	fixture.server = test_start(&config);
	fixture.others = work_pool_new("others", 4, 4096, NULL);
	assert_non_null(fixture.others);
	*state = &fixture;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	http_server_drain(fixture.server, 2000);
	work_pool_free(fixture.others);
	metrics_free(fixture.metrics);
	return 0;
}

static int64_t elapsed_ms(int64_t since_us)
{
	return (clock_monotonic_us() - since_us) / 1000;
}

// ---- slow clients ---------------------------------------------------------------------------------------------------

// Sends text a byte each 20 ms until the other side closes; true when it did within the bounds.
static bool is_cut_while_trickling(const char *first, const char *trickle, int64_t least_ms, int64_t most_ms)
{
	int fd = raw_connect(fixture.server);
	int64_t begin = clock_monotonic_us();
	bool cut = false;
	if (!raw_send(fd, first))
		return false;
	for (size_t i = 0; !cut && elapsed_ms(begin) < most_ms; i = (i + 1) % strlen(trickle))
		cut = !raw_send_bytes(fd, trickle + i, 1) || raw_is_closed(fd, 20);
	(void)close(fd);
	return cut && elapsed_ms(begin) >= least_ms;
}

static void test_slow_clients_are_cut(void **state)
{
	(void)state;
	assert_true(is_cut_while_trickling("", "GET", HEADER_MS - 50, 1500));
	assert_true(is_cut_while_trickling("GET /quick HTTP/1.1\r\nHost: t\r\nX: ", "y", HEADER_MS - 50, 1500));
	assert_true(is_cut_while_trickling("POST /post HTTP/1.1\r\nHost: t\r\nContent-Length: 900\r\n\r\n", "b",
	                                   REQUEST_MS - 50, 1500));
	assert_true(is_cut_while_trickling("POST /post HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n",
	                                   "1\r\nb\r\n", REQUEST_MS - 50, 1500));
	// Also while a body is read only to be thrown away.
	assert_true(is_cut_while_trickling("POST /none HTTP/1.1\r\nHost: t\r\nContent-Length: 900\r\n\r\n", "b",
	                                   REQUEST_MS - 50, 1500));
}

static void test_idle_connection_is_cut(void **state)
{
	struct raw_answer answer;
	int fd = raw_connect(fixture.server);
	(void)state;
	assert_true(raw_send(fd, "GET /quick HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(fd, false, &answer);
	clock_sleep_ms(HEADER_MS + 100); // longer than a first head may take: kept-alive ones have more time
	assert_true(raw_send(fd, "GET /quick HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(raw_is_closed(fd, 2000));
	(void)close(fd);
}

static int64_t in_flight(void)
{
	return metric_value(metrics_add(fixture.metrics, METRIC_GAUGE, "safelight_http_requests_in_flight", "", NULL));
}

// The answer does not fit the sockets' buffers: the server is left with it until the deadline and its grace of 5 s.
static void test_reader_that_stops_is_cut(void **state)
{
	int fd = raw_connect(fixture.server);
	int64_t begin = clock_monotonic_us();
	(void)state;
	assert_true(raw_send(fd, "GET /large HTTP/1.1\r\nHost: t\r\n\r\n"));
	clock_sleep_ms(100);
	assert_int_equal(in_flight(), 1);
	while (in_flight() > 0 && elapsed_ms(begin) < 8000)
		clock_sleep_ms(10);
	assert_in_range(elapsed_ms(begin), 5000 + REQUEST_MS - 20, 5000 + REQUEST_MS + 500);
	(void)close(fd);
}

// ---- deferred requests ----------------------------------------------------------------------------------------------

static void test_answer_from_another_thread(void **state)
{
	struct raw_answer answer;
	int fd = raw_connect(fixture.server);
	(void)state;
	for (int i = 0; i < 50; i++) {
		char request[128];
		char wanted[32];
		(void)snprintf(request, sizeof request, "GET %s?q=%d HTTP/1.1\r\nHost: t\r\n\r\n",
		               i % 2 == 0 ? "/defer" : "/defer-again", i);
		(void)snprintf(wanted, sizeof wanted, "elsewhere %d", i);
		assert_true(raw_send(fd, request));
		raw_read(fd, false, &answer);
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.body, wanted);
	}
	(void)close(fd);
}

static void test_deadline_answers_and_late_answer_is_dropped(void **state)
{
	static const char *const paths[] = { "/defer-late", "/work-late" };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct raw_answer answer;
		char request[128];
		int fd = raw_connect(fixture.server);
		int late = atomic_load(&fixture.late_answers);
		int64_t begin = clock_monotonic_us();
		(void)snprintf(request, sizeof request, "GET %s?q=late HTTP/1.1\r\nHost: t\r\nX-Keep: kept\r\n\r\n",
		               paths[i]);
		assert_true(raw_send(fd, request));
		raw_read(fd, false, &answer);
		assert_int_equal(answer.status, 503);
		assert_holds(answer.body, "/problems/timeout");
		assert_header(&answer, "Retry-After", "1");
		assert_no_header(&answer, "X-Late");
		assert_in_range(elapsed_ms(begin), REQUEST_MS - 20, REQUEST_MS + 300);
		// The connection lives on, and libmicrohttpd's memory of the first request is used anew.
		for (int j = 0; j < 100; j++) {
			assert_true(raw_send(fd, "GET /quick?q=other HTTP/1.1\r\nHost: t\r\nX-Keep: other\r\n\r\n"));
			raw_read(fd, false, &answer);
			assert_int_equal(answer.status, 200);
		}
		(void)close(fd);
		struct deadline patience = deadline_after_ms(3000);
		while (atomic_load(&fixture.late_answers) == late && !deadline_passed(patience))
			clock_sleep_ms(5);
		assert_int_equal(atomic_load(&fixture.late_answers), late + 1);
	}
}

static void test_client_goes_while_deferred(void **state)
{
	int late = atomic_load(&fixture.late_answers);
	(void)state;
	for (int i = 0; i < 4; i++) {
		int fd = raw_connect(fixture.server);
		assert_true(raw_send(fd, "GET /defer-late?q=late HTTP/1.1\r\nHost: t\r\nX-Keep: kept\r\n\r\n"));
		clock_sleep_ms(10);
		(void)close(fd);
	}
	struct deadline patience = deadline_after_ms(3000);
	while (atomic_load(&fixture.late_answers) < late + 4 && !deadline_passed(patience))
		clock_sleep_ms(5);
	assert_int_equal(atomic_load(&fixture.late_answers), late + 4);
}

// ---- overload -------------------------------------------------------------------------------------------------------

#define CROWD 20 // 2 workers, 4 waiting

static void test_overload_is_refused_at_once(void **state)
{
	struct raw_answer answer;
	int fds[CROWD];
	int refused = 0;
	(void)state;
	atomic_store(&fixture.gate, false);
	int64_t begin = clock_monotonic_us();
	for (int i = 0; i < CROWD; i++) {
		fds[i] = raw_connect(fixture.server);
		assert_true(raw_send(fds[i], "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	}
	for (int i = 0; i < CROWD; i++)
		if (raw_wait(fds[i], 50)) {
			raw_read(fds[i], false, &answer);
			assert_int_equal(answer.status, 503);
			assert_holds(answer.body, "/problems/overloaded");
			assert_header(&answer, "Retry-After", "1");
			(void)close(fds[i]);
			fds[i] = -1;
			refused++;
		}
	assert_in_range(elapsed_ms(begin), 0, REQUEST_MS - 10);
	assert_in_range(refused, CROWD - 2 - 4, CROWD - 4); // the workers may not have begun yet
	atomic_store(&fixture.gate, true);
	for (int i = 0; i < CROWD; i++)
		if (fds[i] >= 0) {
			raw_read(fds[i], false, &answer);
			assert_int_equal(answer.status, 200);
			(void)close(fds[i]);
		}
}

static void test_waiting_past_the_deadline_is_not_begun(void **state)
{
	struct raw_answer answer;
	int fds[6]; // two in hand, four waiting
	(void)state;
	atomic_store(&fixture.gate, false);
	atomic_store(&fixture.handled, 0);
	for (int i = 0; i < 6; i++) {
		fds[i] = raw_connect(fixture.server);
		assert_true(raw_send(fds[i], "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
		clock_sleep_ms(5);
	}
	for (int i = 0; i < 6; i++) {
		raw_read(fds[i], false, &answer);
		assert_int_equal(answer.status, 503);
		(void)close(fds[i]);
	}
	atomic_store(&fixture.gate, true);
	clock_sleep_ms(50);
	test_ask(fixture.server, "GET", "/hold", "", NULL, &answer); // behind the four in the queue
	assert_int_equal(answer.status, 200);
	assert_int_equal(atomic_load(&fixture.handled), 3); // the two in hand, and this one
}

// ---- all at once ----------------------------------------------------------------------------------------------------

#define STORM_THREADS 6
#define STORM_MS 2500

static void *storm(void *argument)
{
	static const char *const requests[] = {
		"GET /quick?q=1 HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /defer?q=1 HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /defer-again?q=1 HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /defer-late?q=late HTTP/1.1\r\nHost: t\r\nX-Keep: kept\r\n\r\n",
		"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n",
		"POST /post HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nabcde",
	};
	unsigned seed = *(unsigned *)argument;
	struct deadline until = deadline_after_ms(STORM_MS);
	while (!deadline_passed(until)) {
		struct raw_answer answer;
		int fd = raw_connect(fixture.server);
		for (int i = 0; i < 8; i++) {
			unsigned kind = (unsigned)rand_r(&seed) % 6;
			if (kind == 3 && rand_r(&seed) % 8 != 0)
				kind = 1; // the late ones take long
			bool leaves = rand_r(&seed) % 16 == 0;
			if (!raw_send(fd, requests[kind]) || leaves)
				break;
			raw_read(fd, false, &answer);
			assert_true(answer.status == 200 || answer.status == 503);
		}
		(void)close(fd);
	}
	return NULL;
}

static void test_storm(void **state)
{
	pthread_t threads[STORM_THREADS];
	unsigned seeds[STORM_THREADS];
	(void)state;
	atomic_store(&fixture.gate, true);
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		seeds[i] = i + 1;
		assert_int_equal(pthread_create(&threads[i], NULL, storm, &seeds[i]), 0);
	}
	for (int i = 0; i < STORM_THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	struct deadline patience = deadline_after_ms(8000);
	while (in_flight() > 0 && !deadline_passed(patience))
		clock_sleep_ms(10);
	assert_int_equal(in_flight(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_clients_are_cut),
		cmocka_unit_test(test_idle_connection_is_cut),
		cmocka_unit_test(test_reader_that_stops_is_cut),
		cmocka_unit_test(test_answer_from_another_thread),
		cmocka_unit_test(test_deadline_answers_and_late_answer_is_dropped),
		cmocka_unit_test(test_client_goes_while_deferred),
		cmocka_unit_test(test_overload_is_refused_at_once),
		cmocka_unit_test(test_waiting_past_the_deadline_is_not_begun),
		cmocka_unit_test(test_storm),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
