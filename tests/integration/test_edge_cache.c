// The edge's cache when things go wrong or many come at once: one fetch for a crowd, purges, a failing store,
// staleness.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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
	// Two seconds instead of a month, so that an entry can be watched growing stale.
	edge_rig_start(&rig, "proxy_cache_valid 200 2s;");
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
	return 0;
}

#define CROWD 50

static void *ask(void *context)
{
	const char *url = context;
	struct edge_reply reply = edge_get(&rig, url, NULL);
	bool is_good = reply.status == 200 && strstr(reply.body, " hit 1 end") != NULL;
	edge_reply_done(&reply);
	return is_good ? context : NULL;
}

static void test_one_fetch_for_a_crowd(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w2048", FORMAT_JPEG, 0, url);
	edge_origin_answer(&rig.store, 200, 500, false);
	pthread_t threads[CROWD];
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, url), 0);
	int good = 0;
	for (int i = 0; i < CROWD; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		good += result != NULL;
	}
	assert_int_equal(good, CROWD);
	assert_int_equal(edge_origin_hits(&rig.store), 1);
}

// ---- purges

static struct edge_reply purge(const char *token, const char *body)
{
	struct buffer request;
	buffer_init(&request, 1024 * 1024);
	if (token != NULL)
		buffer_append_format(&request, "Authorization: Bearer %s\r\n", token);
	buffer_append_format(&request, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	struct edge_reply reply = edge_request(rig.admin_port, "POST", "/purge", buffer_text(&request));
	buffer_done(&request);
	return reply;
}

static void assert_purged(const char *body, const char *answer)
{
	struct edge_reply reply = purge(EDGE_PURGE_TOKEN, body);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, answer);
	assert_true(edge_reply_has(&reply, "Content-Type", "application/json"));
	edge_reply_done(&reply);
}

static void test_purge(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], other[DELIVERY_URL_SIZE], media_id[UUID_TEXT_SIZE], body[512];
	uuid_format(&rig.media_id, media_id);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_rig_sign(&rig, "w640", FORMAT_WEBP, 0, other);
	edge_assert_cache(&rig, url, NULL, "MISS");
	edge_assert_cache(&rig, other, NULL, "MISS");
	(void)snprintf(body, sizeof(body), "%s/1/w640.jpg\r\n\n%s/1/never-there.jpg\n", media_id, media_id);
	assert_purged(body, "{\"purged\":1,\"in_flight\":0}");
	edge_assert_cache(&rig, other, NULL, "HIT");
	struct edge_reply reply = edge_get(&rig, url, NULL);
	assert_true(edge_reply_has(&reply, "X-Cache", "MISS"));
	assert_non_null(strstr(reply.body, " hit 3 end")); // fetched anew
	edge_reply_done(&reply);
	edge_assert_cache(&rig, url, NULL, "HIT");
	// Purged twice, fetched again: the entry lives on as before.
	assert_purged(body, "{\"purged\":1,\"in_flight\":0}");
	assert_purged(body, "{\"purged\":0,\"in_flight\":0}");
	edge_assert_cache(&rig, url, NULL, "MISS");
	edge_assert_cache(&rig, url, NULL, "HIT");
	assert_purged("", "{\"purged\":0,\"in_flight\":0}");
}

static void *ask_slowly(void *context)
{
	struct edge_reply reply = edge_get(&rig, context, NULL);
	edge_reply_done(&reply);
	return NULL;
}

static void test_purge_names_what_is_in_flight(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], media_id[UUID_TEXT_SIZE], body[128];
	uuid_format(&rig.media_id, media_id);
	(void)snprintf(body, sizeof(body), "%s/1/w640.jpg", media_id);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_origin_answer(&rig.store, 200, 600, false);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask_slowly, url), 0);
	for (int waited = 0; edge_origin_hits(&rig.store) == 0 && waited < 5000; waited += 10)
		clock_sleep_ms(10);
	assert_purged(body, "{\"purged\":0,\"in_flight\":1}");
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_purged(body, "{\"purged\":1,\"in_flight\":0}");
}

// A remembered "not found" goes with a purge too.
static void test_purge_forgets_a_404(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], media_id[UUID_TEXT_SIZE], body[128];
	uuid_format(&rig.media_id, media_id);
	(void)snprintf(body, sizeof(body), "%s/1/w640.jpg", media_id);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_origin_answer(&rig.store, 404, 0, false);
	struct edge_reply reply = edge_get(&rig, url, NULL);
	assert_int_equal(reply.status, 404);
	edge_reply_done(&reply);
	edge_origin_answer(&rig.store, 200, 0, false);
	assert_purged(body, "{\"purged\":0,\"in_flight\":0}");
	reply = edge_get(&rig, url, NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
}

static void test_purge_refuses(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], media_id[UUID_TEXT_SIZE], good[128], body[512];
	uuid_format(&rig.media_id, media_id);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_assert_cache(&rig, url, NULL, "MISS");
	(void)snprintf(good, sizeof(good), "%s/1/w640.jpg\n", media_id);
	static const char *const tokens[] = { "", "x", "purge-token-of-the-tes", "purge-token-of-the-test2",
		                              "Purge-token-of-the-test" };
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct edge_reply reply = purge(tokens[i], good);
		edge_assert_problem(&reply, 401, "unauthorized");
		edge_reply_done(&reply);
	}
	struct edge_reply reply = purge(NULL, good);
	edge_assert_problem(&reply, 401, "unauthorized");
	edge_reply_done(&reply);
	// One bad line, and nothing is purged.
	static const char *const lines[] = { "../../etc/passwd", "*", "/", "w640.jpg",
		                             "0193A5E0-7c1b-7abc-8def-0123456789ab/1/w640.jpg" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		(void)snprintf(body, sizeof(body), "%s%s\n", good, lines[i]);
		reply = purge(EDGE_PURGE_TOKEN, body);
		edge_assert_problem(&reply, 400, "invalid-request");
		edge_reply_done(&reply);
	}
	char *large = malloc(300 * 1024);
	assert_non_null(large);
	memset(large, '\n', 300 * 1024 - 1);
	large[300 * 1024 - 1] = '\0';
	reply = purge(EDGE_PURGE_TOKEN, large);
	edge_assert_problem(&reply, 413, "limit-exceeded");
	edge_reply_done(&reply);
	free(large);
	reply = edge_request(rig.admin_port, "GET", "/purge", "Authorization: Bearer " EDGE_PURGE_TOKEN "\r\n");
	edge_assert_problem(&reply, 405, "method-not-allowed");
	edge_reply_done(&reply);
	// Not on the public side.
	reply = edge_request(rig.port, "POST", "/purge", "Authorization: Bearer " EDGE_PURGE_TOKEN "\r\n");
	assert_true(reply.status == 404 || reply.status == 405);
	edge_reply_done(&reply);
	edge_assert_cache(&rig, url, NULL, "HIT");
}

static void test_many_keys_at_once(void **state)
{
	(void)state;
	struct buffer body;
	buffer_init(&body, 256 * 1024);
	char media_id[UUID_TEXT_SIZE];
	uuid_format(&rig.media_id, media_id);
	for (int i = 0; i < 5000; i++)
		buffer_append_format(&body, "%s/1/v%d.jpg\n", media_id, i);
	assert_true(buffer_ok(&body) && body.length > 200 * 1024);
	assert_purged(buffer_text(&body), "{\"purged\":0,\"in_flight\":0}");
	buffer_done(&body);
}

// ---- a failing store

static void test_store_errors_are_problems(void **state)
{
	(void)state;
	static const struct {
		unsigned status, expected;
		const char *slug;
	} rows[] = {
		{ 404, 404, "not-found" },   { 403, 404, "not-found" },   { 410, 404, "not-found" },
		{ 500, 503, "unavailable" }, { 502, 503, "unavailable" }, { 503, 503, "unavailable" },
		{ 504, 503, "unavailable" }, { 429, 503, "unavailable" }, { 400, 502, "bad-gateway" },
		{ 401, 502, "bad-gateway" }, { 301, 502, "bad-gateway" }, { 302, 502, "bad-gateway" },
		{ 307, 502, "bad-gateway" }, { 412, 502, "bad-gateway" }, { 501, 502, "bad-gateway" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char url[DELIVERY_URL_SIZE];
		edge_rig_fresh_media(&rig);
		edge_rig_sign(&rig, "w640", FORMAT_NONE, 0, url);
		edge_origin_answer(&rig.store, rows[i].status, 0, false);
		struct edge_reply reply = edge_get(&rig, url, "X-Request-Id: abc-DEF_1\r\n");
		edge_assert_problem(&reply, rows[i].expected, rows[i].slug);
		assert_true(edge_reply_has(&reply, "X-Request-Id", "abc-DEF_1"));
		assert_false(edge_reply_names(&reply, "Vary"));
		if (rows[i].expected == 503)
			assert_true(edge_reply_names(&reply, "Retry-After"));
		edge_reply_done(&reply);
		// Recovered: a failure was not kept, a 404 for a second only.
		edge_origin_answer(&rig.store, 200, 0, false);
		if (rows[i].status == 404)
			clock_sleep_ms(2100);
		edge_assert_cache(&rig, url, NULL, "MISS");
	}
}

// While a 404 is remembered the store is not asked again, however many ask.
static void test_404_is_remembered_briefly(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_origin_answer(&rig.store, 404, 0, false);
	for (int i = 0; i < 5; i++) {
		struct edge_reply reply = edge_get(&rig, url, NULL);
		edge_assert_problem(&reply, 404, "not-found");
		edge_reply_done(&reply);
	}
	assert_in_range(edge_origin_hits(&rig.store), 1, 2);
}

static void test_a_cut_body_is_not_kept(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_origin_answer(&rig.store, 200, 0, true);
	struct edge_reply reply = edge_get(&rig, url, NULL);
	assert_null(reply.body != NULL ? strstr(reply.body, " end") : NULL);
	edge_reply_done(&reply);
	edge_origin_answer(&rig.store, 200, 0, false);
	reply = edge_get(&rig, url, NULL);
	assert_int_equal(reply.status, 200);
	assert_true(edge_reply_has(&reply, "X-Cache", "MISS"));
	assert_non_null(strstr(reply.body, " end"));
	edge_reply_done(&reply);
}

// ---- staleness

static void assert_body(const char *url, const char *cache, const char *part)
{
	struct edge_reply reply = edge_get(&rig, url, NULL);
	if (reply.status != 200 || !edge_reply_has(&reply, "X-Cache", cache) || strstr(reply.body, part) == NULL)
		fail_msg("not %s with %s: %s%s", cache, part, reply.head, reply.body);
	edge_reply_done(&reply);
}

static void test_stale_while_the_store_fails(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	assert_body(url, "MISS", " hit 1 end");
	clock_sleep_ms(3100);
	edge_origin_answer(&rig.store, 503, 0, false);
	for (int i = 0; i < 3; i++) {
		assert_body(url, "STALE", " hit 1 end");
		clock_sleep_ms(50);
	}
	edge_origin_stop(&rig.store);
	for (int i = 0; i < 3; i++) {
		assert_body(url, "STALE", " hit 1 end");
		clock_sleep_ms(50);
	}
	edge_origin_restart(&rig.store);
	edge_origin_answer(&rig.store, 200, 0, false);
	// Stale once more, while the edge refreshes it behind the answer's back.
	assert_body(url, "STALE", " hit 1 end");
	clock_sleep_ms(300);
	struct edge_reply reply = edge_get(&rig, url, NULL);
	assert_true(edge_reply_has(&reply, "X-Cache", "HIT"));
	assert_null(strstr(reply.body, " hit 1 end"));
	edge_reply_done(&reply);
}

// One slow refresh, many readers: none of them waits.
static void test_nobody_waits_for_a_refresh(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	assert_body(url, "MISS", " hit 1 end");
	clock_sleep_ms(3100);
	edge_origin_answer(&rig.store, 200, 1500, false);
	assert_body(url, "STALE", " hit 1 end"); // starts the refresh
	int64_t start = clock_monotonic_us();
	for (int i = 0; i < 10; i++)
		assert_body(url, "UPDATING", " hit 1 end");
	assert_true(clock_monotonic_us() - start < 1000000);
	clock_sleep_ms(1800);
	assert_body(url, "HIT", " hit 2 end");
	assert_int_equal(edge_origin_hits(&rig.store), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(test_one_fetch_for_a_crowd),
		TEST(test_purge),
		TEST(test_purge_names_what_is_in_flight),
		TEST(test_purge_forgets_a_404),
		TEST(test_purge_refuses),
		TEST(test_many_keys_at_once),
		TEST(test_store_errors_are_problems),
		TEST(test_404_is_remembered_briefly),
		TEST(test_a_cut_body_is_not_kept),
		TEST(test_stale_while_the_store_fails),
		TEST(test_nobody_waits_for_a_refresh),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
