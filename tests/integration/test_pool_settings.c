// Pools' live settings when NATS loses its files: they, and what they were before, come back from Postgres.
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus.h"
#include "bus/kv.h"
#include "bus/pools.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define POOL "fast"
#define LAST "{\"workers\":1,\"prefetch\":7,\"by\":\"test\"}"
#define WAIT_MS 30000
#define WANTED "safelight_pool_workers_wanted"

static struct bus *bus;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	bus = test_bus_open();
	return 0;
}

static int teardown(void **state)
{
	test_pool_set(bus, POOL, NULL);
	bus_close(bus);
	return test_stack_teardown(state);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

static void lose_files(void)
{
	char path[4200];
	(void)snprintf(path, sizeof path, "%s/data/nats/jetstream", test_stack_folder());
	test_stack_run("kill", "nats");
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	test_stack_run("restart", "nats");
}

// The history as NATS has it now; empty while it has none.
static void read_history(struct bus_kv_entries *ret_entries)
{
	if (bus_pool_history(bus, POOL, ret_entries, NULL) != RC_OK)
		*ret_entries = (struct bus_kv_entries){ 0 };
}

static bool has_history(void *wanted)
{
	struct bus_kv_entries entries = { 0 };
	read_history(&entries);
	size_t count = entries.count;
	bus_kv_entries_done(&entries);
	return count >= *(size_t *)wanted;
}

static void they_outlive_jetstream(void **state)
{
	(void)state;
	struct bus_kv_entries before, after;
	test_pool_set(bus, POOL, "{\"workers\":2,\"by\":\"test\"}");
	test_pool_set(bus, POOL, NULL);
	test_pool_set(bus, POOL, LAST);
	test_pool_await(WANTED, POOL, 1, WAIT_MS);
	test_sql_await(1, WAIT_MS, "SELECT count(*) FROM pool_settings WHERE pool = $1 AND history->-1->>'value' = $2",
	               POOL, LAST, NULL);
	read_history(&before);
	assert_true(before.count >= 3);
	lose_files();
	test_wait(has_history, &before.count, WAIT_MS, "the history put back");
	read_history(&after);
	assert_int_equal(after.count, before.count);
	for (size_t i = 0; i < after.count; i++) {
		assert_int_equal(after.items[i].operation, before.items[i].operation);
		assert_int_equal(after.items[i].length, before.items[i].length);
		if (after.items[i].operation == BUS_KV_PUT)
			assert_memory_equal(after.items[i].value, before.items[i].value, before.items[i].length);
	}
	test_pool_await(WANTED, POOL, 1, WAIT_MS);
	bus_kv_entries_done(&before);
	bus_kv_entries_done(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(they_outlive_jetstream) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
