// More processes than the stack has.
#include "tests/integration/support/instances.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/support/http.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define START_MS 20000

uint16_t test_free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

// Its output goes nowhere.
static pid_t spawn(const char *path, const char *const *arguments)
{
	pid_t pid;
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawnp(&pid, path, &actions, NULL, (char *const *)arguments, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static bool answers(void *context)
{
	struct test_reply reply;
	test_http(&(struct test_call){ .url = context, .timeout_ms = 1000 }, &reply);
	bool is_well = reply.status == 200;
	test_reply_done(&reply);
	return is_well;
}

pid_t test_instance_start(const char *service, const char *const *with, char ret_base[64])
{
	char link[64], path[4096], name[64], listen[64], health[128];
	uint16_t port = test_free_port();
	(void)snprintf(link, sizeof link, "/proc/%ld/exe", (long)test_stack_pid(service));
	ssize_t got = readlink(link, path, sizeof path - 1);
	assert_true(got > 0);
	path[got] = '\0';
	(void)snprintf(ret_base, 64, "http://127.0.0.1:%u", port);
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
	(void)snprintf(name, sizeof name, "SAFELIGHT_%s_LISTEN", service);
	for (char *at = name; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	assert_int_equal(setenv(name, listen, 1), 0);
	for (size_t i = 0; with[i] != NULL; i += 2)
		assert_int_equal(setenv(with[i], with[i + 1], 1), 0);
	const char *const arguments[] = { path, NULL };
	pid_t pid = spawn(path, arguments);
	(void)unsetenv(name);
	for (size_t i = 0; with[i] != NULL; i += 2)
		(void)unsetenv(with[i]);
	(void)snprintf(health, sizeof health, "%s/healthz", ret_base);
	test_wait(answers, health, START_MS, "the second instance");
	return pid;
}

static bool listens(void *context)
{
	const struct sockaddr_in *address = context;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
	(void)close(fd);
	return is_there;
}

pid_t test_redis_start(uint16_t port, const char *password)
{
	char number[8];
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		                       .sin_port = htons(port) };
	(void)snprintf(number, sizeof number, "%u", port);
	const char *const arguments[] = { "redis-server",
		                          "--port",
		                          number,
		                          "--bind",
		                          "127.0.0.1",
		                          "--save",
		                          "",
		                          "--dir",
		                          "/tmp",
		                          "--requirepass",
		                          password == NULL ? "" : password,
		                          NULL };
	pid_t pid = spawn("redis-server", arguments);
	test_wait(listens, &address, START_MS, "redis-server");
	return pid;
}

void test_instance_kill(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}
