// The server: routing, heads, bodies, connections.
#include "test_http_support.h"

#include "base/metrics.h"

// ---- the routes under test ------------------------------------------------------------------------------------------

static void get_by_id(struct http_request *request)
{
	struct uuid id;
	int64_t limit = 0;
	struct err err = { .rc = RC_OK };
	static const char *const known[] = { "limit", NULL };
	if (!http_request_parameter_uuid(request, "id", &id) || !http_request_query_only(request, known))
		return;
	if (http_request_query_int(request, "limit", 50, 1, 200, &limit, &err) != RC_OK) {
		http_respond_rc(request, &err);
		return;
	}
	struct buffer out;
	buffer_init(&out, 100);
	buffer_append_format(&out, "%d", (int)limit);
	http_respond_json(request, 200, &out);
}

static void get_too_much(struct http_request *request)
{
	struct buffer out;
	buffer_init(&out, 4);
	buffer_append_text(&out, "longer than four");
	http_respond_json(request, 200, &out);
}

static void forget(struct http_request *request)
{
	(void)request;
}

TEST_ROUTE(route_echo, .method = "GET", .path = "/echo", .handle = test_echo);
TEST_ROUTE(route_echo_post, .method = "POST", .path = "/echo", .handle = test_echo, .body_limit = 1000);
TEST_ROUTE(route_big, .method = "POST", .path = "/big", .handle = test_echo, .body_limit = 100000, .run = ROUTE_WORKER);
TEST_ROUTE(route_named, .method = "GET", .path = "/things/{name}", .handle = test_echo);
TEST_ROUTE(route_literal, .method = "GET", .path = "/things/literal", .handle = test_echo);
TEST_ROUTE(route_nested, .method = "PUT", .path = "/things/{name}/parts", .handle = test_echo, .run = ROUTE_WORKER);
TEST_ROUTE(route_id, .method = "GET", .path = "/ids/{id}", .handle = get_by_id);
TEST_ROUTE(route_too_much, .method = "GET", .path = "/too-much", .handle = get_too_much);
TEST_ROUTE(route_forget, .method = "GET", .path = "/forget", .handle = forget);
TEST_ROUTE(route_user, .method = "GET", .path = "/user", .handle = test_echo, .auth = ROUTE_USER);

static const struct route *const ROUTES[] = { &route_echo,    &route_echo_post, &route_big, &route_named,
	                                      &route_literal, &route_nested,    &route_id,  &route_too_much,
	                                      &route_forget,  &route_user };
#define ROUTE_COUNT (sizeof ROUTES / sizeof ROUTES[0])

// Nobody is anybody.
static enum rc authenticate(void *context, const struct http_request *request, bool *ret_present,
                            struct http_principal *ret_principal, struct err *err)
{
	(void)context;
	(void)request;
	(void)ret_principal;
	(void)err;
	*ret_present = false;
	return RC_OK;
}

static int start(void **state)
{
	struct http_server_config config = test_config(ROUTES, ROUTE_COUNT);
	config.authenticate = authenticate;
	*state = test_start(&config);
	return 0;
}

static int stop(void **state)
{
	http_server_drain(*state, 1000);
	return 0;
}

// ---- routing --------------------------------------------------------------------------------------------------------

static void test_routes(void **state)
{
	static const struct {
		const char *method, *path;
		int status;
		const char *part; // of the body
	} rows[] = {
		{ "GET", "/echo", 200, "\"route\":\"/echo\"" },
		{ "GET", "/things/abc", 200, "\"name\":\"abc\"" },
		{ "GET", "/things/a%2Fb%20c", 200, "\"name\":\"a/b c\"" },
		{ "GET", "/things/%C3%A4", 200, "\"name\":\"ä\"" },
		{ "GET", "/things/literal", 200, "\"route\":\"/things/literal\"" },
		{ "PUT", "/things/literal/parts", 200, "\"name\":\"literal\"" },
		{ "GET", "/things/%ff", 404, "/problems/no-such-path" },
		{ "GET", "/things/%00", 404, "/problems/no-such-path" },
		{ "GET", "/things/", 404, "/problems/no-such-path" },
		{ "GET", "/things", 404, "/problems/no-such-path" },
		{ "GET", "//echo", 404, "/problems/no-such-path" },
		{ "GET", "/echo/", 404, "/problems/no-such-path" },
		{ "GET", "/%65cho", 404, "/problems/no-such-path" },
		{ "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", 404, "/problems/no-such-path" },
		{ "DELETE", "/echo", 405, "This path knows GET, HEAD, POST, OPTIONS." },
		{ "PUT", "/things/abc", 405, "/problems/method-not-allowed" },
		{ "get", "/echo", 405, "/problems/method-not-allowed" },
		{ "GET", "/echo?q=a%2Bb+c", 200, "\"q\":\"a+b c\"" },
		{ "GET", "/echo?q", 200, "\"q\":\"\"" },
		{ "GET", "/echo?q=", 200, "\"q\":\"\"" },
		{ "GET", "/echo?q=1&p=2", 200, "\"q\":\"1\"" },
		{ "GET", "/echo?", 200, "\"q\":null" },
		{ "GET", "/echo?q=1&q=2", 400, "given twice" },
		{ "GET", "/echo?q=1&%71=2", 400, "given twice" },
		{ "GET", "/echo?q=%zz", 400, "percent-encoded" },
		{ "GET", "/echo?q=%ff", 400, "percent-encoded" },
		{ "GET", "/echo?q=%00", 400, "percent-encoded" },
		{ "GET", "echo", 400, "request target" },
		{ "GET", "http://other/echo", 400, "request target" },
		{ "GET", "/ec\"ho", 400, "request target" },
		{ "GET", "/ec%ho", 400, "request target" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c", 200, "50" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?limit=200", 200, "200" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?limit=201", 400, "from 1 to 200" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?limit=-1", 400, "from 1 to 200" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?limit=+1", 400, "from 1 to 200" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?limit=1e9", 400, "from 1 to 200" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?limit=99999999999999999999", 400, "from 1 to" },
		{ "GET", "/ids/01a20c61-3596-7752-a017-fb5176d3700c?other=1", 400, "\\\"other\\\" is not known" },
		{ "GET", "/ids/7", 404, "/problems/not-found" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		test_ask(*state, rows[i].method, rows[i].path, "", NULL, &answer);
		if (answer.status != rows[i].status || strstr(answer.body, rows[i].part) == NULL)
			fail_msg("%s %s: %d %s", rows[i].method, rows[i].path, answer.status, answer.body);
	}
}

static void test_method_not_allowed_names_the_methods(void **state)
{
	struct raw_answer answer;
	test_ask(*state, "DELETE", "/echo", "", NULL, &answer);
	assert_header(&answer, "Allow", "GET, HEAD, POST, OPTIONS");
	test_ask(*state, "OPTIONS", "/echo", "", NULL, &answer);
	assert_int_equal(answer.status, 204);
	assert_header(&answer, "Allow", "GET, HEAD, POST, OPTIONS");
	test_ask(*state, "OPTIONS", "/nothing", "", NULL, &answer);
	assert_int_equal(answer.status, 404);
}

static void test_head_is_get_without_body(void **state)
{
	struct raw_answer get;
	struct raw_answer head;
	char length[256];
	int fd = raw_connect(*state);
	test_ask(*state, "GET", "/too-much", "", NULL, &get);
	assert_true(raw_header(&get, "Content-Length", length));
	assert_true(raw_send(fd, "HEAD /too-much HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(fd, true, &head);
	assert_int_equal(head.status, 500);
	assert_header(&head, "Content-Length", length);
	// Nothing of a body stands before the next answer.
	assert_true(raw_send(fd, "GET /echo HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(fd, false, &get);
	assert_int_equal(get.status, 200);
	(void)close(fd);
}

static void test_connection_is_kept(void **state)
{
	struct raw_answer answer;
	static const char *const requests[] = {
		"GET /echo HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n",
		"DELETE /echo HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /user HTTP/1.1\r\nHost: t\r\n\r\n",
		"POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n12345", // read and thrown away
		"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n",      // body follows below
		"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"PUT /things/x/parts HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /forget HTTP/1.1\r\nHost: t\r\n\r\n",
		"GET /echo?q=1&q=1 HTTP/1.1\r\nHost: t\r\n\r\n",
	};
	static const int statuses[] = { 200, 404, 405, 401, 404, 413, 200, 200, 500, 400 };
	char filler[1001];
	memset(filler, 'x', sizeof filler);
	int fd = raw_connect(*state);
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		assert_true(raw_send(fd, requests[i]));
		if (statuses[i] == 413)
			assert_true(raw_send_bytes(fd, filler, sizeof filler));
		raw_read(fd, false, &answer);
		if (answer.status != statuses[i])
			fail_msg("%s: %d", requests[i], answer.status);
	}
	assert_header(&answer, "Connection", "close"); // only the broken head closes
	assert_true(raw_is_closed(fd, RAW_WAIT_MS));
	(void)close(fd);
}

static void test_requests_are_pipelined(void **state)
{
	struct raw_answer answer;
	int fd = raw_connect(*state);
	assert_true(raw_send(fd,
	                     "GET /echo?q=1 HTTP/1.1\r\nHost: t\r\n\r\nPUT /things/2/parts HTTP/1.1\r\nHost: t\r\n\r\n"
	                     "GET /echo?q=3 HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(fd, false, &answer);
	assert_holds(answer.body, "\"q\":\"1\"");
	raw_read(fd, false, &answer);
	assert_holds(answer.body, "\"name\":\"2\"");
	raw_read(fd, false, &answer);
	assert_holds(answer.body, "\"q\":\"3\"");
	(void)close(fd);
}

// ---- heads ----------------------------------------------------------------------------------------------------------

static void test_request_id(void **state)
{
	static const char longest[] = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	struct raw_answer answer;
	char line[256];
	char value[256];
	test_ask(*state, "GET", "/echo", "X-Request-Id: abc-7\r\n", NULL, &answer);
	assert_header(&answer, "X-Request-Id", "abc-7");
	assert_holds(answer.body, "\"id\":\"abc-7\"");
	(void)snprintf(line, sizeof line, "X-Request-Id: %s\r\n", longest);
	test_ask(*state, "GET", "/nothing", line, NULL, &answer);
	assert_header(&answer, "X-Request-Id", longest);
	assert_holds(answer.body, longest);
	static const char *const refused[] = { "X-Request-Id: a b\r\n", "X-Request-Id: <script>\r\n",
		                               "X-Request-Id:\r\n", "" };
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct uuid id;
		test_ask(*state, "GET", "/echo", refused[i], NULL, &answer);
		assert_true(raw_header(&answer, "X-Request-Id", value));
		assert_true(uuid_parse(value, &id));
	}
	(void)snprintf(line, sizeof line, "X-Request-Id: %sx\r\n", longest);
	test_ask(*state, "GET", "/echo", line, NULL, &answer);
	assert_true(raw_header(&answer, "X-Request-Id", value));
	assert_int_equal(strlen(value), UUID_TEXT_SIZE - 1);
}

static void test_traceparent(void **state)
{
	struct raw_answer answer;
	test_ask(*state, "GET", "/echo", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n",
	         NULL, &answer);
	assert_holds(answer.body, "\"trace\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-");
	assert_holds(answer.body, "-00\"");
	assert_null(strstr(answer.body, "00f067aa0ba902b7")); // the span is our own
	static const char *const refused[] = {
		"",
		"traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-00\r\n",
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00\r\n",
		"traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-00\r\n",
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\r\n",
		"traceparent: nonsense\r\n"
	};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		test_ask(*state, "GET", "/echo", refused[i], NULL, &answer);
		const char *trace = strstr(answer.body, "\"trace\":\"00-");
		assert_non_null(trace);
		assert_memory_equal(trace + strlen("\"trace\":\"") + 52, "-01\"", 4);
		assert_null(strstr(answer.body, "4bf92f3577b34da6"));
	}
}

static void test_client_address(void **state)
{
	static const char *const rows[][2] = {
		{ "", "127.0.0.1" },
		{ "X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9" },
		{ "X-Forwarded-For: 6.6.6.6, 2001:db8::7\r\n", "2001:db8::7" },
		{ "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n", "7.7.7.7" },
		{ "X-Forwarded-For: unknown\r\n", "127.0.0.1" },
		{ "X-Forwarded-For:\r\n", "127.0.0.1" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		char wanted[64];
		test_ask(*state, "GET", "/echo", rows[i][0], NULL, &answer);
		(void)snprintf(wanted, sizeof wanted, "\"client\":\"%s\"", rows[i][1]);
		assert_holds(answer.body, wanted);
	}
}

static void test_headers_in_pieces(void **state)
{
	struct raw_answer answer;
	struct buffer request;
	buffer_init(&request, 65536);
	buffer_append_text(&request, "GET /echo HTTP/1.1\r\nHost: t\r\n");
	for (int i = 0; i < 80; i++)
		buffer_append_format(&request, "X-Filler-%d: \t%0300d\r\n", i, i);
	buffer_append_text(&request, "x-TEST: found\r\n\r\n");
	// Split at every place that is a multiple of 7, so that lines arrive in pieces and the receive buffer grows.
	int fd = raw_connect(*state);
	for (size_t at = 0; at < request.length; at += 7) {
		size_t left = request.length - at;
		assert_true(raw_send_bytes(fd, request.data + at, left < 7 ? left : 7));
		if (at % 700 == 0)
			clock_sleep_ms(1);
	}
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_holds(answer.body, "\"x\":\"found\"");
	(void)close(fd);
	buffer_done(&request);
}

// ---- bodies ---------------------------------------------------------------------------------------------------------

static void test_bodies(void **state)
{
	struct raw_answer answer;
	char body[1002];
	memset(body, 'b', sizeof body);
	body[1000] = '\0';
	test_ask(*state, "POST", "/echo", "", body, &answer);
	assert_int_equal(answer.status, 200);
	assert_holds(answer.body, body);
	test_ask(*state, "POST", "/echo", "", "", &answer);
	assert_int_equal(answer.status, 200);
	body[1000] = 'b';
	body[1001] = '\0';
	test_ask(*state, "POST", "/echo", "", body, &answer);
	assert_int_equal(answer.status, 413);
	assert_holds(answer.body, "at most 1000 bytes");
	test_ask(*state, "GET", "/echo", "", "fat", &answer);
	assert_int_equal(answer.status, 400);
	assert_holds(answer.body, "/problems/unexpected-body");
	test_ask(*state, "POST", "/big", "", body, &answer);
	assert_int_equal(answer.status, 200);
	assert_holds(answer.body, body);
}

static void test_chunked_body(void **state)
{
	struct raw_answer answer;
	struct buffer request;
	buffer_init(&request, 65536);
	for (int chunks = 10; chunks <= 11; chunks++) { // of 100 bytes: the 11th is beyond the limit of 1000
		buffer_clear(&request);
		buffer_append_text(&request, "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < chunks; i++)
			buffer_append_format(&request, "64;extension=1\r\n%0100d\r\n", i);
		buffer_append_text(&request, "0\r\nTrailer: x\r\n\r\n");
		raw_ask(*state, buffer_text(&request), &answer);
		assert_int_equal(answer.status, chunks == 10 ? 200 : 413);
	}
	buffer_done(&request);
}

static void test_huge_body_is_refused_unread(void **state)
{
	struct raw_answer answer;
	int fd = raw_connect(*state);
	assert_true(raw_send(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5000000000\r\n\r\n"));
	raw_read(fd, false, &answer); // although nothing of it was sent
	assert_int_equal(answer.status, 413);
	assert_header(&answer, "Connection", "close");
	assert_true(raw_is_closed(fd, RAW_WAIT_MS));
	(void)close(fd);
}

static void test_expect_continue(void **state)
{
	struct raw_answer answer;
	int fd = raw_connect(*state);
	assert_true(
	        raw_send(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
	assert_true(raw_wait(fd, RAW_WAIT_MS));
	assert_true(raw_send(fd, "abc"));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 200);
	assert_holds(answer.body, "\"body\":\"abc\"");
	assert_true(
	        raw_send(fd, "POST /user HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 405); // at once, no 100
	assert_true(raw_is_closed(fd, RAW_WAIT_MS));
	(void)close(fd);
}

// Beyond so many, a connection lives for one answer.
static void test_few_connections_are_kept(void **state)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	struct raw_answer answer;
	int fds[3];
	config.authenticate = authenticate;
	config.kept_connections = 2;
	struct http_server *server = test_start(&config);
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		fds[i] = raw_connect(server);
		assert_true(raw_send(fds[i], "GET /echo HTTP/1.1\r\nHost: t\r\n\r\n"));
		raw_read(fds[i], false, &answer);
		assert_int_equal(answer.status, 200);
		if (i < 2)
			assert_no_header(&answer, "Connection");
	}
	assert_header(&answer, "Connection", "close");
	assert_true(raw_is_closed(fds[2], RAW_WAIT_MS));
	assert_true(raw_send(fds[0], "GET /echo HTTP/1.1\r\nHost: t\r\n\r\n"));
	raw_read(fds[0], false, &answer);
	assert_no_header(&answer, "Connection");
	for (size_t i = 0; i < 3; i++)
		(void)close(fds[i]);
	http_server_drain(server, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_method_not_allowed_names_the_methods),
		cmocka_unit_test(test_head_is_get_without_body),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_few_connections_are_kept),
		cmocka_unit_test(test_requests_are_pipelined),
		cmocka_unit_test(test_request_id),
		cmocka_unit_test(test_traceparent),
		cmocka_unit_test(test_client_address),
		cmocka_unit_test(test_headers_in_pieces),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_chunked_body),
		cmocka_unit_test(test_huge_body_is_refused_unread),
		cmocka_unit_test(test_expect_continue),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
