// Clients that are not ours (curl, boto3, requests, urllib) upload by our presigned URLs, whole and in parts; aws-cli
// and rclone put with the key that signs them; aws-cli, rclone and boto3 read what was uploaded.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/peer.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define SCRIPT "tests/integration/upload_peers.py"
#define PART_BYTES (5 * 1024 * 1024)
#define READY_MS 30000

// Parts as short as the store allows.
static const char *const SMALL_PARTS[] = { "SAFELIGHT_INGEST_PART_BYTES", "5242880", NULL };

static struct test_account account;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	test_stack_restart_with("ingest", SMALL_PARTS);
	return 0;
}

static int teardown(void **state)
{
	test_stack_run("restart", "ingest");
	test_account_done(&account);
	return test_stack_teardown(state);
}

// What it answered, when that is asked for; the caller drops it. False when the client is not installed.
static bool run(const char *client, const char *what, json_t *facts, json_t **ret_answer)
{
	assert_non_null(facts);
	int status = test_peer_run(SCRIPT, client, what, facts, ret_answer);
	if (status == TEST_PEER_MISSING)
		(void)fprintf(stderr, "SKIPPED: %s is not installed: nobody tried %s\n", client, what);
	else
		assert_int_equal(status, 0);
	return status == 0;
}

// The URL of the original, as metadata-api gives it out. Malloc'ed.
static char *original_url(const char *media_id)
{
	char path[64];
	struct test_reply reply;
	(void)snprintf(path, sizeof path, "/v1/media/%s/original", media_id);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	char *url = strdup(test_json_text(reply.json, "url"));
	test_reply_done(&reply);
	assert_non_null(url);
	return url;
}

static void read_back(const char *reader, json_t *uploaded)
{
	const struct settings *settings = test_stack_settings();
	char *url = original_url(test_json_text(uploaded, "media_id"));
	char *key = test_sql_text("SELECT object_key FROM uploads WHERE id = $1::uuid",
	                          test_json_text(uploaded, "upload_id"), NULL);
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "endpoint", settings->store_endpoint,
	                          "bucket", settings->store_originals_bucket, "key", key, "access_key",
	                          settings->ingest_access_key, "secret_key", settings->ingest_secret_key, "sha256",
	                          test_json_text(uploaded, "sha256"), "content_type", "text/plain", "original_url", url,
	                          "size", (json_int_t)test_json_int(uploaded, "size"));
	(void)run(reader, "read", facts, NULL);
	free(key);
	free(url);
}

static void upload_and_read(const char *client, const char *what, const char *reader)
{
	json_t *uploaded = NULL;
	json_t *facts = json_pack("{s:s, s:s, s:i}", "edge", test_stack_settings()->cdn_public_url, "token",
	                          account.access_token, "part_bytes", PART_BYTES);
	if (!run(client, what, facts, &uploaded))
		skip();
	assert_non_null(uploaded);
	json_decref(test_media_await(&account, test_json_text(uploaded, "media_id"), "ready", READY_MS));
	read_back(reader, uploaded);
	json_decref(uploaded);
}

static void put_and_read(const char *client)
{
	const struct settings *settings = test_stack_settings();
	json_t *uploaded = NULL;
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "edge", settings->cdn_public_url, "token",
	                          account.access_token, "endpoint", settings->store_endpoint, "bucket",
	                          settings->store_originals_bucket, "access_key", settings->ingest_presign_access_key,
	                          "secret_key", settings->ingest_presign_secret_key);
	if (!run(client, "keyed", facts, &uploaded))
		skip();
	assert_non_null(uploaded);
	json_decref(test_media_await(&account, test_json_text(uploaded, "media_id"), "ready", READY_MS));
	read_back(client, uploaded);
	json_decref(uploaded);
}

// They sign for themselves, with a key that may put and do nothing else.
static void aws_cli_puts(void **state)
{
	(void)state;
	put_and_read("aws");
}

static void rclone_puts(void **state)
{
	(void)state;
	put_and_read("rclone");
}

static void curl_uploads(void **state)
{
	(void)state;
	upload_and_read("curl", "single", "rclone");
	upload_and_read("curl", "multipart", "aws");
}

static void boto3_uploads(void **state)
{
	(void)state;
	upload_and_read("boto3", "single", "aws");
	upload_and_read("boto3", "multipart", "rclone");
}

static void requests_uploads(void **state)
{
	(void)state;
	upload_and_read("requests", "single", "boto3");
	upload_and_read("requests", "multipart", "boto3");
}

static void urllib_uploads(void **state)
{
	(void)state;
	upload_and_read("urllib", "single", "boto3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(curl_uploads),   cmocka_unit_test(boto3_uploads), cmocka_unit_test(requests_uploads),
		cmocka_unit_test(urllib_uploads), cmocka_unit_test(aws_cli_puts),  cmocka_unit_test(rclone_puts),
	};
	return cmocka_run_group_tests_name("upload peers", tests, setup, teardown);
}
