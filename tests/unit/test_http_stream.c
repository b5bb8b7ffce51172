// Streamed bodies: pieces, back-pressure, clients that leave or dawdle, answers before and amid the body, draining.
#include "tests/unit/test_http_support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/work_pool.h"
#include "http/stream.h"

#define PIECE_PAUSE_BYTES (256 * 1024)
#define BODY_BYTES (3 * 1024 * 1024)

// What a test tells its sink to do, and what came of it.
struct taker {
	struct work_pool *pool;
	bool accept_on_worker;
	bool pauses;       // defer whenever PIECE_PAUSE_BYTES have come, and go on from a worker
	bool refuse_first; // answer 409 before the body
	size_t refuse_at;  // answer 413 when so many bytes have come; 0: never
	int64_t oversleep_ms;
	atomic_bool held; // workers wait while it is set

	struct http_request *request;
	_Atomic size_t bytes;
	_Atomic uint64_t sum;
	size_t since_pause;
	atomic_int pauses_seen;
	atomic_int ended;
	atomic_int lost;
	atomic_int over;
};

static const struct http_sink SINK;

static void go_on(void *argument)
{
	struct http_request *request = argument;
	struct taker *taker = http_request_context(request);
	while (atomic_load(&taker->held))
		clock_sleep_ms(2);
	if (taker->oversleep_ms > 0)
		clock_sleep_ms(taker->oversleep_ms);
	if (!http_stream_read(request, &SINK, taker))
		atomic_fetch_add(&taker->over, 1);
}

static void hand_over(struct taker *taker, struct http_request *request)
{
	http_request_defer(request);
	assert_int_equal(work_pool_submit(taker->pool, go_on, request), RC_OK);
}

static void take(struct http_request *request, void *state, const void *data, size_t size)
{
	struct taker *taker = state;
	const unsigned char *bytes = data;
	uint64_t sum = taker->sum;
	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	taker->sum = sum;
	taker->bytes += size;
	taker->since_pause += size;
	if (taker->refuse_at != 0 && taker->bytes >= taker->refuse_at) {
		http_respond_problem(request, 413, "enough", "No more.");
	} else if (taker->pauses && taker->since_pause >= PIECE_PAUSE_BYTES) {
		taker->since_pause = 0;
		taker->pauses_seen++;
		hand_over(taker, request);
	}
}

static void end(struct http_request *request, void *state)
{
	struct taker *taker = state;
	struct buffer out;
	taker->ended++;
	buffer_init(&out, 256);
	buffer_append_format(&out, "%zu %llu", taker->bytes, (unsigned long long)taker->sum);
	http_respond_buffer(request, 200, "text/plain", &out);
}

static void lose(struct http_request *request, void *state)
{
	assert_non_null(http_request_id(request));
	((struct taker *)state)->lost++;
}

static const struct http_sink SINK = { take, end, lose };

static void begin(struct http_request *request)
{
	struct taker *taker = http_request_context(request);
	taker->request = request;
	if (taker->refuse_first)
		http_respond_problem(request, 409, "not-now", "Not now.");
	else if (taker->accept_on_worker)
		hand_over(taker, request);
	else
		assert_true(http_stream_read(request, &SINK, taker));
}

TEST_ROUTE(ON_EVENT, .method = "PUT", .path = "/event", .handle = begin, .body_limit = SIZE_MAX,
           .body = ROUTE_STREAMED);
TEST_ROUTE(ON_WORKER, .method = "PUT", .path = "/worker", .run = ROUTE_WORKER, .handle = begin, .body_limit = SIZE_MAX,
           .body = ROUTE_STREAMED);
TEST_ROUTE(ECHO, .method = "GET", .path = "/echo", .handle = test_echo);
static const struct route *const ROUTES[] = { &ON_EVENT, &ON_WORKER, &ECHO };

struct rig {
	struct taker taker;
	struct http_server_config config;
	struct http_server *server;
};

static void rig_start(struct rig *rig)
{
	struct err err = { .rc = RC_OK };
	rig->taker.pool = work_pool_new("taker", 2, 16, &err);
	assert_non_null(rig->taker.pool);
	int64_t request_ms = rig->config.request_ms, rate = rig->config.body_rate;
	rig->config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	rig->config.context = &rig->taker;
	rig->config.body_rate = rate;
	if (request_ms > 0)
		rig->config.request_ms = request_ms;
	rig->server = test_start(&rig->config);
}

static void rig_stop(struct rig *rig)
{
	http_server_drain(rig->server, 1000);
	work_pool_free(rig->taker.pool);
}

// True when the value comes within ten seconds.
static bool comes_to(const atomic_int *value, int wanted)
{
	for (int i = 0; i < 5000 && atomic_load(value) != wanted; i++)
		clock_sleep_ms(2);
	return atomic_load(value) == wanted;
}

static unsigned char *make_body(size_t size, uint64_t *ret_sum)
{
	unsigned char *body = malloc(size);
	assert_non_null(body);
	*ret_sum = 0;
	for (size_t i = 0; i < size; i++) {
		body[i] = (unsigned char)(i * 7 + i / 251);
		*ret_sum = *ret_sum * 31 + body[i];
	}
	return body;
}

static int send_head(const struct rig *rig, const char *path, const char *framing)
{
	char head[256];
	int fd = raw_connect(rig->server);
	(void)snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, framing);
	assert_true(raw_send(fd, head));
	return fd;
}

static int send_length(const struct rig *rig, const char *path, size_t length)
{
	char framing[64];
	(void)snprintf(framing, sizeof framing, "Content-Length: %zu\r\n", length);
	return send_head(rig, path, framing);
}

static void send_chunks(int fd, const unsigned char *body, size_t size)
{
	char line[32];
	for (size_t at = 0, step = 1; at < size; at += step, step = step * 3 % 100003 + 1) {
		step = step < size - at ? step : size - at;
		(void)snprintf(line, sizeof line, "%zx\r\n", step);
		assert_true(raw_send(fd, line) && raw_send_bytes(fd, body + at, step) && raw_send(fd, "\r\n"));
	}
	assert_true(raw_send(fd, "0\r\n\r\n"));
}

static void assert_whole(int fd, size_t size, uint64_t sum)
{
	struct raw_answer answer;
	char wanted[64];
	(void)snprintf(wanted, sizeof wanted, "%zu %llu", size, (unsigned long long)sum);
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, wanted);
}

// Each way to accept and to frame, with and without pauses; the connection serves the next request afterwards.
static void test_whole_bodies(void **state)
{
	uint64_t sum;
	unsigned char *body = make_body(BODY_BYTES, &sum);
	(void)state;
	for (int way = 0; way < 16; way++) {
		struct rig rig = { .taker = { .accept_on_worker = way & 1, .pauses = way & 2 } };
		const char *path = (way & 4) != 0 ? "/worker" : "/event";
		bool is_chunked = (way & 8) != 0;
		rig_start(&rig);
		int fd = is_chunked ? send_head(&rig, path, "Transfer-Encoding: chunked\r\n")
		                    : send_length(&rig, path, BODY_BYTES);
		if (is_chunked)
			send_chunks(fd, body, BODY_BYTES);
		else
			assert_true(raw_send_bytes(fd, body, BODY_BYTES));
		assert_whole(fd, BODY_BYTES, sum);
		assert_true(((way & 2) != 0) == (rig.taker.pauses_seen > 5));
		struct raw_answer next;
		assert_true(raw_send(fd, "GET /echo HTTP/1.1\r\nHost: test\r\n\r\n"));
		raw_read(fd, false, &next);
		assert_int_equal(next.status, 200);
		(void)close(fd);
		rig_stop(&rig);
		assert_int_equal(rig.taker.ended, 1);
		assert_int_equal(rig.taker.lost, 0);
	}
	free(body);
}

static void test_no_body_at_all(void **state)
{
	struct rig rig = { .taker = { .accept_on_worker = true } };
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", 0);
	assert_whole(fd, 0, 0);
	(void)close(fd);
	rig_stop(&rig);
}

// While a worker has the request nothing is read: what the client can send is what the kernel buffers.
static void test_back_pressure(void **state)
{
	struct rig rig = { .taker = { .pauses = true, .held = true } };
	static unsigned char block[1024 * 1024];
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", 64 * sizeof block);
	struct timeval patience = { .tv_usec = 300000 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
	size_t sent = 0;
	ssize_t got;
	while (sent < 64 * sizeof block && (got = send(fd, block, sizeof block, MSG_NOSIGNAL)) > 0)
		sent += (size_t)got;
	assert_true(sent < 64 * sizeof block);
	assert_int_equal(rig.taker.pauses_seen, 1);
	assert_true(rig.taker.bytes < PIECE_PAUSE_BYTES + 64 * 1024);
	rig.taker.held = false;
	(void)close(fd);
	assert_true(comes_to(&rig.taker.lost, 1));
	rig_stop(&rig);
	assert_int_equal(rig.taker.ended, 0);
}

static void test_client_leaves(void **state)
{
	struct rig rig = { 0 };
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", 1000);
	assert_true(raw_send(fd, "twelve bytes"));
	(void)shutdown(fd, SHUT_WR);
	assert_true(comes_to(&rig.taker.lost, 1));
	assert_int_equal(rig.taker.bytes, 12);
	(void)close(fd);
	rig_stop(&rig);
	assert_int_equal(rig.taker.lost, 1);
	assert_int_equal(rig.taker.ended, 0);
}

static void test_cut(void **state)
{
	struct rig rig = { 0 };
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", 1000);
	assert_true(raw_send(fd, "some"));
	for (int i = 0; i < 5000 && rig.taker.bytes < 4; i++)
		clock_sleep_ms(2);
	http_stream_cut(rig.taker.request);
	assert_true(raw_is_closed(fd, RAW_WAIT_MS));
	assert_true(comes_to(&rig.taker.lost, 1));
	(void)close(fd);
	rig_stop(&rig);
}

// One that keeps the rate lives for longer than a request's time; one that does not is cut off.
static void test_rate(void **state)
{
	struct rig rig = { .config = { .request_ms = 1000, .body_rate = 1000 } };
	char half[500];
	(void)state;
	memset(half, 'x', sizeof half);
	rig_start(&rig);
	int steady = send_length(&rig, "/event", 8 * sizeof half);
	for (int i = 0; i < 8; i++) {
		assert_true(raw_send_bytes(steady, half, sizeof half));
		clock_sleep_ms(300);
	}
	struct raw_answer answer;
	raw_read(steady, false, &answer);
	assert_int_equal(answer.status, 200);
	(void)close(steady);
	int slow = send_length(&rig, "/event", sizeof half);
	int64_t began = clock_monotonic_us();
	while (rig.taker.lost == 0 && clock_monotonic_us() - began < 10000000) {
		(void)raw_send(slow, "x");
		clock_sleep_ms(100);
	}
	assert_int_equal(rig.taker.lost, 1);
	(void)close(slow);
	rig_stop(&rig);
}

static void test_answer_before_the_body(void **state)
{
	struct rig rig = { .taker = { .refuse_first = true } };
	struct raw_answer answer;
	(void)state;
	rig_start(&rig);
	// A short body is read and thrown away: the connection lives on.
	int fd = send_length(&rig, "/worker", 5);
	assert_true(raw_send(fd, "12345GET /echo HTTP/1.1\r\nHost: test\r\n\r\n"));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 409);
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 200);
	(void)close(fd);
	// A long one is not waited for.
	fd = send_length(&rig, "/worker", (size_t)1 << 40);
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 409);
	assert_header(&answer, "Connection", "close");
	assert_true(raw_is_closed(fd, RAW_WAIT_MS));
	(void)close(fd);
	// Nor is one that the client holds back.
	fd = send_head(&rig, "/event", "Content-Length: 5\r\nExpect: 100-continue\r\n");
	assert_true(raw_read_head(fd, &answer));
	assert_true(strncmp(answer.head, "HTTP/1.1 409", 12) == 0);
	(void)close(fd);
	rig_stop(&rig);
	assert_int_equal(rig.taker.bytes, 0);
}

static void test_continue(void **state)
{
	struct rig rig = { .taker = { .accept_on_worker = true } };
	struct raw_answer answer;
	(void)state;
	rig_start(&rig);
	int fd = send_head(&rig, "/event", "Content-Length: 3\r\nExpect: 100-continue\r\n");
	assert_true(raw_read_head(fd, &answer));
	assert_true(strncmp(answer.head, "HTTP/1.1 100", 12) == 0);
	assert_true(raw_send(fd, "abc"));
	assert_whole(fd, 3, ('a' * 31 + 'b') * 31 + 'c');
	(void)close(fd);
	rig_stop(&rig);
}

static void test_answer_amid_the_body(void **state)
{
	struct rig rig = { .taker = { .refuse_at = 1000 } };
	uint64_t sum;
	unsigned char *body = make_body(BODY_BYTES, &sum);
	struct raw_answer answer;
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", BODY_BYTES);
	assert_true(raw_send_bytes(fd, body, BODY_BYTES));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 413);
	(void)close(fd);
	rig_stop(&rig);
	assert_true(rig.taker.bytes < 64 * 1024);
	assert_int_equal(rig.taker.ended + rig.taker.lost, 0);
	free(body);
}

// A worker that takes too long is answered for; it learns so when it wants to go on.
static void test_deadline_while_deferred(void **state)
{
	struct rig rig = { .taker = { .accept_on_worker = true, .oversleep_ms = 1200 },
		           .config = { .request_ms = 200 } };
	struct raw_answer answer;
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", 3);
	assert_true(raw_send(fd, "abc"));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 503);
	assert_true(comes_to(&rig.taker.over, 1));
	(void)close(fd);
	rig_stop(&rig);
	assert_int_equal(rig.taker.ended + rig.taker.lost, 0);
}

static void test_drain(void **state)
{
	struct rig rig = { 0 };
	(void)state;
	rig_start(&rig);
	int fd = send_length(&rig, "/event", 1000);
	assert_true(raw_send(fd, "some"));
	for (int i = 0; i < 5000 && rig.taker.bytes < 4; i++)
		clock_sleep_ms(2);
	http_server_drain(rig.server, 200);
	assert_int_equal(rig.taker.lost, 1);
	assert_int_equal(rig.taker.ended, 0);
	(void)close(fd);
	work_pool_free(rig.taker.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_bodies),
		cmocka_unit_test(test_no_body_at_all),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_answer_before_the_body),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_answer_amid_the_body),
		cmocka_unit_test(test_deadline_while_deferred),
		cmocka_unit_test(test_drain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
