// Turning and watching pools.
#include "tests/integration/support/pools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "bus/health.h"
#include "bus/kv.h"
#include "bus/streams.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define BUS_MS 10000

struct bus *test_bus_open(void)
{
	const struct settings *settings = test_stack_settings();
	const struct bus_options options = {
		.servers = settings->bus_url, .token = settings->bus_token, .name = "test", .timeout_ms = BUS_MS
	};
	struct bus *bus = NULL;
	struct err err = { 0 };
	if (bus_open(&options, &bus, &err) != RC_OK ||
	    bus_ensure_streams(bus, (unsigned)settings->bus_replicas, &err) != RC_OK)
		fail_msg("bus: %s", err.text);
	return bus;
}

void test_pool_set(struct bus *bus, const char *pool, const char *json)
{
	struct err err = { 0 };
	enum rc rc = json == NULL ? bus_kv_delete(bus, BUS_BUCKET_POOLS, pool, &err)
	                          : bus_kv_put(bus, BUS_BUCKET_POOLS, pool, json, strlen(json), NULL, &err);
	if (rc != RC_OK)
		fail_msg("pool %s: %s", pool, err.text);
}

int64_t test_pool_metric(const char *metric, const char *pool)
{
	char url[128], line[128];
	struct test_reply reply;
	(void)snprintf(url, sizeof url, "http://%s/metrics", test_stack_settings()->transcoder_listen);
	int length = snprintf(line, sizeof line, "\n%s{pool=\"%s\"} ", metric, pool);
	test_http(&(struct test_call){ .url = url }, &reply);
	const char *found = reply.status == 200 ? strstr(reply.body, line) : NULL;
	int64_t value = found == NULL ? -1 : strtoll(found + length, NULL, 10);
	test_reply_done(&reply);
	return value;
}

void test_pool_await(const char *metric, const char *pool, int64_t wanted, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (int64_t value; (value = test_pool_metric(metric, pool)) != wanted; clock_sleep_ms(20))
		if (deadline_passed(deadline))
			fail_msg("%s of pool %s is %lld, not %lld, after %lld ms", metric, pool, (long long)value,
			         (long long)wanted, (long long)timeout_ms);
}

void test_pool_backlog(struct bus *bus, const char *pool, uint64_t *ret_waiting, uint64_t *ret_in_hand)
{
	struct bus_health *health = malloc(sizeof *health);
	struct err err = { 0 };
	assert_non_null(health);
	if (bus_health_check(bus, health, deadline_after_ms(BUS_MS), &err) != RC_OK)
		fail_msg("bus: %s", err.text);
	struct bus_health_backlog backlog = bus_health_backlog(health, pool);
	*ret_waiting = backlog.pending;
	*ret_in_hand = backlog.in_hand;
	free(health);
}

void test_pool_await_idle(struct bus *bus, const char *pool, int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	uint64_t waiting, in_hand;
	for (;; clock_sleep_ms(50)) {
		test_pool_backlog(bus, pool, &waiting, &in_hand);
		if (waiting == 0 && in_hand == 0)
			return;
		if (deadline_passed(deadline))
			fail_msg("after %lld ms pool %s has %llu messages waiting and %llu in hand",
			         (long long)timeout_ms, pool, (unsigned long long)waiting, (unsigned long long)in_hand);
	}
}
