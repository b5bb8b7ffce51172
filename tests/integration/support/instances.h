// More processes than the stack has: a second instance of a service, and a Redis between them. All in the main thread;
// everything here fails the running test when it does not work.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// A port of loopback that nobody listens on.
uint16_t test_free_port(void);

// Start another instance of a running service ("ingest", "api") with the stack's configuration and these settings
// ("SAFELIGHT_<SECTION>_<KEY>", "value", …, NULL), and wait until it is well. ret_base: "http://127.0.0.1:<port>".
pid_t test_instance_start(const char *service, const char *const *with, char ret_base[64]);

// Start a Redis that keeps nothing, on this port, and wait until it listens. password NULL: none.
pid_t test_redis_start(uint16_t port, const char *password);

// Kill a process that was started here, and reap it.
void test_instance_kill(pid_t pid);

// Two instances of a service, the stack's and one more, with a Redis between them.
struct test_pair {
	const char *service;
	uint16_t redis_port;
	pid_t redis, second;
	char bases[2][64]; // "http://127.0.0.1:<port>" of each
};

// Start them, the stack's anew, with one more setting ("SAFELIGHT_<SECTION>_<KEY>"), and wait until both have Redis.
void test_pair_start(struct test_pair *pair, const char *service, const char *setting, const char *value);
// The stack's is as it was. Never fails.
void test_pair_stop(struct test_pair *pair);
// Wait until both have Redis, or have seen that it is gone.
void test_pair_await(const struct test_pair *pair, bool is_up);
// How often both have run a statement of the database, by its name.
int64_t test_pair_statements(const struct test_pair *pair, const char *statement);
