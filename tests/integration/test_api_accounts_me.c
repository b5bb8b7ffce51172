// metadata-api's accounts: one's own account, what it holds, its export, and its end.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define PHOTO "samples/photos/ridges.jpg"
#define READY_MS 30000
#define GONE_MS 30000

static void call(const char *method, const char *path, const char *token, const char *json, unsigned status)
{
	struct test_reply reply;
	test_http_json(method, path, token, json, &reply);
	test_assert_status(&reply, status);
	test_reply_done(&reply);
}

static void make_item(const struct test_account *account, const char *title, char ret_id[37])
{
	struct test_reply reply;
	char json[128];
	(void)snprintf(json, sizeof json, "{\"title\":\"%s\",\"tags\":[\"t\"]}", title);
	test_http_json("POST", "/v1/items", account->access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
}

static void upload_text(const struct test_account *account, char ret_id[37])
{
	static const char TEXT[] = "Nothing to see here.\n";
	test_upload_whole(account, &(struct test_file){ "note.txt", "text/plain", TEXT, sizeof TEXT - 1 }, ret_id);
}

static void ones_account_is_read_and_changed(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	test_account_new(&account);
	test_http_json("GET", "/v1/me", account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "id"), account.user_id);
	assert_string_equal(test_json_text(reply.json, "email"), account.email);
	assert_string_equal(test_json_text(reply.json, "name"), "Test");
	assert_true(json_is_true(test_json_at(reply.json, "has_password")));
	assert_null(strstr(reply.body, "argon2"));
	test_reply_done(&reply);
	test_http_json("PATCH", "/v1/me", account.access_token, "{\"name\":\"N\\u00e4me\"}", &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "name"), "N\xc3\xa4me");
	test_reply_done(&reply);
	call("PATCH", "/v1/me", account.access_token, "{\"is_admin\":true}", 400);
	call("PATCH", "/v1/me", account.access_token, "{\"email\":\"a@b.example\"}", 400);
	assert_int_equal(test_sql_int("SELECT count(*) FROM users WHERE id = $1::uuid AND NOT is_admin AND email = $2",
	                              account.user_id, account.email, NULL),
	                 1);
	test_account_done(&account);
}

static void usage_counts_what_was_uploaded(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char id[37];
	test_account_new(&account);
	upload_text(&account, id);
	test_http_json("GET", "/v1/me/usage", account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(test_json_int(reply.json, "files"), 1);
	assert_int_equal(test_json_int(reply.json, "bytes"), 21);
	assert_int_equal(test_json_int(reply.json, "reserved_bytes"), 0);
	assert_true(json_is_null(test_json_at(reply.json, "bytes_limit")));
	test_reply_done(&reply);
	test_account_done(&account);
}

// Follow an export to its end; counts what it holds.
static void export_all(const struct test_account *account, unsigned limit, size_t *ret_items, size_t *ret_media)
{
	char path[256];
	struct test_reply reply;
	*ret_items = *ret_media = 0;
	(void)snprintf(path, sizeof path, "/v1/me/export?limit=%u", limit);
	for (bool is_first = true, goes_on = true; goes_on; is_first = false) {
		test_http_json("GET", path, account->access_token, NULL, &reply);
		test_assert_status(&reply, 200);
		assert_int_equal(test_json_at(reply.json, "account") != NULL, is_first);
		size_t items = json_array_size(test_json_at(reply.json, "items"));
		size_t media = json_array_size(test_json_at(reply.json, "media"));
		assert_in_range(items + media, 0, limit);
		*ret_items += items;
		*ret_media += media;
		const char *next = json_string_value(test_json_at(reply.json, "next_cursor"));
		goes_on = next != NULL;
		(void)snprintf(path, sizeof path, "/v1/me/export?limit=%u&cursor=%s", limit, goes_on ? next : "");
		test_reply_done(&reply);
	}
}

static void an_export_holds_all_that_is_ones_own(void **state)
{
	(void)state;
	struct test_account account, other;
	struct test_reply reply;
	char id[37], path[256];
	size_t items, media;
	test_account_new(&account);
	test_account_new(&other);
	make_item(&other, "not mine", id);
	for (int i = 0; i < 5; i++)
		make_item(&account, "mine", id);
	for (int i = 0; i < 2; i++)
		upload_text(&account, id);
	for (unsigned limit = 1; limit <= 8; limit++) {
		export_all(&account, limit, &items, &media);
		assert_int_equal(items, 5);
		assert_int_equal(media, 2);
	}
	test_http_json("GET", "/v1/me/export?limit=3", account.access_token, NULL, &reply);
	assert_string_equal(test_json_text(reply.json, "account.email"), account.email);
	assert_int_equal(test_json_int(reply.json, "usage.files"), 2);
	assert_int_equal(json_array_size(test_json_at(reply.json, "sessions")), 1);
	assert_string_equal(test_json_text(reply.json, "items.0.tags.0"), "t");
	assert_null(strstr(reply.body, "not mine"));
	assert_null(strstr(reply.body, "argon2"));
	(void)snprintf(path, sizeof path, "/v1/me/export?cursor=%s", test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	call("GET", path, other.access_token, NULL, 400);
	call("GET", "/v1/me/export?limit=1000000000", account.access_token, NULL, 400);
	test_account_done(&account);
	test_account_done(&other);
}

static bool is_gone_at_edge(void *url)
{
	struct test_reply reply;
	test_http(&(struct test_call){ .url = url }, &reply);
	bool gone = reply.status == 404;
	test_reply_done(&reply);
	return gone;
}

static void expect_no_rows_of(const char *user_id)
{
	static const char *const COUNTS[] = {
		"SELECT count(*) FROM media WHERE owner_id = $1::uuid AND (deleted_at IS NULL OR filename <> '' "
		"OR alt <> '' OR exif IS NOT NULL OR sha256 IS NOT NULL OR thumbhash IS NOT NULL)",
		"SELECT count(*) FROM items WHERE owner_id = $1::uuid",
		"SELECT count(*) FROM item_tags WHERE owner_id = $1::uuid",
		"SELECT count(*) FROM devices WHERE user_id = $1::uuid",
		"SELECT count(*) FROM users WHERE id = $1::uuid AND (email IS NOT NULL OR name <> '' "
		"OR password_hash IS NOT NULL OR deleted_at IS NULL)",
	};
	for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++)
		test_sql_await(0, GONE_MS, COUNTS[i], user_id, NULL);
}

// A photo of the account's that is ready, with a copy of a variant at the edge. The caller frees the variant's URL.
static char *publish_photo(const struct test_account *account, char ret_id[37])
{
	struct test_reply reply;
	size_t length;
	char *data = test_file_read(PHOTO, &length);
	test_upload_whole(account, &(struct test_file){ "me.jpg", "image/jpeg", data, length }, ret_id);
	free(data);
	json_t *media = test_media_await(account, ret_id, "ready", READY_MS);
	char *url = strdup(test_json_text(media, "variants.0.url"));
	json_decref(media);
	test_http(&(struct test_call){ .url = url }, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	return url;
}

static void expect_dead(const struct test_account *account)
{
	char json[256];
	call("GET", "/v1/me", account->access_token, NULL, 401);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", account->refresh_token);
	call("POST", "/v1/auth/refresh", NULL, json, 401);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account->email, account->password);
	call("POST", "/v1/auth/login", NULL, json, 401);
	call("POST", "/v1/auth/signup", NULL, json, 201); // the address is free again
}

// When no access token of before can live, the rest goes; with the last tombstone, the row.
static void expect_row_to_go(const char *user_id)
{
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM users WHERE id = $1::uuid AND erased_at IS NULL", user_id, NULL), 1);
	(void)test_sql_int("UPDATE users SET deleted_at = deleted_at - interval '1 hour' WHERE id = $1::uuid", user_id,
	                   NULL);
	test_sql_await(1, GONE_MS, "SELECT count(*) FROM users WHERE id = $1::uuid AND erased_at IS NOT NULL", user_id,
	               NULL);
	assert_int_equal(test_sql_int("SELECT count(*) FROM sessions WHERE user_id = $1::uuid", user_id, NULL), 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE owner_id = $1::uuid "
	                              "AND (address IS NOT NULL OR user_agent IS NOT NULL)",
	                              user_id, NULL),
	                 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_verify($1::uuid)", user_id, NULL), 0);
	(void)test_sql_int("DELETE FROM media WHERE owner_id = $1::uuid", user_id, NULL);
	test_sql_await(0, GONE_MS, "SELECT count(*) FROM users WHERE id = $1::uuid", user_id, NULL);
}

static void a_deleted_account_is_dead_at_once_and_then_erased(void **state)
{
	(void)state;
	struct test_account account, other;
	char item[37], photo[37], kept[37], json[256], prefix[40];
	test_account_new(&account);
	test_account_new(&other);
	upload_text(&other, kept);
	make_item(&account, "mine", item);
	char *url = publish_photo(&account, photo);
	call("POST", "/v1/devices", account.access_token, "{\"platform\":\"fcm\",\"token\":\"erase-me\"}", 201);
	call("DELETE", "/v1/me", account.access_token, "{\"password\":\"wrong\"}", 403);
	call("DELETE", "/v1/me", account.access_token, "{}", 422);
	call("GET", "/v1/me", account.access_token, NULL, 200);
	(void)snprintf(json, sizeof json, "{\"password\":\"%s\"}", account.password);
	call("DELETE", "/v1/me", account.access_token, json, 202);
	expect_dead(&account);
	expect_no_rows_of(account.user_id);
	(void)snprintf(prefix, sizeof prefix, "%s/", photo);
	test_objects_await(TEST_MEDIA, prefix, 0, GONE_MS);
	test_objects_await(TEST_ORIGINALS, prefix, 0, GONE_MS);
	test_wait(is_gone_at_edge, url, GONE_MS, "the edge forgets an erased variant");
	free(url);
	expect_row_to_go(account.user_id);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM media WHERE id = $1::uuid AND deleted_at IS NULL", kept, NULL), 1);
	test_account_done(&account);
	test_account_done(&other);
}

// More than a step takes, and the process killed in the midst of it.
static void an_erasure_goes_on_where_it_was_killed(void **state)
{
	(void)state;
	struct test_account account;
	char json[128];
	test_account_new(&account);
	(void)test_sql_int("INSERT INTO media (id, owner_id, state, filename, declared_type, kind, size, original_key, "
	                   "  uploaded_at, ready_at) "
	                   "SELECT gen_random_uuid(), $1::uuid, 'ready', 'x.jpg', 'image/jpeg', 'photo', 1, "
	                   "  'none/' || n, now(), now() FROM generate_series(1, 1200) n",
	                   account.user_id, NULL);
	(void)test_sql_int("UPDATE usage SET bytes = 1200, files = 1200 WHERE owner_id = $1::uuid", account.user_id,
	                   NULL);
	(void)test_sql_int("INSERT INTO items (id, owner_id) SELECT gen_random_uuid(), $1::uuid "
	                   "FROM generate_series(1, 500)",
	                   account.user_id, NULL);
	(void)snprintf(json, sizeof json, "{\"password\":\"%s\"}", account.password);
	call("DELETE", "/v1/me", account.access_token, json, 202);
	struct deadline deadline = deadline_after_ms(GONE_MS);
	int64_t left;
	do
		left = test_sql_int("SELECT count(*) FROM media WHERE owner_id = $1::uuid AND deleted_at IS NULL",
		                    account.user_id, NULL);
	while (left == 1200 && !deadline_passed(deadline));
	test_stack_run("kill", "api");
	left = test_sql_int("SELECT count(*) FROM items WHERE owner_id = $1::uuid", account.user_id, NULL);
	assert_int_equal(left, 500); // so the work was not over
	test_stack_run("restart", "api");
	test_sql_await(0, GONE_MS, "SELECT count(*) FROM media WHERE owner_id = $1::uuid AND deleted_at IS NULL",
	               account.user_id, NULL);
	test_sql_await(0, GONE_MS, "SELECT count(*) FROM items WHERE owner_id = $1::uuid", account.user_id, NULL);
	test_sql_await(0, GONE_MS, "SELECT bytes + files FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL);
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ones_account_is_read_and_changed),
		cmocka_unit_test(usage_counts_what_was_uploaded),
		cmocka_unit_test(an_export_holds_all_that_is_ones_own),
		cmocka_unit_test(a_deleted_account_is_dead_at_once_and_then_erased),
		cmocka_unit_test(an_erasure_goes_on_where_it_was_killed),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
