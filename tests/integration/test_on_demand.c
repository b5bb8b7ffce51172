// Variants on demand, through the whole stack: made once for a crowd, published like every other, refused without work
// when nobody may have them, turned away when there are too many, gone with their media.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "bus/bus.h"
#include "media/delivery.h"
#include "media/preset.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/picture.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/tide.jpg"
#define READY_MS 40000
#define CROWD 500
#define DECODES "safelight_job_decode_seconds_count"
#define STACK_BYTES (128 * 1024)

static struct test_account account;
static struct delivery_keys keys;
static struct bus *bus;
static uint16_t port;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	test_account_new(&account);
	bus = test_bus_open();
	port = (uint16_t)strtoul(strrchr(settings->edge_listen, ':') + 1, NULL, 10);
	return delivery_keys_parse(settings->cdn_keys, &keys, NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	bus_close(bus);
	delivery_keys_wipe(&keys);
	test_account_done(&account);
	return test_stack_teardown(state);
}

// A ready media of the photo with some bytes behind its end, so that it is one of its own.
static json_t *new_media(char ret_id[37])
{
	size_t length;
	char *photo = test_file_read(PHOTO, &length);
	photo = realloc(photo, length + 16);
	assert_non_null(photo);
	random_fill(photo + length, 16);
	test_upload_whole(&account, &(struct test_file){ "tide.jpg", "image/jpeg", photo, length + 16 }, ret_id);
	free(photo);
	return test_media_await(&account, ret_id, "ready", READY_MS);
}

static void delete_media(const char *id)
{
	struct test_reply reply;
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/media/%.36s", id);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
}

// The path and query of a URL that the API gave.
static const char *path_of(const char *url)
{
	const char *path = strstr(url, "/m/");
	assert_non_null(path);
	return path;
}

static void sign(const char *media_id, const char *variant, enum media_format format, char ret_url[DELIVERY_URL_SIZE])
{
	struct delivery_grant grant = { .generation = 1, .format = format, .expiry = DELIVERY_FOREVER };
	assert_true(uuid_parse(media_id, &grant.media_id));
	(void)snprintf(grant.variant, sizeof grant.variant, "%s", variant);
	(void)delivery_sign(&keys, &grant, ret_url);
}

struct asker {
	const char *url;
	const char *headers;
	uint16_t port; // 0: the edge's
	unsigned delay_ms;
	struct edge_reply reply;
};

static void *ask(void *context)
{
	struct asker *asker = context;
	clock_sleep_ms(asker->delay_ms);
	asker->reply = edge_request(asker->port != 0 ? asker->port : port, "GET", asker->url, asker->headers);
	return NULL;
}

static void ask_all(struct asker *askers, size_t count)
{
	pthread_t threads[CROWD];
	pthread_attr_t attributes;
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], &attributes, ask, &askers[i]), 0);
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_attr_destroy(&attributes);
}

static void assert_picture(const struct edge_reply *reply, const char *format, uint32_t width, uint32_t height)
{
	struct test_picture picture;
	if (reply->status != 200)
		fail_msg("%u: %s", reply->status, reply->body != NULL ? reply->body : "no answer");
	assert_true(test_picture_read(reply->body, reply->length, &picture));
	assert_string_equal(picture.format, format);
	assert_int_equal(picture.width, width);
	assert_int_equal(picture.height, height);
	assert_false(picture.has_metadata);
}

static void assert_delivery_headers(const struct edge_reply *reply, const char *type)
{
	assert_true(edge_reply_has(reply, "Content-Type", type));
	assert_true(edge_reply_has(reply, "X-Content-Type-Options", "nosniff"));
	assert_true(edge_reply_has(reply, "Content-Security-Policy", "default-src 'none'; sandbox"));
	assert_true(edge_reply_has(reply, "Vary", "Accept"));
	assert_non_null(strstr(reply->head, "Cache-Control: public, max-age="));
	assert_false(edge_reply_names(reply, "traceparent"));
}

// The media's JSON is as it was before somebody asked.
static void assert_unchanged(const char *id, const json_t *before)
{
	static const char *const MEMBERS[] = { "variants", "srcset", "on_demand", "version" };
	struct test_reply reply;
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++)
		if (!json_equal(json_object_get(reply.json, MEMBERS[i]), json_object_get(before, MEMBERS[i])))
			fail_msg("%s has changed", MEMBERS[i]);
	test_reply_done(&reply);
}

static void test_made_once_for_a_crowd(void **state)
{
	(void)state;
	char id[37], key[OBJECT_KEY_SIZE];
	json_t *media = new_media(id);
	const json_t *offers = json_object_get(media, "on_demand");
	assert_true(json_array_size(offers) >= 1);
	assert_string_equal(test_json_text(media, "on_demand.0.name"), "w960");
	uint32_t width = (uint32_t)test_json_int(media, "on_demand.0.width");
	uint32_t height = (uint32_t)test_json_int(media, "on_demand.0.height");
	const char *url = path_of(test_json_text(media, "on_demand.0.url"));
	int64_t decodes = test_pool_metric(DECODES, PRESET_POOL_RESIZE);
	assert_true(decodes >= 0);
	struct asker *askers = calloc(CROWD, sizeof *askers);
	assert_non_null(askers);
	for (size_t i = 0; i < CROWD; i++)
		askers[i] = (struct asker){ .url = url, .headers = "Accept: image/webp\r\n" };
	ask_all(askers, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		assert_picture(&askers[i].reply, "webp", width, height);
		assert_int_equal(askers[i].reply.length, askers[0].reply.length);
		assert_memory_equal(askers[i].reply.body, askers[0].reply.body, askers[0].reply.length);
	}
	assert_delivery_headers(&askers[0].reply, "image/webp");
	assert_int_equal(test_pool_metric(DECODES, PRESET_POOL_RESIZE), decodes + 1);

	// Published like any: the object, one row, and from then on the store's copy.
	(void)snprintf(key, sizeof key, "%s/1/w960.webp", id);
	test_store_await(TEST_MEDIA, key, true, 5000);
	char bytes[32];
	(void)snprintf(bytes, sizeof bytes, "%zu", askers[0].reply.length);
	assert_int_equal(test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1 AND name = 'w960' AND "
	                              "state = 'ready' AND object_key = $2 AND bytes = $3::bigint",
	                              id, key, bytes, NULL),
	                 1);
	// What waited in the edge for the crowd is over, and so is the store's "not found".
	clock_sleep_ms(6500);
	struct asker again = { .url = url, .headers = "Accept: image/webp\r\n" };
	for (int i = 0; i < 2; i++) {
		ask(&again);
		// The last of the crowd may have been the first to get it from there.
		assert_true(edge_reply_has(&again.reply, "X-Cache", "HIT") ||
		            (i == 0 && edge_reply_has(&again.reply, "X-Cache", "MISS")));
		assert_true(edge_reply_names(&again.reply, "ETag"));
		assert_int_equal(again.reply.length, askers[0].reply.length);
		edge_reply_done(&again.reply);
	}
	assert_int_equal(test_pool_metric(DECODES, PRESET_POOL_RESIZE), decodes + 1);
	assert_unchanged(id, media);
	for (size_t i = 0; i < CROWD; i++)
		edge_reply_done(&askers[i].reply);
	free(askers);
	json_decref(media);
}

// What is no size of ours, not of this picture, not in this format, of no media or generation: 404 without decoding.
// What we did not sign: 403.
static void test_no_work_for_what_is_not_offered(void **state)
{
	(void)state;
	static const struct {
		const char *variant;
		enum media_format format;
	} rows[] = {
		{ "w961", FORMAT_JPEG }, { "w3841", FORMAT_WEBP }, { "w960", FORMAT_AVIF }, { "card", FORMAT_JPEG }
	}; // another preset's
	char id[37], url[DELIVERY_URL_SIZE], other[37];
	json_decref(new_media(id));
	int64_t decodes = test_pool_metric(DECODES, PRESET_POOL_RESIZE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		sign(id, rows[i].variant, rows[i].format, url);
		struct edge_reply reply = edge_request(port, "GET", url, NULL);
		edge_assert_problem(&reply, 404, "not-found");
		edge_reply_done(&reply);
	}
	struct uuid nobody = uuid_new();
	uuid_format(&nobody, other);
	sign(other, "w960", FORMAT_JPEG, url);
	struct edge_reply reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
	sign(id, "w960", FORMAT_JPEG, url);
	char *signature = strstr(url, "&s=") + 3;
	*signature = *signature == 'A' ? 'B' : 'A';
	reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 403, "url-refused");
	edge_reply_done(&reply);
	assert_int_equal(test_pool_metric(DECODES, PRESET_POOL_RESIZE), decodes);
}

// Nobody but the edge may ask the transcoder, and the edge lets nobody through to it.
static void test_only_the_edge_asks(void **state)
{
	(void)state;
	char id[37], url[256];
	json_decref(new_media(id));
	(void)snprintf(url, sizeof url, "http://%s/resize/%s/1/w960.jpg", test_stack_settings()->transcoder_listen, id);
	const char *tokens[] = { NULL, "", "x", test_stack_settings()->cdn_purge_token };
	struct test_reply reply;
	for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
		test_http(&(struct test_call){ .url = url, .token = tokens[i] }, &reply);
		assert_int_equal(reply.status, 401);
		test_reply_done(&reply);
	}
	char path[128];
	(void)snprintf(path, sizeof path, "/resize/%s/1/w960.jpg", id);
	test_http(&(struct test_call){ .url = path, .token = test_stack_settings()->transcoder_resize_token }, &reply);
	assert_int_equal(reply.status, 404);
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1 AND name = 'w960'", id, NULL),
	                 0);
}

// Several edges ask one transcoder: whoever comes while it is being made joins.
#define EDGES 8
static void test_askers_join(void **state)
{
	(void)state;
	char id[37], path[128], headers[256];
	const char *listen = test_stack_settings()->transcoder_listen;
	json_decref(new_media(id));
	(void)snprintf(path, sizeof path, "/resize/%s/1/w960.jpg", id);
	(void)snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n",
	               test_stack_settings()->transcoder_resize_token);
	int64_t decodes = test_pool_metric(DECODES, PRESET_POOL_RESIZE);
	struct asker askers[EDGES];
	for (size_t i = 0; i < EDGES; i++)
		askers[i] = (struct asker){ .url = path,
			                    .headers = headers,
			                    .port = (uint16_t)strtoul(strrchr(listen, ':') + 1, NULL, 10) };
	ask_all(askers, EDGES);
	for (size_t i = 0; i < EDGES; i++) {
		assert_int_equal(askers[i].reply.status, 200);
		assert_int_equal(askers[i].reply.length, askers[0].reply.length);
	}
	for (size_t i = 0; i < EDGES; i++)
		edge_reply_done(&askers[i].reply);
	// One decode; under load a late one may find it done, and it is made once more, but never each for itself.
	assert_in_range(test_pool_metric(DECODES, PRESET_POOL_RESIZE) - decodes, 1, EDGES / 2);
}

// As clients do that were told to come again.
static void ask_until_made(struct asker *asker)
{
	struct deadline deadline = deadline_after_ms(20000);
	unsigned status = 0;
	while (status != 200 && !deadline_passed(deadline)) {
		ask(asker);
		status = asker->reply.status;
		edge_reply_done(&asker->reply);
		if (status != 200)
			clock_sleep_ms(500);
	}
	assert_int_equal(status, 200);
}

// One worker and one place to wait: of many different ones at once some are made, the others told to come again, all
// soon; and each is to be had in the end.
#define DIFFERENT 6
static void test_full_queue_turns_away(void **state)
{
	(void)state;
	char ids[DIFFERENT][37], urls[DIFFERENT][DELIVERY_URL_SIZE];
	struct asker askers[DIFFERENT];
	for (size_t i = 0; i < DIFFERENT; i++) {
		json_decref(new_media(ids[i]));
		sign(ids[i], "w960", FORMAT_JPEG, urls[i]);
		askers[i] = (struct asker){ .url = urls[i] };
	}
	test_pool_set(bus, PRESET_POOL_RESIZE, "{\"prefetch\":1}");
	clock_sleep_ms(1000);
	int64_t began_us = clock_monotonic_us();
	ask_all(askers, DIFFERENT);
	int64_t took_ms = (clock_monotonic_us() - began_us) / 1000;
	size_t made = 0, refused = 0;
	for (size_t i = 0; i < DIFFERENT; i++) {
		if (askers[i].reply.status == 200) {
			made++;
		} else {
			edge_assert_problem(&askers[i].reply, 503, "unavailable");
			assert_true(edge_reply_names(&askers[i].reply, "Retry-After"));
			refused++;
		}
		edge_reply_done(&askers[i].reply);
	}
	assert_true(made >= 1 && refused >= 1);
	assert_true(took_ms < 15000);
	for (size_t i = 0; i < DIFFERENT; i++)
		ask_until_made(&askers[i]);
	test_pool_set(bus, PRESET_POOL_RESIZE, NULL);
}

// A paused pool, and a transcoder that is not there: told to come again, at once; hits go on.
static void test_busy_when_nobody_makes_it(void **state)
{
	(void)state;
	char id[37], url[DELIVERY_URL_SIZE], hit[DELIVERY_URL_SIZE];
	json_decref(new_media(id));
	sign(id, "w640", FORMAT_JPEG, hit);
	sign(id, "w960", FORMAT_JPEG, url);
	struct edge_reply reply = edge_request(port, "GET", hit, NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	// The workers show that the transcoder has heard of it.
	test_pool_set(bus, PRESET_POOL_RESIZE, "{\"paused\":true,\"workers\":2}");
	test_pool_await("safelight_pool_workers_wanted", PRESET_POOL_RESIZE, 2, 10000);
	reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 503, "unavailable");
	edge_reply_done(&reply);
	test_pool_set(bus, PRESET_POOL_RESIZE, NULL);
	clock_sleep_ms(1500); // the edge remembers that refusal for a second
	test_stack_run("kill", "transcoder");
	reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 503, "unavailable");
	assert_true(edge_reply_names(&reply, "Retry-After"));
	edge_reply_done(&reply);
	reply = edge_request(port, "GET", hit, NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	test_stack_run("restart", "transcoder");
	struct asker asker = { .url = url };
	ask_until_made(&asker);
}

// Deleting a media takes what was made on demand with it: object, row, and the edge's copies.
static void test_gone_with_its_media(void **state)
{
	(void)state;
	char id[37], url[DELIVERY_URL_SIZE], key[OBJECT_KEY_SIZE];
	json_decref(new_media(id));
	sign(id, "w960", FORMAT_JPEG, url);
	(void)snprintf(key, sizeof key, "%s/1/w960.jpg", id);
	struct edge_reply reply = edge_request(port, "GET", url, NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	delete_media(id);
	test_store_await(TEST_MEDIA, key, false, 15000);
	test_sql_await(0, 15000, "SELECT count(*) FROM deletions WHERE media_id = $1 AND kind <> 'original'", id, NULL);
	int64_t decodes = test_pool_metric(DECODES, PRESET_POOL_RESIZE);
	reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
	assert_false(test_store_has(TEST_MEDIA, key));
	assert_int_equal(test_pool_metric(DECODES, PRESET_POOL_RESIZE), decodes);
}

// Deleted at any moment of its making: who asked gets it or is told that it is not there, and nothing of it stays,
// neither row nor object.
#define MOMENTS 6
static void test_deleted_while_made(void **state)
{
	(void)state;
	char ids[MOMENTS][37], url[DELIVERY_URL_SIZE];
	for (size_t i = 0; i < MOMENTS; i++)
		json_decref(new_media(ids[i]));
	int64_t began_us = clock_monotonic_us(), whole_ms = 0;
	for (size_t i = 0; i < MOMENTS; i++) {
		sign(ids[i], "w960", FORMAT_JPEG, url);
		struct asker asker = { .url = url };
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
		// The first one is left alone, to see how long it takes.
		if (i == 0)
			(void)pthread_join(thread, NULL);
		else
			clock_sleep_ms(whole_ms * (int64_t)i / MOMENTS);
		delete_media(ids[i]);
		if (i == 0)
			whole_ms = (clock_monotonic_us() - began_us) / 1000;
		else
			(void)pthread_join(thread, NULL);
		print_message("deleted after %lld of %lld ms: %u\n", (long long)(whole_ms * (int64_t)i / MOMENTS),
		              (long long)whole_ms, asker.reply.status);
		assert_true(asker.reply.status == 200 || asker.reply.status == 404);
		edge_reply_done(&asker.reply);
	}
	for (size_t i = 0; i < MOMENTS; i++) {
		test_sql_await(0, 15000, "SELECT count(*) FROM deletions WHERE media_id = $1 AND kind <> 'original'",
		               ids[i], NULL);
		assert_int_equal(test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1", ids[i], NULL), 0);
		assert_int_equal(test_objects_count(TEST_MEDIA, ids[i]), 0);
	}
}

// Deleted between the object and its row (the lock holds the row back until then), after the janitor has looked: what
// was stored goes on the deletions list by itself.
static void test_deleted_before_its_row(void **state)
{
	(void)state;
	char id[37], url[DELIVERY_URL_SIZE], key[OBJECT_KEY_SIZE];
	json_decref(new_media(id));
	sign(id, "w960", FORMAT_JPEG, url);
	(void)snprintf(key, sizeof key, "%.36s/1/w960.jpg", id);
	struct asker asker = { .url = url, .delay_ms = 300 };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
	assert_int_equal(test_sql_int("WITH l AS MATERIALIZED (SELECT id FROM media WHERE id = $1 FOR UPDATE), "
	                              "s AS MATERIALIZED (SELECT id, pg_sleep(4) FROM l) "
	                              "UPDATE media SET state = 'deleted', deleted_at = now() FROM s "
	                              "WHERE media.id = s.id RETURNING 1",
	                              id, NULL),
	                 1);
	assert_true(test_store_has(TEST_MEDIA, key)); // or this was no race
	(void)pthread_join(thread, NULL);
	edge_assert_problem(&asker.reply, 404, "not-found");
	edge_reply_done(&asker.reply);
	test_store_await(TEST_MEDIA, key, false, 15000);
	assert_int_equal(test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1 AND name = 'w960'", id, NULL),
	                 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_once_for_a_crowd),  cmocka_unit_test(test_no_work_for_what_is_not_offered),
		cmocka_unit_test(test_only_the_edge_asks),     cmocka_unit_test(test_askers_join),
		cmocka_unit_test(test_full_queue_turns_away),  cmocka_unit_test(test_busy_when_nobody_makes_it),
		cmocka_unit_test(test_gone_with_its_media),    cmocka_unit_test(test_deleted_while_made),
		cmocka_unit_test(test_deleted_before_its_row),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
