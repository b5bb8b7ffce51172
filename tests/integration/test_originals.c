// Originals as downloads, through the whole stack: signed for their owner, for viewers of a share only where it says
// so, saved and never shown by a browser, in ranges, and kept by nobody on the way.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/store.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH (9 * 1000 * 1000) // three pieces of the edge's
#define PIECE (4 * 1024 * 1024)
#define PHOTO "samples/photos/ember.jpg"
#define READY_MS 40000

static struct test_account owner, stranger;
static char *content;
static char file_id[37], photo_id[37], item_id[37];
static char *file_url; // path and query

static void ask(const char *method, const char *path, const char *token, const char *json, unsigned status,
                struct test_reply *ret_reply)
{
	test_http_json(method, path, token, json, ret_reply);
	if (ret_reply->status != status)
		fail_msg("%s %s: %u instead of %u: %s", method, path, ret_reply->status, status, ret_reply->body);
}

// The path and query of the signed URL that the owner gets; malloc'ed.
static char *original_url(const char *media_id)
{
	struct test_reply reply;
	char path[80];
	(void)snprintf(path, sizeof path, "/v1/media/%s/original", media_id);
	ask("GET", path, owner.access_token, NULL, 200, &reply);
	char *url = strdup(strstr(test_json_text(reply.json, "url"), "/o/"));
	assert_non_null(url);
	test_reply_done(&reply);
	return url;
}

static int setup(void **state)
{
	size_t length;
	char path[100], json[100];
	struct test_reply reply;
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&owner);
	test_account_new(&stranger);
	content = malloc(LENGTH);
	assert_non_null(content);
	random_fill(content, LENGTH);
	const struct test_file file = { "Grüße & \"x\".html", "application/octet-stream", content, LENGTH };
	test_upload_whole(&owner, &file, file_id);
	json_decref(test_media_await(&owner, file_id, "ready", READY_MS));
	file_url = original_url(file_id);
	char *photo = test_file_read(PHOTO, &length);
	test_upload_whole(&owner, &(struct test_file){ "secret_name.jpg", "image/jpeg", photo, length }, photo_id);
	free(photo);
	json_decref(test_media_await(&owner, photo_id, "ready", READY_MS));
	ask("POST", "/v1/items", owner.access_token, "{\"title\":\"Trip\"}", 201, &reply);
	(void)snprintf(item_id, sizeof item_id, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media/%s", photo_id);
	(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\"}", item_id);
	ask("PATCH", path, owner.access_token, json, 200, &reply);
	test_reply_done(&reply);
	return 0;
}

static int teardown(void **state)
{
	free(content);
	free(file_url);
	test_account_done(&owner);
	test_account_done(&stranger);
	return test_stack_teardown(state);
}

static void get(const char *url, const char *header, const char *other, struct test_reply *ret_reply)
{
	const char *const headers[] = { header, other, NULL };
	test_http(&(struct test_call){ .url = url, .headers = headers }, ret_reply);
}

static void assert_header(const struct test_reply *reply, const char *name, const char *wanted)
{
	char value[512];
	test_reply_header(reply, name, value, sizeof value);
	assert_string_equal(value, wanted);
}

static void a_whole_download(void **state)
{
	(void)state;
	struct test_reply reply;
	get(file_url, NULL, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(reply.length, LENGTH);
	assert_memory_equal(reply.body, content, LENGTH);
	// Whatever it is called and was declared as: saved under its name, never shown.
	assert_header(&reply, "Content-Type", "application/octet-stream");
	assert_header(&reply, "X-Content-Type-Options", "nosniff");
	assert_header(&reply, "Content-Security-Policy", "default-src 'none'; sandbox");
	char value[512];
	test_reply_header(&reply, "Content-Disposition", value, sizeof value);
	assert_ptr_equal(strstr(value, "attachment; filename=\""), value);
	assert_non_null(strstr(value, "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20"));
	test_reply_header(&reply, "Cache-Control", value, sizeof value);
	assert_ptr_equal(strstr(value, "private, max-age="), value);
	assert_header(&reply, "Accept-Ranges", "bytes");
	assert_header(&reply, "X-Cache", "");
	assert_null(strcasestr(reply.head, "x-amz") != NULL ? reply.head : strcasestr(reply.head, "x-rgw"));
	test_reply_done(&reply);
}

static void ranges(void **state)
{
	(void)state;
	static const struct {
		const char *range;
		unsigned status;
		size_t from, length;
	} rows[] = {
		{ "Range: bytes=0-0", 206, 0, 1 },
		{ "Range: bytes=-7", 206, LENGTH - 7, 7 },
		{ "Range: bytes=4194300-4194309", 206, PIECE - 4, 10 }, // over the edge of a piece
		{ "Range: bytes=8999990-", 206, LENGTH - 10, 10 },
		{ "Range: bytes=1-8999999", 206, 1, LENGTH - 1 },
		{ "Range: bytes=8999999-99999999", 206, LENGTH - 1, 1 },
		{ "Range: bytes=9000000-", 416, 0, 0 },
		{ "Range: bytes=5-4", 200, 0, LENGTH },
		{ "Range: bytes=0-1,3-4", 200, 0, LENGTH }, // several: the whole, once
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct test_reply reply;
		get(file_url, rows[i].range, NULL, &reply);
		if (reply.status != rows[i].status && !(rows[i].status == 200 && reply.status == 416))
			fail_msg("%s: %u\n%s", rows[i].range, reply.status, reply.head);
		if (reply.status != 416) {
			if (reply.length != rows[i].length)
				fail_msg("%s: %zu bytes", rows[i].range, reply.length);
			assert_memory_equal(reply.body, content + rows[i].from, rows[i].length);
		}
		test_reply_done(&reply);
	}
}

// A thousand overlapping ranges are no thousand times the file.
static void many_ranges_amplify_nothing(void **state)
{
	(void)state;
	char header[8000] = "Range: bytes=0-";
	size_t length = strlen(header);
	for (int i = 0; i < 1000 && length < sizeof header - 8; i++)
		length += (size_t)snprintf(header + length, sizeof header - length, ",%d-", i % 10);
	struct test_reply reply;
	get(file_url, header, NULL, &reply);
	assert_true(reply.status == 200 || reply.status == 416);
	assert_true(reply.length <= LENGTH);
	test_reply_done(&reply);
}

static void a_download_goes_on_where_it_was_cut(void **state)
{
	(void)state;
	struct test_reply reply;
	char etag[200], header[240];
	get(file_url, "Range: bytes=0-0", NULL, &reply);
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	assert_true(etag[0] == '"');
	test_reply_done(&reply);
	// As long as the file is the same.
	(void)snprintf(header, sizeof header, "If-Range: %s", etag);
	get(file_url, "Range: bytes=5000000-5000009", header, &reply);
	test_assert_status(&reply, 206);
	assert_memory_equal(reply.body, content + 5000000, 10);
	test_reply_done(&reply);
	get(file_url, "Range: bytes=0-9", "If-Range: \"another\"", &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(reply.length, LENGTH);
	test_reply_done(&reply);
}

static void only_what_was_signed(void **state)
{
	(void)state;
	static const char *const changes[] = { "?e=", "&k=", "&s=", "&n=", "/o/" };
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct test_reply reply;
		char *url = strdup(file_url);
		assert_non_null(url);
		char *at = strstr(url, changes[i]) + 3;
		*at = *at == 'a' ? 'b' : 'a';
		get(url, NULL, NULL, &reply);
		test_assert_status(&reply, 403);
		assert_header(&reply, "Cache-Control", "no-store");
		test_reply_done(&reply);
		free(url);
	}
	struct test_reply reply;
	test_http(&(struct test_call){ .method = "POST", .url = file_url }, &reply);
	test_assert_status(&reply, 405);
	test_reply_done(&reply);
	char path[80];
	(void)snprintf(path, sizeof path, "/v1/media/%s/original", file_id);
	ask("GET", path, stranger.access_token, NULL, 404, &reply);
	test_reply_done(&reply);
}

// What a share's answer shows, with these words in its making. The caller ends the reply.
static void open_share(const char *json, struct test_reply *ret_reply)
{
	struct test_reply reply;
	char path[100];
	(void)snprintf(path, sizeof path, "/v1/items/%s/shares", item_id);
	ask("POST", path, owner.access_token, json, 201, &reply);
	(void)snprintf(path, sizeof path, "/v1/shared/%s", test_json_text(reply.json, "token"));
	test_reply_done(&reply);
	ask("GET", path, NULL, NULL, 200, ret_reply);
}

static void a_share_gives_it_only_where_it_says_so(void **state)
{
	(void)state;
	struct test_reply reply, download;
	static const char *const without[] = { "{}", "{\"allow_original\":false}" };
	char *key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", photo_id, NULL);
	for (size_t i = 0; i < 2; i++) {
		open_share(without[i], &reply);
		assert_null(test_json_at(reply.json, "item.media.0.original"));
		assert_null(strstr(reply.body, "/o/"));
		assert_null(strstr(reply.body, strchr(key, '/')));
		test_reply_done(&reply);
	}
	open_share("{\"allow_original\":true}", &reply);
	const char *url = strstr(test_json_text(reply.json, "item.media.0.original.url"), "/o/");
	assert_null(strstr(reply.body, "secret_name"));
	int64_t life = strtoll(strstr(url, "?e=") + 3, NULL, 10) - clock_now_us() / 1000000;
	assert_in_range(life, 1, test_stack_settings()->api_share_url_seconds);
	get(url, NULL, NULL, &download);
	test_assert_status(&download, 200);
	assert_int_equal(download.length, test_json_int(reply.json, "item.media.0.original.size"));
	char value[512], wanted[160];
	test_reply_header(&download, "Content-Disposition", value, sizeof value);
	(void)snprintf(wanted, sizeof wanted, "attachment; filename=\"%s.jpg\"", photo_id);
	assert_string_equal(value, wanted);
	test_reply_done(&download);
	test_reply_done(&reply);
	free(key);
}

// What is gone from the store is gone at once: nothing of it lies in the edge, so there is nothing to purge.
static void the_edge_keeps_nothing(void **state)
{
	(void)state;
	struct test_reply reply;
	char *key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", photo_id, NULL);
	char *url = original_url(photo_id);
	get(url, NULL, NULL, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	test_store_delete(TEST_ORIGINALS, key);
	get(url, NULL, NULL, &reply);
	test_assert_status(&reply, 404);
	assert_header(&reply, "Cache-Control", "no-store");
	test_reply_done(&reply);
	free(key);
	free(url);
}

// Not even by URLs that were given out before; and a late arrival under the old upload URL will go, too.
static void a_deleted_media_gives_none(void **state)
{
	(void)state;
	struct test_reply reply;
	char path[80];
	char *key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", file_id, NULL);
	get(file_url, "Range: bytes=0-0", NULL, &reply);
	test_assert_status(&reply, 206);
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media/%s", file_id);
	ask("DELETE", path, owner.access_token, NULL, 204, &reply);
	test_store_await(TEST_ORIGINALS, key, false, 15000);
	get(file_url, NULL, NULL, &reply);
	test_assert_status(&reply, 404);
	test_reply_done(&reply);
	test_sql_await(1, 15000,
	               "SELECT count(*) FROM deletions d JOIN uploads u ON u.media_id = d.media_id "
	               "WHERE d.media_id = $1::uuid AND d.kind = 'original' AND d.target = $2 "
	               "AND d.not_before = u.expires_at + interval '1 hour'",
	               file_id, key, NULL);
	test_store_put(TEST_ORIGINALS, key, "late", 4);
	(void)test_sql_int("UPDATE deletions SET not_before = now() WHERE media_id = $1::uuid", file_id, NULL);
	test_store_await(TEST_ORIGINALS, key, false, 15000);
	free(key);
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media/%s/original", file_id);
	ask("GET", path, owner.access_token, NULL, 404, &reply);
	test_reply_done(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_download),
		cmocka_unit_test(ranges),
		cmocka_unit_test(many_ranges_amplify_nothing),
		cmocka_unit_test(a_download_goes_on_where_it_was_cut),
		cmocka_unit_test(only_what_was_signed),
		cmocka_unit_test(a_share_gives_it_only_where_it_says_so),
		cmocka_unit_test(the_edge_keeps_nothing),
		cmocka_unit_test(a_deleted_media_gives_none),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
