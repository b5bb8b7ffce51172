// The plans of metadata-api's listings at 200,000 rows: each walks an index in the order of its answer, for the plan
// that is made for the values at hand and for the one that serves all values.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "catalog/media.h"
#include "db/batch.h"
#include "db/pool.h"
#include "metadata-api/change_statement.h"
#include "tests/integration/support/database.h"
#include "tests/unit/cmocka_all.h"
// Services are not libraries: their statements are compiled into the test.
#include "metadata-api/item_list_store.c"
#include "metadata-api/item_read.c"

#define OWNER "'00000000-0000-7000-8000-000000000001'"
#define ITEM "'00000000-0000-7000-9000-000000000001'"
#define MIDDLE "'2020-02-01T00:00:00Z', '80000000-0000-7000-8000-000000000000'"

static struct test_database database;

// One owner of three quarters of all rows, and many small ones; a rare visibility, state and kind. Triggers would take
// minutes and are not what is tested, so rows are written as a replica writes them.
#define AS_REPLICA "SET session_replication_role = replica; SET statement_timeout = 9500; "
// In steps of so many rows, each well within a call's deadline.
#define ROWS 200000
#define STEP 20000

static const char *const BEFORE[] = {
	"CREATE FUNCTION big_owner(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN n % 4 > 0 "
	"THEN " OWNER "::uuid ELSE ('00000000-0000-7000-8000-' || lpad((2 + n / 4 % 50)::text, 12, '0'))::uuid END $$",
	"CREATE FUNCTION item_number(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ "
	"SELECT ('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid $$",
	"INSERT INTO users (id, email) SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, "
	"n || '@example.org' FROM generate_series(1, 51) n",
	// The plan's text in one value; mode is plan_cache_mode.
	"CREATE FUNCTION test_plan(statement text, arguments text, mode text) RETURNS text LANGUAGE plpgsql AS $$ "
	"DECLARE line text; plan text := ''; BEGIN PERFORM set_config('plan_cache_mode', mode, true); "
	"EXECUTE 'PREPARE planned AS ' || statement; "
	"FOR line IN EXECUTE 'EXPLAIN EXECUTE planned(' || arguments || ')' LOOP plan := plan || line || E'\\n'; END LOOP; "
	"DEALLOCATE planned; RETURN plan; END $$",
};

// Each with %d and %d, the first and last number.
static const char *const STEPS[] = {
	AS_REPLICA
	"INSERT INTO items (id, owner_id, title, visibility, created_at, updated_at) "
	"SELECT item_number(n), big_owner(n), 'Item ' || n, CASE WHEN n %% 1000 = 1 THEN 'public' ELSE 'private' END, "
	"'2020-01-01'::timestamptz + n * interval '1 minute', "
	"'2021-01-01'::timestamptz + (n * 7919 %% 200003) * interval '1 minute' FROM generate_series(%d, %d) n",
	AS_REPLICA
	"INSERT INTO item_tags (item_id, owner_id, tag, created_at, updated_at) "
	"SELECT item_number(n), big_owner(n), t.tag, '2020-01-01'::timestamptz + n * interval '1 minute', "
	"'2021-01-01'::timestamptz + (n * 7919 %% 200003) * interval '1 minute' FROM generate_series(%d, %d) n "
	"CROSS JOIN LATERAL (VALUES ('all'), (CASE WHEN n %% 100 = 77 THEN 'rare' ELSE 'common' END)) t (tag)",
	AS_REPLICA
	"INSERT INTO media (id, owner_id, item_id, state, filename, declared_type, kind, size, original_key, "
	"position, perceptual_hash, created_at) SELECT gen_random_uuid(), big_owner(n), item_number(1 + n / 10), "
	"CASE WHEN n %% 500 = 1 THEN 'uploaded' ELSE 'ready' END, 'x.jpg', 'image/jpeg', "
	"CASE WHEN n %% 700 = 1 THEN 'document' ELSE 'photo' END, 1, 'k', n %% 10, hashtextextended(n::text, 0), "
	"'2020-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(%d, %d) n",
	AS_REPLICA "INSERT INTO changes (object_id, owner_id, kind, transaction, place, made_transaction) "
	           "SELECT item_number(n), big_owner(n), 'item', n, n, n FROM generate_series(%d, %d) n",
};

static int setup(void **state)
{
	(void)state;
	char sql[2048];
	if (test_database_create(&database, true) != 0)
		return -1;
	for (size_t i = 0; i < sizeof BEFORE / sizeof BEFORE[0]; i++)
		test_database_run(&database, BEFORE[i]);
	for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++)
		for (int first = 1; first <= ROWS; first += STEP) {
			(void)snprintf(sql, sizeof sql, STEPS[i], first, first + STEP - 1);
			test_database_run(&database, sql);
		}
	test_database_run(&database, "SET statement_timeout = 9500; ANALYZE items, item_tags, media, changes");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_database_drop(&database);
	return 0;
}

// The plan of a statement for these arguments; freed by the caller.
static char *explain(const struct db_statement *statement, const char *arguments, const char *mode)
{
	static const struct db_statement PLAN = {
		.name = "test_plan", .sql = "SELECT test_plan($1, $2, $3)", .parameter_count = 3, .read_only = true
	};
	const struct db_value values[] = { db_text(statement->sql), db_text(arguments), db_text(mode) };
	struct db_connection *connection = NULL;
	struct db_result *result = NULL;
	struct err err = { 0 };
	if (db_pool_acquire(database.admin, test_deadline(), &connection, &err) != RC_OK ||
	    db_execute(connection, &PLAN, values, 3, test_deadline(), &result, &err) != RC_OK)
		fail_msg("%s: %s", statement->name, err.text);
	char *plan = strdup(db_result_text(result, 0, 0));
	db_result_free(result);
	db_pool_release(database.admin, connection);
	return plan;
}

// The few media of one item may be sorted, to find its first; nothing else.
static bool sorts_a_page(const char *plan)
{
	for (const char *at = plan; (at = strstr(at, "Sort Key: ")) != NULL; at++)
		if (strncmp(at, "Sort Key: n.\"position\"", 22) != 0)
			return true;
	return false;
}

// A list of SQL literals as one of array literals with an element each.
static void wrap_arguments(const char *arguments, struct buffer *out)
{
	while (*arguments != '\0') {
		size_t length = strcspn(arguments, ",");
		bool is_text = *arguments == '\'';
		buffer_append_format(out, is_text ? "%s'{\"%.*s\"}'" : "%s'{%.*s}'", out->length > 0 ? ", " : "",
		                     (int)length - 2 * is_text, arguments + is_text);
		arguments += length + strspn(arguments + length, ", ");
	}
}

// The plan that serves a batch: for each of its keys the index that the single statement walks.
static void refuse_batch_scans(const struct db_statement *statement, const char *arguments, const char *index)
{
	struct buffer sql, wrapped;
	buffer_init(&sql, 65536);
	buffer_init(&wrapped, 4096);
	db_batch_write_sql(statement, &sql);
	wrap_arguments(arguments, &wrapped);
	const struct db_statement many = { .name = statement->name, .sql = buffer_text(&sql) };
	char *plan = explain(&many, buffer_text(&wrapped), "force_generic_plan");
	// Parameters have other names in it.
	bool is_walked = strstr(plan, index) != NULL || index[0] == '(';
	if (strstr(plan, "Seq Scan") != NULL || !is_walked)
		fail_msg("a batch of %s does not use %s:\n%s", statement->name, index, plan);
	free(plan);
	buffer_done(&sql);
	buffer_done(&wrapped);
}

// index: what the plan for all values must walk. is_ordered: it gives the order too, so that the first page costs the
// same however many rows follow.
static void refuse_scans(const struct db_statement *statement, const char *arguments, const char *index,
                         bool is_ordered)
{
	static const char *const MODES[] = { "force_generic_plan", "force_custom_plan" };
	for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) {
		char *plan = explain(statement, arguments, MODES[i]);
		if (strstr(plan, "Seq Scan") != NULL)
			fail_msg("%s (%s) reads a whole table:\n%s", statement->name, MODES[i], plan);
		if (i == 0 && strstr(plan, index) == NULL)
			fail_msg("%s does not use %s:\n%s", statement->name, index, plan);
		if (is_ordered && sorts_a_page(plan))
			fail_msg("%s (%s) sorts all rows for a page:\n%s", statement->name, MODES[i], plan);
		free(plan);
	}
	if (statement->batch != NULL)
		refuse_batch_scans(statement, arguments, index);
}

static void listings_of_items_walk_an_index(void **state)
{
	(void)state;
	for (size_t i = 0; i < ITEM_PAGE_STATEMENT_COUNT; i++) {
		const struct db_statement *statement = &ITEM_PAGE_STATEMENTS[i];
		bool is_created = strstr(statement->name, "created") != NULL;
		if (statement->parameter_count == 6) {
			const char *index = is_created ? "item_tags_owner_created" : "item_tags_owner_updated";
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, NULL, 'all'", index, true);
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, NULL, 'rare'", index, true);
		} else if (strstr(statement->name, "rare") != NULL) {
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, 'public'",
			             is_created ? "items_owner_rare_created" : "items_owner_rare_updated", true);
		} else {
			const char *index = is_created ? "items_owner_created" : "items_owner_updated";
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, NULL", index, true);
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, 'private'", index, true);
		}
	}
}

static void each_filter_of_items_has_its_statement(void **state)
{
	(void)state;
	struct db_value values[ITEM_PAGE_VALUES];
	for (int sort = 0; sort < 2; sort++)
		for (int ascending = 0; ascending < 2; ascending++) {
			struct item_page page = { .sort = (enum item_sort)sort, .is_ascending = ascending == 1 };
			const char *plain = item_page_statement(&page, values)->name;
			page.visibility = "private";
			assert_string_equal(item_page_statement(&page, values)->name, plain);
			page.visibility = "shared";
			assert_non_null(strstr(item_page_statement(&page, values)->name, "rare"));
			page.tag = "sea";
			const struct db_statement *tagged = item_page_statement(&page, values);
			assert_non_null(strstr(tagged->name, "tag"));
			assert_non_null(strstr(tagged->name, sort == 0 ? "created" : "updated"));
			assert_non_null(strstr(tagged->name, ascending == 1 ? "oldest" : "newest"));
			assert_non_null(
			        strstr(tagged->sql, sort == 0 ? "ORDER BY g.created_at" : "ORDER BY g.updated_at"));
			assert_non_null(strstr(tagged->sql, ascending == 1 ? "g.item_id ASC" : "g.item_id DESC"));
		}
}

static void listings_of_media_walk_an_index(void **state)
{
	(void)state;
	for (size_t i = 0; i < CATALOG_MEDIA_PAGE_STATEMENT_COUNT; i++) {
		const struct db_statement *statement = CATALOG_MEDIA_PAGE_STATEMENTS[i];
		if (strstr(statement->name, "of_item") != NULL)
			refuse_scans(statement,
			             OWNER ", 3, '80000000-0000-7000-8000-000000000000', 51, NULL, NULL, " ITEM,
			             "(item_id = $7",
			             false); // an item's media are few: sorting them is fine
		else if (strstr(statement->name, "of_state") != NULL)
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, NULL, NULL, 'uploaded'",
			             "media_owner_rare_state", true);
		else if (strstr(statement->name, "of_kind") != NULL)
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, NULL, 'document'", "media_owner_rare_kind",
			             true);
		else
			refuse_scans(statement, OWNER ", " MIDDLE ", 51, '{ready}', 'photo'", "media_owner_created",
			             true);
	}
}

static void items_and_media_are_found_by_their_ids(void **state)
{
	(void)state;
	refuse_scans(&item_with_media_statement, OWNER ", " ITEM, "items_pkey", true);
	refuse_scans(&catalog_media_find_statement, OWNER ", " ITEM, "media_pkey", true);
	refuse_scans(&catalog_variants_statement, "'{80000000-0000-7000-8000-000000000000}'", "variants_pkey", false);
}

static void the_list_of_changes_walks_an_index(void **state)
{
	(void)state;
	refuse_scans(&CHANGES_PAGE, OWNER ", 1000, 1000, 51", "changes_owner", true);
}

// The statement that looks for likeness reads, of three quarters of all rows, the few that its indexes name.
static void likeness_is_found_by_its_indexes(void **state)
{
	(void)state;
	static const char *const INDEXES[] = { "media_likeness_0", "media_likeness_1", "media_likeness_2",
		                               "media_likeness_3" };
	static const char *const DISTANCES[] = { "3", "6", "11" };
	for (size_t i = 0; i < sizeof DISTANCES / sizeof DISTANCES[0]; i++)
		for (size_t j = 0; j < sizeof INDEXES / sizeof INDEXES[0]; j++) {
			char arguments[200];
			(void)snprintf(arguments, sizeof arguments,
			               OWNER ", '80000000-0000-7000-8000-000000000000', %s, -1, "
			                     "'00000000-0000-7000-8000-000000000000', 51",
			               DISTANCES[i]);
			refuse_scans(&catalog_media_similar_statement, arguments, INDEXES[j], false);
		}
}

// The check itself: a statement without an index must be refused.
static void a_scan_is_noticed(void **state)
{
	(void)state;
	static const struct db_statement SCAN = { .name = "scan", .sql = "SELECT id FROM items WHERE title = $1" };
	char *plan = explain(&SCAN, "'x'", "force_generic_plan");
	assert_non_null(strstr(plan, "Seq Scan"));
	free(plan);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM items"), ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listings_of_items_walk_an_index),
		cmocka_unit_test(each_filter_of_items_has_its_statement),
		cmocka_unit_test(listings_of_media_walk_an_index),
		cmocka_unit_test(items_and_media_are_found_by_their_ids),
		cmocka_unit_test(the_list_of_changes_walks_an_index),
		cmocka_unit_test(likeness_is_found_by_its_indexes),
		cmocka_unit_test(a_scan_is_noticed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
