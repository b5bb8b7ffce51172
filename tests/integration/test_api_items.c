// metadata-api's items and listings: versions, tags, pages, and nobody's but the caller's.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

static void create(const struct test_account *account, const char *json, char ret_id[37])
{
	struct test_reply reply;
	test_http_json("POST", "/v1/items", account->access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
}

static void expect(const struct test_account *account, const char *method, const char *id, const char *json,
                   unsigned status, struct test_reply *ret_reply)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/v1/items/%s", id);
	test_http_json(method, path, account->access_token, json, ret_reply);
	test_assert_status(ret_reply, status);
}

static void an_item_is_made_read_changed_and_deleted(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char id[37];
	test_account_new(&account);
	create(&account, "{\"title\":\"Trip \\ud83c\\udf0a\",\"body\":\"b\",\"tags\":[\"sea\",\"a\\\"b\",\"sea\"]}",
	       id);
	expect(&account, "GET", id, NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "title"), "Trip \xf0\x9f\x8c\x8a");
	assert_int_equal(json_array_size(test_json_at(reply.json, "tags")), 2);
	assert_string_equal(test_json_text(reply.json, "tags.0"), "a\"b");
	assert_string_equal(test_json_text(reply.json, "visibility"), "private");
	assert_int_equal(test_json_int(reply.json, "version"), 1);
	test_reply_done(&reply);
	expect(&account, "PATCH", id, "{\"title\":\"New\",\"tags\":[\"land\"],\"visibility\":\"public\"}", 200, &reply);
	assert_string_equal(test_json_text(reply.json, "title"), "New");
	assert_string_equal(test_json_text(reply.json, "body"), "b"); // not named, so not touched
	assert_string_equal(test_json_text(reply.json, "tags.0"), "land");
	assert_int_equal(test_json_int(reply.json, "version"), 2);
	test_reply_done(&reply);
	expect(&account, "DELETE", id, NULL, 204, &reply);
	test_reply_done(&reply);
	expect(&account, "GET", id, NULL, 404, &reply);
	test_reply_done(&reply);
	// One event a change, in the transaction of the change.
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM outbox WHERE kind = 'item' AND payload->'data'->>'item_id' = $1", id,
	                     NULL),
	        3);
	test_account_done(&account);
}

static void a_stale_version_is_refused(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char id[37], path[64], etag[80], header[120];
	test_account_new(&account);
	create(&account, "{\"title\":\"a\"}", id);
	expect(&account, "GET", id, NULL, 200, &reply);
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/items/%s", id);
	(void)snprintf(header, sizeof header, "If-Match: %s", etag);
	const char *const headers[] = { header, NULL };
	const struct test_call call = { .method = "PATCH",
		                        .url = path,
		                        .token = account.access_token,
		                        .json = "{\"title\":\"b\"}",
		                        .headers = headers };
	test_http(&call, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	test_http(&call, &reply); // the version has moved on
	test_assert_status(&reply, 412);
	test_reply_done(&reply);
	(void)snprintf(header, sizeof header, "If-None-Match: %s", etag);
	const struct test_call read = { .url = path, .token = account.access_token, .headers = headers };
	test_http(&read, &reply);
	test_assert_status(&reply, 200); // changed since
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	test_reply_done(&reply);
	(void)snprintf(header, sizeof header, "If-None-Match: %s", etag);
	test_http(&read, &reply);
	test_assert_status(&reply, 304);
	assert_int_equal(reply.length, 0);
	test_reply_done(&reply);
	test_account_done(&account);
}

// The edge compresses JSON and marks its ETag weak; what a client got so, it can send back.
static void a_compressed_answer_keeps_its_version(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char id[37], path[64], etag[80], encoding[32], json[4096], header[120];
	test_account_new(&account);
	(void)snprintf(json, sizeof json, "{\"title\":\"a\",\"body\":\"%03000d\"}", 7);
	create(&account, json, id);
	(void)snprintf(path, sizeof path, "/v1/items/%s", id);
	const char *const accept[] = { "Accept-Encoding: gzip", NULL };
	const struct test_call read = { .url = path, .token = account.access_token, .headers = accept };
	test_http(&read, &reply);
	test_assert_status(&reply, 200);
	test_reply_header(&reply, "Content-Encoding", encoding, sizeof encoding);
	assert_string_equal(encoding, "gzip");
	assert_in_range(reply.length, 20, 1000);
	assert_memory_equal(reply.body, "\x1f\x8b", 2);
	test_reply_header(&reply, "ETag", etag, sizeof etag);
	assert_memory_equal(etag, "W/\"", 3);
	test_reply_done(&reply);
	const char *const headers[] = { header, "Accept-Encoding: gzip", NULL };
	(void)snprintf(header, sizeof header, "If-None-Match: %s", etag);
	const struct test_call again = { .url = path, .token = account.access_token, .headers = headers };
	test_http(&again, &reply);
	test_assert_status(&reply, 304);
	test_reply_done(&reply);
	(void)snprintf(header, sizeof header, "If-Match: %s", etag);
	const struct test_call change = { .method = "PATCH",
		                          .url = path,
		                          .token = account.access_token,
		                          .json = "{\"title\":\"b\"}",
		                          .headers = headers };
	test_http(&change, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	test_http(&change, &reply);
	test_assert_status(&reply, 412);
	test_reply_done(&reply);
	// Tokens are never compressed.
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account.email, account.password);
	const struct test_call login = { .method = "POST", .url = "/v1/auth/login", .json = json, .headers = accept };
	test_http(&login, &reply);
	test_assert_status(&reply, 200);
	assert_true(reply.length > 256);
	test_reply_header(&reply, "Content-Encoding", encoding, sizeof encoding);
	assert_string_equal(encoding, "");
	test_reply_done(&reply);
	test_account_done(&account);
}

static void others_items_do_not_exist(void **state)
{
	(void)state;
	struct test_account owner, other;
	struct test_reply reply;
	char id[37];
	test_account_new(&owner);
	test_account_new(&other);
	create(&owner, "{\"title\":\"mine\"}", id);
	expect(&other, "GET", id, NULL, 404, &reply);
	test_reply_done(&reply);
	expect(&other, "PATCH", id, "{\"title\":\"yours\"}", 404, &reply);
	test_reply_done(&reply);
	expect(&other, "DELETE", id, NULL, 404, &reply);
	test_reply_done(&reply);
	test_http_json("GET", "/v1/items", other.access_token, NULL, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 0);
	test_reply_done(&reply);
	test_account_done(&owner);
	test_account_done(&other);
}

static void pages_are_complete_and_without_repeats(void **state)
{
	(void)state;
	struct test_account account;
	char ids[7][37], path[200] = "/v1/items?limit=3";
	test_account_new(&account);
	for (int i = 0; i < 7; i++)
		create(&account, "{\"title\":\"x\"}", ids[i]);
	int seen = 0;
	for (int page = 0; page < 3; page++) {
		struct test_reply reply;
		test_http_json("GET", path, account.access_token, NULL, &reply);
		test_assert_status(&reply, 200);
		size_t count = json_array_size(test_json_at(reply.json, "items"));
		assert_int_equal(count, page < 2 ? 3 : 1);
		for (size_t i = 0; i < count; i++) {
			char at[32];
			(void)snprintf(at, sizeof at, "items.%zu.id", i);
			assert_string_equal(test_json_text(reply.json, at), ids[6 - seen]); // newest first
			seen++;
		}
		if (page < 2)
			(void)snprintf(path, sizeof path, "/v1/items?limit=3&cursor=%s",
			               test_json_text(reply.json, "next_cursor"));
		else
			assert_true(json_is_null(test_json_at(reply.json, "next_cursor")));
		// A row that comes between two pages must not shift them.
		char extra[37];
		if (page == 0)
			create(&account, "{\"title\":\"late\"}", extra);
		test_reply_done(&reply);
	}
	assert_int_equal(seen, 7);
	test_account_done(&account);
}

static void cursors_and_parameters_are_checked(void **state)
{
	(void)state;
	struct test_account account, other;
	struct test_reply reply;
	char id[37], path[200], cursor[100];
	test_account_new(&account);
	test_account_new(&other);
	create(&account, "{}", id);
	create(&account, "{}", id);
	test_http_json("GET", "/v1/items?limit=1", account.access_token, NULL, &reply);
	(void)snprintf(cursor, sizeof cursor, "%s", test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/items?cursor=%s", cursor);
	test_http_json("GET", path, other.access_token, NULL, &reply); // of another caller
	test_assert_status(&reply, 400);
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media?cursor=%s", cursor);
	test_http_json("GET", path, account.access_token, NULL, &reply); // of another listing
	test_assert_status(&reply, 400);
	test_reply_done(&reply);
	cursor[10] = cursor[10] == 'A' ? 'B' : 'A';
	(void)snprintf(path, sizeof path, "/v1/items?cursor=%s", cursor);
	test_http_json("GET", path, account.access_token, NULL, &reply); // bent
	test_assert_status(&reply, 400);
	test_reply_done(&reply);
	static const char *const BAD[] = { "/v1/items?limit=0",    "/v1/items?limit=201",
		                           "/v1/items?limit=-1",   "/v1/items?limit=1e9",
		                           "/v1/items?lmit=1",     "/v1/items?limit=1&limit=2",
		                           "/v1/media?state=gone", "/v1/media?state=deleted" };
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		test_http_json("GET", BAD[i], account.access_token, NULL, &reply);
		test_assert_status(&reply, 400);
		test_reply_done(&reply);
	}
	test_account_done(&account);
	test_account_done(&other);
}

static void hostile_bodies_are_refused(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	static const struct {
		const char *json;
		unsigned status;
	} ROWS[] = {
		{ "{\"owner_id\":\"x\"}", 400 },
		{ "{\"title\":1}", 422 },
		{ "{\"title\":null}", 422 },
		{ "{\"tags\":\"sea\"}", 422 },
		{ "{\"tags\":[\"\"]}", 422 },
		{ "{\"visibility\":\"secret\"}", 422 },
		{ "{\"title\":\"a\",\"title\":\"b\"}", 400 },
		{ "{\"title\":\"\\ud800\"}", 400 },
		{ "{\"title\":\"a\"} x", 400 },
		{ "[]", 400 },
		{ "", 400 },
		{ "{\"cover_media_id\":\"018bcfe5-6800-7000-8000-000000000000\"}", 409 },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct test_reply reply;
		test_http_json("POST", "/v1/items", account.access_token, ROWS[i].json, &reply);
		if (reply.status != ROWS[i].status)
			fail_msg("%s: %u %s", ROWS[i].json, reply.status, reply.body);
		test_reply_done(&reply);
	}
	assert_int_equal(test_sql_int("SELECT count(*) FROM items WHERE owner_id = $1::uuid", account.user_id, NULL),
	                 0);
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_item_is_made_read_changed_and_deleted),
		cmocka_unit_test(a_stale_version_is_refused),
		cmocka_unit_test(a_compressed_answer_keeps_its_version),
		cmocka_unit_test(others_items_do_not_exist),
		cmocka_unit_test(pages_are_complete_and_without_repeats),
		cmocka_unit_test(cursors_and_parameters_are_checked),
		cmocka_unit_test(hostile_bodies_are_refused),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
