// Variants on demand of media with a preset and a focal point of their own ([preset.poster] of the local stack).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/settings.h"
#include "media/delivery.h"
#include "media/preset.h"
#include "tests/hostile/pictures.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/integration/support/pools.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define QUARTERS "tests/pictures/lzw.tiff" // 96 x 64: red, green, blue, white
#define READY_MS 40000
#define DECODES "safelight_job_decode_seconds_count"

static struct test_account account;
static struct delivery_keys keys;
static uint16_t port;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	test_account_new(&account);
	port = (uint16_t)strtoul(strrchr(settings->edge_listen, ':') + 1, NULL, 10);
	return delivery_keys_parse(settings->cdn_keys, &keys, NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	delivery_keys_wipe(&keys);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static json_t *get_media(const char *id)
{
	struct test_reply reply;
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	json_t *media = json_incref(reply.json);
	test_reply_done(&reply);
	return media;
}

// A picture of its own (some bytes behind its end see to that).
static void upload(char ret_id[37])
{
	size_t length;
	char *picture = test_file_read(QUARTERS, &length);
	picture = realloc(picture, length + 16);
	assert_non_null(picture);
	random_fill(picture + length, 16);
	test_upload_whole(&account, &(struct test_file){ "lzw.tiff", "image/tiff", picture, length + 16 }, ret_id);
	free(picture);
	json_decref(test_media_await(&account, ret_id, "ready", READY_MS));
}

// Its focal point, then all of it anew by [preset.poster] of the local stack: generation 2.
static json_t *new_poster(char ret_id[37], const char *focal)
{
	struct test_reply reply;
	struct control control;
	char path[64];
	upload(ret_id);
	(void)snprintf(path, sizeof path, "/v1/media/%s", ret_id);
	test_http_json("PATCH", path, account.access_token, focal, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	control_run(&control, "media", "reprocess", ret_id, "--preset", "poster", NULL);
	control_expect(&control, 0);
	control_done(&control);
	test_sql_await(2, READY_MS, "SELECT published_generation FROM media WHERE id = $1::uuid", ret_id, NULL);
	return get_media(ret_id);
}

static void get_offer(json_t *media, size_t index, struct picture_pixels *ret_pixels)
{
	json_t *offer = json_array_get(json_object_get(media, "on_demand"), index);
	struct edge_reply reply = edge_request(port, "GET", strstr(test_json_text(offer, "url"), "/m/"), NULL);
	if (reply.status != 200)
		fail_msg("%u: %s", reply.status, reply.body);
	// The first value of the first table: 2 at quality 95, 6 at the default preset's 80.
	const uint8_t *table = memmem(reply.body, reply.length, "\xff\xdb", 2);
	assert_non_null(table);
	assert_int_equal(table[5], 2);
	assert_true(picture_decode((const uint8_t *)reply.body, reply.length, ret_pixels));
	assert_int_equal(ret_pixels->width, test_json_int(offer, "width"));
	assert_int_equal(ret_pixels->height, test_json_int(offer, "height"));
	edge_reply_done(&reply);
}

static void assert_colour(const struct picture_pixels *pixels, unsigned x, unsigned y, uint32_t colour)
{
	const uint8_t *pixel = pixels->rgba + 4 * (y * pixels->width + x);
	if (abs(pixel[0] - (int)(colour >> 16)) > 16 || abs(pixel[1] - (int)(colour >> 8 & 255)) > 16 ||
	    abs(pixel[2] - (int)(colour & 255)) > 16)
		fail_msg("%u,%u is %u %u %u, not %06x", x, y, pixel[0], pixel[1], pixel[2], colour);
}

// Nothing is made of what the media's own preset does not make, though another's does.
static void assert_missing(const char *id, const char *variant, enum media_format format)
{
	struct delivery_grant grant = { .generation = 2, .format = format, .expiry = DELIVERY_FOREVER };
	char url[DELIVERY_URL_SIZE];
	int64_t decodes = test_pool_metric(DECODES, PRESET_POOL_RESIZE);
	assert_true(uuid_parse(id, &grant.media_id));
	(void)snprintf(grant.variant, sizeof grant.variant, "%s", variant);
	(void)delivery_sign(&keys, &grant, url);
	struct edge_reply reply = edge_request(port, "GET", url, NULL);
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
	assert_int_equal(test_pool_metric(DECODES, PRESET_POOL_RESIZE), decodes);
}

// Sizes, fit, background, formats, quality and the point that a crop keeps: all the media's own.
static void test_made_by_its_own_preset(void **state)
{
	(void)state;
	static const struct {
		const char *focal;
		uint32_t colour;
	} rows[] = { { "{\"focal_point\":{\"x\":0,\"y\":0}}", 0xe02020 },
		     { "{\"focal_point\":{\"x\":1,\"y\":0}}", 0x20c020 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char id[37];
		struct picture_pixels card, slice;
		json_t *media = new_poster(id, rows[i].focal);
		assert_int_equal(json_array_size(json_object_get(media, "on_demand")), 2);
		assert_string_equal(test_json_text(media, "on_demand.0.name"), "card");
		assert_string_equal(test_json_text(media, "on_demand.1.name"), "slice");
		assert_string_equal(test_json_text(media, "on_demand.0.formats.0"), "jpeg");
		assert_int_equal(json_array_size(test_json_at(media, "on_demand.0.formats")), 1);
		get_offer(media, 0, &card);
		assert_int_equal(card.width, 300);
		assert_int_equal(card.height, 300);
		assert_colour(&card, 4, 4, 0xff8000);
		assert_colour(&card, 126, 134, 0xe02020);
		get_offer(media, 1, &slice);
		assert_int_equal(slice.width, 16);
		assert_int_equal(slice.height, 64);
		assert_colour(&slice, 8, 16, rows[i].colour);
		json_t *after = get_media(id);
		assert_true(json_equal(after, media)); // the same before and after somebody asked
		json_decref(after);
		free(card.rgba);
		free(slice.rgba);
		json_decref(media);
		assert_missing(id, "card", FORMAT_WEBP);
		assert_missing(id, "w960", FORMAT_JPEG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_made_by_its_own_preset) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
