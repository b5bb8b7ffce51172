// What the edge does with downloads of originals, in front of a store that counts: conditional requests, ranges, CORS,
// refusals, and that it keeps nothing. (test_originals has the whole way.)
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

static struct edge_rig rig;
static char url[DELIVERY_ORIGINAL_URL_SIZE];

static int setup(void **state)
{
	(void)state;
	if (crypto_init(NULL) != RC_OK)
		return -1;
	edge_rig_start_with(&rig, NULL, "[cdn]\ncors_origins = *\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

static void sign(int64_t lifetime)
{
	struct delivery_original original = { .media_id = rig.media_id, .expiry = (int64_t)time(NULL) + lifetime };
	random_fill(original.random, sizeof original.random);
	(void)snprintf(original.filename, sizeof original.filename, "Grüße.jpg");
	(void)delivery_original_sign(&rig.keys, &original, url);
}

static int fresh(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	sign(3600);
	return 0;
}

static void test_nothing_is_kept(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 2; round++) {
		struct edge_reply reply = edge_get(&rig, url, NULL);
		assert_int_equal(reply.status, 200);
		assert_non_null(strstr(reply.body, "/safelight-originals/"));
		assert_true(edge_reply_has(&reply, "Content-Type", "application/octet-stream"));
		assert_true(edge_reply_has(&reply, "Content-Disposition",
		                           "attachment; filename=\"Gr__e.jpg\"; "
		                           "filename*=UTF-8''Gr%C3%BC%C3%9Fe.jpg"));
		assert_true(edge_reply_has(&reply, "Access-Control-Allow-Origin", "*"));
		assert_false(edge_reply_names(&reply, "X-Cache"));
		assert_false(edge_reply_names(&reply, "Vary"));
		assert_null(strstr(reply.head, "secret-internals"));
		edge_reply_done(&reply);
		assert_int_equal(edge_origin_hits(&rig.store), round);
	}
}

// The store is asked for the first piece, whose head has the ETag; no byte of it goes on.
static void test_conditional_requests(void **state)
{
	(void)state;
	static const struct {
		const char *headers;
		unsigned status;
	} rows[] = {
		{ "If-None-Match: \"tag-1\"\r\n", 304 },
		{ "If-None-Match: \"other\", \"tag-2\"\r\n", 304 },
		{ "If-None-Match: *\r\n", 304 },
		{ "If-None-Match: \"other\"\r\n", 200 },
		{ "If-Modified-Since: Tue, 24 Nov 2026 06:35:01 GMT\r\n", 304 },
		{ "If-Modified-Since: Mon, 23 Nov 2026 06:35:01 GMT\r\n", 200 },
		{ "If-Match: \"other\"\r\n", 412 },
		{ "If-Range: \"tag-8\"\r\nRange: bytes=0-3\r\n", 206 },
		{ "If-Range: \"other\"\r\nRange: bytes=0-3\r\n", 200 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct edge_reply reply = edge_get(&rig, url, rows[i].headers);
		if (reply.status != rows[i].status)
			fail_msg("%s: %u", rows[i].headers, reply.status);
		if (reply.status == 412)
			edge_assert_problem(&reply, 412, "precondition-failed");
		if (reply.status == 304) {
			char tag[32];
			(void)snprintf(tag, sizeof tag, "\"tag-%zu\"", i + 1);
			assert_int_equal(reply.length, 0);
			assert_true(edge_reply_has(&reply, "ETag", tag));
			assert_non_null(strstr(reply.head, "Cache-Control: private, max-age="));
			assert_true(edge_reply_has(&reply, "Access-Control-Allow-Origin", "*"));
		}
		edge_reply_done(&reply);
		assert_int_equal(edge_origin_hits(&rig.store), i + 1);
	}
}

static void test_ranges(void **state)
{
	(void)state;
	char value[64];
	struct edge_reply reply = edge_get(&rig, url, "Range: bytes=1-3\r\n");
	assert_int_equal(reply.status, 206);
	assert_string_equal(reply.body, "tor"); // of "store …"
	edge_reply_done(&reply);
	edge_origin_last_header(&rig.store, "Range", value, sizeof value);
	assert_string_equal(value, "bytes=0-4194303");
	reply = edge_get(&rig, url, "Range: bytes=900000-\r\n");
	edge_assert_problem(&reply, 416, "range-not-satisfiable");
	edge_reply_done(&reply);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		unsigned says, becomes;
		const char *slug;
	} rows[] = { { 404, 404, "not-found" },
		     { 403, 404, "not-found" },
		     { 503, 503, "unavailable" },
		     { 400, 502, "bad-gateway" } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		edge_origin_answer(&rig.store, rows[i].says, 0, false);
		struct edge_reply reply = edge_get(&rig, url, NULL);
		edge_assert_problem(&reply, rows[i].becomes, rows[i].slug);
		edge_reply_done(&reply);
	}
	edge_origin_reset(&rig.store);
	sign(-1);
	struct edge_reply reply = edge_get(&rig, url, NULL);
	edge_assert_problem(&reply, 403, "url-expired");
	edge_reply_done(&reply);
	sign(3600);
	for (size_t at = strlen(DELIVERY_ORIGINAL_PREFIX); url[at] != '\0'; at++) {
		char original = url[at];
		url[at] = original == 'a' ? 'b' : 'a';
		reply = edge_get(&rig, url, NULL);
		edge_assert_problem(&reply, 403, "url-refused");
		edge_reply_done(&reply);
		url[at] = original;
	}
	assert_int_equal(edge_origin_hits(&rig.store), 0);
}

// 400 is nginx's own: what is no path at all.
static void assert_refused(const char *target)
{
	struct edge_reply reply = edge_get(&rig, target, NULL);
	if (reply.status != 403 && reply.status != 404 && reply.status != 400)
		fail_msg("%u for %s", reply.status, target);
	edge_assert_problem(&reply, reply.status,
	                    reply.status == 403   ? "url-refused"
	                    : reply.status == 404 ? "not-found"
	                                          : "invalid-request");
	edge_reply_done(&reply);
}

// One part of the good URL exchanged for another text that means the same to somebody.
static void assert_refused_with(const char *part, const char *other)
{
	char target[2 * DELIVERY_ORIGINAL_URL_SIZE];
	const char *at = strstr(url, part);
	assert_non_null(at);
	(void)snprintf(target, sizeof target, "%.*s%s%s", (int)(at - url), url, other, at + strlen(part));
	assert_refused(target);
}

// What was signed is the only spelling.
static void test_other_spellings(void **state)
{
	(void)state;
	static const struct {
		const char *part, *other;
	} rows[] = { { "/o/", "//o/" },
		     { "/o/", "/o//" },
		     { "/o/", "/x/../o/" },
		     { "/o/", "/x/%2e%2e/o/" },
		     { "/o/", "/%6f/" },
		     { "/o/", "/o/%252e/" },
		     { "/o/", "/O/" },
		     { "?e=", "/?e=" },
		     { "?e=", ";x?e=" },
		     { "?e=", "%00?e=" },
		     { "?e=", "?x=1&e=" },
		     { "?e=", "?e=1&e=" },
		     { "?e=", "?E=" },
		     { "&k=", "&k=k1&k=" },
		     { "&s=", "&x=1&s=" },
		     { "%C3", "%c3" },
		     { "%C3%BC", "\xc3\xbc" },
		     { ".jpg", "%2Ejpg" },
		     { ".jpg", ".jpg&" },
		     { ".jpg", ".jpg&x=1" },
		     { ".jpg", ".jpg#" },
		     { "Gr", "Gr%0D%0AX:y" },
		     { "-", "" } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_refused_with(rows[i].part, rows[i].other);
	// The same parts in another order.
	char target[DELIVERY_ORIGINAL_URL_SIZE];
	const char *e = strstr(url, "e="), *k = strstr(url, "&k="), *s = strstr(url, "&s=");
	(void)snprintf(target, sizeof target, "%.*s%.*s&%.*s%s", (int)(e - url), url, (int)(s - k - 1), k + 1,
	               (int)(k - e), e, s);
	assert_refused(target);
	assert_int_equal(edge_origin_hits(&rig.store), 0);
	struct edge_reply reply = edge_get(&rig, url, NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = { TEST(test_nothing_is_kept), TEST(test_conditional_requests),
		                            TEST(test_ranges), TEST(test_refusals), TEST(test_other_spellings) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
