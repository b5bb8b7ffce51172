// A TCP proxy in front of a server of the stack that loses answers, or the whole connection, when told to.
#pragma once

#include <stdint.h>

struct test_proxy;

enum test_proxy_mode {
	TEST_PROXY_PASS,    // both ways
	TEST_PROXY_SWALLOW, // what the client sends arrives, what the server answers is dropped
};

// Listens on a free port of loopback and forwards to 127.0.0.1:port. Aborts the test when it cannot.
struct test_proxy *test_proxy_start(uint16_t port);
uint16_t test_proxy_port(const struct test_proxy *proxy);
void test_proxy_set(struct test_proxy *proxy, enum test_proxy_mode mode);
// Close every connection, as a crashed host does.
void test_proxy_cut(struct test_proxy *proxy);
void test_proxy_stop(struct test_proxy *proxy);
