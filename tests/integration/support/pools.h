// The transcoder's pools as an operator turns and watches them: live settings by the bus, figures by /metrics.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bus;

// A bus of the test's own, connected, the streams in place; fails the test otherwise. Main thread, as all here.
struct bus *test_bus_open(void);

// Put a value for a pool into the bucket `pools`, as it is; NULL: delete the key, which brings the configuration back.
void test_pool_set(struct bus *bus, const char *pool, const char *json);

// A number of the transcoder's /metrics, by its name and pool; -1 when it does not answer or has no such line.
int64_t test_pool_metric(const char *metric, const char *pool);

// Wait until it is that number; fails after timeout_ms.
void test_pool_await(const char *metric, const char *pool, int64_t wanted, int64_t timeout_ms);

// Messages of both lanes of a pool that are not acknowledged: waiting in the stream / in somebody's hands.
void test_pool_backlog(struct bus *bus, const char *pool, uint64_t *ret_waiting, uint64_t *ret_in_hand);

// Wait until there are none of either; fails after timeout_ms.
void test_pool_await_idle(struct bus *bus, const char *pool, int64_t timeout_ms);
