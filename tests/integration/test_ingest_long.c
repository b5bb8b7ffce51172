// An upload of more than 5 GiB in more parts than the store lists at once, against the running stack. What lies under
// its part numbers is short, so that the test is; `make bench-long` sends all of it.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "store/store_multipart.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/store.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PART (INT64_C(5) * 1024 * 1024)
#define PARTS 1030 // the store lists a thousand at once
#define SIZE ((PARTS - 1) * PART + 1)
#define THREADS 4
#define PUT_MS 20000

static struct test_account account;
static struct store *store;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	assert_int_equal(store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key, NULL,
	                                       &store, NULL),
	                 RC_OK);
	test_account_new(&account);
	test_stack_restart_with("ingest",
	                        (const char *const[]){ "SAFELIGHT_INGEST_PART_BYTES", "5242880",
	                                               "SAFELIGHT_INGEST_MAX_UPLOAD_BYTES", "6442450944", NULL });
	return 0;
}

static int teardown(void **state)
{
	test_stack_run("restart", "ingest");
	test_account_done(&account);
	store_free(store);
	return test_stack_teardown(state);
}

struct putter {
	pthread_t thread;
	const struct store_target *target;
	const char *multipart_id;
	unsigned first;
	unsigned failures;
};

// Every THREADS-th part, one byte each.
static void *put_parts(void *argument)
{
	struct putter *putter = argument;
	const struct store_body body = { .data = "x", .length = 1 };
	for (unsigned number = putter->first; number <= PARTS; number += THREADS)
		putter->failures += store_upload_put_part(store, putter->target, putter->multipart_id, number, &body,
		                                          NULL, NULL, NULL) != RC_OK;
	return NULL;
}

static void put_all(const char *key, const char *multipart_id)
{
	const struct store_target target = { test_stack_settings()->store_originals_bucket, key, PUT_MS };
	struct putter putters[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		putters[i] = (struct putter){ .target = &target, .multipart_id = multipart_id, .first = i + 1 };
		assert_int_equal(pthread_create(&putters[i].thread, NULL, put_parts, &putters[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(putters[i].thread, NULL), 0);
		assert_int_equal(putters[i].failures, 0);
	}
}

static void call(const char *method, const char *path, const char *json, unsigned status, struct test_reply *ret_reply)
{
	test_http_json(method, path, account.access_token, json, ret_reply);
	test_assert_status(ret_reply, status);
}

// All of them, in order, from more than one page of the store.
static void expect_all_listed(const char *path)
{
	struct test_reply reply;
	call("GET", path, NULL, 200, &reply);
	const json_t *stored = test_json_at(reply.json, "multipart.stored");
	assert_int_equal(json_array_size(stored), PARTS);
	for (size_t i = 0; i < PARTS; i++) {
		const json_t *part = json_array_get(stored, i);
		assert_int_equal(json_integer_value(json_object_get(part, "number")), i + 1);
		assert_int_equal(json_integer_value(json_object_get(part, "size")), 1);
	}
	test_reply_done(&reply);
}

static void a_thousand_parts_of_five_gigabytes(void **state)
{
	(void)state;
	struct test_reply reply;
	char json[160], path[80], complete[96];
	struct err err = { 0 };
	(void)snprintf(json, sizeof json,
	               "{\"filename\":\"film.mov\",\"content_type\":\"video/quicktime\",\"size\":%lld}",
	               (long long)SIZE);
	call("POST", "/v1/uploads", json, 201, &reply);
	(void)snprintf(path, sizeof path, "/v1/uploads/%s", test_json_text(reply.json, "upload_id"));
	(void)snprintf(complete, sizeof complete, "%s/complete", path);
	assert_true(SIZE > INT64_C(5) * 1024 * 1024 * 1024);
	assert_int_equal(test_json_int(reply.json, "multipart.parts"), PARTS);
	assert_int_equal(test_json_int(reply.json, "multipart.part_size"), PART);
	const char *id = test_json_text(reply.json, "upload_id");
	char *key = test_sql_text("SELECT object_key FROM uploads WHERE id = $1::uuid", id, NULL);
	char *multipart_id = test_sql_text("SELECT multipart_id FROM uploads WHERE id = $1::uuid", id, NULL);
	test_reply_done(&reply);

	put_all(key, multipart_id);
	expect_all_listed(path);
	// They are there, and not what was declared.
	call("POST", complete, "{}", 409, &reply);
	test_reply_done(&reply);
	const struct store_target target = { test_stack_settings()->store_originals_bucket, key, PUT_MS };
	struct store_parts parts;
	assert_int_equal(store_upload_list_parts(store, &target, multipart_id, &parts, &err), RC_OK);
	assert_int_equal(parts.count, PARTS); // nothing was assembled or lost
	store_parts_done(&parts);
	call("DELETE", path, NULL, 204, &reply);
	test_reply_done(&reply);
	assert_int_equal(store_upload_list_parts(store, &target, multipart_id, &parts, &err), RC_NOT_FOUND);
	free(key);
	free(multipart_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_parts_of_five_gigabytes),
	};
	return cmocka_run_group_tests_name("long uploads", tests, setup, teardown);
}
