// The HTTP client against our own server, and against one that says what no server should.
#include "test_http_support.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/metrics.h"
#include "http/address.h"
#include "http/client.h"

// ---- a good server
// ----------------------------------------------------------------------------------------------------

static void redirect(struct http_request *request)
{
	http_respond_header(request, "Location", "/echo");
	http_respond_empty(request, 302);
}

static void get_large(struct http_request *request)
{
	struct buffer out;
	buffer_init(&out, 10000);
	for (int i = 0; i < 1000; i++)
		buffer_append_text(&out, "0123456789");
	http_respond_header(request, "X-Wanted", "  a value ");
	http_respond_buffer(request, 200, "text/plain", &out);
}

TEST_ROUTE(route_get, .method = "GET", .path = "/echo", .handle = test_echo);
TEST_ROUTE(route_post, .method = "POST", .path = "/echo", .handle = test_echo, .body_limit = 1000);
TEST_ROUTE(route_purge, .method = "PURGE", .path = "/echo", .handle = test_echo);
TEST_ROUTE(route_redirect, .method = "GET", .path = "/redirect", .handle = redirect);
TEST_ROUTE(route_large, .method = "GET", .path = "/large", .handle = get_large);
static const struct route *const ROUTES[] = { &route_get, &route_post, &route_purge, &route_redirect, &route_large };

struct fixture {
	struct http_server *server;
	struct http_client *client;
	struct metrics *metrics;
};

static struct http_client *make_client(unsigned connections, bool public_only)
{
	struct http_client_config config = { .connections = connections,
		                             .public_only = public_only,
		                             .connect_ms = 1000 };
	struct http_client *client = NULL;
	assert_int_equal(http_client_new(&config, &client, NULL), RC_OK);
	return client;
}

static int start(void **state)
{
	static struct fixture fixture;
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	fixture.metrics = metrics_new();
	config.metrics = fixture.metrics;
	fixture.server = test_start(&config);
	fixture.client = make_client(2, false);
	*state = &fixture;
	return 0;
}

static int stop(void **state)
{
	struct fixture *fixture = *state;
	http_client_free(fixture->client);
	http_server_drain(fixture->server, 1000);
	metrics_free(fixture->metrics);
	return 0;
}

static enum rc ask(const struct fixture *fixture, const char *method, const char *path, struct http_call call,
                   struct http_reply *ret_reply)
{
	char url[256];
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(fixture->server), path);
	call.method = method;
	call.url = url;
	if (call.timeout_ms == 0)
		call.timeout_ms = 5000;
	if (call.response_limit == 0)
		call.response_limit = 100000;
	return http_client_call(fixture->client, &call, ret_reply, NULL);
}

static void test_calls(void **state)
{
	static const char *const headers[] = { "X-Test: sent", NULL };
	struct http_reply reply;
	assert_int_equal(ask(*state, "GET", "/echo?q=1", (struct http_call){ .headers = headers }, &reply), RC_OK);
	assert_int_equal(reply.status, 200);
	assert_holds(buffer_text(&reply.body), "\"method\":\"GET\"");
	assert_holds(buffer_text(&reply.body), "\"x\":\"sent\"");
	http_reply_done(&reply);
	struct http_call call = { .body = "a body", .body_length = 6, .want_header = "content-type" };
	assert_int_equal(ask(*state, "POST", "/echo", call, &reply), RC_OK);
	assert_holds(buffer_text(&reply.body), "\"body\":\"a body\"");
	assert_string_equal(reply.header, "application/json");
	http_reply_done(&reply);
	assert_int_equal(ask(*state, "PURGE", "/echo", (struct http_call){ .body = NULL }, &reply), RC_OK);
	assert_holds(buffer_text(&reply.body), "\"method\":\"PURGE\"");
	http_reply_done(&reply);
	assert_int_equal(ask(*state, "POST", "/echo", (struct http_call){ .body = NULL }, &reply), RC_OK);
	assert_holds(buffer_text(&reply.body), "\"body\":\"\"");
	http_reply_done(&reply);
	assert_int_equal(ask(*state, "HEAD", "/large", (struct http_call){ .want_header = "X-Wanted" }, &reply), RC_OK);
	assert_int_equal(reply.body.length, 0);
	assert_string_equal(reply.header, "a value");
	http_reply_done(&reply);
}

static void test_errors_are_answers(void **state)
{
	struct http_reply reply;
	assert_int_equal(ask(*state, "GET", "/nothing", (struct http_call){ .want_header = "X-None" }, &reply), RC_OK);
	assert_int_equal(reply.status, 404);
	assert_string_equal(reply.header, "");
	http_reply_done(&reply);
	assert_int_equal(ask(*state, "GET", "/redirect", (struct http_call){ .want_header = "Location" }, &reply),
	                 RC_OK);
	assert_int_equal(reply.status, 302); // not followed
	assert_string_equal(reply.header, "/echo");
	http_reply_done(&reply);
}

static void test_response_limit(void **state)
{
	struct http_reply reply;
	assert_int_equal(ask(*state, "GET", "/large", (struct http_call){ .response_limit = 10000 }, &reply), RC_OK);
	assert_int_equal(reply.body.length, 10000);
	http_reply_done(&reply);
	assert_int_equal(ask(*state, "GET", "/large", (struct http_call){ .response_limit = 9999 }, &reply), RC_LIMIT);
}

static void test_connection_is_reused(void **state)
{
	struct fixture *fixture = *state;
	struct http_reply reply;
	struct metric *connections =
	        metrics_add(fixture->metrics, METRIC_GAUGE, "safelight_http_connections", "", NULL);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ask(fixture, "GET", "/echo", (struct http_call){ .body = NULL }, &reply), RC_OK);
		http_reply_done(&reply);
		assert_in_range(metric_value(connections), 1, 2);
	}
}

static void test_environment_proxy_is_ignored(void **state)
{
	struct http_reply reply;
	(void)setenv("http_proxy", "http://127.0.0.1:9", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
	struct fixture fixture = *(struct fixture *)*state;
	fixture.client = make_client(1, false);
	enum rc rc = ask(&fixture, "GET", "/echo", (struct http_call){ .body = NULL }, &reply);
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
	http_client_free(fixture.client);
	assert_int_equal(rc, RC_OK);
	http_reply_done(&reply);
}

// ---- a bad server
// -----------------------------------------------------------------------------------------------------

struct bad_server {
	const char *answer; // sent at once to whoever connects; NULL: nothing
	bool trickles;      // then a byte each 20 ms
	bool closes;        // then closes
	int listener;
	uint16_t port;
	atomic_int accepted;
	atomic_bool stops;
	pthread_t thread;
};

static void serve_badly(struct bad_server *server, int fd)
{
	if (server->answer != NULL)
		(void)raw_send(fd, server->answer);
	while (!server->closes && !atomic_load(&server->stops)) {
		clock_sleep_ms(20);
		if (server->trickles && !raw_send(fd, "x"))
			break;
	}
	(void)shutdown(fd, SHUT_WR);
	clock_sleep_ms(20);
	(void)close(fd);
}

static void *run_bad_server(void *argument)
{
	struct bad_server *server = argument;
	while (!atomic_load(&server->stops)) {
		if (!raw_wait(server->listener, 20))
			continue;
		int fd = accept(server->listener, NULL, NULL);
		char request[1024];
		atomic_fetch_add(&server->accepted, 1);
		if (fd >= 0 && recv(fd, request, sizeof request, 0) > 0)
			serve_badly(server, fd);
		else
			(void)close(fd);
	}
	return NULL;
}

static void start_bad_server(struct bad_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, run_bad_server, server), 0);
}

static void stop_bad_server(struct bad_server *server)
{
	atomic_store(&server->stops, true);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->listener);
}

static enum rc ask_url(struct http_client *client, const char *url, int64_t timeout_ms)
{
	struct http_call call = { .method = "GET", .url = url, .timeout_ms = timeout_ms, .response_limit = 1000 };
	struct http_reply reply;
	struct err err = { .rc = RC_OK };
	enum rc rc = http_client_call(client, &call, &reply, &err);
	if (rc == RC_OK)
		http_reply_done(&reply);
	else
		assert_null(strstr(err.text, "secret"));
	return rc;
}

static void test_bad_servers(void **state)
{
	static const struct {
		const char *answer;
		bool trickles, closes;
		enum rc rc;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, true, RC_OK },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", false, true, RC_UNKNOWN },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", false, true, RC_UNKNOWN },
		{ "", false, true, RC_UNKNOWN },
		{ "SSH-2.0-OpenSSH_9.2\r\n", false, true, RC_CORRUPT },
		{ NULL, false, false, RC_TIMEOUT },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", true, false, RC_TIMEOUT },
		{ "HTTP/1.1 200 OK\r\nX: ", true, false, RC_TIMEOUT },
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct bad_server server = { .answer = rows[i].answer,
			                     .trickles = rows[i].trickles,
			                     .closes = rows[i].closes };
		char url[64];
		start_bad_server(&server);
		(void)snprintf(url, sizeof url, "http://user:secret@127.0.0.1:%u/secret", server.port);
		int64_t begin = clock_monotonic_us();
		enum rc rc = ask_url(fixture->client, url, 300);
		int64_t took_ms = (clock_monotonic_us() - begin) / 1000;
		stop_bad_server(&server);
		if (rc != rows[i].rc || took_ms > 1500)
			fail_msg("row %zu: %s after %d ms", i, rc_name(rc), (int)took_ms);
	}
}

static void test_bad_urls(void **state)
{
	static const char *const urls[] = {
		"",        "file:///etc/passwd",     "ftp://127.0.0.1/", "gopher://127.0.0.1:70/", "dict://127.0.0.1/",
		"http://", "http://127.0.0.1:99999/"
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		if (ask_url(fixture->client, urls[i], 1000) != RC_INVALID)
			fail_msg("%s", urls[i]);
	assert_int_equal(ask_url(fixture->client, "http://127.0.0.1:9/", 1000), RC_UNAVAILABLE);
	assert_int_equal(ask_url(fixture->client, "http://no-such-host.invalid/", 3000), RC_UNAVAILABLE);
}

// ---- turns
// ------------------------------------------------------------------------------------------------------------

struct caller {
	struct http_client *client;
	const char *url;
	enum rc rc;
};

static void *call_slowly(void *argument)
{
	struct caller *caller = argument;
	caller->rc = ask_url(caller->client, caller->url, 600);
	return NULL;
}

static void test_turns_are_bounded(void **state)
{
	struct bad_server server = { .answer = NULL };
	char url[64];
	pthread_t thread;
	(void)state;
	start_bad_server(&server);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
	struct caller caller = { .client = make_client(1, false), .url = url };
	assert_int_equal(pthread_create(&thread, NULL, call_slowly, &caller), 0);
	while (atomic_load(&server.accepted) == 0)
		clock_sleep_ms(1);
	assert_int_equal(ask_url(caller.client, url, 100), RC_BUSY);
	(void)pthread_join(thread, NULL);
	assert_int_equal(caller.rc, RC_TIMEOUT);
	http_client_free(caller.client);
	stop_bad_server(&server);
}

// ---- strangers' URLs
// --------------------------------------------------------------------------------------------------

static void test_only_public_addresses(void **state)
{
	static const char *const hosts[] = { "127.0.0.1",  "localhost", "127.1", "2130706433",        "0x7f000001",
		                             "0177.0.0.1", "0.0.0.0",   "[::1]", "[::ffff:127.0.0.1]" };
	struct bad_server server = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .closes = true };
	struct http_client *client = make_client(1, true);
	(void)state;
	start_bad_server(&server);
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		char url[64];
		(void)snprintf(url, sizeof url, "http://%s:%u/", hosts[i], server.port);
		enum rc rc = ask_url(client, url, 1000);
		if (rc != RC_DENIED)
			fail_msg("%s: %s", url, rc_name(rc));
	}
	assert_int_equal(atomic_load(&server.accepted), 0);
	http_client_free(client);
	stop_bad_server(&server);
}

static const struct {
	const char *address;
	bool public;
} ADDRESSES[] = {
	{ "8.8.8.8", true },
	{ "1.1.1.1", true },
	{ "172.15.255.255", true },
	{ "172.32.0.0", true },
	{ "100.63.255.255", true },
	{ "100.128.0.0", true },
	{ "11.0.0.1", true },
	{ "223.255.255.254", true },
	{ "198.20.0.0", true },
	{ "0.0.0.0", false },
	{ "0.1.2.3", false },
	{ "10.0.0.1", false },
	{ "10.255.255.255", false },
	{ "100.64.0.1", false },
	{ "100.127.255.255", false },
	{ "127.0.0.1", false },
	{ "127.255.255.255", false },
	{ "169.254.169.254", false },
	{ "172.16.0.1", false },
	{ "172.31.255.255", false },
	{ "192.0.0.8", false },
	{ "192.0.2.1", false },
	{ "192.88.99.1", false },
	{ "192.168.1.1", false },
	{ "198.18.0.1", false },
	{ "198.19.255.255", false },
	{ "198.51.100.1", false },
	{ "203.0.113.1", false },
	{ "224.0.0.1", false },
	{ "239.255.255.255", false },
	{ "240.0.0.1", false },
	{ "255.255.255.255", false },
	{ "2606:4700::1111", true },
	{ "2001:4860::8888", true },
	{ "::", false },
	{ "::1", false },
	{ "::8.8.8.8", false },
	{ "::ffff:8.8.8.8", true },
	{ "::ffff:127.0.0.1", false },
	{ "::ffff:10.0.0.1", false },
	{ "64:ff9b::8.8.8.8", true },
	{ "64:ff9b::10.0.0.1", false },
	{ "64:ff9b:1::1", false },
	{ "2002:808:808::1", true },
	{ "2002:7f00:1::1", false },
	{ "2001::1", false },
	{ "2001:db8::1", false },
	{ "3fff::1", false },
	{ "fc00::1", false },
	{ "fd12::1", false },
	{ "fe80::1", false },
	{ "fec0::1", false },
	{ "ff02::1", false },
	{ "100::1", false },
};

static void test_address_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ADDRESSES / sizeof ADDRESSES[0]; i++) {
		const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };
		struct addrinfo *info = NULL;
		assert_int_equal(getaddrinfo(ADDRESSES[i].address, NULL, &hints, &info), 0);
		if (address_is_public(info->ai_addr) != ADDRESSES[i].public)
			fail_msg("%s", ADDRESSES[i].address);
		freeaddrinfo(info);
	}
	assert_false(address_is_public(&(struct sockaddr){ .sa_family = AF_UNIX }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_errors_are_answers),
		cmocka_unit_test(test_response_limit),
		cmocka_unit_test(test_connection_is_reused),
		cmocka_unit_test(test_environment_proxy_is_ignored),
		cmocka_unit_test(test_bad_servers),
		cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_turns_are_bounded),
		cmocka_unit_test(test_only_public_addresses),
		cmocka_unit_test(test_address_rule),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
