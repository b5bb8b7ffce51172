// SIGHUP: what may change while a service runs does, and a file with a mistake changes nothing.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define TAKEN_MS 20000

static struct test_account account;
static char *stack_config; // the path
static char *config_text;
static char config_path[64]; // of our copy
static pid_t instance;
static char base[64];
static const char *path; // of something to ask for

// Our copy: the stack's configuration with another line for the calls of an account.
static void write_config(const char *line)
{
	static const char WAS[] = "account_calls = 100000000";
	const char *at = strstr(config_text, WAS);
	FILE *file = fopen(config_path, "we");
	assert_non_null(at);
	assert_non_null(file);
	(void)fprintf(file, "%.*s%s%s", (int)(at - config_text), config_text, line, at + strlen(WAS));
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	size_t length;
	if (test_stack_setup(state) != 0)
		return -1;
	stack_config = strdup(getenv("SAFELIGHT_CONFIG"));
	config_text = test_file_read(stack_config, &length);
	(void)snprintf(config_path, sizeof config_path, "/tmp/safelight-reload.%ld.conf", (long)getpid());
	test_account_new(&account);
	return 0;
}

static int teardown(void **state)
{
	(void)unlink(config_path);
	free(config_text);
	free(stack_config);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void start(const char *service, const char *asked)
{
	const char *const with[] = { "SAFELIGHT_CONFIG", config_path, NULL };
	path = asked;
	write_config("account_calls = 1000");
	instance = test_instance_start(service, with, base);
	(void)setenv("SAFELIGHT_CONFIG", stack_config, 1);
}

static int start_api(void **state)
{
	(void)state;
	start("api", "/v1/me");
	return 0;
}

static int start_ingest(void **state)
{
	(void)state;
	start("ingest", "/v1/uploads/01890000-0000-7000-8000-000000000000");
	return 0;
}

static int stop_instance(void **state)
{
	(void)state;
	test_instance_kill(instance);
	return 0;
}

// Whether the calls that an account may make are as many as this.
static bool allows(void *quota)
{
	struct test_reply reply;
	char url[128], policies[256];
	(void)snprintf(url, sizeof url, "%s%s", base, path);
	test_http_json("GET", url, account.access_token, NULL, &reply);
	test_reply_header(&reply, "RateLimit-Policy", policies, sizeof policies);
	test_reply_done(&reply);
	return strstr(policies, quota) != NULL;
}

static void takes_what_may_change_and_refuses_mistakes(void **state)
{
	(void)state;
	assert_true(allows("\"account\";q=1000;w=60"));
	write_config("account_calls = 700");
	assert_int_equal(kill(instance, SIGHUP), 0);
	test_wait(allows, "\"account\";q=700;w=60", TAKEN_MS, "the new limit");
	// Time to be read, and refused.
	write_config("account_calls = many");
	assert_int_equal(kill(instance, SIGHUP), 0);
	clock_sleep_ms(500);
	assert_true(allows("\"account\";q=700;w=60"));
	write_config("account_calls = 800");
	assert_int_equal(kill(instance, SIGHUP), 0);
	test_wait(allows, "\"account\";q=800;w=60", TAKEN_MS, "the limit after the mistake");
}

static unsigned try_login(void)
{
	struct test_reply reply;
	char url[96], json[200];
	(void)snprintf(url, sizeof url, "%s/v1/auth/login", base);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"not this one\"}", account.email);
	test_http_json("POST", url, NULL, json, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

static void login_tries_change_too(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_login(), 401);
	write_config("account_calls = 900\n[api]\nlogin_tries = 2\n[http]");
	assert_int_equal(kill(instance, SIGHUP), 0);
	test_wait(allows, "\"account\";q=900;w=60", TAKEN_MS, "the new limit");
	assert_int_equal(try_login(), 429);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(takes_what_may_change_and_refuses_mistakes, start_api),
		cmocka_unit_test_teardown(login_tries_change_too, stop_instance),
		cmocka_unit_test_setup_teardown(takes_what_may_change_and_refuses_mistakes, start_ingest,
		                                stop_instance),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
