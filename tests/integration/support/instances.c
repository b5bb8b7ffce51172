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

#include "base/settings.h"
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

// ---- two of them ----------------------------------------------------------------------------------------------------

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// What an instance counts.
static void get_metrics(const char *base, struct test_reply *ret_reply)
{
	char url[96];
	(void)snprintf(url, sizeof url, "%s/metrics", base);
	test_http(&(struct test_call){ .url = url }, ret_reply);
}

static bool has_redis(const char *base)
{
	struct test_reply reply;
	get_metrics(base, &reply);
	bool is_there = reply.status == 200 && strstr(reply.body, "\nsafelight_redis_up 1") != NULL;
	test_reply_done(&reply);
	return is_there;
}

static bool both_have_redis(void *context)
{
	const struct test_pair *pair = context;
	return has_redis(pair->bases[0]) && has_redis(pair->bases[1]);
}

static bool none_has_redis(void *context)
{
	const struct test_pair *pair = context;
	return !has_redis(pair->bases[0]) && !has_redis(pair->bases[1]);
}

void test_pair_await(const struct test_pair *pair, bool is_up)
{
	struct test_pair copy = *pair;
	test_wait(is_up ? both_have_redis : none_has_redis, &copy, START_MS,
	          is_up ? "Redis at both" : "Redis to be gone");
}

void test_pair_start(struct test_pair *pair, const char *service, const char *setting, const char *value)
{
	const struct settings *settings = test_stack_settings();
	char url[64];
	*pair = (struct test_pair){ .service = service, .redis_port = test_free_port() };
	pair->redis = test_redis_start(pair->redis_port, NULL);
	(void)snprintf(url, sizeof url, "redis://127.0.0.1:%u", pair->redis_port);
	// Machines that test are busy: nobody is to give Redis up only for that.
	const char *const with[] = { "SAFELIGHT_REDIS_URL",
		                     url,
		                     "SAFELIGHT_REDIS_KEY",
		                     KEY,
		                     "SAFELIGHT_REDIS_TIMEOUT_MS",
		                     "500",
		                     setting,
		                     value,
		                     NULL };
	test_stack_restart_with(service, with);
	test_stack_run("wait", service);
	(void)snprintf(pair->bases[0], sizeof pair->bases[0], "http://%s",
	               strcmp(service, "api") == 0 ? settings->api_listen : settings->ingest_listen);
	pair->second = test_instance_start(service, with, pair->bases[1]);
	test_pair_await(pair, true);
}

void test_pair_stop(struct test_pair *pair)
{
	if (pair->second > 0)
		test_instance_kill(pair->second);
	if (pair->redis > 0)
		test_instance_kill(pair->redis);
	(void)test_stack_try("restart", pair->service);
}

int64_t test_pair_statements(const struct test_pair *pair, const char *statement)
{
	char line[120];
	int64_t count = 0;
	(void)snprintf(line, sizeof line, "_count{statement=\"%s\"} ", statement);
	for (int i = 0; i < 2; i++) {
		struct test_reply reply;
		get_metrics(pair->bases[i], &reply);
		test_assert_status(&reply, 200);
		const char *found = strstr(reply.body, line);
		count += found == NULL ? 0 : strtoll(found + strlen(line), NULL, 10);
		test_reply_done(&reply);
	}
	return count;
}
