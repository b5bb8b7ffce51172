// The link to Redis, against a real one: copies, forged copies, and a Redis that dies, hangs and comes back.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/metrics.h"
#include "cache/cache.h"
#include "cache/sealed.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_KEY "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TIMEOUT_MS 200
#define UP_MS 15000

static uint16_t port;
static pid_t redis;

static struct cache *open_with(const char *key, const char *password, struct metrics *metrics)
{
	char url[64];
	struct cache *cache = NULL;
	struct err err = { 0 };
	(void)snprintf(url, sizeof url, "redis://127.0.0.1:%u/1", port);
	const struct cache_options options = { .name = "test",
		                               .url = url,
		                               .user = "",
		                               .password = password,
		                               .key = key,
		                               .timeout_ms = TIMEOUT_MS,
		                               .metrics = metrics };
	assert_int_equal(cache_open(&options, &cache, &err), RC_OK);
	return cache;
}

static bool is_up(void *cache)
{
	return cache_is_up(cache);
}

static bool is_down(void *cache)
{
	return !cache_is_up(cache);
}

static int setup(void **state)
{
	struct err err;
	(void)state;
	assert_int_equal(crypto_init(&err), RC_OK);
	port = test_free_port();
	redis = test_redis_start(port, "open sesame");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_instance_kill(redis);
	return 0;
}

// A reply, waited for.
struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t came;
	bool has_come;
	enum rc rc;
	int64_t integer;
	char text[64];
};

static void on_reply(void *context, const struct cache_reply *reply)
{
	struct waiter *waiter = context;
	(void)pthread_mutex_lock(&waiter->lock);
	waiter->has_come = true;
	waiter->rc = reply->rc;
	waiter->integer = reply->integer;
	(void)snprintf(waiter->text, sizeof waiter->text, "%.*s", (int)reply->length,
	               reply->length > 0 ? reply->data : "");
	(void)pthread_cond_signal(&waiter->came);
	(void)pthread_mutex_unlock(&waiter->lock);
}

static void await(struct waiter *waiter)
{
	(void)pthread_mutex_lock(&waiter->lock);
	while (!waiter->has_come)
		(void)pthread_cond_wait(&waiter->came, &waiter->lock);
	(void)pthread_mutex_unlock(&waiter->lock);
}

#define WAITER                                                                      \
	{                                                                           \
		.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER \
	}

static enum rc get(struct cache *cache, const char *name, int64_t most_age_ms, char ret_text[64])
{
	struct waiter waiter = WAITER;
	cache_sealed_get(cache, name, most_age_ms, on_reply, &waiter);
	await(&waiter);
	if (ret_text != NULL)
		memcpy(ret_text, waiter.text, sizeof waiter.text);
	return waiter.rc;
}

static enum rc call(struct cache *cache, const char *one, const char *two, const char *three, char ret_text[64])
{
	struct waiter waiter = WAITER;
	const struct cache_word words[] = { cache_word(one), cache_word(two), cache_word(three) };
	cache_call(cache, words, three[0] == '\0' ? 2 : 3, on_reply, &waiter);
	await(&waiter);
	if (ret_text != NULL)
		memcpy(ret_text, waiter.text, sizeof waiter.text);
	return waiter.rc;
}

static void keeps_and_forgets_copies(void **state)
{
	(void)state;
	struct cache *cache = open_with(KEY, "open sesame", NULL);
	char text[64];
	test_wait(is_up, cache, UP_MS, "Redis");
	assert_int_equal(get(cache, "a", 60000, text), RC_NOT_FOUND);
	cache_sealed_put(cache, "a", "apple", 5, 60000);
	cache_sealed_put(cache, "b", "", 0, 60000);
	assert_int_equal(get(cache, "a", 60000, text), RC_OK);
	assert_string_equal(text, "apple");
	assert_int_equal(get(cache, "b", 60000, text), RC_OK);
	assert_string_equal(text, "");
	clock_sleep_ms(20);
	assert_int_equal(get(cache, "a", 10, text), RC_NOT_FOUND); // too old
	cache_sealed_put(cache, "a", "apple", 5, 1);
	clock_sleep_ms(20);
	assert_int_equal(get(cache, "a", 60000, text), RC_NOT_FOUND); // expired
	assert_int_equal(call(cache, "NONSENSE", "x", "", NULL), RC_INVALID);
	cache_close(cache);
}

// Who owns Redis can lose copies, but neither read nor change nor exchange them.
static void a_wrong_redis_shows_nobody_anothers(void **state)
{
	(void)state;
	struct cache *cache = open_with(KEY, "open sesame", NULL), *other = open_with(OTHER_KEY, "open sesame", NULL);
	char text[64];
	test_wait(is_up, cache, UP_MS, "Redis");
	test_wait(is_up, other, UP_MS, "Redis");
	(void)call(cache, "FLUSHDB", "SYNC", "", NULL);
	cache_sealed_put(cache, "a", "only a's", 8, 60000);
	cache_sealed_put(cache, "b", "only b's", 8, 60000);
	assert_int_equal(get(other, "a", 60000, NULL), RC_NOT_FOUND); // another key, other names
	// Nothing of it can be read there.
	static const char FIND[] = "for _, k in ipairs(redis.call('KEYS', '*')) do "
	                           "if string.find(redis.call('GET', k), 'only', 1, true) then return 'found' end end "
	                           "return #redis.call('KEYS', '*') .. ' sealed'";
	assert_int_equal(call(cache, "EVAL", FIND, "0", text), RC_OK);
	assert_string_equal(text, "2 sealed");
	// Exchange the two.
	static const char EXCHANGE[] = "local k = redis.call('KEYS', '*') local a = redis.call('GET', k[1]) "
	                               "redis.call('SET', k[1], redis.call('GET', k[2])) redis.call('SET', k[2], a) "
	                               "return 'done'";
	assert_int_equal(call(cache, "EVAL", EXCHANGE, "0", text), RC_OK);
	assert_string_equal(text, "done");
	assert_int_equal(get(cache, "a", 60000, NULL), RC_CORRUPT);
	assert_int_equal(get(cache, "b", 60000, NULL), RC_CORRUPT);
	// Change one byte.
	static const char CHANGE[] =
	        "for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('SETRANGE', k, 70, '!') end "
	        "return 'done'";
	cache_sealed_put(cache, "a", "only a's", 8, 60000);
	assert_int_equal(get(cache, "a", 60000, NULL), RC_OK);
	assert_int_equal(call(cache, "EVAL", CHANGE, "0", NULL), RC_OK);
	assert_int_equal(get(cache, "a", 60000, NULL), RC_CORRUPT);
	cache_close(other);
	cache_close(cache);
}

static void nobody_waits_for_one_that_hangs_or_is_gone(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct cache *cache = open_with(KEY, "open sesame", metrics);
	const struct metric *skipped =
	        metrics_add(metrics, METRIC_COUNTER, "safelight_redis_calls_total", "", "outcome=\"skipped\"");
	const struct metric *up = metrics_add(metrics, METRIC_GAUGE, "safelight_redis_up", "", NULL);
	test_wait(is_up, cache, UP_MS, "Redis");
	assert_int_equal(metric_value(up), 1);
	assert_int_equal(kill(redis, SIGSTOP), 0);
	int64_t began_us = clock_monotonic_us();
	assert_int_equal(call(cache, "GET", "x", "", NULL), RC_UNKNOWN);
	assert_in_range(clock_monotonic_us() - began_us, TIMEOUT_MS * 900, 10 * TIMEOUT_MS * 1000);
	// From here on not even that, however often somebody asks.
	test_wait(is_down, cache, UP_MS, "the circuit to open");
	began_us = clock_monotonic_us();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(call(cache, "GET", "x", "", NULL), RC_UNAVAILABLE);
	assert_in_range(clock_monotonic_us() - began_us, 0, TIMEOUT_MS * 1000);
	assert_int_equal(metric_value(skipped), 1000);
	assert_int_equal(metric_value(up), 0);
	assert_int_equal(kill(redis, SIGCONT), 0);
	test_wait(is_up, cache, UP_MS, "Redis, awake again");
	assert_int_equal(call(cache, "GET", "x", "", NULL), RC_NOT_FOUND);
	test_instance_kill(redis);
	test_wait(is_down, cache, UP_MS, "the circuit to open");
	assert_int_equal(call(cache, "GET", "x", "", NULL), RC_UNAVAILABLE);
	redis = test_redis_start(port, "open sesame");
	test_wait(is_up, cache, UP_MS, "Redis, back");
	assert_int_equal(call(cache, "GET", "x", "", NULL), RC_NOT_FOUND);
	cache_close(cache);
	metrics_free(metrics);
}

static void a_wrong_password_is_as_no_redis(void **state)
{
	(void)state;
	struct cache *cache = open_with(KEY, "wrong", NULL);
	clock_sleep_ms(500);
	assert_false(cache_is_up(cache));
	assert_int_equal(call(cache, "GET", "x", "", NULL), RC_UNAVAILABLE);
	cache_close(cache);
	assert_int_equal(call(NULL, "GET", "x", "", NULL), RC_UNAVAILABLE);
}

static void a_wrong_address_or_key_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		const char *key;
	} ROWS[] = { { "localhost", KEY },       { "redis://", KEY },      { "redis://a:0", KEY },
		     { "redis://a:65536", KEY }, { "redis://a:12x", KEY }, { "redis://user:password@a", KEY },
		     { "redis://a/x", KEY },     { "redis://[::1", KEY },  { "rediss://a", KEY },
		     { "redis://a", "12" } };
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct cache *cache = NULL;
		struct err err = { 0 };
		const struct cache_options options = { .name = "t",
			                               .url = ROWS[i].url,
			                               .user = "",
			                               .password = "",
			                               .key = ROWS[i].key,
			                               .timeout_ms = 10 };
		assert_int_equal(cache_open(&options, &cache, &err), RC_INVALID);
		assert_non_null(strstr(err.text, i == 9 ? "[redis] key" : "[redis] url"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_and_forgets_copies),
		cmocka_unit_test(a_wrong_redis_shows_nobody_anothers),
		cmocka_unit_test(nobody_waits_for_one_that_hangs_or_is_gone),
		cmocka_unit_test(a_wrong_password_is_as_no_redis),
		cmocka_unit_test(a_wrong_address_or_key_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
