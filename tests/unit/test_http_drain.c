// Stopping: what is in hand is finished, what is deferred is answered, nobody is left hanging.
#include "test_http_support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/work_pool.h"

static atomic_bool gate; // closed: holders wait
static struct http_request *forgotten;

static void answer_text(struct http_request *request, const char *text)
{
	struct buffer out;
	buffer_init(&out, 100);
	buffer_append_text(&out, text);
	http_respond_buffer(request, 200, "text/plain", &out);
}

static void get_quick(struct http_request *request)
{
	answer_text(request, "quick");
}

static void hold(struct http_request *request)
{
	while (!atomic_load(&gate))
		clock_sleep_ms(1);
	answer_text(request, "held");
}

// Deferred to somebody who answers after the server has gone.
static void defer(struct http_request *request)
{
	http_request_defer(request);
	forgotten = request;
}

TEST_ROUTE(route_quick, .method = "GET", .path = "/quick", .handle = get_quick);
TEST_ROUTE(route_hold, .method = "GET", .path = "/hold", .handle = hold, .run = ROUTE_WORKER);
TEST_ROUTE(route_defer, .method = "GET", .path = "/defer", .handle = defer);
static const struct route *const ROUTES[] = { &route_quick, &route_hold, &route_defer };

static int64_t elapsed_ms(int64_t since_us)
{
	return (clock_monotonic_us() - since_us) / 1000;
}

static bool is_refused(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return refused;
}

static void *drain(void *argument)
{
	http_server_drain(argument, 300);
	return NULL;
}

static void test_drain(void **state)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	struct raw_answer answer;
	pthread_t thread;
	(void)state;
	config.queue = 64;
	config.request_ms = 30000;
	atomic_store(&gate, false);
	struct http_server *server = test_start(&config);
	uint16_t port = http_server_port(server);
	int idle = raw_connect(server);
	int held = raw_connect(server);
	int waiting = raw_connect(server);
	int deferred = raw_connect(server);
	assert_true(raw_send(idle, "GET /quick HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(idle, false, &answer);
	assert_true(raw_send(held, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	assert_true(raw_send(waiting, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	assert_true(raw_send(deferred, "GET /defer HTTP/1.1\r\nHost: t\r\nX-Keep: kept\r\n\r\n"));
	clock_sleep_ms(100);
	http_server_set_leaving(server);
	test_ask(server, "GET", "/healthz", "", NULL, &answer);
	assert_int_equal(answer.status, 200);
	int64_t begin = clock_monotonic_us();
	assert_int_equal(pthread_create(&thread, NULL, drain, server), 0);
	clock_sleep_ms(100);
	// While draining: nobody new gets in, but is told so.
	assert_true(is_refused(port));
	// A kept connection is still served, and told to close.
	assert_true(raw_send(idle, "GET /quick HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(idle, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_header(&answer, "Connection", "close");
	// At the end of the time: what is deferred, on a worker or elsewhere, is answered.
	raw_read(held, false, &answer);
	assert_int_equal(answer.status, 503);
	assert_holds(answer.body, "/problems/shutting-down");
	raw_read(waiting, false, &answer);
	assert_int_equal(answer.status, 503);
	raw_read(deferred, false, &answer);
	assert_int_equal(answer.status, 503);
	assert_in_range(elapsed_ms(begin), 250, 2000);
	atomic_store(&gate, true);
	(void)pthread_join(thread, NULL);
	assert_true(raw_is_closed(held, 1000));
	// The server is gone; the request is not.
	assert_true(http_request_is_over(forgotten));
	assert_string_equal(http_request_header(forgotten, "x-keep"), "kept");
	assert_ptr_equal(http_request_route(forgotten), &route_defer);
	answer_text(forgotten, "too late");
	(void)close(idle);
	(void)close(held);
	(void)close(waiting);
	(void)close(deferred);
}

static void test_drain_lets_requests_finish(void **state)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	struct raw_answer answer;
	pthread_t thread;
	(void)state;
	atomic_store(&gate, false);
	struct http_server *server = test_start(&config);
	int held = raw_connect(server);
	assert_true(raw_send(held, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	clock_sleep_ms(50);
	assert_int_equal(pthread_create(&thread, NULL, drain, server), 0);
	clock_sleep_ms(50);
	atomic_store(&gate, true);
	raw_read(held, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_header(&answer, "Connection", "close");
	(void)pthread_join(thread, NULL);
	(void)close(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_lets_requests_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
