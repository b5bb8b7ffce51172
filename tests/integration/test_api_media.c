// metadata-api's media against the running stack: what it shows, who may see it, pages, changes, and that deleting
// leaves nothing anywhere.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/ridges.jpg"
#define PHOTO_WIDTH 2400
#define PHOTO_HEIGHT 1600
// Objects and edge copies of what was deleted go within this time.
#define GONE_MS 15000
#define READY_MS 30000

static struct test_account owner, stranger;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&owner);
	test_account_new(&stranger);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&owner);
	test_account_done(&stranger);
	return test_stack_teardown(state);
}

// A photo, uploaded and ready; the caller drops the answer.
static json_t *upload_photo(const struct test_account *account, char ret_id[37])
{
	size_t length;
	char *data = test_file_read(PHOTO, &length);
	test_upload_whole(account, &(struct test_file){ "ridges.jpg", "image/jpeg", data, length }, ret_id);
	free(data);
	return test_media_await(account, ret_id, "ready", READY_MS);
}

// A file that needs no work: ready with its complete.
static void upload_text(const struct test_account *account, char ret_id[37])
{
	static const char TEXT[] = "Nothing to see here.\n";
	test_upload_whole(account, &(struct test_file){ "note.txt", "text/plain", TEXT, sizeof TEXT - 1 }, ret_id);
}

static void ask(const struct test_account *account, const char *method, const char *id, const char *json,
                unsigned status, struct test_reply *ret_reply)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	test_http_json(method, path, account->access_token, json, ret_reply);
	test_assert_status(ret_reply, status);
}

static void ask_only(const struct test_account *account, const char *method, const char *id, const char *json,
                     unsigned status)
{
	struct test_reply reply;
	ask(account, method, id, json, status, &reply);
	test_reply_done(&reply);
}

// One call with one more header.
static void ask_with(const char *method, const char *id, const char *json, const char *name, const char *value,
                     struct test_reply *ret_reply)
{
	char path[64], header[160];
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	(void)snprintf(header, sizeof header, "%s: %s", name, value);
	const char *const headers[] = { header, NULL };
	test_http(
	        &(struct test_call){
	                .method = method, .url = path, .token = owner.access_token, .json = json, .headers = headers },
	        ret_reply);
}

static unsigned fetch_status(const char *url)
{
	struct test_reply reply;
	test_http(&(struct test_call){ .url = url }, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

// ---- what is shown ------------------------------------------------------------------------------------------------

static void check_variant(json_t *variant)
{
	struct test_reply reply;
	char type[64], wanted[64], expires[40];
	const char *url = test_json_text(variant, "url");
	const char *public_url = test_stack_settings()->cdn_public_url;
	clock_format_rfc3339(clock_now_us(), expires);
	assert_int_equal(strncmp(url, public_url, strlen(public_url)), 0);
	assert_string_equal(test_json_text(variant, "state"), "ready");
	assert_true(strcmp(test_json_text(variant, "expires_at"), expires) > 0);
	assert_true(test_json_int(variant, "width") >= 1 && test_json_int(variant, "height") >= 1);
	test_http(&(struct test_call){ .url = url }, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(reply.length, test_json_int(variant, "bytes"));
	test_reply_header(&reply, "Content-Type", type, sizeof type);
	(void)snprintf(wanted, sizeof wanted, "image/%s", test_json_text(variant, "format"));
	assert_string_equal(type, wanted);
	test_reply_done(&reply);
}

static void a_ready_media_shows_its_variants(void **state)
{
	(void)state;
	char id[37];
	size_t index;
	json_t *variant, *media = upload_photo(&owner, id);
	assert_string_equal(test_json_text(media, "id"), id);
	assert_string_equal(test_json_text(media, "filename"), "ridges.jpg");
	assert_string_equal(test_json_text(media, "content_type"), "image/jpeg");
	assert_string_equal(test_json_text(media, "kind"), "photo");
	assert_string_equal(test_json_text(media, "visibility"), "private");
	assert_int_equal(test_json_int(media, "width"), PHOTO_WIDTH);
	assert_int_equal(test_json_int(media, "height"), PHOTO_HEIGHT);
	assert_int_equal(strlen(test_json_text(media, "sha256")), 64);
	assert_true(strlen(test_json_text(media, "thumbhash")) >= 8);
	assert_true(test_json_int(media, "size") > 0 && test_json_int(media, "version") > 1);
	assert_null(test_json_at(media, "reason"));
	assert_null(test_json_at(media, "original_key")); // where the original lies is nobody's business
	assert_non_null(test_json_at(media, "created_at"));
	// Five steps in two formats.
	assert_int_equal(json_array_size(test_json_at(media, "variants")), 10);
	json_array_foreach(test_json_at(media, "variants"), index, variant) check_variant(variant);
	json_decref(media);
}

// "URL 320w, URL 640w": each URL answers, widths rise; returns how many.
static size_t check_srcset(const char *srcset)
{
	char *copy = strdup(srcset), *rest = copy;
	const char *public_url = test_stack_settings()->cdn_public_url;
	long last_width = 0;
	size_t count = 0;
	for (char *one; (one = strsep(&rest, ",")) != NULL; count++) {
		one += strspn(one, " ");
		char *space = strchr(one, ' ');
		assert_non_null(space);
		*space = '\0';
		char *unit;
		long width = strtol(space + 1, &unit, 10);
		assert_string_equal(unit, "w");
		assert_true(width > last_width);
		last_width = width;
		assert_int_equal(strncmp(one, public_url, strlen(public_url)), 0);
		assert_null(strstr(one, "square"));
		assert_int_equal(fetch_status(one), 200);
	}
	free(copy);
	return count;
}

static void srcset_can_be_pasted(void **state)
{
	(void)state;
	char id[37];
	json_t *media = upload_photo(&owner, id);
	assert_int_equal(check_srcset(test_json_text(media, "srcset.jpeg")), 4);
	assert_int_equal(check_srcset(test_json_text(media, "srcset.webp")), 4);
	json_decref(media);
}

static void others_media_do_not_exist(void **state)
{
	(void)state;
	char id[37];
	struct test_reply reply;
	upload_text(&owner, id);
	ask_only(&stranger, "GET", id, NULL, 404);
	ask_only(&stranger, "PATCH", id, "{\"alt\":\"mine now\"}", 404);
	ask_only(&stranger, "DELETE", id, NULL, 404);
	test_http_json("GET", "/v1/media", stranger.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 0);
	test_reply_done(&reply);
	ask(&owner, "GET", id, NULL, 200, &reply); // and nothing came of it
	assert_string_equal(test_json_text(reply.json, "alt"), "");
	test_reply_done(&reply);
	ask_only(&(struct test_account){ .access_token = NULL }, "GET", id, NULL, 401);
	ask_only(&owner, "GET", "no-id", NULL, 404);
}

static void what_is_known_is_not_sent_again(void **state)
{
	(void)state;
	char id[37], etag[80];
	struct test_reply reply;
	upload_text(&owner, id);
	ask(&owner, "GET", id, NULL, 200, &reply);
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	assert_true(strlen(etag) > 10);
	test_reply_done(&reply);
	ask_with("GET", id, NULL, "If-None-Match", etag, &reply);
	test_assert_status(&reply, 304);
	assert_int_equal(reply.length, 0);
	test_reply_done(&reply);
	ask_only(&owner, "PATCH", id, "{\"alt\":\"a note\"}", 200);
	ask_with("GET", id, NULL, "If-None-Match", etag, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
}

// ---- lists --------------------------------------------------------------------------------------------------------

static void get_list(const struct test_account *account, const char *query, unsigned status,
                     struct test_reply *ret_reply)
{
	char path[512];
	(void)snprintf(path, sizeof path, "/v1/media%s", query);
	test_http_json("GET", path, account->access_token, NULL, ret_reply);
	test_assert_status(ret_reply, status);
}

static void pages_are_complete_and_without_repeats(void **state)
{
	(void)state;
	struct test_account account;
	char ids[5][37], extra[37], query[400] = "?limit=2";
	test_account_new(&account);
	for (int i = 0; i < 5; i++)
		upload_text(&account, ids[i]);
	int seen = 0;
	for (int page = 0; page < 3; page++) {
		struct test_reply reply;
		get_list(&account, query, 200, &reply);
		size_t count = json_array_size(test_json_at(reply.json, "items"));
		assert_int_equal(count, page < 2 ? 2 : 1);
		for (size_t i = 0; i < count; i++, seen++) {
			char at[32];
			(void)snprintf(at, sizeof at, "items.%zu.id", i);
			assert_string_equal(test_json_text(reply.json, at), ids[4 - seen]); // newest first
		}
		if (page < 2)
			(void)snprintf(query, sizeof query, "?limit=2&cursor=%s",
			               test_json_text(reply.json, "next_cursor"));
		else
			assert_true(json_is_null(test_json_at(reply.json, "next_cursor")));
		test_reply_done(&reply);
		upload_text(&account, extra); // what comes between two pages must not shift them
	}
	assert_int_equal(seen, 5);
	test_account_done(&account);
}

static void lists_can_be_had_by_state(void **state)
{
	(void)state;
	struct test_account account;
	struct test_upload begun;
	struct test_reply reply;
	char ready[2][37], query[400];
	test_account_new(&account);
	upload_text(&account, ready[0]);
	upload_text(&account, ready[1]);
	test_upload_request(&account, &(struct test_file){ "later.txt", "text/plain", "x", 1 }, &begun);
	get_list(&account, "", 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 3);
	test_reply_done(&reply);
	get_list(&account, "?state=awaiting_upload", 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 1);
	assert_string_equal(test_json_text(reply.json, "items.0.id"), begun.media_id);
	test_reply_done(&reply);
	get_list(&account, "?state=ready&limit=1", 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 1);
	assert_string_equal(test_json_text(reply.json, "items.0.id"), ready[1]);
	char *cursor = strdup(test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	(void)snprintf(query, sizeof query, "?state=ready&limit=1&cursor=%s", cursor);
	get_list(&account, query, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.id"), ready[0]);
	assert_true(json_is_null(test_json_at(reply.json, "next_cursor")));
	test_reply_done(&reply);
	// A cursor is good for its own listing and its own caller.
	get_list(&stranger, query, 400, &reply);
	test_reply_done(&reply);
	(void)snprintf(query, sizeof query, "?limit=1&cursor=%s", cursor);
	get_list(&account, query, 400, &reply);
	test_reply_done(&reply);
	get_list(&account, "?state=deleted", 400, &reply);
	test_reply_done(&reply);
	get_list(&account, "?sort=size", 400, &reply);
	test_reply_done(&reply);
	free(cursor);
	test_upload_done(&begun);
	test_account_done(&account);
}

// ---- changes ------------------------------------------------------------------------------------------------------

static void make_item(const struct test_account *account, char ret_id[37])
{
	struct test_reply reply;
	test_http_json("POST", "/v1/items", account->access_token, "{\"title\":\"album\"}", &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
}

static void changes_are_made_under_their_version(void **state)
{
	(void)state;
	char id[37], item[37], others_item[37], etag[80], json[256];
	struct test_reply reply;
	upload_text(&owner, id);
	make_item(&owner, item);
	make_item(&stranger, others_item);
	ask(&owner, "GET", id, NULL, 200, &reply);
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	int64_t version = test_json_int(reply.json, "version");
	test_reply_done(&reply);
	(void)snprintf(json, sizeof json, "{\"alt\":\"Hills \\u2014 blue\",\"item_id\":\"%s\",\"position\":7}", item);
	ask_with("PATCH", id, json, "If-Match", etag, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "alt"), "Hills \xe2\x80\x94 blue");
	assert_string_equal(test_json_text(reply.json, "item_id"), item);
	assert_int_equal(test_json_int(reply.json, "position"), 7);
	assert_int_equal(test_json_int(reply.json, "version"), version + 1);
	test_reply_done(&reply);
	ask_with("PATCH", id, "{\"alt\":\"late\"}", "If-Match", etag, &reply);
	test_assert_status(&reply, 412);
	test_reply_done(&reply);
	ask_with("PATCH", id, "{\"alt\":\"odd\"}", "If-Match", "nonsense", &reply);
	test_assert_status(&reply, 400);
	test_reply_done(&reply);
	(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\"}", others_item);
	ask_only(&owner, "PATCH", id, json, 409);
	ask_only(&owner, "PATCH", id, "{\"position\":-1}", 422);
	ask_only(&owner, "PATCH", id, "{\"size\":1}", 400);
	ask(&owner, "GET", id, NULL, 200, &reply); // none of these did anything
	assert_string_equal(test_json_text(reply.json, "alt"), "Hills \xe2\x80\x94 blue");
	assert_string_equal(test_json_text(reply.json, "item_id"), item);
	test_reply_done(&reply);
	ask(&owner, "PATCH", id, "{\"item_id\":null}", 200, &reply);
	assert_true(json_is_null(test_json_at(reply.json, "item_id")));
	assert_int_equal(test_json_int(reply.json, "position"), 7);
	test_reply_done(&reply);
}

// ---- deleting -----------------------------------------------------------------------------------------------------

// A variant in the edge's cache, the original's key, and what the owner had used before.
struct doomed {
	char id[37];
	char prefix[40];
	char *url;
	char *original_key;
};

static void prepare(const struct test_account *account, struct doomed *ret_doomed)
{
	char cache[16];
	struct test_reply reply;
	struct doomed doomed = { 0 };
	json_t *media = upload_photo(account, doomed.id);
	(void)snprintf(doomed.prefix, sizeof doomed.prefix, "%s/", doomed.id);
	doomed.url = strdup(test_json_text(media, "variants.0.url"));
	json_decref(media);
	doomed.original_key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", doomed.id, NULL);
	for (int i = 0; i < 2; i++) {
		test_http(&(struct test_call){ .url = doomed.url }, &reply);
		test_assert_status(&reply, 200);
		test_reply_header(&reply, "X-Cache", cache, sizeof cache);
		test_reply_done(&reply);
	}
	assert_string_equal(cache, "HIT");
	assert_true(test_store_has(TEST_ORIGINALS, doomed.original_key));
	assert_int_equal(test_objects_count(TEST_MEDIA, doomed.prefix), 10);
	*ret_doomed = doomed;
}

static bool is_gone_at_edge(void *url)
{
	return fetch_status(url) == 404;
}

static void expect_nothing_left(struct doomed *doomed)
{
	test_store_await(TEST_ORIGINALS, doomed->original_key, false, GONE_MS);
	test_objects_await(TEST_MEDIA, doomed->prefix, 0, GONE_MS);
	test_wait(is_gone_at_edge, doomed->url, GONE_MS, "the edge forgets a deleted variant");
	assert_int_equal(test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1::uuid", doomed->id, NULL), 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM outbox WHERE subject = 'events.media.deleted' "
	                              "AND payload->'data'->>'media_id' = $1",
	                              doomed->id, NULL),
	                 1);
	free(doomed->url);
	free(doomed->original_key);
}

static void expect_usage(const struct test_account *account, int64_t bytes, int64_t files)
{
	assert_int_equal(test_sql_int("SELECT bytes FROM usage WHERE owner_id = $1::uuid", account->user_id, NULL),
	                 bytes);
	assert_int_equal(test_sql_int("SELECT files FROM usage WHERE owner_id = $1::uuid", account->user_id, NULL),
	                 files);
	assert_int_equal(test_sql_int("SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = $1::uuid",
	                              account->user_id, NULL),
	                 0);
}

static void a_deleted_media_leaves_nothing(void **state)
{
	(void)state;
	struct test_account account;
	struct doomed doomed;
	char kept[37];
	test_account_new(&account);
	upload_text(&account, kept);
	prepare(&account, &doomed);
	int64_t kept_bytes = test_sql_int("SELECT size FROM media WHERE id = $1::uuid", kept, NULL);
	int64_t bytes = test_sql_int("SELECT size FROM media WHERE id = $1::uuid", doomed.id, NULL);
	expect_usage(&account, kept_bytes + bytes, 2);
	ask_only(&account, "DELETE", doomed.id, NULL, 204);
	ask_only(&account, "GET", doomed.id, NULL, 404); // at once
	ask_only(&account, "PATCH", doomed.id, "{\"alt\":\"x\"}", 404);
	expect_usage(&account, kept_bytes, 1);
	ask_only(&account, "DELETE", doomed.id, NULL, 204); // a repeat after a lost answer; nothing is given back twice
	expect_usage(&account, kept_bytes, 1);
	expect_nothing_left(&doomed);
	ask_only(&account, "GET", kept, NULL, 200);
	test_account_done(&account);
}

static void a_deleted_item_takes_its_media_along(void **state)
{
	(void)state;
	struct test_account account;
	struct doomed doomed;
	struct test_reply reply;
	char item[37], json[80], path[64], free_one[37];
	test_account_new(&account);
	make_item(&account, item);
	upload_text(&account, free_one);
	prepare(&account, &doomed);
	(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\"}", item);
	ask_only(&account, "PATCH", doomed.id, json, 200);
	(void)snprintf(path, sizeof path, "/v1/items/%s", item);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	ask_only(&account, "GET", doomed.id, NULL, 404);
	expect_usage(&account, test_sql_int("SELECT size FROM media WHERE id = $1::uuid", free_one, NULL), 1);
	expect_nothing_left(&doomed);
	ask_only(&account, "GET", free_one, NULL, 200); // it was in no item
	test_account_done(&account);
}

// Deleted while the transcoder is at work: what it stores after the janitor has been there goes too.
static void a_media_deleted_in_mid_work_leaves_nothing(void **state)
{
	(void)state;
	static const char *const HASTY_JANITOR[] = { "SAFELIGHT_INGEST_RECONCILE_MS", "100", NULL };
	size_t length;
	char id[37], prefix[40], *data = test_file_read(PHOTO, &length);
	test_stack_restart_with("ingest", HASTY_JANITOR);
	for (int64_t pause_ms = 0; pause_ms < 400; pause_ms += 40) {
		test_upload_whole(&owner, &(struct test_file){ "ridges.jpg", "image/jpeg", data, length }, id);
		clock_sleep_ms(pause_ms);
		ask_only(&owner, "DELETE", id, NULL, 204);
		clock_sleep_ms(700);
		(void)snprintf(prefix, sizeof prefix, "%s/", id);
		test_objects_await(TEST_MEDIA, prefix, 0, 5000);
		test_objects_await(TEST_ORIGINALS, prefix, 0, 5000);
	}
	test_stack_run("restart", "ingest");
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_media_shows_its_variants),
		cmocka_unit_test(srcset_can_be_pasted),
		cmocka_unit_test(others_media_do_not_exist),
		cmocka_unit_test(what_is_known_is_not_sent_again),
		cmocka_unit_test(pages_are_complete_and_without_repeats),
		cmocka_unit_test(lists_can_be_had_by_state),
		cmocka_unit_test(changes_are_made_under_their_version),
		cmocka_unit_test(a_deleted_media_leaves_nothing),
		cmocka_unit_test(a_deleted_item_takes_its_media_along),
		cmocka_unit_test(a_media_deleted_in_mid_work_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
