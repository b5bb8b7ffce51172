// GET /v1/search and the filters of the listings, against the running stack.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

static struct test_account owner, stranger;

static void create(const struct test_account *account, const char *json, char ret_id[37])
{
	struct test_reply reply;
	test_http_json("POST", "/v1/items", account->access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
}

static int setup(void **state)
{
	char id[37];
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&owner);
	test_account_new(&stranger);
	create(&owner, "{\"title\":\"Sunset at the caf\\u00e9\",\"body\":\"A long walk\",\"tags\":[\"beach\"]}", id);
	create(&owner, "{\"title\":\"Mountains\",\"body\":\"before sunset\",\"tags\":[\"snow\"]}", id);
	create(&owner, "{\"title\":\"Harbour\",\"body\":\"boats\",\"tags\":[\"beach\",\"sunset\"]}", id);
	create(&stranger, "{\"title\":\"Sunset of a stranger\",\"visibility\":\"public\"}", id);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&owner);
	test_account_done(&stranger);
	return test_stack_teardown(state);
}

static void get(const struct test_account *account, const char *path, unsigned status, struct test_reply *ret_reply)
{
	test_http_json("GET", path, account->access_token, NULL, ret_reply);
	test_assert_status(ret_reply, status);
}

// The titles that a question finds, in order, each followed by '|'.
static void assert_found(const struct test_account *account, const char *path, const char *titles)
{
	struct test_reply reply;
	char found[1000] = "";
	get(account, path, 200, &reply);
	size_t count = json_array_size(test_json_at(reply.json, "items"));
	for (size_t i = 0; i < count; i++) {
		char at[40];
		size_t length = strlen(found);
		(void)snprintf(at, sizeof at, "items.%zu.title", i);
		(void)snprintf(found + length, sizeof found - length, "%s|", test_json_text(reply.json, at));
	}
	if (strcmp(found, titles) != 0)
		fail_msg("%s found %s instead of %s", path, found, titles);
	test_reply_done(&reply);
}

static void words_are_found_by_weight(void **state)
{
	(void)state;
	// Title before tag before body.
	assert_found(&owner, "/v1/search?q=sunset", "Sunset at the caf\xc3\xa9|Harbour|Mountains|");
	assert_found(&owner, "/v1/search?q=SUNSET", "Sunset at the caf\xc3\xa9|Harbour|Mountains|");
	assert_found(&owner, "/v1/search?q=walk+sunset", "Sunset at the caf\xc3\xa9|");
	assert_found(&owner, "/v1/search?q=sunset+elephant", "");
}

static void accents_prefixes_and_typos_are_forgiven(void **state)
{
	(void)state;
	static const char *const QUESTIONS[] = { "cafe", "caf%C3%A9", "CAFE%CC%81", "caf", "wal+caf", "suns+walk" };
	for (size_t i = 0; i < sizeof QUESTIONS / sizeof QUESTIONS[0]; i++) {
		char path[100];
		(void)snprintf(path, sizeof path, "/v1/search?q=%s", QUESTIONS[i]);
		assert_found(&owner, path, "Sunset at the caf\xc3\xa9|");
	}
	assert_found(&owner, "/v1/search?q=mountians", "Mountains|"); // two neighbours swapped
	assert_found(&owner, "/v1/search?q=mountans", "Mountains|");  // one missing
	assert_found(&owner, "/v1/search?q=harvour", "Harbour|");     // one wrong
	assert_found(&owner, "/v1/search?q=baots", "Harbour|");       // a short word
	assert_found(&owner, "/v1/search?q=xylophone", "");           // like none
}

static void filters_narrow(void **state)
{
	(void)state;
	assert_found(&owner, "/v1/search?q=sunset&tag=beach", "Sunset at the caf\xc3\xa9|Harbour|");
	assert_found(&owner, "/v1/search?q=sunset&tag=snow", "Mountains|");
	assert_found(&owner, "/v1/search?q=sunset&tag=desert", "");
	assert_found(&owner, "/v1/search?q=sunset&kind=photo", "");
	// A tag is the tag as it was written, though the index knows its words alone, or has none of it.
	struct test_account account;
	char id[37];
	test_account_new(&account);
	create(&account, "{\"title\":\"Trip one\",\"tags\":[\"Rot-Wei\\u00df 1!\",\"\\ud83c\\udf0a\"]}", id);
	create(&account, "{\"title\":\"Trip two\",\"tags\":[\"rot\",\"weiss\",\"1\"]}", id);
	assert_found(&account, "/v1/search?q=trip&tag=Rot-Wei%C3%9F+1!", "Trip one|");
	assert_found(&account, "/v1/search?q=trip&tag=rot", "Trip two|");
	assert_found(&account, "/v1/search?q=trip&tag=%F0%9F%8C%8A", "Trip one|");
	test_account_done(&account);
}

static void nobody_finds_what_is_others(void **state)
{
	(void)state;
	struct test_reply reply;
	assert_found(&stranger, "/v1/search?q=sunset", "Sunset of a stranger|");
	assert_found(&stranger, "/v1/search?q=mountains", "");
	assert_found(&stranger, "/v1/search?q=mountians", ""); // corrected from one's own words only
	test_http_json("GET", "/v1/search?q=sunset", NULL, NULL, &reply);
	test_assert_status(&reply, 401);
	test_reply_done(&reply);
}

static void what_changes_is_found_as_it_is_now(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char id[37], path[64], media_id[37];
	static const char TEXT[] = "Nothing to see here.\n";
	test_account_new(&account);
	create(&account, "{\"title\":\"Oldname\",\"tags\":[\"first\"]}", id);
	(void)snprintf(path, sizeof path, "/v1/items/%s", id);
	test_http_json("PATCH", path, account.access_token, "{\"title\":\"Newname\",\"tags\":[\"second\"]}", &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	assert_found(&account, "/v1/search?q=oldname", "");
	assert_found(&account, "/v1/search?q=first", "");
	assert_found(&account, "/v1/search?q=newname+second", "Newname|");
	test_upload_whole(&account, &(struct test_file){ "Invoice_2026.txt", "text/plain", TEXT, sizeof TEXT - 1 },
	                  media_id);
	assert_found(&account, "/v1/search?q=invoice", ""); // in no item yet
	char json[100], media_path[64];
	(void)snprintf(media_path, sizeof media_path, "/v1/media/%s", media_id);
	(void)snprintf(json, sizeof json, "{\"item_id\":\"%s\",\"alt\":\"a receipt\"}", id);
	test_http_json("PATCH", media_path, account.access_token, json, &reply);
	test_assert_status(&reply, 200);
	test_reply_done(&reply);
	assert_found(&account, "/v1/search?q=invoice+2026+receipt+newname", "Newname|");
	assert_found(&account, "/v1/search?q=invoice&kind=file", "Newname|");
	assert_found(&account, "/v1/search?q=invoice&kind=photo", "");
	assert_found(&account, "/v1/search?q=invoice&kind=animation", "");
	assert_found(&account, "/v1/search?q=file", ""); // what narrows by kind is no word
	free(test_sql_text("UPDATE media SET kind = 'document' WHERE id = $1::uuid", media_id, NULL));
	assert_found(&account, "/v1/search?q=invoice&kind=file", "");
	assert_found(&account, "/v1/search?q=invoice&kind=document", "Newname|");
	test_http_json("DELETE", media_path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	assert_found(&account, "/v1/search?q=invoice", "");
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	assert_found(&account, "/v1/search?q=newname", "");
	test_account_done(&account);
}

#define TOGETHER 12

static void *add_tag(void *argument)
{
	char *sql = argument;
	free(test_sql_text(sql, NULL));
	return NULL;
}

// Changes of one item at the same time: the index has all of them, not only the last one's view.
static void changes_at_once_are_all_indexed(void **state)
{
	(void)state;
	struct test_account account;
	char id[37], sql[TOGETHER][300], question[300] = "/v1/search?q=";
	pthread_t threads[TOGETHER];
	test_account_new(&account);
	create(&account, "{\"title\":\"Together\"}", id);
	for (int i = 0; i < TOGETHER; i++) {
		(void)snprintf(
		        sql[i], sizeof sql[i],
		        "WITH t AS (INSERT INTO item_tags (item_id, owner_id, tag) VALUES ('%s', '%s', 'word%d') "
		        "RETURNING 1) SELECT count(*)::text || pg_sleep(0.05) FROM t",
		        id, account.user_id, i);
		assert_int_equal(pthread_create(&threads[i], NULL, add_tag, sql[i]), 0);
	}
	for (int i = 0; i < TOGETHER; i++)
		(void)pthread_join(threads[i], NULL);
	for (int i = 0; i < TOGETHER; i++) {
		(void)snprintf(question, sizeof question, "/v1/search?q=together+word%d", i);
		assert_found(&account, question, "Together|");
	}
	test_account_done(&account);
}

static void pages_are_complete_and_ranked(void **state)
{
	(void)state;
	struct test_account account;
	char id[37], path[200] = "/v1/search?q=page&limit=4", seen[12][37];
	size_t count = 0;
	test_account_new(&account);
	for (int i = 0; i < 10; i++)
		create(&account, i % 2 == 0 ? "{\"title\":\"page\"}" : "{\"body\":\"one page among others\"}", id);
	for (int page = 0; page < 3; page++) {
		struct test_reply reply;
		get(&account, path, 200, &reply);
		size_t rows = json_array_size(test_json_at(reply.json, "items"));
		assert_int_equal(rows, page < 2 ? 4 : 2);
		for (size_t i = 0; i < rows; i++) {
			char at[40];
			(void)snprintf(at, sizeof at, "items.%zu.id", i);
			(void)snprintf(seen[count], 37, "%s", test_json_text(reply.json, at));
			for (size_t other = 0; other < count; other++)
				assert_string_not_equal(seen[count], seen[other]);
			(void)snprintf(at, sizeof at, "items.%zu.title", i);
			assert_string_equal(test_json_text(reply.json, at), count < 5 ? "page" : "");
			count++;
		}
		if (page < 2)
			(void)snprintf(path, sizeof path, "/v1/search?q=page&limit=4&cursor=%s",
			               test_json_text(reply.json, "next_cursor"));
		else
			assert_true(json_is_null(test_json_at(reply.json, "next_cursor")));
		test_reply_done(&reply);
	}
	assert_int_equal(count, 10);
	char *cursor = strstr(path, "cursor=");
	char other[300];
	(void)snprintf(other, sizeof other, "/v1/search?q=pages&limit=4&%s", cursor);
	struct test_reply reply;
	get(&account, other, 400, &reply); // of another question
	test_reply_done(&reply);
	test_account_done(&account);
}

// Items of an owner lie in buckets, the newest of which is read first; a new one is begun here after each item.
static void older_buckets_are_read_too(void **state)
{
	(void)state;
	struct test_account account;
	char id[37], sql[200];
	static const char *const ITEMS[] = { "{\"title\":\"apple\"}", "{\"title\":\"orchard\",\"body\":\"apples\"}",
		                             "{\"title\":\"pear\"}", "{\"title\":\"tart\",\"body\":\"of an apple\"}" };
	test_account_new(&account);
	for (size_t i = 0; i < sizeof ITEMS / sizeof ITEMS[0]; i++) {
		create(&account, ITEMS[i], id);
		(void)snprintf(sql, sizeof sql, "INSERT INTO search_buckets (owner_id) VALUES ('%s')", account.user_id);
		free(test_sql_text(sql, NULL));
	}
	char *buckets = test_sql_text("SELECT count(DISTINCT bucket)::text FROM item_search WHERE owner_id = $1::uuid",
	                              account.user_id, NULL);
	assert_string_equal(buckets, "4");
	free(buckets);
	assert_found(&account, "/v1/search?q=apple", "apple|tart|orchard|");
	assert_found(&account, "/v1/search?q=app+orch", "orchard|");
	assert_found(&account, "/v1/search?q=aplpe", "apple|tart|"); // corrected to that word, not to what it begins
	test_account_done(&account);
}

// 1,030 items that match, over three buckets: ranked are the newest thousand.
static void the_newest_thousand_are_ranked(void **state)
{
	(void)state;
	struct test_account account;
	static const int LAST[] = { 100, 500, 1030 };
	char sql[600];
	test_account_new(&account);
	for (size_t i = 0; i < sizeof LAST / sizeof LAST[0]; i++) {
		(void)snprintf(sql, sizeof sql, "INSERT INTO search_buckets (owner_id) VALUES ('%s')", account.user_id);
		free(test_sql_text(sql, NULL));
		(void)snprintf(
		        sql, sizeof sql,
		        "INSERT INTO items (id, owner_id, title, created_at, updated_at) "
		        "SELECT gen_random_uuid(), '%s', 'crowd ' || n, now() - (1030 - n) * interval '1 second', "
		        "now() FROM generate_series(%d, %d) n",
		        account.user_id, i == 0 ? 1 : LAST[i - 1] + 1, LAST[i]);
		free(test_sql_text(sql, NULL));
	}
	char *found = test_sql_text(
	        "SELECT count(*) || ' from ' || min(substr(i.title, 7)::integer) || ' to ' || "
	        "max(substr(i.title, 7)::integer) FROM search_items($1::uuid, 'crow', NULL, NULL, 9223372036854775807, "
	        "'ffffffff-ffff-ffff-ffff-ffffffffffff', 5000) s JOIN items i ON i.id = s.item_id",
	        account.user_id, NULL);
	assert_string_equal(found, "1000 from 31 to 1030");
	free(found);
	test_account_done(&account);
}

static void hostile_questions_are_harmless(void **state)
{
	(void)state;
	static const char *const EMPTY[] = {
		"%27",          "!%26%7C%3A*()", "%5C%5C",          "%27%3BDROP+TABLE+items%3B--", "%25_",
		"%F0%9F%8C%8A", "%3A*",          "a%3Ab%3Ac%26%21", ".*%2B%3F%5B%5D%7B%7D"
	};
	struct test_reply reply;
	char path[12000];
	for (size_t i = 0; i < sizeof EMPTY / sizeof EMPTY[0]; i++) {
		(void)snprintf(path, sizeof path, "/v1/search?q=%s", EMPTY[i]);
		test_http_json("GET", path, stranger.access_token, NULL, &reply);
		if (reply.status != 200 || json_array_size(test_json_at(reply.json, "items")) > 1)
			fail_msg("%s: %u %s", path, reply.status, reply.body);
		test_reply_done(&reply);
	}
	int length = snprintf(path, sizeof path, "/v1/search?q=");
	memset(path + length, 'x', 10000);
	path[length + 10000] = '\0';
	static const char *const BAD[] = { "/v1/search",
		                           "/v1/search?q=",
		                           "/v1/search?q=a&kind=song",
		                           "/v1/search?q=a&tag=",
		                           "/v1/search?q=a&limit=1e9",
		                           "/v1/search?q=a&limit=-1",
		                           "/v1/search?q=a&x=1",
		                           "/v1/search?q=%00",
		                           "/v1/search?q=%FF" };
	get(&stranger, path, 400, &reply);
	test_reply_done(&reply);
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		test_http_json("GET", BAD[i], stranger.access_token, NULL, &reply);
		if (reply.status != 400)
			fail_msg("%s: %u %s", BAD[i], reply.status, reply.body);
		test_reply_done(&reply);
	}
	// 256 bytes of words: the first eight are taken.
	(void)snprintf(path, sizeof path,
	               "/v1/search?q=sunset+of+a+stranger+sunset+of+a+stranger+sunset+of+a+stranger");
	assert_found(&stranger, path, "Sunset of a stranger|");
}

#define SIGNATURE "search_items(uuid, text, text, text, bigint, uuid, bigint)"
#define SLEEPING                                                                                                     \
	"CREATE OR REPLACE FUNCTION search_items(owner uuid, written text, with_tag text, with_kind text, "          \
	"after_rank bigint, after_id uuid, most bigint) RETURNS TABLE (item_id uuid, rank bigint) LANGUAGE plpgsql " \
	"STABLE ROWS 50 SECURITY DEFINER SET search_path = public, pg_temp AS "                                      \
	"$$ BEGIN PERFORM pg_sleep(4); RETURN; END $$"

static void a_search_that_takes_too_long_is_503(void **state)
{
	(void)state;
	struct test_reply slow, other, after;
	char retry_after[20];
	char *kept = test_sql_text("SELECT pg_get_functiondef('" SIGNATURE "'::regprocedure)", NULL);
	static const char *const IMPATIENT[] = { "SAFELIGHT_API_SEARCH_MS", "500", NULL };
	test_stack_restart_with("api", IMPATIENT);
	free(test_sql_text(SLEEPING, NULL));
	int64_t began = clock_monotonic_us();
	test_http_json("GET", "/v1/search?q=sunset", stranger.access_token, NULL, &slow);
	int64_t took_ms = (clock_monotonic_us() - began) / 1000;
	test_http_json("GET", "/v1/items", stranger.access_token, NULL, &other);
	free(test_sql_text(kept, NULL)); // whatever came: other tests search too
	free(kept);
	test_stack_run("restart", "api");
	test_assert_status(&slow, 503);
	test_reply_header(&slow, "Retry-After", retry_after, sizeof retry_after);
	assert_string_not_equal(retry_after, "");
	assert_in_range(took_ms, 450, 2000); // the server's own limit comes later
	test_assert_status(&other, 200);
	get(&stranger, "/v1/search?q=sunset", 200, &after);
	assert_int_equal(json_array_size(test_json_at(after.json, "items")), 1);
	test_reply_done(&slow);
	test_reply_done(&other);
	test_reply_done(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found_by_weight),
		cmocka_unit_test(accents_prefixes_and_typos_are_forgiven),
		cmocka_unit_test(filters_narrow),
		cmocka_unit_test(nobody_finds_what_is_others),
		cmocka_unit_test(what_changes_is_found_as_it_is_now),
		cmocka_unit_test(changes_at_once_are_all_indexed),
		cmocka_unit_test(pages_are_complete_and_ranked),
		cmocka_unit_test(older_buckets_are_read_too),
		cmocka_unit_test(the_newest_thousand_are_ranked),
		cmocka_unit_test(hostile_questions_are_harmless),
		cmocka_unit_test(a_search_that_takes_too_long_is_503),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
