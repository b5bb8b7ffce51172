// Filters and sorts of GET /v1/items and GET /v1/media against the running stack.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define ITEMS 9

static struct test_account owner;
static char item_ids[ITEMS][37];

// Items "0" to "8": every third is tagged, every fourth public; "0" and then "4" are changed last.
static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&owner);
	for (int i = 0; i < ITEMS; i++) {
		struct test_reply reply;
		char json[400];
		(void)snprintf(json, sizeof json, "{\"title\":\"%d\",\"visibility\":\"%s\",\"tags\":[%s]}", i,
		               i % 4 == 0 ? "public" : "private", i % 3 == 0 ? "\"third\",\"x\"" : "\"x\"");
		test_http_json("POST", "/v1/items", owner.access_token, json, &reply);
		test_assert_status(&reply, 201);
		(void)snprintf(item_ids[i], sizeof item_ids[i], "%s", test_json_text(reply.json, "id"));
		test_reply_done(&reply);
	}
	for (int i = 0; i <= 4; i += 4) {
		struct test_reply reply;
		char path[400];
		(void)snprintf(path, sizeof path, "/v1/items/%s", item_ids[i]);
		test_http_json("PATCH", path, owner.access_token, "{\"body\":\"changed\"}", &reply);
		test_assert_status(&reply, 200);
		test_reply_done(&reply);
	}
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&owner);
	return test_stack_teardown(state);
}

// All pages of two of a listing: what stands under `member` of each row, in order, without separators.
static void assert_listing(const char *path, const char *member, const char *expected)
{
	char found[200] = "", next[400];
	(void)snprintf(next, sizeof next, "%s&limit=2", path);
	for (int page = 0; page < 20 && next[0] != '\0'; page++) {
		struct test_reply reply;
		test_http_json("GET", next, owner.access_token, NULL, &reply);
		test_assert_status(&reply, 200);
		size_t rows = json_array_size(test_json_at(reply.json, "items"));
		for (size_t i = 0; i < rows; i++) {
			char at[60];
			(void)snprintf(at, sizeof at, "items.%zu.%s", i, member);
			size_t length = strlen(found);
			(void)snprintf(found + length, sizeof found - length, "%s", test_json_text(reply.json, at));
		}
		json_t *cursor = test_json_at(reply.json, "next_cursor");
		next[0] = '\0';
		if (!json_is_null(cursor))
			(void)snprintf(next, sizeof next, "%s&limit=2&cursor=%s", path, json_string_value(cursor));
		test_reply_done(&reply);
	}
	if (strcmp(found, expected) != 0)
		fail_msg("%s listed %s instead of %s", path, found, expected);
}

static void items_are_sorted_both_ways(void **state)
{
	(void)state;
	assert_listing("/v1/items?sort=created_at", "title", "876543210");
	assert_listing("/v1/items?order=desc", "title", "876543210");
	assert_listing("/v1/items?order=asc", "title", "012345678");
	assert_listing("/v1/items?sort=updated_at", "title", "408765321");
	assert_listing("/v1/items?sort=updated_at&order=asc", "title", "123567804");
}

static void items_are_filtered_in_every_order(void **state)
{
	(void)state;
	assert_listing("/v1/items?tag=third", "title", "630");
	assert_listing("/v1/items?tag=third&order=asc", "title", "036");
	assert_listing("/v1/items?tag=x&sort=updated_at", "title", "408765321");
	assert_listing("/v1/items?tag=third&sort=updated_at&order=asc", "title", "360");
	assert_listing("/v1/items?tag=none", "title", "");
	assert_listing("/v1/items?visibility=public", "title", "840");
	assert_listing("/v1/items?visibility=public&sort=updated_at", "title", "408");
	assert_listing("/v1/items?visibility=private&order=asc", "title", "123567");
	assert_listing("/v1/items?visibility=shared", "title", "");
	assert_listing("/v1/items?tag=third&visibility=private", "title", "63");
}

static void a_deleted_item_leaves_the_tags(void **state)
{
	(void)state;
	struct test_reply reply;
	char path[400];
	test_http_json("POST", "/v1/items", owner.access_token, "{\"title\":\"t\",\"tags\":[\"brief\"]}", &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(path, sizeof path, "/v1/items/%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
	assert_listing("/v1/items?tag=brief", "title", "t");
	test_http_json("DELETE", path, owner.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	assert_listing("/v1/items?tag=brief", "title", "");
	assert_int_equal(test_sql_int("SELECT count(*) FROM item_tags WHERE tag = 'brief' AND owner_id = $1::uuid",
	                              owner.user_id, NULL),
	                 0);
}

static void media_are_filtered_and_ordered(void **state)
{
	(void)state;
	static const char TEXT[] = "Nothing to see here.\n";
	static const int POSITIONS[] = { 3, 1, 2 };
	struct test_reply reply;
	for (int i = 0; i < 3; i++) {
		char name[16], id[37], path[400], json[400];
		(void)snprintf(name, sizeof name, "%d", i);
		test_upload_whole(&owner, &(struct test_file){ name, "text/plain", TEXT, sizeof TEXT - 1 - (size_t)i },
		                  id);
		(void)snprintf(path, sizeof path, "/v1/media/%s", id);
		(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\",\"position\":%d}", item_ids[2], POSITIONS[i]);
		test_http_json("PATCH", path, owner.access_token, json, &reply);
		test_assert_status(&reply, 200);
		test_reply_done(&reply);
	}
	struct test_upload begun = { 0 };
	test_upload_request(&owner, &(struct test_file){ "3", "image/jpeg", TEXT, sizeof TEXT - 1 }, &begun);
	char path[400];
	(void)snprintf(path, sizeof path, "/v1/media?item_id=%s", item_ids[2]);
	assert_listing(path, "filename", "120");
	assert_listing("/v1/media?kind=file", "filename", "210");
	assert_listing("/v1/media?state=ready", "filename", "210");
	assert_listing("/v1/media?state=awaiting_upload", "filename", "3");
	assert_listing("/v1/media?state=awaiting_upload&kind=file", "filename", "");
	assert_listing("/v1/media?state=ready&kind=file", "filename", "210");
	assert_listing("/v1/media?state=failed", "filename", "");
	(void)snprintf(path, sizeof path, "/v1/media?item_id=%s", item_ids[1]);
	assert_listing(path, "filename", "");
	test_upload_done(&begun);
}

static void cursors_belong_to_their_filters(void **state)
{
	(void)state;
	struct test_reply reply;
	char path[300];
	test_http_json("GET", "/v1/items?tag=x&limit=2", owner.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	char cursor[100];
	(void)snprintf(cursor, sizeof cursor, "%s", test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	static const char *const OTHERS[] = { "limit=2", "tag=third", "tag=x&order=asc", "tag=x&sort=updated_at",
		                              "tag=x&visibility=private" };
	for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
		(void)snprintf(path, sizeof path, "/v1/items?%s&cursor=%s", OTHERS[i], cursor);
		test_http_json("GET", path, owner.access_token, NULL, &reply);
		if (reply.status != 400)
			fail_msg("%s: %u", path, reply.status);
		test_reply_done(&reply);
	}
	static const char *const BAD[] = { "/v1/items?sort=title",        "/v1/items?order=up",
		                           "/v1/items?visibility=secret", "/v1/items?tag=",
		                           "/v1/media?kind=song",         "/v1/media?item_id=1",
		                           "/v1/media?visibility=public" };
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		test_http_json("GET", BAD[i], owner.access_token, NULL, &reply);
		if (reply.status != 400)
			fail_msg("%s: %u", BAD[i], reply.status);
		test_reply_done(&reply);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_sorted_both_ways),      cmocka_unit_test(items_are_filtered_in_every_order),
		cmocka_unit_test(a_deleted_item_leaves_the_tags),  cmocka_unit_test(media_are_filtered_and_ordered),
		cmocka_unit_test(cursors_belong_to_their_filters),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
