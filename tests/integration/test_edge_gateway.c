// The edge as the one origin of everything: routes, what services may believe, broken HTTP, slow clients.
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

static struct edge_rig rig;

static int setup(void **state)
{
	(void)state;
	if (crypto_init(NULL) != RC_OK)
		return -1;
	edge_rig_start(&rig, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

static int fresh(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	edge_origin_reset(&rig.ingest);
	edge_origin_reset(&rig.api);
	return 0;
}

static void test_routes(void **state)
{
	(void)state;
	static const struct {
		const char *method, *target, *service; // NULL: the edge's own 404
	} rows[] = {
		{ "POST", "/v1/uploads", "ingest" },
		{ "POST", "/v1/uploads?x=1", "ingest" },
		{ "POST", "/v1/uploads/batch", "ingest" },
		{ "GET", "/v1/uploads/0193a5e0-7c1b-7abc-8def-0123456789ab", "ingest" },
		{ "GET", "/v1/uploadsx", "api" },
		{ "GET", "/s3/params?filename=a", "ingest" },
		{ "POST", "/s3/multipart", "ingest" },
		{ "POST", "/sign", "ingest" },
		{ "POST", "/hooks/s3", "ingest" },
		{ "POST", "/files", "ingest" },
		{ "PATCH", "/files/abc", "ingest" },
		{ "OPTIONS", "/files", "ingest" },
		{ "GET", "/filesystem", NULL },
		{ "GET", "/v1/items", "api" },
		{ "PATCH", "/v1/items/1", "api" },
		{ "DELETE", "/v1/me", "api" },
		{ "GET", "/v1/events", "api" },
		{ "GET", "/openapi.json", "api" },
		{ "GET", "/docs", "api" },
		{ "GET", "/docs/x", "api" },
		{ "GET", "/consoles", NULL },
		{ "GET", "/metrics", NULL },
		{ "GET", "/purge", NULL },
		{ "GET", "/.problem/bad-request", NULL },
		{ "GET", "/.git/config", NULL },
		{ "GET", "/../../../etc/passwd", NULL },
		{ "GET", "/%2e%2e/%2e%2e/etc/passwd", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edge_reply reply = edge_request(rig.port, rows[i].method, rows[i].target, NULL);
		if (rows[i].service == NULL) {
			assert_true(reply.status == 404 || reply.status == 400);
			edge_assert_problem(&reply, reply.status,
			                    reply.status == 404 ? "not-found" : "invalid-request");
		} else if (!edge_reply_has(&reply, "X-Served-By", rows[i].service)) {
			fail_msg("%s %s: %s", rows[i].method, rows[i].target, reply.head);
		}
		edge_reply_done(&reply);
	}
}

static void assert_seen(struct edge_origin *origin, const char *name, const char *expected)
{
	char value[512];
	edge_origin_last_header(origin, name, value, sizeof(value));
	if (strcmp(value, expected) != 0)
		fail_msg("%s saw %s: '%s' instead of '%s'", origin->name, name, value, expected);
}

// Whatever a client claims of its address or its target, services see what the edge saw.
static void test_what_services_may_believe(void **state)
{
	(void)state;
	static const char headers[] =
	        "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
	        "X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Original-URL: /v1/evil\r\n"
	        "X-Rewrite-URL: /v1/evil\r\nX-HTTP-Method-Override: DELETE\r\n"
	        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
	        "X-Request-Id: of_the-Client1\r\nAuthorization: Bearer abc\r\n"
	        "Idempotency-Key: \"k\"\r\nLast-Event-ID: 7\r\n";
	static const struct {
		const char *target;
		bool is_tus;
	} rows[] = { { "/v1/items", false }, { "/v1/uploads", false }, { "/files/x", true } };
	for (size_t i = 0; i < 3; i++) {
		struct edge_origin *origin = i == 0 ? &rig.api : &rig.ingest;
		struct edge_reply reply = edge_request(rig.port, "POST", rows[i].target, headers);
		assert_int_equal(reply.status, 200);
		edge_reply_done(&reply);
		assert_seen(origin, "X-Forwarded-For", "127.0.0.1");
		assert_seen(origin, "X-Forwarded-Proto", "http");
		assert_seen(origin, "Host", "127.0.0.1");
		static const char *const dropped[] = { "X-Real-IP", "Forwarded", "X-Forwarded-Host", "X-Original-URL",
			                               "X-Rewrite-URL" };
		for (size_t k = 0; k < sizeof(dropped) / sizeof(dropped[0]); k++)
			assert_seen(origin, dropped[k], "");
		assert_seen(origin, "X-HTTP-Method-Override", rows[i].is_tus ? "DELETE" : "");
		assert_seen(origin, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
		assert_seen(origin, "X-Request-Id", "of_the-Client1");
		assert_seen(origin, "Authorization", "Bearer abc");
		assert_seen(origin, "Idempotency-Key", "\"k\"");
		assert_seen(origin, "Last-Event-ID", "7");
	}
	// A request id that is none is replaced by one of ours, another for each request.
	static const char *const bad[] = { "X-Request-Id: a b\r\n", "X-Request-Id: \"x\"\r\n", "X-Request-Id: \r\n",
		                           "" };
	char last[512] = "";
	for (size_t i = 0; i < 4; i++) {
		char value[512];
		struct edge_reply reply = edge_request(rig.port, "GET", "/v1/items", bad[i]);
		edge_reply_done(&reply);
		edge_origin_last_header(&rig.api, "X-Request-Id", value, sizeof(value));
		assert_int_equal(strlen(value), 32);
		assert_int_equal(strspn(value, "0123456789abcdef"), 32);
		assert_string_not_equal(value, last);
		memcpy(last, value, sizeof(last));
	}
}

// A path of the API that looks like a file is an answer of the API all the same: never kept.
static void test_no_cache_deception(void **state)
{
	(void)state;
	static const char *const targets[] = { "/v1/me/x.jpg", "/v1/me;.css", "/v1/me%0a.png", "/v1/me/..%2fm/x.jpg" };
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		unsigned before = edge_origin_hits(&rig.api);
		for (unsigned round = 1; round <= 2; round++) {
			struct edge_reply reply = edge_get(&rig, targets[i], NULL);
			assert_false(edge_reply_names(&reply, "X-Cache"));
			assert_int_equal(edge_origin_hits(&rig.api), before + round);
			edge_reply_done(&reply);
		}
	}
}

static struct edge_reply post_zeros(const char *target, size_t length)
{
	struct buffer request;
	buffer_init(&request, 8 * 1024 * 1024);
	buffer_append_format(&request,
	                     "POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", target,
	                     length);
	assert_true(buffer_reserve(&request, length));
	memset(request.data + request.length, '0', length);
	request.length += length;
	struct edge_reply reply = edge_send(rig.port, request.data, request.length);
	buffer_done(&request);
	return reply;
}

static void test_body_limits(void **state)
{
	(void)state;
	struct edge_reply reply = post_zeros("/v1/items", 1024 * 1024);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	reply = post_zeros("/v1/items", 1024 * 1024 + 1);
	edge_assert_problem(&reply, 413, "limit-exceeded");
	edge_reply_done(&reply);
	reply = post_zeros("/files/x", 3 * 1024 * 1024); // tus streams what it wants
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	assert_int_equal(edge_origin_hits(&rig.api), 1);
}

static void test_services_down(void **state)
{
	(void)state;
	edge_origin_stop(&rig.api);
	for (int i = 0; i < 3; i++) {
		struct edge_reply reply = edge_get(&rig, "/v1/items", NULL);
		edge_assert_problem(&reply, 503, "unavailable");
		assert_true(edge_reply_names(&reply, "Retry-After"));
		edge_reply_done(&reply);
	}
	edge_origin_restart(&rig.api);
	struct edge_reply reply = edge_get(&rig, "/v1/items", NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	// A service's own errors pass as they are.
	edge_origin_answer(&rig.api, 503, 0, false);
	reply = edge_get(&rig, "/v1/items", NULL);
	assert_int_equal(reply.status, 503);
	assert_true(edge_reply_has(&reply, "X-Served-By", "api"));
	edge_reply_done(&reply);
}

static void test_broken_http(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		unsigned status;
	} rows[] = {
		{ "POST /v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  400 },
		{ "POST /v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400 },
		{ "POST /v1/items HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501 },
		{ "POST /v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400 },
		{ "POST /v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\nhello", 400 },
		{ "GET /v1/items HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
		{ "GET /v1/items HTTP/1.1\r\n\r\n", 400 },
		{ "GET /v1/it ems HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET %00 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edge_reply reply = edge_send(rig.port, rows[i].bytes, strlen(rows[i].bytes));
		if (reply.status != rows[i].status && reply.status != 400)
			fail_msg("row %zu: %u", i, reply.status);
		assert_true(edge_reply_has(&reply, "Connection", "close"));
		edge_reply_done(&reply);
	}
	assert_int_equal(edge_origin_hits(&rig.api), 0);
}

static void test_oversized_heads(void **state)
{
	(void)state;
	struct buffer headers;
	buffer_init(&headers, 256 * 1024);
	buffer_append_text(&headers, "X-Large: ");
	for (int i = 0; i < 64 * 1024; i++)
		buffer_append_char(&headers, 'x');
	buffer_append_text(&headers, "\r\n");
	struct edge_reply reply = edge_get(&rig, "/v1/items", buffer_text(&headers));
	edge_assert_problem(&reply, 431, "header-too-large");
	edge_reply_done(&reply);
	// The same letters as a path.
	char *target = headers.data + strlen("X-Large:");
	target[0] = '/';
	headers.data[headers.length - 2] = '\0';
	reply = edge_get(&rig, target, NULL);
	edge_assert_problem(&reply, 414, "uri-too-long");
	edge_reply_done(&reply);
	buffer_done(&headers);
	assert_int_equal(edge_origin_hits(&rig.api), 0);
}

static void test_gallery(void **state)
{
	(void)state;
	char policy[128];
	struct edge_reply reply = edge_get(&rig, "/", NULL);
	assert_int_equal(reply.status, 200);
	assert_true(edge_reply_has(&reply, "Content-Type", "text/html; charset=utf-8"));
	assert_true(edge_reply_has(&reply, "X-Content-Type-Options", "nosniff"));
	(void)snprintf(policy, sizeof(policy), "connect-src 'self' http://127.0.0.1:%u;", rig.port);
	assert_non_null(strstr(reply.head, policy));
	assert_non_null(strstr(reply.head, "default-src 'none'; script-src 'self';"));
	assert_null(strstr(reply.head, "unsafe"));
	edge_reply_done(&reply);
	reply = edge_get(&rig, "/app.js", NULL);
	assert_true(edge_reply_has(&reply, "Content-Type", "text/javascript; charset=utf-8"));
	edge_reply_done(&reply);
	reply = edge_get(&rig, "/no-such-file.js", NULL);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
	reply = edge_get(&rig, "/healthz", NULL);
	assert_string_equal(reply.body, "{\"status\":\"ok\"}");
	edge_reply_done(&reply);
}

// A client that sends nothing is cut when its time is over, and no other notices.
static void test_slow_clients_are_cut(void **state)
{
	(void)state;
	static const char unfinished[] = "GET /v1/items HTTP/1.1\r\nHost: a\r\nX-Slow: ";
	int64_t start = clock_monotonic_us();
	struct edge_reply slow = edge_send(rig.port, unfinished, strlen(unfinished));
	int64_t seconds = (clock_monotonic_us() - start) / 1000000;
	assert_in_range(seconds, 8, 12);
	edge_reply_done(&slow);
	assert_int_equal(edge_origin_hits(&rig.api), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(test_routes),
		TEST(test_what_services_may_believe),
		TEST(test_no_cache_deception),
		TEST(test_body_limits),
		TEST(test_services_down),
		TEST(test_broken_http),
		TEST(test_oversized_heads),
		TEST(test_gallery),
		TEST(test_slow_clients_are_cut),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
