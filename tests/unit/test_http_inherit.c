// A listening socket from the service manager: taken when the address is ours, left open for the successor, who serves
// whoever connected in between.
#include "test_http_support.h"

#define FIRST_PASSED 3 // SD_LISTEN_FDS_START

TEST_ROUTE(route_echo, .method = "GET", .path = "/echo", .handle = test_echo);
static const struct route *const ROUTES[] = { &route_echo };

// What a manager does: listens, hands the socket down as descriptor 3, and says so in the environment.
static uint16_t pass_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	char pid[24];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	if (fd != FIRST_PASSED) {
		assert_int_equal(dup2(fd, FIRST_PASSED), FIRST_PASSED);
		(void)close(fd);
	}
	(void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	return ntohs(address.sin_port);
}

static void assert_serves(const struct http_server *server)
{
	struct raw_answer answer;
	test_ask(server, "GET", "/echo", "", "", &answer);
	assert_int_equal(answer.status, 200);
}

static void test_hands_over(void **state)
{
	(void)state;
	uint16_t port = pass_socket();
	int spare = dup(FIRST_PASSED); // the manager's own
	char listen_on[32];
	(void)snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", port);
	struct http_server_config config = test_config(ROUTES, 1);
	config.listen = listen_on;
	struct http_server *server = test_start(&config);
	assert_int_equal(http_server_port(server), port);
	assert_serves(server);
	http_server_drain(server, 1000);
	assert_int_equal(dup2(spare, FIRST_PASSED), FIRST_PASSED);

	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int waiting = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(waiting, (struct sockaddr *)&address, sizeof address), 0);
	assert_true(raw_send(waiting, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));

	server = test_start(&config);
	struct raw_answer answer;
	raw_read(waiting, false, &answer);
	assert_int_equal(answer.status, 200);
	(void)close(waiting);
	http_server_drain(server, 1000);
	(void)close(spare);
}

static void test_leaves_other_sockets(void **state)
{
	(void)state;
	uint16_t passed = pass_socket();
	struct http_server_config config = test_config(ROUTES, 1);
	struct http_server *server = test_start(&config); // any port: not the passed one
	assert_int_not_equal(http_server_port(server), passed);
	assert_serves(server);
	http_server_drain(server, 1000);
	assert_true(close(FIRST_PASSED) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hands_over),
		cmocka_unit_test(test_leaves_other_sockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
