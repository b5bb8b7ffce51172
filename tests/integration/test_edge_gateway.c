// The edge as the one origin of everything: routes, what services may believe, broken HTTP, logs, counters, key
// rotation.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
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
		{ "GET", "/console", "api" },
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
	// A request id that is none is replaced.
	static const char *const bad[] = { "X-Request-Id: a b\r\n", "X-Request-Id: \"x\"\r\n", "X-Request-Id: \r\n",
		                           "" };
	for (size_t i = 0; i < 4; i++) {
		char value[512];
		struct edge_reply reply = edge_request(rig.port, "GET", "/v1/items", bad[i]);
		edge_reply_done(&reply);
		edge_origin_last_header(&rig.api, "X-Request-Id", value, sizeof(value));
		assert_int_equal(strlen(value), 32);
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
	(void)snprintf(policy, sizeof(policy), "connect-src 'self' http://127.0.0.1:%u;", rig.store.port);
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

// ---- keys, logs, counters

#define OLD_KEY "k1:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define NEW_KEY "k2:ff2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

static void test_key_rotation(void **state)
{
	(void)state;
	char old_url[DELIVERY_URL_SIZE], new_url[DELIVERY_URL_SIZE];
	struct delivery_keys old_keys = rig.keys;
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, old_url);
	assert_int_equal(delivery_keys_parse(NEW_KEY, &rig.keys, NULL), RC_OK);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, new_url);
	edge_assert_cache(&rig, old_url, NULL, "MISS");
	struct edge_reply reply = edge_get(&rig, new_url, NULL);
	edge_assert_problem(&reply, 403, "url-refused");
	edge_reply_done(&reply);
	edge_rig_rotate(&rig, NEW_KEY "\n" OLD_KEY "\n"); // both, while old URLs live
	edge_assert_cache(&rig, old_url, NULL, "HIT");
	edge_assert_cache(&rig, new_url, NULL, "HIT");
	edge_rig_rotate(&rig, NEW_KEY "\n");
	reply = edge_get(&rig, old_url, NULL);
	edge_assert_problem(&reply, 403, "url-refused");
	edge_reply_done(&reply);
	edge_assert_cache(&rig, new_url, NULL, "HIT");
	// A file that is no good changes nothing: nginx goes on with what it has.
	edge_rig_try_rotate(&rig, "k2:00\n");
	edge_assert_cache(&rig, new_url, NULL, "HIT");
	edge_rig_rotate(&rig, OLD_KEY "\n");
	rig.keys = old_keys;
}

static int64_t metric(const char *series)
{
	struct edge_reply reply = edge_request(rig.admin_port, "GET", "/metrics", NULL);
	assert_int_equal(reply.status, 200);
	char wanted[256];
	(void)snprintf(wanted, sizeof(wanted), "\n%s ", series);
	const char *at = strstr(reply.body, wanted);
	if (at == NULL)
		fail_msg("no %s in %s", series, reply.body);
	int64_t value = strtoll(at + strlen(wanted), NULL, 10);
	edge_reply_done(&reply);
	return value;
}

static void test_metrics(void **state)
{
	(void)state;
	static const char *const series[] = {
		"safelight_edge_deliveries_total{verdict=\"ok\"}",
		"safelight_edge_deliveries_total{verdict=\"malformed\"}",
		"safelight_edge_deliveries_total{verdict=\"unknown_key\"}",
		"safelight_edge_deliveries_total{verdict=\"bad_signature\"}",
		"safelight_edge_deliveries_total{verdict=\"expired\"}",
		"safelight_edge_deliveries_total{verdict=\"method\"}",
		"safelight_edge_cache_total{status=\"miss\"}",
		"safelight_edge_cache_total{status=\"hit\"}",
		"safelight_edge_origin_failures_total",
	};
	static const int64_t expected[] = { 4, 2, 1, 1, 1, 1, 2, 2, 1 };
	int64_t before[9];
	for (size_t i = 0; i < 9; i++)
		before[i] = metric(series[i]);
	char url[DELIVERY_URL_SIZE], failing[DELIVERY_URL_SIZE], bent[DELIVERY_URL_SIZE + 8];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	for (int i = 0; i < 3; i++)
		edge_assert_cache(&rig, url, NULL, i == 0 ? "MISS" : "HIT");
	edge_rig_sign(&rig, "w320", FORMAT_JPEG, 0, failing);
	edge_origin_answer(&rig.store, 500, 0, false);
	const char *others[] = { failing, bent, bent, bent, bent, "/m/x" };
	for (size_t i = 0; i < 6; i++) {
		(void)snprintf(bent, sizeof(bent), "%s", url);
		if (i == 1)
			(void)snprintf(bent, sizeof(bent), "%s&x=1", url);
		else if (i == 2)
			memcpy(strstr(bent, "k=k1"), "k=xx", 4);
		else if (i == 3)
			memcpy(strstr(bent, "w640"), "w320", 4);
		else if (i == 4)
			edge_rig_sign(&rig, "w640", FORMAT_JPEG, -1, bent);
		struct edge_reply reply = edge_get(&rig, others[i], NULL);
		edge_reply_done(&reply);
	}
	struct edge_reply reply = edge_request(rig.port, "DELETE", url, NULL);
	edge_reply_done(&reply);
	for (size_t i = 0; i < 9; i++)
		if (metric(series[i]) - before[i] != expected[i])
			fail_msg("%s rose by %lld", series[i], (long long)(metric(series[i]) - before[i]));
	assert_true(metric("safelight_edge_sent_bytes_total") > 0);
	assert_true(metric("safelight_edge_connections") >= 1);
}

// Read the access log until it has all the parts: nginx writes it a second late.
static void wait_for_log(struct buffer *access, const char *const *parts, size_t count)
{
	size_t found = 0;
	for (int waited = 0; found < count && waited < 15000; waited += 100) {
		clock_sleep_ms(100);
		buffer_clear(access);
		edge_rig_read_log(&rig, "access.log", access);
		for (found = 0; found < count && strstr(buffer_text(access), parts[found]) != NULL;)
			found++;
	}
	if (found < count)
		fail_msg("%s is not in the log", parts[found]);
}

// Signatures and tokens stand in no log; every line is JSON and says what happened.
static void test_logs(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], failing[DELIVERY_URL_SIZE], forged[DELIVERY_URL_SIZE], target[512];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_rig_sign(&rig, "w320", FORMAT_JPEG, 0, failing);
	(void)snprintf(forged, sizeof(forged), "%s", url);
	memcpy(strstr(forged, "w640"), "w321", 4);
	edge_assert_cache(&rig, url, "User-Agent: a\"b\\c\x01\r\n", "MISS");
	edge_origin_stop(&rig.store); // so that the error log has to speak of the request, too
	edge_origin_stop(&rig.api);
	(void)snprintf(target, sizeof(target), "/hooks/s3?token=%s", "hidden-hook-token");
	const char *targets[] = { url,    failing,
		                  forged, "/v1/shared/hidden-share-token?password=hidden",
		                  target, "/v1/me?access_token=hidden" };
	for (size_t i = 0; i < 6; i++) {
		struct edge_reply reply = edge_get(&rig, targets[i], NULL);
		edge_reply_done(&reply);
	}
	edge_origin_restart(&rig.store);
	edge_origin_restart(&rig.api);
	static const char *const parts[] = { "\"cache\":\"MISS\",\"verdict\":\"ok\"",
		                             "\"cache\":\"HIT\",\"verdict\":\"ok\"",
		                             "\"verdict\":\"bad_signature\"",
		                             "\"path\":\"/v1/shared/-\"",
		                             "\"path\":\"/hooks/s3\"",
		                             "\"path\":\"/v1/me\",\"status\":503" };
	struct buffer access, errors;
	buffer_init(&access, 16 << 20);
	buffer_init(&errors, 16 << 20);
	wait_for_log(&access, parts, sizeof(parts) / sizeof(parts[0]));
	edge_rig_read_log(&rig, "error.log", &errors);
	assert_non_null(strstr(buffer_text(&errors), "request: \"GET /v1/shared/\""));
	const char *signatures[] = { strstr(url, "&s=") + 3, strstr(failing, "&s=") + 3, "hidden" };
	for (size_t i = 0; i < 3; i++) {
		assert_null(strstr(buffer_text(&access), signatures[i]));
		assert_null(strstr(buffer_text(&errors), signatures[i]));
	}
	for (char *line = access.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		json_t *entry = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(entry) || json_object_get(entry, "request_id") == NULL)
			fail_msg("not a line of JSON: %.*s", (int)(end - line), line);
		json_decref(entry);
	}
	buffer_done(&access);
	buffer_done(&errors);
}

// render.sh has its own list of defaults; it must be the settings'.
static void test_defaults(void **state)
{
	(void)state;
	static const struct {
		const char *name, *initial;
	} options[] = {
#define SETTING(section, key, kind, initial, least, most, unit, text) { #section "." #key, initial },
#include "base/settings.def"
#undef SETTING
	};
	CLEANUP(free_pointer) char *script = NULL;
	size_t length, compared = 0;
	assert_int_equal(file_read("cdn-config/render.sh", 1 << 20, &script, &length, NULL), RC_OK);
	const char *at = strstr(script, "declare -A DEFAULTS=(");
	const char *end = at != NULL ? strstr(at, "\n)") : NULL;
	assert_true(at != NULL && end != NULL);
	while ((at = strstr(at, "\n    [")) != NULL && at < end) {
		char name[64], value[128];
		assert_int_equal(sscanf(at, "\n    [%63[^]]]=%127[^\n]", name, value), 2);
		bool is_known = false;
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
			if (strcmp(options[i].name, name) != 0)
				continue;
			assert_string_equal(value, options[i].initial);
			is_known = true;
		}
		if (!is_known)
			fail_msg("%s is no setting", name);
		compared++;
		at++;
	}
	assert_true(compared >= 10);
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
		TEST(test_key_rotation),
		TEST(test_metrics),
		TEST(test_logs),
		TEST(test_slow_clients_are_cut),
		TEST(test_defaults),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
