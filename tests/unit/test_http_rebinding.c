// Names that mean one thing when they are looked at and another when they are connected to (DNS rebinding): the guard
// decides on the address of each connection, so what was said before does not matter. The resolver and connect() of
// libc are replaced for the whole program: what "rebind.test" means is up to the test, and nothing leaves this machine.
#include "test_http_support.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http/client.h"

#define PUBLIC "8.8.8.8"
#define LOOPBACK "127.0.0.1"
#define MAPPED "::ffff:127.0.0.1"

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

// What the name means now, and besides; and what was connected to.
static const char *meaning, *besides;
static atomic_int public_attempts, other_attempts;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
	resolver *next = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
	bool is_ours = name != NULL && strcmp(name, "rebind.test") == 0;
	int failure = next(is_ours ? meaning : name, service, hints, ret_list);
	if (failure != 0 || !is_ours || besides == NULL)
		return failure;
	struct addrinfo *last = *ret_list;
	while (last->ai_next != NULL)
		last = last->ai_next;
	return next(besides, service, hints, &last->ai_next);
}

int connect(int descriptor, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_in four = { 0 };
	if (address->sa_family == AF_INET)
		memcpy(&four, address, sizeof four);
	if (ntohl(four.sin_addr.s_addr) == 0x08080808) {
		atomic_fetch_add(&public_attempts, 1);
		errno = ECONNREFUSED;
		return -1;
	}
	if (address->sa_family != AF_UNIX)
		atomic_fetch_add(&other_attempts, 1);
	return (int)syscall(SYS_connect, descriptor, address, length);
}

TEST_ROUTE(route_inside, .method = "GET", .path = "/inside", .handle = test_echo);
static const struct route *const ROUTES[] = { &route_inside };

static int start(void **state)
{
	struct http_server_config config = test_config(ROUTES, 1);
	*state = test_start(&config);
	return 0;
}

static int stop(void **state)
{
	http_server_drain(*state, 1000);
	return 0;
}

// One call to the name, while it means this.
static enum rc ask(struct http_server *server, struct http_client *client, const char *first, const char *second)
{
	char url[64];
	struct http_reply reply;
	(void)snprintf(url, sizeof url, "http://rebind.test:%u/inside", http_server_port(server));
	const struct http_call call = { .method = "GET", .url = url, .timeout_ms = 3000, .response_limit = 10000 };
	meaning = first;
	besides = second;
	atomic_store(&public_attempts, 0);
	atomic_store(&other_attempts, 0);
	enum rc rc = http_client_call(client, &call, &reply, NULL);
	if (rc == RC_OK)
		http_reply_done(&reply);
	return rc;
}

static struct http_client *make_client(bool public_only)
{
	const struct http_client_config config = { .connections = 1, .public_only = public_only, .connect_ms = 1000 };
	struct http_client *client = NULL;
	assert_int_equal(http_client_new(&config, &client, NULL), RC_OK);
	return client;
}

// Without the guard the inside is reached: so the name works, and the refusals below are the guard's.
static void the_name_leads_inside(void **state)
{
	struct http_client *client = make_client(false);
	assert_int_equal(ask(*state, client, LOOPBACK, NULL), RC_OK);
	http_client_free(client);
}

static void a_name_that_changes_its_meaning_is_refused(void **state)
{
	static const char *const INSIDE[] = { LOOPBACK, MAPPED };
	for (size_t i = 0; i < sizeof INSIDE / sizeof INSIDE[0]; i++) {
		struct http_client *client = make_client(true);
		// It is let out to the public address (where nobody is) ...
		assert_int_equal(ask(*state, client, PUBLIC, NULL), RC_UNAVAILABLE);
		assert_true(atomic_load(&public_attempts) > 0);
		http_client_free(client);
		// ... and once the answer has lapsed, not in.
		client = make_client(true);
		assert_int_equal(ask(*state, client, INSIDE[i], NULL), RC_DENIED);
		assert_int_equal(atomic_load(&other_attempts), 0);
		http_client_free(client);
	}
}

// The next address is tried when the first is deaf: that one is judged, too.
static void an_inner_address_beside_a_public_one_is_refused(void **state)
{
	struct http_client *client = make_client(true);
	assert_int_equal(ask(*state, client, PUBLIC, LOOPBACK), RC_DENIED);
	assert_true(atomic_load(&public_attempts) > 0);
	assert_int_equal(atomic_load(&other_attempts), 0);
	http_client_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_leads_inside),
		cmocka_unit_test(a_name_that_changes_its_meaning_is_refused),
		cmocka_unit_test(an_inner_address_beside_a_public_one_is_refused),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
