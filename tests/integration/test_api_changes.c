// GET /v1/changes: whatever the order in which overlapping transactions begin, write and commit, a client that goes on
// from where it was misses nothing and is told nothing twice.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/settings.h"
#include "db/pool.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

static struct db_pool *pool; // as metadata-api's role

static int setup(void **state)
{
	struct db_options options;
	struct err err = { 0 };
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	db_options_init(&options, settings, settings->api_database_user, settings->api_database_password,
	                "safelight-test", NULL);
	return db_pool_new(&options, 12, &pool, &err) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	db_pool_free(pool);
	return test_stack_teardown(state);
}

// ---- transactions held open --------------------------------------------------------------------------------------

static struct deadline soon(void)
{
	return deadline_after_ms(20000);
}

static struct db_connection *begin(void)
{
	struct db_connection *connection = NULL;
	struct err err = { 0 };
	if (db_pool_acquire(pool, soon(), &connection, &err) != RC_OK || db_begin(connection, soon(), &err) != RC_OK)
		fail_msg("%s", err.text);
	return connection;
}

static void run_in(struct db_connection *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void run_in(struct db_connection *connection, const char *format, ...)
{
	char sql[1000];
	struct err err = { 0 };
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(sql, sizeof sql, format, arguments);
	va_end(arguments);
	if (db_execute_script(connection, sql, soon(), &err) != RC_OK)
		fail_msg("%s: %s", sql, err.text);
}

static void commit(struct db_connection *connection)
{
	struct err err = { 0 };
	if (db_commit(connection, soon(), &err) != RC_OK)
		fail_msg("%s", err.text);
	db_pool_release(pool, connection);
}

static void new_id(char ret_id[37])
{
	struct uuid id = uuid_new();
	uuid_format(&id, ret_id);
}

static void insert_item(struct db_connection *connection, const struct test_account *account, const char *id)
{
	run_in(connection, "INSERT INTO items (id, owner_id, title) VALUES ('%s', '%s', 'x')", id, account->user_id);
}

static void change_item(struct db_connection *connection, const char *id)
{
	run_in(connection, "UPDATE items SET version = version + 1, updated_at = now() WHERE id = '%s'", id);
}

static void delete_item(struct db_connection *connection, const char *id)
{
	run_in(connection,
	       "UPDATE items SET version = version + 1, updated_at = now(), deleted_at = now() WHERE id = '%s'", id);
}

static void insert_at_once(const struct test_account *account, const char *id)
{
	struct db_connection *connection = begin();
	insert_item(connection, account, id);
	commit(connection);
}

// ---- a client ----------------------------------------------------------------------------------------------------

struct client {
	const struct test_account *account;
	char since[100]; // "": from the beginning
	unsigned limit;
};

// One page. *ret_reply is the caller's; false when there is no further page.
static bool poll_page(struct client *client, struct test_reply *ret_reply)
{
	char path[200];
	(void)snprintf(path, sizeof path, "/v1/changes?limit=%u%s%s", client->limit == 0 ? 200 : client->limit,
	               client->since[0] == '\0' ? "" : "&since=", client->since);
	test_http_json("GET", path, client->account->access_token, NULL, ret_reply);
	test_assert_status(ret_reply, 200);
	(void)snprintf(client->since, sizeof client->since, "%s", test_json_text(ret_reply->json, "since"));
	json_t *next = test_json_at(ret_reply->json, "next_cursor");
	assert_true(json_is_null(next) || strcmp(json_string_value(next), client->since) == 0);
	return !json_is_null(next);
}

// Names for ids.
struct name {
	const char *name;
	const char *id;
};

// Append "created <name>|" … for each change of a page.
static void append_changes(char *found, size_t size, const struct name *names, json_t *page)
{
	size_t count = json_array_size(json_object_get(page, "items"));
	for (size_t i = 0; i < count; i++) {
		json_t *change = json_array_get(json_object_get(page, "items"), i);
		const char *id = json_string_value(json_object_get(change, "id")), *name = "?";
		for (const struct name *known = names; known->name != NULL; known++)
			if (strcmp(known->id, id) == 0)
				name = known->name;
		size_t length = strlen(found);
		(void)snprintf(found + length, size - length, "%s %s|",
		               json_string_value(json_object_get(change, "change")), name);
	}
}

// Ask until what is expected has come: any other transaction of the stack may hold it back for a moment. Nothing else
// may come, nothing in another order; with "" one question must be answered by nothing.
static void assert_changes(struct client *client, const struct name *names, const char *expected)
{
	char found[1000] = "";
	struct deadline deadline = deadline_after_ms(5000);
	for (;;) {
		struct test_reply reply;
		bool more = poll_page(client, &reply);
		append_changes(found, sizeof found, names, reply.json);
		test_reply_done(&reply);
		if (more)
			continue;
		if (strcmp(found, expected) == 0)
			return;
		if (strncmp(found, expected, strlen(found)) != 0 || deadline_passed(deadline))
			fail_msg("came: %s instead of: %s", found, expected);
		clock_sleep_ms(20);
	}
}

static void a_later_commit_of_an_earlier_transaction_is_not_missed(void **state)
{
	(void)state;
	struct test_account account;
	char a[37], b[37], c[37];
	new_id(a);
	new_id(b);
	new_id(c);
	const struct name names[] = { { "a", a }, { "b", b }, { "c", c }, { NULL, NULL } };
	test_account_new(&account);
	struct client client = { .account = &account };
	assert_changes(&client, names, "");
	struct db_connection *slow = begin();
	insert_item(slow, &account, a);     // has the lower number from here on
	insert_at_once(&account, b);        // begins later, commits earlier
	assert_changes(&client, names, ""); // b waits for what may still come before it
	insert_item(slow, &account, c);
	commit(slow);
	assert_changes(&client, names, "created a|created c|created b|");
	assert_changes(&client, names, "");
	test_account_done(&account);
}

static void a_rolled_back_change_never_comes(void **state)
{
	(void)state;
	struct test_account account;
	char a[37], b[37];
	new_id(a);
	new_id(b);
	const struct name names[] = { { "a", a }, { "b", b }, { NULL, NULL } };
	test_account_new(&account);
	struct client client = { .account = &account };
	struct db_connection *slow = begin();
	insert_item(slow, &account, a);
	insert_at_once(&account, b);
	assert_changes(&client, names, "");
	db_rollback(slow, soon());
	db_pool_release(pool, slow);
	assert_changes(&client, names, "created b|");
	test_account_done(&account);
}

// An object whose last change was written by a transaction with a lower number than the change before it.
static void an_object_that_moves_back_is_told_of_again(void **state)
{
	(void)state;
	struct test_account account;
	char a[37], other[37];
	new_id(a);
	new_id(other);
	const struct name names[] = { { "a", a }, { "other", other }, { NULL, NULL } };
	test_account_new(&account);
	insert_at_once(&account, a);
	struct client client = { .account = &account };
	assert_changes(&client, names, "created a|");
	struct db_connection *early = begin(), *late = begin();
	insert_item(early, &account, other); // takes the lower number
	change_item(late, a);
	commit(late);
	assert_changes(&client, names, "");
	change_item(early, a);
	assert_changes(&client, names, "");
	commit(early);
	assert_changes(&client, names, "created other|changed a|");
	assert_changes(&client, names, "");
	late = begin();
	delete_item(late, a);
	commit(late);
	assert_changes(&client, names, "deleted a|");
	test_account_done(&account);
}

// The same when the object's first change has the higher number: the client must still hear of its end.
static void an_object_that_moved_before_its_making_has_its_tombstone(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char a[37], c[37], other[37];
	new_id(a);
	new_id(c);
	new_id(other);
	const struct name names[] = { { "a", a }, { "c", c }, { "other", other }, { NULL, NULL } };
	test_account_new(&account);
	struct client client = { .account = &account, .limit = 2 };
	assert_changes(&client, names, "");
	struct db_connection *early = begin();
	insert_item(early, &account, other); // takes the lowest number
	insert_at_once(&account, a);
	insert_at_once(&account, c);
	change_item(early, a);
	commit(early);
	char found[200] = "";
	for (int i = 0; i < 100 && found[0] == '\0'; i++) {
		clock_sleep_ms(i == 0 ? 0 : 20);
		bool more = poll_page(&client, &reply);
		assert_true(more || json_array_size(test_json_at(reply.json, "items")) == 0);
		append_changes(found, sizeof found, names, reply.json);
		test_reply_done(&reply);
	}
	assert_string_equal(found, "created other|created a|"); // and stands between a's present number and its first
	struct db_connection *late = begin();
	delete_item(late, a);
	commit(late);
	assert_changes(&client, names, "created c|deleted a|");
	test_account_done(&account);
}

static void tombstones_come_to_those_who_knew(void **state)
{
	(void)state;
	struct test_account account;
	char a[37], b[37];
	new_id(a);
	new_id(b);
	const struct name names[] = { { "a", a }, { "b", b }, { NULL, NULL } };
	test_account_new(&account);
	insert_at_once(&account, a);
	struct client knows = { .account = &account }, late = { .account = &account };
	assert_changes(&knows, names, "created a|");
	struct db_connection *connection = begin();
	delete_item(connection, a);
	commit(connection);
	insert_at_once(&account, b);
	connection = begin();
	delete_item(connection, b);
	commit(connection);
	assert_changes(&knows, names, "deleted a|"); // b came and went meanwhile
	assert_changes(&late, names, "");
	test_account_done(&account);
}

static void media_come_with_all_that_they_are(void **state)
{
	(void)state;
	static const char TEXT[] = "Nothing to see here.\n";
	struct test_account account, stranger;
	struct test_reply reply;
	char id[37], path[100];
	test_account_new(&account);
	test_account_new(&stranger);
	test_upload_whole(&account, &(struct test_file){ "note.txt", "text/plain", TEXT, sizeof TEXT - 1 }, id);
	const struct name names[] = { { "note", id }, { NULL, NULL } };
	struct client client = { .account = &account }, other = { .account = &stranger };
	assert_false(poll_page(&client, &reply));
	assert_string_equal(test_json_text(reply.json, "items.0.kind"), "media");
	assert_string_equal(test_json_text(reply.json, "items.0.media.id"), id);
	assert_string_equal(test_json_text(reply.json, "items.0.media.state"), "ready");
	assert_string_equal(test_json_text(reply.json, "items.0.media.filename"), "note.txt");
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/media/%s", id);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	// Also after the row itself has gone.
	free(test_sql_text("DELETE FROM media WHERE id = $1::uuid", id, NULL));
	assert_changes(&client, names, "deleted note|");
	assert_changes(&client, names, "");
	assert_changes(&other, names, "");
	test_account_done(&account);
	test_account_done(&stranger);
}

// ---- many writers ------------------------------------------------------------------------------------------------

#define WRITERS 6
#define ITEMS 12
#define ROUNDS 25

struct writer {
	const struct test_account *account;
	char (*ids)[37];
	unsigned seed;
	int *running; // writers
};

// Transactions of two changes with pauses between, so that they overlap in every way. What went wrong, or NULL.
static const char *write_rounds(struct writer *writer)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct db_connection *connection;
		struct err err = { 0 };
		char sql[400];
		int first = rand_r(&writer->seed) % (ITEMS - 1);
		int second =
		        first + 1 + rand_r(&writer->seed) % (ITEMS - 1 - first); // in order, so that none deadlocks
		if (db_pool_acquire(pool, soon(), &connection, &err) != RC_OK)
			return "no connection";
		(void)snprintf(
		        sql, sizeof sql,
		        "SELECT pg_current_xact_id(); SELECT pg_sleep(0.00%d); UPDATE items SET version = version + 1, "
		        "updated_at = now() WHERE id = '%s'; SELECT pg_sleep(0.00%d); UPDATE items SET version = "
		        "version + 1, updated_at = now() WHERE id = '%s'; SELECT pg_sleep(0.00%d)",
		        rand_r(&writer->seed) % 9, writer->ids[first], rand_r(&writer->seed) % 9, writer->ids[second],
		        rand_r(&writer->seed) % 9);
		enum rc rc = db_begin(connection, soon(), &err);
		if (rc == RC_OK)
			rc = db_execute_script(connection, sql, soon(), &err);
		if (rc == RC_OK && round % 7 != 3)
			rc = db_commit(connection, soon(), &err);
		db_pool_release(pool, connection);
		if (rc != RC_OK)
			return "a transaction failed";
	}
	return NULL;
}

static void *write_changes(void *argument)
{
	struct writer *writer = argument;
	const char *problem = write_rounds(writer);
	__atomic_fetch_sub(writer->running, 1, __ATOMIC_SEQ_CST);
	return (void *)(uintptr_t)problem;
}

// Apply a page to what the client knows.
static void apply(json_t *known, json_t *page, int *ret_told)
{
	size_t count = json_array_size(json_object_get(page, "items"));
	for (size_t i = 0; i < count; i++) {
		json_t *change = json_array_get(json_object_get(page, "items"), i);
		json_t *item = json_object_get(change, "item");
		json_t *version = json_object_get(item, "version");
		assert_true(
		        json_integer_value(version) >=
		        json_integer_value(json_object_get(known, json_string_value(json_object_get(change, "id")))));
		(void)json_object_set(known, json_string_value(json_object_get(change, "id")), version);
		++*ret_told;
	}
}

// All that is waiting; the number of pages.
static int poll_all(struct client *client, json_t *known, int *ret_told)
{
	int pages = 0;
	for (bool more = true; more; pages++) {
		struct test_reply reply;
		more = poll_page(client, &reply);
		apply(known, reply.json, ret_told);
		test_reply_done(&reply);
	}
	return pages;
}

static bool knows_all(json_t *known, char (*ids)[37])
{
	for (int i = 0; i < ITEMS; i++)
		if (json_integer_value(json_object_get(known, ids[i])) !=
		    test_sql_int("SELECT version FROM items WHERE id = $1::uuid", ids[i], NULL))
			return false;
	return true;
}

static void a_client_converges_under_overlapping_writers(void **state)
{
	(void)state;
	struct test_account account;
	char ids[ITEMS][37];
	pthread_t threads[WRITERS];
	struct writer writers[WRITERS];
	int told = 0, running = WRITERS;
	test_account_new(&account);
	struct client client = { .account = &account, .limit = 3 };
	for (int i = 0; i < ITEMS; i++) {
		new_id(ids[i]);
		insert_at_once(&account, ids[i]);
	}
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){
			.account = &account, .ids = ids, .seed = (unsigned)i + 1, .running = &running
		};
		assert_int_equal(pthread_create(&threads[i], NULL, write_changes, &writers[i]), 0);
	}
	json_t *known = json_object();
	int pages = 0;
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) > 0)
		pages += poll_all(&client, known, &told);
	for (int i = 0; i < WRITERS; i++) {
		void *problem = NULL;
		(void)pthread_join(threads[i], &problem);
		if (problem != NULL)
			fail_msg("%s", (const char *)problem);
	}
	struct deadline deadline = deadline_after_ms(5000);
	while (!knows_all(known, ids)) {
		if (deadline_passed(deadline))
			fail_msg("the client does not know the last versions");
		pages += poll_all(&client, known, &told);
	}
	// Each commit tells of two objects at most, and each object was made once.
	assert_in_range(told, ITEMS, ITEMS + 2 * WRITERS * ROUNDS);
	print_message("# %d pages told of %d changes\n", pages, told);
	json_decref(known);
	test_account_done(&account);
}

static void everything_comes_in_pages(void **state)
{
	(void)state;
	struct test_account account;
	char ids[7][37], expected[200] = "";
	struct name names[8] = { 0 };
	static const char *const NAMES[] = { "0", "1", "2", "3", "4", "5", "6" };
	test_account_new(&account);
	for (int i = 0; i < 7; i++) {
		new_id(ids[i]);
		insert_at_once(&account, ids[i]);
		names[i] = (struct name){ NAMES[i], ids[i] };
		(void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "created %d|", i);
	}
	struct client client = { .account = &account, .limit = 2 };
	assert_changes(&client, names, expected);
	assert_changes(&client, names, "");
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_commit_of_an_earlier_transaction_is_not_missed),
		cmocka_unit_test(a_rolled_back_change_never_comes),
		cmocka_unit_test(an_object_that_moves_back_is_told_of_again),
		cmocka_unit_test(an_object_that_moved_before_its_making_has_its_tombstone),
		cmocka_unit_test(tombstones_come_to_those_who_knew),
		cmocka_unit_test(media_come_with_all_that_they_are),
		cmocka_unit_test(a_client_converges_under_overlapping_writers),
		cmocka_unit_test(everything_comes_in_pages),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
