// Heads that two parsers could understand differently must be answered 400 or 431 (or cut), and the connection closed,
// so that nothing behind them is taken for a request.
#include "test_http_support.h"

#include <stdatomic.h>

static atomic_int smuggled;

static void get_smuggled(struct http_request *request)
{
	atomic_fetch_add(&smuggled, 1);
	http_respond_empty(request, 204);
}

TEST_ROUTE(route_echo, .method = "POST", .path = "/echo", .handle = test_echo, .body_limit = 1000);
TEST_ROUTE(route_get_echo, .method = "GET", .path = "/echo", .handle = test_echo);
TEST_ROUTE(route_smuggled, .method = "GET", .path = "/smuggled", .handle = get_smuggled);

static const struct route *const ROUTES[] = { &route_echo, &route_get_echo, &route_smuggled };

static int start(void **state)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	*state = test_start(&config);
	return 0;
}

// libmicrohttpd alone would take larger heads then.
static int start_large(void **state)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	config.connection_bytes = 288 * 1024;
	*state = test_start(&config);
	return 0;
}

static int stop(void **state)
{
	http_server_drain(*state, 1000);
	return 0;
}

#define SECOND "GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n"

struct row {
	const char *what;
	const char *head; // with everything up to and including the empty line and the body
	size_t length;    // 0: strlen
	int status;       // 400: by us; 0: libmicrohttpd may refuse it in its own way
};

#define ROW(name, text, wanted)                     \
	{                                           \
		name, text, sizeof text - 1, wanted \
	}

static const struct row ROWS[] = {
	ROW("CL and TE",
	    "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", 400),
	ROW("TE and CL",
	    "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
	ROW("two CLs, different", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc",
	    400),
	ROW("two CLs, equal", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	    400),
	ROW("CL list", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3, 3\r\n\r\nabc", 0),
	ROW("CL with sign", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: +3\r\n\r\nabc", 0),
	ROW("CL hex", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 0x3\r\n\r\nabc", 0),
	ROW("CL negative", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\nabc", 0),
	ROW("CL empty", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length:\r\n\r\nabc", 0),
	ROW("CL beyond 64 bits", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551617\r\n\r\na", 0),
	ROW("TE xchunked", "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
	ROW("TE chunked, identity",
	    "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
	ROW("TE gzip, chunked", "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	    400),
	ROW("TE with a tab", "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", 400),
	ROW("two TEs",
	    "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
	    400),
	ROW("space before colon", "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	    400),
	ROW("space before name", "POST /echo HTTP/1.1\r\n Host: t\r\nContent-Length: 0\r\n\r\n", 400),
	ROW("bare LF ends a header", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\nX-C: d\r\n\r\n", 400),
	ROW("bare LF hides a header", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\nContent-Length: 0\r\n\r\n", 400),
	ROW("bare LF ends the request line", "GET /echo HTTP/1.1\nHost: t\r\n\r\n", 400),
	ROW("bare LF ends the last header", "GET /echo HTTP/1.1\r\nHost: t\n\r\n", 400),
	ROW("bare LF ends the head", "GET /echo HTTP/1.1\r\nHost: t\r\n\n", 400),
	ROW("bare LF everywhere", "GET /echo HTTP/1.1\nHost: t\n\n", 400),
	ROW("bare CR ends a header", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\rX-C: d\r\n\r\n", 400),
	ROW("obs-fold", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\r\n c\r\n\r\n", 400),
	ROW("obs-fold with a tab", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\r\n\tc\r\n\r\n", 400),
	ROW("obs-fold makes a name", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-: 3\r\n Length\r\n\r\nabc", 400),
	ROW("NUL in a value", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\0c\r\n\r\n", 400),
	ROW("NUL in a name", "GET /echo HTTP/1.1\r\nHost: t\r\nX\0A: b\r\n\r\n", 400),
	ROW("NUL in the target", "GET /ec\0ho HTTP/1.1\r\nHost: t\r\n\r\n", 400),
	ROW("control in a value", "GET /echo HTTP/1.1\r\nHost: t\r\nX-A: b\x01\r\n\r\n", 400),
	ROW("no colon", "GET /echo HTTP/1.1\r\nHost: t\r\nnonsense\r\n\r\n", 0),
	ROW("empty name", "GET /echo HTTP/1.1\r\nHost: t\r\n: x\r\n\r\n", 400),
	ROW("quote in a name", "GET /echo HTTP/1.1\r\nHost: t\r\nX\"A: b\r\n\r\n", 400),
	ROW("two Hosts", "GET /echo HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n", 400),
	ROW("no Host", "GET /echo HTTP/1.1\r\nX-A: b\r\n\r\n", 400),
	ROW("two Authorizations", "GET /echo HTTP/1.1\r\nHost: t\r\nAuthorization: a\r\nauthorization: b\r\n\r\n", 400),
	ROW("two spaces", "GET  /echo HTTP/1.1\r\nHost: t\r\n\r\n", 400),
	ROW("HTTP/0.9", "GET /echo\r\n\r\n", 0),
	ROW("HTTP/2.0", "GET /echo HTTP/2.0\r\nHost: t\r\n\r\n", 0),
	ROW("HTTP/1.1 and more", "GET /echo HTTP/1.1x\r\nHost: t\r\n\r\n", 0),
	ROW("space in the target", "GET /echo /x HTTP/1.1\r\nHost: t\r\n\r\n", 0),
	ROW("method is no token", "G{T /echo HTTP/1.1\r\nHost: t\r\n\r\n", 400),
	ROW("absolute target", "GET http://t/echo HTTP/1.1\r\nHost: t\r\n\r\n", 400),
	ROW("Expect something else", "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n",
	    400),
	ROW("chunk size with a sign",
	    "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", 0),
	ROW("chunk size too long",
	    "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
	    0),
};

// Reads on to the end; false when there is none in time, or another answer that says 2xx before it. (libmicrohttpd
// 0.9.75 sends the head of an error of its own making twice.)
static bool is_cut(int fd)
{
	char rest[4096] = "";
	size_t length = 0;
	ssize_t got = 1;
	while (got > 0 && length + 1 < sizeof rest) {
		if (!raw_wait(fd, RAW_WAIT_MS))
			return false;
		got = recv(fd, rest + length, sizeof rest - 1 - length, 0);
		length += got > 0 ? (size_t)got : 0;
	}
	return got <= 0 && strstr(rest, "HTTP/1.1 2") == NULL;
}

static bool is_refused(const struct row *row, int status)
{
	return status == 400 || (row->status == 0 && (status == 0 || status == 413 || status == 505));
}

static void test_hostile_heads(void **state)
{
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct raw_answer answer;
		int fd = raw_connect(*state);
		(void)raw_send_bytes(fd, ROWS[i].head, ROWS[i].length);
		(void)raw_send(fd, SECOND);
		raw_read(fd, false, &answer);
		if (!is_refused(&ROWS[i], answer.status))
			fail_msg("%s: %d %s", ROWS[i].what, answer.status, answer.body);
		if (answer.status != 0 && !is_cut(fd))
			fail_msg("%s: not closed", ROWS[i].what);
		if (atomic_load(&smuggled) != 0)
			fail_msg("%s: the second request ran", ROWS[i].what);
		(void)close(fd);
	}
}

// The same set by one byte at a time: what the parser sees must not depend on how the bytes arrive.
static void test_hostile_heads_in_pieces(void **state)
{
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct raw_answer answer;
		int fd = raw_connect(*state);
		for (size_t at = 0; at < ROWS[i].length; at++) {
			(void)raw_send_bytes(fd, ROWS[i].head + at, 1);
			if (at % 16 == 0)
				clock_sleep_ms(1);
		}
		raw_read(fd, false, &answer);
		if (!is_refused(&ROWS[i], answer.status))
			fail_msg("%s: %d", ROWS[i].what, answer.status);
		(void)close(fd);
	}
}

static void test_smuggling_test_can_fail(void **state)
{
	struct raw_answer answer;
	int fd = raw_connect(*state);
	assert_true(raw_send(fd, "GET /echo HTTP/1.1\r\nHost: t\r\n\r\n" SECOND));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 200);
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 204);
	assert_int_equal(atomic_load(&smuggled), 1);
	atomic_store(&smuggled, 0);
	(void)close(fd);
}

static void ask_with_filler(const struct http_server *server, size_t lines, size_t bytes, struct raw_answer *ret_answer)
{
	struct buffer request;
	buffer_init(&request, 1024 * 1024);
	buffer_append_text(&request, "GET /echo HTTP/1.1\r\nHost: t\r\n");
	for (size_t i = 0; i < lines; i++)
		buffer_append_format(&request, "X-%zu: %0*d\r\n", i, (int)bytes, 0);
	buffer_append_text(&request, "\r\n");
	raw_ask(server, buffer_text(&request), ret_answer);
	buffer_done(&request);
}

static void test_large_heads(void **state)
{
	struct raw_answer answer;
	ask_with_filler(*state, 98, 300, &answer);
	assert_int_equal(answer.status, 200);
	ask_with_filler(*state, 1, 31000, &answer);
	assert_int_equal(answer.status, 200);
	ask_with_filler(*state, 1, 33000, &answer);
	assert_int_equal(answer.status, 431);
	ask_with_filler(*state, 1, 65536, &answer);
	assert_int_equal(answer.status, 431);
	ask_with_filler(*state, 101, 10, &answer);
	assert_int_equal(answer.status, 431);
	ask_with_filler(*state, 5000, 3, &answer);
	assert_int_equal(answer.status, 431);
}

static void test_large_target(void **state)
{
	struct raw_answer answer;
	struct buffer request;
	buffer_init(&request, 1024 * 1024);
	for (int bytes = 1000; bytes <= 65536; bytes *= 2) {
		buffer_clear(&request);
		buffer_append_format(&request, "GET /echo?q=%0*d HTTP/1.1\r\nHost: t\r\n\r\n", bytes, 0);
		raw_ask(*state, buffer_text(&request), &answer);
		assert_int_equal(answer.status, bytes <= 32000 ? 200 : 414);
	}
	buffer_done(&request);
}

static void test_many_query_parameters(void **state)
{
	struct raw_answer answer;
	struct buffer request;
	buffer_init(&request, 65536);
	buffer_append_text(&request, "GET /echo?q=1");
	for (int i = 0; i < 64; i++)
		buffer_append_format(&request, "&p%d=%d", i, i);
	buffer_append_text(&request, " HTTP/1.1\r\nHost: t\r\n\r\n");
	raw_ask(*state, buffer_text(&request), &answer);
	assert_int_equal(answer.status, 400);
	assert_holds(answer.body, "too many parameters");
	buffer_done(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smuggling_test_can_fail),
		cmocka_unit_test(test_hostile_heads),
		cmocka_unit_test(test_hostile_heads_in_pieces),
		cmocka_unit_test(test_large_heads),
		cmocka_unit_test(test_large_target),
		cmocka_unit_test(test_many_query_parameters),
	};
	const struct CMUnitTest large[] = {
		cmocka_unit_test(test_hostile_heads),
		cmocka_unit_test(test_large_heads),
		cmocka_unit_test(test_large_target),
	};
	return cmocka_run_group_tests(tests, start, stop) +
	       cmocka_run_group_tests_name("with large memory", large, start_large, stop);
}
