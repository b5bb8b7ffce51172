// The edge of the running stack in front of its real object store: what a transcoder published is delivered, byte for
// byte, and is gone after deletion and purge.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "media/delivery.h"
#include "store/store.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

#define OBJECT_BYTES (300 * 1000)

static struct store *publisher, *janitor; // with the transcoder's and with ingest's credentials
static struct delivery_keys keys;
static uint16_t port, admin_port;

static uint16_t port_of(const char *address)
{
	const char *colon = strrchr(address, ':');
	return colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	struct err err = { 0 };
	port = port_of(settings->edge_listen);
	admin_port = port_of(settings->edge_admin_listen);
	enum rc rc = delivery_keys_parse(settings->cdn_keys, &keys, &err);
	if (rc == RC_OK)
		rc = store_open_configured(settings, settings->transcoder_access_key, settings->transcoder_secret_key,
		                           NULL, &publisher, &err);
	if (rc == RC_OK)
		rc = store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key, NULL,
		                           &janitor, &err);
	if (rc != RC_OK)
		print_error("%s\n", err.text);
	return rc == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	store_free(publisher);
	store_free(janitor);
	delivery_keys_wipe(&keys);
	return test_stack_teardown(state);
}

static void put_object(const char *key, const char *data, size_t length)
{
	struct err err = { 0 };
	struct store_target target = { .bucket = test_stack_settings()->store_media_bucket, .key = key };
	struct store_body body = { .data = data, .fd = -1, .length = length };
	struct store_put_options options = { .content_type = "text/html", .idempotent = true };
	if (store_put(publisher, &target, &body, &options, NULL, &err) != RC_OK)
		fail_msg("put %s: %s", key, err.text);
}

static void delete_object(const char *key)
{
	struct err err = { 0 };
	struct store_target target = { .bucket = test_stack_settings()->store_media_bucket, .key = key };
	if (store_delete(janitor, &target, &err) != RC_OK)
		fail_msg("delete %s: %s", key, err.text);
}

static void purge_object(const char *key)
{
	char headers[1024];
	(void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
	               test_stack_settings()->cdn_purge_token, strlen(key), key);
	struct edge_reply reply = edge_request(admin_port, "POST", "/purge", headers);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.body, "\"purged\":1,"));
	edge_reply_done(&reply);
}

static void assert_delivered(const char *url, const char *cache, const char *data, size_t length)
{
	struct edge_reply reply = edge_request(port, "GET", url, NULL);
	if (reply.status != 200 || !edge_reply_has(&reply, "X-Cache", cache))
		fail_msg("not 200 %s: %u %s%s", cache, reply.status, reply.head, reply.body);
	assert_int_equal(reply.length, length);
	assert_memory_equal(reply.body, data, length);
	assert_true(edge_reply_has(&reply, "Content-Type", "image/webp"));
	assert_false(edge_reply_names(&reply, "x-amz-request-id") || edge_reply_names(&reply, "x-rgw-object-type"));
	edge_reply_done(&reply);
}

static void test_publish_deliver_delete(void **state)
{
	(void)state;
	struct delivery_grant grant = {
		.media_id = uuid_new(), .generation = 1, .variant = "w640", .format = FORMAT_WEBP
	};
	struct object_key_variant parts = {
		.media_id = grant.media_id, .generation = 1, .variant = "w640", .format = FORMAT_WEBP
	};
	char url[DELIVERY_URL_SIZE], key[OBJECT_KEY_SIZE];
	(void)object_key_format_variant(&parts, key);
	grant.expiry = delivery_expiry(clock_now_us() / 1000000, 60, &grant.media_id);
	(void)delivery_sign(&keys, &grant, url);
	CLEANUP(free_pointer) char *data = malloc(OBJECT_BYTES);
	assert_non_null(data);
	random_fill(data, OBJECT_BYTES);

	// Asked for before it is there: that is forgotten again within two seconds.
	struct edge_reply reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
	put_object(key, data, OBJECT_BYTES);
	clock_sleep_ms(2100);
	assert_delivered(url, "MISS", data, OBJECT_BYTES);
	assert_delivered(url, "HIT", data, OBJECT_BYTES);

	delete_object(key);
	assert_delivered(url, "HIT", data, OBJECT_BYTES);
	purge_object(key);
	reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
}

// The edge's credentials read media and nothing else.
static void test_edge_cannot_write(void **state)
{
	(void)state;
	const struct settings *settings = test_stack_settings();
	struct store *as_edge;
	struct err err = { 0 };
	assert_int_equal(store_open_configured(settings, settings->edge_access_key, settings->edge_secret_key, NULL,
	                                       &as_edge, &err),
	                 RC_OK);
	const char *buckets[] = { settings->store_media_bucket, settings->store_originals_bucket };
	for (size_t i = 0; i < 2; i++) {
		struct store_target target = { .bucket = buckets[i],
			                       .key = "0193a5e0-7c1b-7abc-8def-0123456789ab/1/x.webp" };
		struct store_body body = { .data = "x", .fd = -1, .length = 1 };
		assert_int_equal(store_put(as_edge, &target, &body, NULL, NULL, NULL), RC_DENIED);
		assert_int_equal(store_delete(as_edge, &target, NULL), RC_DENIED);
	}
	struct store_object object;
	struct store_target original = { .bucket = settings->store_originals_bucket, .key = "x" };
	assert_int_equal(store_head(as_edge, &original, &object, NULL), RC_DENIED);
	store_free(as_edge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish_deliver_delete),
		cmocka_unit_test(test_edge_cannot_write),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
