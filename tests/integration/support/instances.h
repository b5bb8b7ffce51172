// More processes than the stack has: a second instance of a service, and a Redis between them. All in the main thread;
// everything here fails the running test when it does not work.
#pragma once

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
