// CORS for media: which pages of other origins may read them, what caches may make of it, and that without a setting
// nobody may. Each configuration has an nginx of its own.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

#define ALLOW "Access-Control-Allow-Origin"
#define APP "https://app.example"
#define SHOP "https://shop.example:8443"
#define FOREIGN "https://evil.example"
#define ORIGIN(origin) "Origin: " origin "\r\n"
#define PREFLIGHT "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range\r\n"

static struct edge_rig rig;

// Origins of cdn.cors_origins; "": the setting stands there and is empty.
static void start(const char *origins)
{
	char settings[256];
	(void)snprintf(settings, sizeof settings, "[cdn]\ncors_origins = %s\n", origins);
	edge_rig_start_with(&rig, NULL, settings);
}

static int start_list(void **state)
{
	(void)state;
	start(APP ", " SHOP "/");
	return 0;
}

static int start_one(void **state)
{
	(void)state;
	start(APP);
	return 0;
}

static int start_any(void **state)
{
	(void)state;
	start("*");
	return 0;
}

static int start_none(void **state)
{
	(void)state;
	start("");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

// Values of NULL: the answer has no such header.
static void assert_cors(const char *url, const char *headers, unsigned status, const char *allow, const char *vary)
{
	struct edge_reply reply = edge_get(&rig, url, headers);
	if (reply.status != status)
		fail_msg("%u for %s", reply.status, headers != NULL ? headers : "no Origin");
	if (allow == NULL ? edge_reply_names(&reply, ALLOW) : !edge_reply_has(&reply, ALLOW, allow))
		fail_msg("%s: not '%s' in %s", headers, allow != NULL ? allow : "", reply.head);
	if (vary == NULL ? edge_reply_names(&reply, "Vary") : !edge_reply_has(&reply, "Vary", vary))
		fail_msg("%s: does not vary by '%s': %s", headers, vary != NULL ? vary : "", reply.head);
	assert_int_equal(edge_reply_names(&reply, "Access-Control-Expose-Headers"), allow != NULL);
	// A URL is its own credential: cookies are never asked for. Showing is allowed to all in any case.
	assert_false(edge_reply_names(&reply, "Access-Control-Allow-Credentials"));
	assert_true(edge_reply_has(&reply, "Cross-Origin-Resource-Policy", "cross-origin"));
	edge_reply_done(&reply);
}

static void sign_both(char ret_fixed[DELIVERY_URL_SIZE], char ret_negotiated[DELIVERY_URL_SIZE])
{
	edge_rig_fresh_media(&rig);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, ret_fixed);
	edge_rig_sign(&rig, "w640", FORMAT_NONE, 0, ret_negotiated);
}

static void test_several_origins(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], negotiated[DELIVERY_URL_SIZE];
	sign_both(url, negotiated);
	// Filled by a stranger: what is cached here carries nobody's answer.
	assert_cors(url, ORIGIN(FOREIGN), 200, NULL, "Origin");
	assert_cors(url, ORIGIN(APP), 200, APP, "Origin");
	assert_cors(url, ORIGIN(SHOP), 200, SHOP, "Origin");
	assert_cors(url, NULL, 200, NULL, "Origin"); // or a browser's copy of it would be given to fetch() later
	assert_cors(negotiated, ORIGIN(SHOP), 200, SHOP, "Accept, Origin");
	static const char *const others[] = {
		ORIGIN("null"),  ORIGIN(APP ".evil.example"),    ORIGIN("http://app.example"),
		ORIGIN(APP "/"), ORIGIN("https://shop.example"), ORIGIN("*")
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_cors(url, others[i], 200, NULL, "Origin");
	assert_cors(url, ORIGIN(APP) "Range: bytes=0-3\r\n", 206, APP, "Origin");
	assert_cors(url, ORIGIN(APP) "If-None-Match: \"tag-1\"\r\n", 304, APP, "Origin");
	assert_int_equal(edge_origin_hits(&rig.store), 1);
}

// A page must see why it was refused, to ask the API for new URLs.
static void test_refusals_can_be_read(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], negotiated[DELIVERY_URL_SIZE];
	sign_both(url, negotiated);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, -1, url);
	assert_cors(url, ORIGIN(APP), 403, APP, NULL);
	assert_cors(url, ORIGIN(FOREIGN), 403, NULL, NULL);
	assert_cors("/m/x", ORIGIN(APP), 403, APP, NULL);
	assert_cors("/o/x", ORIGIN(APP), 403, APP, NULL);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_origin_answer(&rig.store, 404, 0, false);
	assert_cors(url, ORIGIN(APP), 404, APP, NULL);
	edge_origin_reset(&rig.store);
}

// The rest of the edge is not media: its services have rules of their own.
static void test_media_only(void **state)
{
	(void)state;
	static const char *const targets[] = { "/healthz", "/v1/media", "/nothing", "/mx", "/" };
	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		struct edge_reply reply = edge_get(&rig, targets[i], ORIGIN(APP));
		assert_false(edge_reply_names(&reply, ALLOW));
		edge_reply_done(&reply);
	}
}

static void assert_preflight(const char *url, const char *headers, const char *allow)
{
	struct edge_reply reply = edge_request(rig.port, "OPTIONS", url, headers);
	if (allow == NULL) {
		edge_assert_problem(&reply, 405, "method-not-allowed");
	} else {
		assert_int_equal(reply.status, 204);
		assert_int_equal(reply.length, 0);
		assert_true(edge_reply_has(&reply, ALLOW, allow));
		assert_true(edge_reply_has(&reply, "Access-Control-Allow-Methods", "GET, HEAD"));
		assert_true(edge_reply_has(&reply, "Access-Control-Allow-Headers",
		                           "If-Modified-Since, If-None-Match, If-Range, Range, X-Request-Id"));
		assert_true(edge_reply_has(&reply, "Access-Control-Max-Age", "7200"));
		assert_true(edge_reply_has(&reply, "Cache-Control", "no-store"));
	}
	edge_reply_done(&reply);
}

static void test_preflight(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], negotiated[DELIVERY_URL_SIZE];
	sign_both(url, negotiated);
	assert_preflight(url, ORIGIN(APP) PREFLIGHT, APP);
	assert_preflight(negotiated, ORIGIN(SHOP) PREFLIGHT, SHOP);
	assert_preflight("/o/x", ORIGIN(APP) PREFLIGHT, APP);
	assert_preflight(url, ORIGIN(FOREIGN) PREFLIGHT, NULL);
	assert_preflight(url, ORIGIN(APP), NULL); // no preflight without the method that it asks for
	assert_preflight(url, PREFLIGHT, NULL);
	assert_int_equal(edge_origin_hits(&rig.store), 0);
}

// One origin is said to everybody; then nothing varies, and shared caches keep one copy.
static void test_one_origin(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], negotiated[DELIVERY_URL_SIZE];
	sign_both(url, negotiated);
	assert_cors(url, NULL, 200, APP, NULL);
	assert_cors(url, ORIGIN(FOREIGN), 200, APP, NULL);
	assert_cors(negotiated, ORIGIN(APP), 200, APP, "Accept");
	assert_preflight(url, ORIGIN(APP) PREFLIGHT, APP);
	assert_preflight(url, ORIGIN(FOREIGN) PREFLIGHT, NULL);
}

static void test_any_origin(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], negotiated[DELIVERY_URL_SIZE];
	sign_both(url, negotiated);
	assert_cors(url, NULL, 200, "*", NULL);
	assert_cors(url, ORIGIN(FOREIGN), 200, "*", NULL);
	assert_cors(negotiated, ORIGIN(APP), 200, "*", "Accept");
	assert_preflight(url, ORIGIN(FOREIGN) PREFLIGHT, "*");
}

static void test_nobody(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], negotiated[DELIVERY_URL_SIZE];
	sign_both(url, negotiated);
	assert_cors(url, ORIGIN(APP), 200, NULL, NULL);
	assert_cors(negotiated, ORIGIN(APP), 200, NULL, "Accept");
	assert_cors("/m/x", ORIGIN(APP), 403, NULL, NULL);
	assert_preflight(url, ORIGIN(APP) PREFLIGHT, NULL);
}

// What is no origin as browsers write it would never match, or would match too much: refused when it is rendered.
static void test_bad_settings(void **state)
{
	(void)state;
	static const char *const values[] = { APP ",*", "https://App.example", "app.example",        APP "/path",
		                              "null",   "https://*.example",   APP "\";return 200;#" };
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct buffer log;
		buffer_init(&log, 1 << 20);
		assert_int_equal(setenv("SAFELIGHT_CDN_CORS_ORIGINS", values[i], 1), 0);
		int status = edge_rig_render(&rig);
		edge_rig_read_log(&rig, "render.log", &log);
		if (status != 78 || strstr(buffer_text(&log), "[cdn] cors_origins: ") == NULL)
			fail_msg("%s: %d %s", values[i], status, buffer_text(&log));
		buffer_done(&log);
	}
	assert_int_equal(unsetenv("SAFELIGHT_CDN_CORS_ORIGINS"), 0);
	assert_int_equal(edge_rig_render(&rig), 0);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_several_origins), cmocka_unit_test(test_refusals_can_be_read),
		cmocka_unit_test(test_media_only),      cmocka_unit_test(test_preflight),
		cmocka_unit_test(test_bad_settings),
	};
	const struct CMUnitTest one[] = { cmocka_unit_test(test_one_origin) };
	const struct CMUnitTest any[] = { cmocka_unit_test(test_any_origin) };
	const struct CMUnitTest none[] = { cmocka_unit_test(test_nobody) };
	if (crypto_init(NULL) != RC_OK)
		return 1;
	int failed = cmocka_run_group_tests_name("several origins", list, start_list, stop);
	failed += cmocka_run_group_tests_name("one origin", one, start_one, stop);
	failed += cmocka_run_group_tests_name("any origin", any, start_any, stop);
	return failed + cmocka_run_group_tests_name("nobody", none, start_none, stop);
}
