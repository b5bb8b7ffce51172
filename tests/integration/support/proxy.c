// The proxy's thread: one poll loop over pairs of sockets.
#include "tests/integration/support/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

#define PAIRS_MAX 16

struct test_proxy {
	pthread_t thread;
	int listener;
	uint16_t port;
	uint16_t target;
	_Atomic int mode;
	_Atomic bool is_cutting;
	_Atomic bool is_stopping;
	struct {
		int client; // -1: free
		int server;
	} pairs[PAIRS_MAX];
};

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		                     .sin_port = htons(port),
		                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void close_pair(struct test_proxy *proxy, unsigned pair)
{
	if (proxy->pairs[pair].client < 0)
		return;
	(void)close(proxy->pairs[pair].client);
	(void)close(proxy->pairs[pair].server);
	proxy->pairs[pair].client = -1;
}

static void accept_client(struct test_proxy *proxy)
{
	struct sockaddr_in address = loopback(proxy->target);
	int client = accept(proxy->listener, NULL, NULL);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	for (unsigned i = 0; client >= 0 && i < PAIRS_MAX; i++) {
		if (proxy->pairs[i].client >= 0)
			continue;
		if (connect(server, (struct sockaddr *)&address, sizeof(address)) != 0)
			break;
		proxy->pairs[i].client = client;
		proxy->pairs[i].server = server;
		return;
	}
	(void)close(client);
	(void)close(server);
}

// False at the end of either side.
static bool forward(int from, int to, bool is_dropped)
{
	char bytes[16384];
	ssize_t length = recv(from, bytes, sizeof(bytes), 0);

	if (length <= 0)
		return false;
	return is_dropped || send(to, bytes, (size_t)length, MSG_NOSIGNAL) == length;
}

static void serve_pair(struct test_proxy *proxy, unsigned pair, const struct pollfd *wanted)
{
	bool swallows = atomic_load(&proxy->mode) == TEST_PROXY_SWALLOW;
	bool is_open = true;

	if (wanted[0].revents != 0)
		is_open = forward(proxy->pairs[pair].client, proxy->pairs[pair].server, false);
	if (is_open && wanted[1].revents != 0)
		is_open = forward(proxy->pairs[pair].server, proxy->pairs[pair].client, swallows);
	if (!is_open)
		close_pair(proxy, pair);
}

static void *run(void *context)
{
	struct test_proxy *proxy = context;

	while (!atomic_load(&proxy->is_stopping)) {
		struct pollfd wanted[1 + 2 * PAIRS_MAX] = { { .fd = proxy->listener, .events = POLLIN } };

		for (unsigned i = 0; i < PAIRS_MAX; i++) {
			bool is_open = proxy->pairs[i].client >= 0;

			wanted[1 + 2 * i] =
			        (struct pollfd){ .fd = is_open ? proxy->pairs[i].client : -1, .events = POLLIN };
			wanted[2 + 2 * i] =
			        (struct pollfd){ .fd = is_open ? proxy->pairs[i].server : -1, .events = POLLIN };
		}
		(void)poll(wanted, 1 + 2 * PAIRS_MAX, 10);
		for (unsigned i = 0; i < PAIRS_MAX; i++) {
			if (atomic_load(&proxy->is_cutting))
				close_pair(proxy, i);
			else if (proxy->pairs[i].client >= 0)
				serve_pair(proxy, i, &wanted[1 + 2 * i]);
		}
		atomic_store(&proxy->is_cutting, false);
		if (wanted[0].revents != 0)
			accept_client(proxy);
	}
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		close_pair(proxy, i);
	return NULL;
}

struct test_proxy *test_proxy_start(uint16_t port)
{
	struct test_proxy *proxy = calloc(1, sizeof(*proxy));
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof(address);

	assert_non_null(proxy);
	proxy->target = port;
	for (unsigned i = 0; i < PAIRS_MAX; i++)
		proxy->pairs[i].client = -1;
	proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(proxy->listener, PAIRS_MAX), 0);
	assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
	proxy->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
	return proxy;
}

uint16_t test_proxy_port(const struct test_proxy *proxy)
{
	return proxy->port;
}

void test_proxy_set(struct test_proxy *proxy, enum test_proxy_mode mode)
{
	atomic_store(&proxy->mode, mode);
}

void test_proxy_cut(struct test_proxy *proxy)
{
	atomic_store(&proxy->is_cutting, true);
	while (atomic_load(&proxy->is_cutting))
		(void)usleep(1000);
}

void test_proxy_stop(struct test_proxy *proxy)
{
	atomic_store(&proxy->is_stopping, true);
	(void)pthread_join(proxy->thread, NULL);
	(void)close(proxy->listener);
	free(proxy);
}
