// Setting up and tearing down of store tests.
#include "tests/integration/support/store_bench.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/settings.h"
#include "store/content_md5.h"
#include "store/store_admin.h"
#include "store/store_multipart.h"
#include "tests/unit/cmocka_all.h"

static void die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "store tests: %s: %s\n", what, err->text);
	abort();
}

char *store_bench_secret(const char *user)
{
	char config[4096];
	char path[4200];
	(void)snprintf(config, sizeof config, "%s", getenv("SAFELIGHT_CONFIG"));
	(void)snprintf(path, sizeof path, "%s/secrets/s3_%s", dirname(config), user);
	struct err err = { 0 };
	char *secret = NULL;
	if (file_read_secret(path, &secret, &err) != RC_OK)
		die("a secret of the stack", &err);
	return secret;
}

struct store *store_bench_open(const struct store_bench *bench, const char *driver, const char *endpoint,
                               const char *access_key, const char *secret_key)
{
	const struct settings *settings = bench->settings;
	struct store_options options = { .driver = driver,
		                         .endpoint = endpoint != NULL ? endpoint : settings->store_endpoint,
		                         .region = settings->store_region,
		                         .access_key = access_key != NULL ? access_key : "admin",
		                         .secret_key = secret_key != NULL ? secret_key : bench->secret,
		                         .timeout_ms = settings->store_timeout_ms,
		                         .retry_base_ms = 20 };
	struct err err = { 0 };
	struct store *store = NULL;
	if (store_open(&options, &store, &err) != RC_OK)
		die("opening the store", &err);
	return store;
}

static void make_bucket(struct store_bench *bench)
{
	uint8_t bytes[8];
	char text[2 * sizeof bytes + 1];
	random_fill(bytes, sizeof bytes);
	encode_hex(bytes, sizeof bytes, text);
	(void)snprintf(bench->bucket, sizeof bench->bucket, "test-store-%s", text);
	struct err err = { 0 };
	if (store_bucket_create(bench->store, bench->bucket, &err) != RC_OK)
		die("creating a bucket", &err);
}

struct store_bench *store_bench_new(const char *driver)
{
	const char *config = getenv("SAFELIGHT_CONFIG");
	if (config == NULL) {
		(void)fprintf(stderr,
		              "SKIPPED: SAFELIGHT_CONFIG is not set, so there is no object store to test against "
		              "(start one with deploy/local/stack.sh infra)\n");
		return NULL;
	}
	struct err err = { 0 };
	if (crypto_init(&err) != RC_OK)
		die("libsodium", &err);
	struct store_bench *bench = calloc(1, sizeof *bench);
	if (bench == NULL)
		abort();
	if (settings_load(config, &bench->settings, &err) != RC_OK)
		die("the stack's configuration", &err);
	bench->secret = store_bench_secret("admin");
	bench->is_sigv4 = strcmp(driver, "sigv4") == 0;
	bench->store = store_bench_open(bench, driver, NULL, NULL, NULL);
	make_bucket(bench);
	return bench;
}

static void abort_uploads(const struct store_bench *bench)
{
	struct store_upload_page page;
	if (!bench->is_sigv4 || store_upload_list(bench->store, bench->bucket, NULL, &page, NULL) != RC_OK)
		return;
	for (size_t i = 0; i < page.count; i++) {
		struct store_target target = store_bench_target(bench, page.uploads[i].key);
		enum rc rc = store_upload_abort(bench->store, &target, page.uploads[i].upload_id, NULL);
		if (rc != RC_OK)
			(void)fprintf(stderr, "store tests: an upload is left over (%s)\n", rc_name(rc));
	}
	store_upload_page_done(&page);
}

static void empty_bucket(const struct store_bench *bench)
{
	const char *continuation = NULL;
	struct store_page page = { 0 };
	do {
		store_page_done(&page);
		struct err err = { 0 };
		if (store_list(bench->store, bench->bucket, NULL, &page, &err) != RC_OK)
			die("listing the bucket to empty it", &err);
		for (size_t i = 0; i < page.count; i++) {
			struct store_target target = store_bench_target(bench, page.entries[i].key);
			if (store_delete(bench->store, &target, &err) != RC_OK)
				die("emptying the bucket", &err);
		}
		continuation = page.continuation; // the list shrinks, so it is always asked from the start
	} while (continuation != NULL);
	store_page_done(&page);
}

void store_bench_free(struct store_bench *bench)
{
	if (bench == NULL)
		return;
	abort_uploads(bench);
	empty_bucket(bench);
	struct err err = { 0 };
	if (store_bucket_delete(bench->store, bench->bucket, &err) != RC_OK)
		die("deleting the bucket", &err);
	store_free(bench->store);
	settings_free(bench->settings);
	free(bench->secret);
	free(bench);
}

struct store_target store_bench_target(const struct store_bench *bench, const char *key)
{
	return (struct store_target){ .bucket = bench->bucket, .key = key };
}

char *store_bench_content(size_t length)
{
	char *data = malloc(length + 1);
	if (data == NULL)
		abort();
	uint32_t number = 12345;
	for (size_t i = 0; i < length; i++) {
		number = number * 1664525 + 1013904223; // Numerical Recipes' generator: cheap and the same each time
		data[i] = (char)(number >> 24);
	}
	data[length] = '\0';
	return data;
}

void store_bench_assert_ok(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err->text);
}

void store_bench_put_text(const struct store_bench *bench, const char *key, const char *text)
{
	struct store_target target = store_bench_target(bench, key);
	struct store_body body = { .data = text, .length = strlen(text) };
	struct err err = { 0 };
	store_bench_assert_ok(store_put(bench->store, &target, &body, NULL, NULL, &err), &err);
}

void store_bench_assert_content(const struct store_bench *bench, const char *key, const void *data, size_t length)
{
	struct store_target target = store_bench_target(bench, key);
	struct buffer out;
	buffer_init(&out, 64 * 1024 * 1024);
	struct store_object object;
	struct err err = { 0 };
	store_bench_assert_ok(store_get(bench->store, &target, NULL, &out, &object, &err), &err);
	assert_int_equal(out.length, length);
	assert_int_equal(object.size, length);
	if (length > 0)
		assert_memory_equal(out.data, data, length);
	store_object_done(&object);
	buffer_done(&out);
}

void store_bench_md5(const void *data, size_t length, char ret_text[33])
{
	uint8_t digest[MD5_SIZE];
	md5_of(data, length, digest);
	encode_hex(digest, sizeof digest, ret_text);
}

struct run {
	const struct store_bench_case *contract;
	const char *driver;
};

// Each case has a bucket of its own.
static void run_case(void **state)
{
	const struct run *run = *state;
	struct store_bench *bench = store_bench_new(run->driver);
	if (bench == NULL)
		skip();
	run->contract->run(bench);
	store_bench_free(bench);
}

#define CASES_MAX 64

int store_bench_main(const char *group, const struct store_bench_case *cases, size_t count)
{
	static const char *const drivers[] = { "sigv4", "libs3" };
	static struct run runs[2 * CASES_MAX];
	static struct CMUnitTest tests[2 * CASES_MAX];
	static char names[2 * CASES_MAX][100];
	assert_true(count <= CASES_MAX);
	size_t tests_count = 0;
	for (size_t i = 0; i < 2 * count; i++) {
		const struct store_bench_case *contract = &cases[i % count];
		const char *driver = drivers[i / count];
		if (contract->sigv4_only && i >= count)
			continue;
		runs[tests_count] = (struct run){ contract, driver };
		(void)snprintf(names[tests_count], sizeof names[0], "%s: %s", driver, contract->name);
		tests[tests_count] = (struct CMUnitTest){ .name = names[tests_count],
			                                  .test_func = run_case,
			                                  .initial_state = &runs[tests_count] };
		tests_count++;
	}
	return _cmocka_run_group_tests(group, tests, tests_count, NULL, NULL);
}
