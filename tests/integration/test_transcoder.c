// The transcoder against the running stack: what it makes of pictures, of broken and hostile ones, and of messages that
// are no work or come too often.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/uuid.h"
#include "bus/bus.h"
#include "bus/publish.h"
#include "bus/streams.h"
#include "media/event.h"
#include "media/preset.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/picture.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define POOL "fast"
#define READY_MS 40000
#define PHOTO "samples/photos/tide.jpg"
// Stored lying down, with EXIF orientation 6 and a GPS position.
#define PHOTO_WITH_POSITION "samples/photos/dunes-exif6.jpg"
#define PHONE_PHOTO "../shared/data/phones/Oppo_R7_Plus.jpg"

static struct test_account account;
static struct bus *bus;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	bus = test_bus_open();
	return 0;
}

static int teardown(void **state)
{
	bus_close(bus);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void upload(const char *filename, const void *data, size_t length, char ret_id[37])
{
	test_upload_whole(&account, &(struct test_file){ filename, "image/jpeg", data, length }, ret_id);
}

static int64_t count_of(const char *sql, const char *media_id)
{
	return test_sql_int(sql, media_id, NULL);
}

static int64_t count_events(const char *media_id, const char *verb)
{
	return test_sql_int("SELECT count(*) FROM outbox WHERE subject = 'events.media.' || $2 "
	                    "AND payload->'data'->>'media_id' = $1",
	                    media_id, verb, NULL);
}

static int64_t attempts_of(const char *media_id)
{
	return count_of("SELECT attempts FROM jobs WHERE media_id = $1::uuid AND pool = '" POOL "'", media_id);
}

// ---- pictures -----------------------------------------------------------------------------------------------------

// The bytes that the edge serves are those that the row names, and a picture of its size without anybody's traces.
static void check_variant(const char *media_id, json_t *variant)
{
	const char *name = test_json_text(variant, "name"), *format = test_json_text(variant, "format");
	struct test_reply reply;
	struct test_picture picture;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_TEXT_SIZE];
	test_http(&(struct test_call){ .url = test_json_text(variant, "url") }, &reply);
	test_assert_status(&reply, 200);
	sha256_of(reply.body, reply.length, digest);
	encode_hex(digest, sizeof digest, hex);
	char *wanted = test_sql_text("SELECT encode(sha256, 'hex') FROM variants WHERE media_id = $1::uuid AND "
	                             "name = $2 AND format = $3",
	                             media_id, name, format, NULL);
	assert_string_equal(hex, wanted);
	free(wanted);
	assert_int_equal(reply.length, test_json_int(variant, "bytes"));
	assert_true(test_picture_read(reply.body, reply.length, &picture));
	assert_string_equal(picture.format, format);
	assert_int_equal(picture.width, test_json_int(variant, "width"));
	assert_int_equal(picture.height, test_json_int(variant, "height"));
	assert_false(picture.has_metadata);
	assert_null(memmem(reply.body, reply.length, "Exif\0\0", 6));
	test_reply_done(&reply);
}

// Row, object and planned size of each variant that the preset wants from an original of that size.
static void check_rows(const char *media_id, uint32_t width, uint32_t height)
{
	static const char *const FORMATS[] = { "jpeg", "webp" };
	struct preset_planned plan[PRESET_STEPS_MAX];
	size_t steps = preset_plan(preset_default(), width, height, plan);
	char prefix[40];
	struct test_objects objects;
	(void)snprintf(prefix, sizeof prefix, "%s/", media_id);
	for (size_t i = 0; i < 2 * steps; i++) {
		char size[32];
		(void)snprintf(size, sizeof size, "%ux%u", plan[i / 2].size.width, plan[i / 2].size.height);
		char *row = test_sql_text("SELECT width || 'x' || height FROM variants WHERE media_id = $1::uuid AND "
		                          "name = $2 AND format = $3 AND state = 'ready'",
		                          media_id, plan[i / 2].step->name, FORMATS[i % 2], NULL);
		assert_string_equal(row, size);
		free(row);
	}
	test_objects_list(TEST_MEDIA, prefix, &objects);
	assert_int_equal(objects.count, 2 * steps);
	for (size_t i = 0; i < objects.count; i++) {
		char bytes[24];
		(void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)objects.sizes[i]);
		assert_int_equal(test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1::uuid AND "
		                              "object_key = $2 AND bytes = $3::bigint",
		                              media_id, objects.keys[i], bytes, NULL),
		                 1);
	}
	test_objects_done(&objects);
	assert_int_equal(count_of("SELECT count(*) FROM variants WHERE media_id = $1::uuid", media_id), 2 * steps);
}

// From complete to ready, with everything that stands or lies somewhere afterwards.
static void expect_picture(const char *path, uint32_t width, uint32_t height)
{
	size_t length, index;
	char id[37], *data = test_file_read(path, &length);
	struct test_picture original;
	json_t *variant;
	assert_true(test_picture_read(data, length, &original));
	assert_true(original.has_metadata); // so that its absence in the variants says something
	upload("p.jpg", data, length, id);
	json_t *media = test_media_await(&account, id, "ready", READY_MS);
	assert_int_equal(test_json_int(media, "width"), width);
	assert_int_equal(test_json_int(media, "height"), height);
	check_rows(id, width, height);
	json_array_foreach(test_json_at(media, "variants"), index, variant) check_variant(id, variant);
	assert_int_equal(attempts_of(id), 1);
	json_decref(media);
	free(data);
}

static void every_variant_is_what_its_row_says(void **state)
{
	(void)state;
	expect_picture(PHOTO_WITH_POSITION, 1200, 1600); // stored as 1600 x 1200
}

static void a_phones_photo_too(void **state)
{
	(void)state;
	struct stat status;
	if (stat(PHONE_PHOTO, &status) != 0) {
		print_error("SKIPPED: there is no " PHONE_PHOTO "\n");
		skip();
	}
	expect_picture(PHONE_PHOTO, 3120, 4160);
}

static void the_preview_is_told_first_and_each_once(void **state)
{
	(void)state;
	size_t length;
	char id[37], *data = test_file_read("samples/photos/ridges.jpg", &length);
	upload("ridges.jpg", data, length, id);
	json_decref(test_media_await(&account, id, "ready", READY_MS));
	assert_int_equal(count_events(id, "preview"), 1);
	assert_int_equal(count_events(id, "ready"), 1);
	assert_int_equal(count_events(id, "updated"), 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM outbox p JOIN outbox r ON p.id < r.id "
	                              "WHERE p.subject = 'events.media.preview' AND r.subject = 'events.media.ready' "
	                              "AND p.payload->'data'->>'media_id' = $1 "
	                              "AND r.payload->'data'->>'media_id' = $1",
	                              id, NULL),
	                 1);
	assert_int_equal(count_of("SELECT count(*) FROM media WHERE id = $1::uuid AND preview_at < ready_at "
	                          "AND thumbhash IS NOT NULL",
	                          id),
	                 1);
	test_sql_await(0, 5000,
	               "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND payload->'data'->>'media_id' = $1", id,
	               NULL);
	free(data);
}

// ---- what cannot be shown -----------------------------------------------------------------------------------------

static void half_a_file_fails_with_its_reason(void **state)
{
	(void)state;
	size_t length;
	char id[37], *data = test_file_read(PHOTO_WITH_POSITION, &length);
	upload("half.jpg", data, length / 2, id);
	json_t *media = test_media_await(&account, id, "failed", READY_MS);
	assert_string_equal(test_json_text(media, "reason.code"), "truncated");
	assert_true(strlen(test_json_text(media, "reason.detail")) > 10);
	assert_int_equal(attempts_of(id), 1); // the same bytes would end the same way
	assert_int_equal(count_events(id, "failed"), 1);
	assert_int_equal(
	        count_of("SELECT count(*) FROM dead_letters WHERE media_id = $1::uuid AND code = 'truncated'", id), 1);
	json_decref(media);
	free(data);
}

static void a_giants_claim_ends_at_once(void **state)
{
	(void)state;
	size_t length;
	char id[37], *data = test_file_read(PHOTO, &length);
	assert_true(test_picture_claim(data, length, 65500, 65500));
	upload("giant.jpg", data, length, id);
	json_t *media = test_media_await(&account, id, "rejected", READY_MS);
	const char *code = test_json_text(media, "reason.code");
	if (strcmp(code, "too_many_pixels") != 0 && strcmp(code, "too_large_side") != 0)
		fail_msg("%s", code);
	assert_int_equal(count_of("SELECT count(*) FROM jobs j JOIN media m ON m.id = j.media_id "
	                          "WHERE m.id = $1::uuid AND j.finished_at < m.uploaded_at + interval '1 second'",
	                          id),
	                 1);
	assert_int_equal(attempts_of(id), 1);
	json_decref(media);
	free(data);
}

static void text_never_reaches_it(void **state)
{
	(void)state;
	static const char TEXT[] = "This is no picture, whatever it is called.\n";
	char id[37];
	upload("words.jpg", TEXT, sizeof TEXT - 1, id);
	json_decref(test_media_await(&account, id, "rejected", 2000));
	assert_int_equal(count_of("SELECT count(*) FROM jobs WHERE media_id = $1::uuid", id), 0);
}

// ---- messages -----------------------------------------------------------------------------------------------------

static void publish(const void *payload, size_t length)
{
	struct uuid id = uuid_new();
	char text[UUID_TEXT_SIZE];
	struct err err = { 0 };
	uuid_format(&id, text);
	struct bus_publication message = { .stream = BUS_STREAM_JOBS,
		                           .subject = "jobs." POOL ".interactive",
		                           .message_id = text,
		                           .payload = payload,
		                           .length = length };
	if (bus_publish(bus, &message, deadline_after_ms(5000), &err) != RC_OK)
		fail_msg("%s", err.text);
}

static void write_job(const struct uuid *job_id, const struct uuid *media_id, const char *pool, struct buffer *out)
{
	struct event event = { .id = uuid_new(),
		               .time_us = clock_now_us(),
		               .source = "/test",
		               .kind = EVENT_JOB,
		               .job = { .job_id = *job_id, .media_id = *media_id, .generation = 1 } };
	struct err err = { 0 };
	(void)snprintf(event.job.pool, sizeof event.job.pool, "%s", pool);
	buffer_init(out, 4096);
	if (event_encode(&event, out, &err) != RC_OK)
		fail_msg("%s", err.text);
}

static void publish_job(const struct uuid *job_id, const struct uuid *media_id, const char *pool)
{
	struct buffer payload;
	write_job(job_id, media_id, pool, &payload);
	publish(payload.data, payload.length);
	buffer_done(&payload);
}

static void publish_unknown_version(void)
{
	struct uuid id = uuid_new();
	struct buffer payload;
	write_job(&id, &id, POOL, &payload);
	char *version = strstr(buffer_text(&payload), "job.v1");
	assert_non_null(version);
	version[strlen("job.v")] = '9';
	publish(payload.data, payload.length);
	buffer_done(&payload);
}

static void poison_is_swallowed_once(void **state)
{
	(void)state;
	struct uuid nobody = uuid_new();
	size_t length;
	char id[37], *data = test_file_read(PHOTO, &length);
	publish("{\"specversion\":", 15);
	publish("", 0);
	publish_unknown_version();
	publish_job(&nobody, &nobody, POOL);
	publish_job(&nobody, &nobody, "slow");
	upload("after.jpg", data, length, id);
	json_decref(test_media_await(&account, id, "ready", READY_MS));
	// Terminated or acknowledged: nothing is kept for another delivery.
	test_pool_await_idle(bus, POOL, 5000);
	assert_int_equal(attempts_of(id), 1);
	free(data);
}

static struct uuid read_uuid(char *taken)
{
	struct uuid id;
	assert_true(uuid_parse(taken, &id));
	free(taken);
	return id;
}

static void a_storm_of_one_message_makes_one_set(void **state)
{
	(void)state;
	size_t length;
	char id[37], *data = test_file_read(PHOTO, &length);
	test_pool_set(bus, POOL, "{\"paused\":true}");
	clock_sleep_ms(1000);
	upload("storm.jpg", data, length, id);
	struct uuid job_id = read_uuid(test_sql_text("SELECT id FROM jobs WHERE media_id = $1::uuid", id, NULL));
	struct uuid media_id;
	assert_true(uuid_parse(id, &media_id));
	for (int i = 0; i < 10; i++)
		publish_job(&job_id, &media_id, POOL);
	test_pool_set(bus, POOL, NULL);
	json_decref(test_media_await(&account, id, "ready", READY_MS));
	for (int i = 0; i < 10; i++) // and late ones
		publish_job(&job_id, &media_id, POOL);
	test_pool_await_idle(bus, POOL, 10000);
	assert_int_equal(attempts_of(id), 1);
	assert_int_equal(count_events(id, "ready"), 1);
	assert_int_equal(count_events(id, "preview"), 1);
	assert_int_equal(count_of("SELECT count(*) FROM media_history WHERE media_id = $1::uuid", id), 3);
	check_rows(id, 1200, 1600);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_variant_is_what_its_row_says),
		cmocka_unit_test(a_phones_photo_too),
		cmocka_unit_test(the_preview_is_told_first_and_each_once),
		cmocka_unit_test(half_a_file_fails_with_its_reason),
		cmocka_unit_test(a_giants_claim_ends_at_once),
		cmocka_unit_test(text_never_reaches_it),
		cmocka_unit_test(poison_is_swallowed_once),
		cmocka_unit_test(a_storm_of_one_message_makes_one_set),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
