// What the API says of a picture, through the whole pipeline: EXIF for its owner, positions only while they are kept,
// what looks alike, and a checksum that does not fit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define READY_MS 60000
// At the point furthest from any land.
#define PHOTO_WITH_POSITION "samples/photos/dunes-exif6.jpg"
// Full of EXIF (tests/pictures/make.sh), with CANARY in whatever is nobody's business.
#define PHOTO_WITH_TRACES "tests/pictures/traces.jpg"
#define PHOTO "samples/photos/tide.jpg"

static struct test_account account;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void ask(const struct test_account *who, const char *method, const char *path, const char *json,
                struct test_reply *ret_reply)
{
	test_http_json(method, path, who->access_token, json, ret_reply);
	if (ret_reply->status / 100 != 2)
		fail_msg("%s %s: %u: %s", method, path, ret_reply->status, ret_reply->body);
}

static void upload_bytes(const struct test_account *who, const char *name, const char *type, const void *data,
                         size_t length, char ret_id[37])
{
	test_upload_whole(who, &(struct test_file){ name, type, data, length }, ret_id);
	json_decref(test_media_await(who, ret_id, "ready", READY_MS));
}

static void upload_photo(const struct test_account *who, const char *path, char ret_id[37])
{
	size_t length;
	char *data = test_file_read(path, &length);
	upload_bytes(who, "photo.jpg", "image/jpeg", data, length, ret_id);
	free(data);
}

static void read_media(const struct test_account *who, const char *id, struct test_reply *ret_reply)
{
	char path[96];
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	ask(who, "GET", path, NULL, ret_reply);
}

static void keep_positions(const struct test_account *who, bool kept)
{
	struct test_reply reply;
	ask(who, "PATCH", "/v1/me", kept ? "{\"keep_positions\":true}" : "{\"keep_positions\":false}", &reply);
	assert_true(json_is_boolean(json_object_get(reply.json, "keep_positions")));
	assert_int_equal(json_is_true(json_object_get(reply.json, "keep_positions")), kept);
	test_reply_done(&reply);
}

// ---- EXIF and positions ---------------------------------------------------------------------------------------------

static void assert_is_hash_of(const char *path, const char *text)
{
	size_t length;
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	char *data = test_file_read(path, &length);
	sha256_of(data, length, digest);
	encode_hex(digest, sizeof digest, hex);
	free(data);
	assert_string_equal(text, hex);
}

static void a_picture_says_what_it_is(void **state)
{
	struct test_reply reply;
	char id[37];
	(void)state;
	upload_photo(&account, PHOTO_WITH_POSITION, id);
	read_media(&account, id, &reply);
	assert_int_equal(test_json_int(reply.json, "width"), 1200);
	assert_int_equal(test_json_int(reply.json, "height"), 1600);
	assert_is_hash_of(PHOTO_WITH_POSITION, test_json_text(reply.json, "sha256"));
	assert_int_equal(test_json_int(reply.json, "frames"), 1);
	assert_int_equal(test_json_int(reply.json, "pages"), 1);
	assert_int_equal(strlen(test_json_text(reply.json, "blurhash")), 28);
	assert_int_equal(strlen(test_json_text(reply.json, "dominant_color")), 7);
	assert_true(strlen(test_json_text(reply.json, "thumbhash")) > 20);
	assert_non_null(json_object_get(reply.json, "exif"));
	assert_null(test_json_at(reply.json, "exif.gps")); // nobody asked to keep it
	test_reply_done(&reply);
	ask(&account, "GET", "/v1/media", NULL, &reply);
	assert_null(test_json_at(reply.json, "items.0.exif"));
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM media_positions WHERE media_id = $1::uuid", id, NULL), 0);
}

static void what_the_camera_wrote_is_the_owners(void **state)
{
	static const char *const texts[][2] = { { "exif.captured_at", "2026-06-21T23:59:58-03:30" },
		                                { "exif.make", "Lamp & Co" },
		                                { "exif.model", "L-1" },
		                                { "exif.lens", "Lens 4.25mm f/1.8" } };
	static const struct {
		const char *name;
		double value;
	} numbers[] = { { "exif.exposure_time", 0.02 },
		        { "exif.f_number", 1.8 },
		        { "exif.iso", 400 },
		        { "exif.focal_length", 4.25 },
		        { "exif.focal_length_35mm", 26 } };
	struct test_reply reply;
	char id[37];
	int64_t captured, wanted;
	(void)state;
	upload_photo(&account, PHOTO_WITH_TRACES, id);
	read_media(&account, id, &reply);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_string_equal(test_json_text(reply.json, texts[i][0]), texts[i][1]);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		assert_float_equal(json_number_value(test_json_at(reply.json, numbers[i].name)), numbers[i].value,
		                   1e-9);
	assert_int_equal(json_object_size(test_json_at(reply.json, "exif")), 9); // no position, nor anything else
	assert_true(clock_parse_rfc3339("2026-06-22T03:29:58Z", &wanted));
	assert_true(clock_parse_rfc3339(test_json_text(reply.json, "captured_at"), &captured));
	assert_int_equal(captured, wanted);
	assert_null(strstr(reply.body, "CANARY"));
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM media WHERE id = $1::uuid AND media::text LIKE '%CANARY%'",
	                              id, NULL),
	                 0);
}

static void assert_nowhere(const struct test_reply *reply)
{
	static const char *const TRACES[] = { "\"gps\"", "latitude", "48.87", "\"exif\"", "captured_at" };
	for (size_t i = 0; i < sizeof TRACES / sizeof TRACES[0]; i++)
		if (strstr(reply->body, TRACES[i]) != NULL)
			fail_msg("\"%s\" stands in %s", TRACES[i], reply->body);
}

// Others, by a share's link, see nothing of it; events name no position.
static void check_share(const struct test_account *owner, const char *media_id)
{
	struct test_reply reply;
	char path[160], json[80];
	ask(owner, "POST", "/v1/items", "{\"title\":\"dunes\"}", &reply);
	(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\"}", test_json_text(reply.json, "id"));
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	char media[96];
	(void)snprintf(media, sizeof media, "/v1/media/%s", media_id);
	ask(owner, "PATCH", media, json, &reply);
	test_reply_done(&reply);
	ask(owner, "POST", path, "{}", &reply);
	(void)snprintf(path, sizeof path, "/v1/shared/%s", test_json_text(reply.json, "token"));
	test_reply_done(&reply);
	test_http(&(struct test_call){ .url = path }, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "item.media.0.id"), media_id);
	assert_nowhere(&reply);
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM outbox WHERE payload::text LIKE '%latitude%' OR "
	                              "payload::text LIKE '%48.87%'",
	                              NULL),
	                 0);
}

static void positions_are_kept_while_wanted(void **state)
{
	struct test_account owner;
	struct test_reply reply;
	char id[37];
	(void)state;
	test_account_new(&owner);
	keep_positions(&owner, true);
	upload_photo(&owner, PHOTO_WITH_POSITION, id);
	read_media(&owner, id, &reply);
	assert_float_equal(json_real_value(test_json_at(reply.json, "exif.gps.latitude")), -48.876667, 1e-6);
	assert_float_equal(json_real_value(test_json_at(reply.json, "exif.gps.longitude")), -123.393333, 1e-6);
	test_reply_done(&reply);
	ask(&owner, "GET", "/v1/me/export", NULL, &reply);
	assert_non_null(strstr(reply.body, "48.876667"));
	assert_non_null(strstr(reply.body, "\"keep_positions\":true"));
	test_reply_done(&reply);
	check_share(&owner, id);
	keep_positions(&owner, false);
	read_media(&owner, id, &reply);
	assert_null(test_json_at(reply.json, "exif.gps"));
	test_reply_done(&reply);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM media_positions WHERE owner_id = $1::uuid", owner.user_id, NULL), 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE owner_id = $1::uuid AND action = "
	                              "'account.positions'",
	                              owner.user_id, NULL),
	                 2);
	test_account_done(&owner);
}

// ---- likeness -------------------------------------------------------------------------------------------------------

static char *variant_url(const struct test_account *who, const char *id, const char *name, const char *format)
{
	struct test_reply reply;
	size_t index;
	json_t *variant;
	char *url = NULL;
	read_media(who, id, &reply);
	json_array_foreach(json_object_get(reply.json, "variants"), index,
	                   variant) if (strcmp(test_json_text(variant, "name"), name) == 0 &&
	                                strcmp(test_json_text(variant, "format"), format) == 0) url =
	        strdup(test_json_text(variant, "url"));
	assert_non_null(url);
	test_reply_done(&reply);
	return url;
}

// The same photo uploaded again as a small WebP is found from either side; another photo is not.
static void copies_are_found(void **state)
{
	struct test_account owner;
	struct test_reply reply;
	char photo[37], copy[37], other[37], path[120];
	(void)state;
	test_account_new(&owner);
	upload_photo(&owner, PHOTO, photo);
	upload_photo(&owner, PHOTO_WITH_POSITION, other);
	char *url = variant_url(&owner, photo, "w640", "webp");
	test_http(&(struct test_call){ .url = url }, &reply);
	test_assert_status(&reply, 200);
	upload_bytes(&owner, "copy.webp", "image/webp", reply.body, reply.length, copy);
	test_reply_done(&reply);
	free(url);
	(void)snprintf(path, sizeof path, "/v1/media/%s/similar", photo);
	ask(&owner, "GET", path, NULL, &reply);
	assert_int_equal(json_array_size(json_object_get(reply.json, "items")), 1);
	assert_string_equal(test_json_text(reply.json, "items.0.media.id"), copy);
	assert_in_range(test_json_int(reply.json, "items.0.distance"), 0, 6);
	assert_true(json_is_null(json_object_get(reply.json, "next_cursor")));
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media/%s/similar?distance=11", copy);
	ask(&owner, "GET", path, NULL, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.media.id"), photo);
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media/%s/similar?distance=12", copy);
	test_http_json("GET", path, owner.access_token, NULL, &reply);
	test_assert_status(&reply, 400);
	test_reply_done(&reply);
	test_account_done(&owner);
}

// ---- the checksum ---------------------------------------------------------------------------------------------------

// What the client said of its bytes goes with the job; whoever reads them whole holds them against it.
static void another_files_checksum_is_rejected(void **state)
{
	size_t length;
	char *data = test_file_read(PHOTO, &length), json[300];
	struct test_reply reply;
	struct test_upload upload = { 0 };
	(void)state;
	(void)snprintf(json, sizeof json,
	               "{\"filename\":\"a.jpg\",\"content_type\":\"image/jpeg\",\"size\":%zu,\"sha256\":"
	               "\"00000000000000000000000000000000000000000000000000000000000000ff\"}",
	               length);
	ask(&account, "POST", "/v1/uploads", json, &reply);
	upload.url = strdup(test_json_text(reply.json, "url"));
	upload.headers = json_incref(test_json_at(reply.json, "headers"));
	(void)snprintf(upload.upload_id, sizeof upload.upload_id, "%s", test_json_text(reply.json, "upload_id"));
	(void)snprintf(upload.media_id, sizeof upload.media_id, "%s", test_json_text(reply.json, "media_id"));
	test_reply_done(&reply);
	assert_int_equal(test_upload_put(&upload, data, length), 200);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 202);
	test_reply_done(&reply);
	json_t *media = test_media_await(&account, upload.media_id, "rejected", READY_MS);
	assert_string_equal(test_json_text(media, "reason.code"), "checksum");
	assert_int_equal(json_array_size(json_object_get(media, "variants")), 0);
	json_decref(media);
	assert_int_equal(test_sql_int("SELECT attempts FROM jobs WHERE media_id = $1::uuid AND pool = 'fast'",
	                              upload.media_id, NULL),
	                 1);
	test_upload_done(&upload);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_says_what_it_is),
		cmocka_unit_test(what_the_camera_wrote_is_the_owners),
		cmocka_unit_test(positions_are_kept_while_wanted),
		cmocka_unit_test(copies_are_found),
		cmocka_unit_test(another_files_checksum_is_rejected),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
