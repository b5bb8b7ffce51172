// Rotating keys step by step, and planning by what was measured.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define POOL "fast"

#define KEYS_FILE "safelight-keys"

static void rotate(const char *kind, const char *step, const char *path, int status, const char *said)
{
	struct control call;
	control_run(&call, "keys", "rotate", kind, step, path, NULL);
	control_expect(&call, status);
	control_assert_has(status == 0 ? call.out : call.err, said);
	control_done(&call);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

// An old key signs until the new one is promoted, verifies until it is pruned, and the file's mode stays.
static void test_keys_are_rotated_step_by_step(void **state)
{
	(void)state;
	static const char OLD[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char folder[] = "/tmp/" KEYS_FILE "-XXXXXX", path[64], *text;
	struct stat found;
	size_t length;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/keys", folder);
	write_file(path, OLD);
	assert_int_equal(chmod(path, 0640), 0);
	rotate("access", "promote", path, 1, "only one key");
	rotate("access", "add", path, 0, "verifies");
	text = test_file_read(path, &length);
	assert_memory_equal(text, "default:0123", 12);
	assert_non_null(strchr(text, ','));
	free(text);
	rotate("access", "promote", path, 0, "restart ingest and metadata-api");
	text = test_file_read(path, &length);
	assert_memory_equal(text, "k", 1);
	assert_non_null(strstr(text, OLD));
	free(text);
	rotate("access", "prune", path, 0, "signs");
	text = test_file_read(path, &length);
	assert_null(strstr(text, OLD));
	free(text);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777u, 0640);
	rotate("delivery", "turn", path, 64, "no step");
	write_file(path, "no key at all");
	rotate("delivery", "add", path, 1, "key");
	text = test_file_read(path, &length);
	assert_string_equal(text, "no key at all");
	free(text);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

// The plan for a "pool" or "service" of that name.
static json_t *find_plan(json_t *plans, const char *kind, const char *name)
{
	size_t index = 0;
	json_t *plan = NULL;
	json_array_foreach(plans, index, plan)
	{
		const char *is = json_string_value(json_object_get(plan, kind));
		if (is != NULL && strcmp(is, name) == 0)
			return plan;
	}
	fail_msg("no plan for %s %s", kind, name);
	return NULL;
}

// Until a job that is done shows in a heartbeat.
#define HEARTBEAT_MS 3500

// Ten times the load needs ten times the workers, within their rounding.
static void test_capacity_grows_with_the_load(void **state)
{
	(void)state;
	struct control few, many;
	struct test_account account;
	char media_id[37];
	size_t length;
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	test_account_new(&account);
	test_upload_whole(&account, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, media_id);
	free(data);
	json_decref(test_media_await(&account, media_id, "ready", 20000));
	test_account_done(&account);
	clock_sleep_ms(HEARTBEAT_MS);
	control_run(&few, "capacity", "--jobs", "100", "--json", NULL);
	control_expect(&few, 0);
	control_run(&many, "capacity", "--jobs", "1000", "--workers-each", "8", "--json", NULL);
	control_expect(&many, 0);
	int64_t least = test_json_int(find_plan(few.json, "pool", POOL), "workers_needed");
	int64_t most = test_json_int(find_plan(many.json, "pool", POOL), "workers_needed");
	assert_true(least >= 1);
	assert_in_range(most, least * 10 - 10, least * 10);
	assert_int_equal(test_json_int(find_plan(many.json, "pool", POOL), "transcoders_needed"), (most + 7) / 8);
	control_done(&few);
	control_done(&many);
}

static double plan_number(json_t *plan, const char *name)
{
	json_t *number = json_object_get(plan, name);
	assert_true(json_is_number(number));
	return json_number_value(number);
}

// What a service's processes say that they have spent so far.
static double cpu_seconds_of(const char *listen)
{
	static const char NAME[] = "\nprocess_cpu_seconds_total ";
	struct test_reply reply;
	char url[200];
	(void)snprintf(url, sizeof url, "http://%s/metrics", listen);
	test_http_json("GET", url, NULL, NULL, &reply);
	test_assert_status(&reply, 200);
	const char *line = strstr(reply.body, NAME);
	assert_non_null(line);
	double seconds = strtod(line + sizeof NAME - 1, NULL);
	test_reply_done(&reply);
	return seconds;
}

// Instances are planned by the CPU time that calls take: twice the cores do with half of them.
static void test_capacity_of_services(void **state)
{
	(void)state;
	struct control one, two, bench;
	for (int i = 0; i < 30; i++) { // calls that are cheap and counted
		struct test_reply reply;
		test_http_json("GET", "/v1/me", NULL, NULL, &reply);
		test_reply_done(&reply);
	}
	control_run(&bench, "bench", "samples/photos/iris.png", "--uploads", "20", "--json", NULL);
	control_expect(&bench, 0);
	control_done(&bench);
	const struct settings *settings = test_stack_settings();
	const char *const listens[] = { settings->ingest_listen, settings->api_listen };
	double before[2], after[2];
	for (size_t i = 0; i < 2; i++)
		before[i] = cpu_seconds_of(listens[i]);
	control_run(&one, "capacity", "--jobs", "5000", "--calls", "100000", "--json", NULL);
	control_expect(&one, 0);
	for (size_t i = 0; i < 2; i++)
		after[i] = cpu_seconds_of(listens[i]);
	control_run(&two, "capacity", "--jobs", "5000", "--calls", "100000", "--cores-each", "2", "--json", NULL);
	control_expect(&two, 0);
	static const struct {
		const char *name;
		double rate;
	} SERVICES[] = { { "ingest", 5000 }, { "api", 100000 } };
	for (size_t i = 0; i < sizeof SERVICES / sizeof SERVICES[0]; i++) {
		json_t *single = find_plan(one.json, "service", SERVICES[i].name);
		json_t *dual = find_plan(two.json, "service", SERVICES[i].name);
		double needed = plan_number(single, "instances_needed"), seconds = plan_number(single, "cpu_seconds");
		assert_true(plan_number(single, "measured") >= 20);
		// All that it did took what the process says.
		double spent = seconds * plan_number(single, "measured");
		assert_true(spent >= before[i] - 0.02 && spent <= after[i] + 0.02);
		// A core is planned to be busy 70 % of its time.
		assert_true(fabs(needed - SERVICES[i].rate * seconds / 0.7) <= 1);
		// The second look is a little later.
		assert_true(fabs(plan_number(dual, "instances_needed") - needed / 2) <= needed * 0.05 + 1);
	}
	control_done(&one);
	control_done(&two);
	// What little was done in a second says nothing, and is not said.
	control_run(&one, "capacity", "--over", "1", "--json", NULL);
	control_expect(&one, 0);
	assert_true(json_is_null(json_object_get(find_plan(one.json, "service", "ingest"), "instances_needed")));
	control_done(&one);
	control_run(&one, "capacity", "--over", "1", NULL);
	control_assert_has(one.out, "too few to tell");
	control_done(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_rotated_step_by_step),
		cmocka_unit_test(test_capacity_grows_with_the_load),
		cmocka_unit_test(test_capacity_of_services),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
