// What administrators do through the console's API: pools, dead letters, anybody's media; each act leaves an audit row.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/database.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define POOL "/v1/admin/pools/fast"
// A pool that is being paused may have asked for a last job before, and take it when it comes within this time.
#define LAST_FETCH_MS 700

static struct test_account admin;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	struct test_reply reply;
	char json[256];
	test_account_new(&admin);
	(void)test_sql_int("UPDATE users SET is_admin = true WHERE id = $1::uuid", admin.user_id, NULL);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", admin.email, admin.password);
	test_http_json("POST", "/v1/auth/login", NULL, json, &reply);
	if (reply.status != 200)
		return -1;
	free(admin.access_token);
	admin.access_token = strdup(test_json_text(reply.json, "access_token"));
	test_reply_done(&reply);
	return 0;
}

static int teardown(void **state)
{
	(void)test_sql_int("UPDATE users SET is_admin = false WHERE id = $1::uuid", admin.user_id, NULL);
	test_account_done(&admin);
	return test_stack_teardown(state);
}

static void call(const char *method, const char *path, const char *json, unsigned status, struct test_reply *ret_reply)
{
	test_http_json(method, path, admin.access_token, json, ret_reply);
	test_assert_status(ret_reply, status);
}

static void call_only(const char *method, const char *path, const char *json, unsigned status)
{
	struct test_reply reply;
	call(method, path, json, status, &reply);
	test_reply_done(&reply);
}

static int64_t count_audit(const char *action)
{
	return test_sql_int("SELECT count(*) FROM audit_log WHERE actor_id = $1::uuid AND action = $2", admin.user_id,
	                    action, NULL);
}

// The fast pool's entry of the overview; borrowed from the reply.
static json_t *find_fast(json_t *overview)
{
	size_t index = 0;
	json_t *pool = NULL;
	json_array_foreach(json_object_get(overview, "pools"), index,
	                   pool) if (strcmp(test_json_text(pool, "name"), "fast") == 0) return pool;
	fail_msg("the overview has no pool fast");
	return NULL;
}

static void the_overview_shows_pools_and_backlog(void **state)
{
	(void)state;
	struct test_reply reply;
	call("GET", "/v1/admin/overview", NULL, 200, &reply);
	json_t *fast = find_fast(reply.json);
	assert_true(test_json_int(fast, "workers_running") >= 1);
	assert_true(test_json_int(fast, "job_ms") >= 0);
	assert_true(json_is_null(test_json_at(reply.json, "pools_problem")));
	assert_true(test_json_int(reply.json, "backlog.outbox.waiting") >= 0);
	assert_true(json_is_array(test_json_at(reply.json, "backlog.queued")));
	test_reply_done(&reply);
}

static void a_pool_is_turned_and_the_turn_is_recorded(void **state)
{
	(void)state;
	struct test_reply reply;
	struct control show;
	char json[80];
	int64_t before = count_audit("pool.set");
	call("PATCH", POOL, "{\"workers\":3,\"prefetch\":4}", 200, &reply);
	int64_t revision = test_json_int(reply.json, "setting.revision");
	assert_int_equal(test_json_int(reply.json, "setting.workers"), 3);
	assert_string_equal(test_json_text(reply.json, "setting.by"), admin.user_id);
	test_reply_done(&reply);
	assert_int_equal(count_audit("pool.set"), before + 1);
	control_run(&show, "pool", "show", "fast", "--json", NULL);
	control_expect(&show, 0);
	assert_int_equal(test_json_int(show.json, "setting.workers"), 3);
	assert_int_equal(test_json_int(show.json, "setting.prefetch"), 4);
	control_done(&show);
	(void)snprintf(json, sizeof json, "{\"workers\":2,\"if_revision\":%lld}", (long long)revision);
	call_only("PATCH", POOL, json, 200);
	// The page that had looked before that is told, and changes nothing.
	call("PATCH", POOL, json, 409, &reply);
	control_assert_has(reply.body, "nothing was set");
	test_reply_done(&reply);
	call_only("PATCH", POOL, "{\"workers\":0}", 422);
	call_only("PATCH", POOL, "{\"speed\":1}", 400);
	call_only("PATCH", POOL, "{}", 422);
	assert_int_equal(count_audit("pool.set"), before + 2);
}

// A media whose job has failed for good, by no fault of its own; the id of its open dead letter is malloc'ed.
static char *make_letter(const struct test_account *owner, char ret_media_id[37])
{
	size_t length;
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	call_only("PATCH", POOL, "{\"paused\":true}", 200);
	clock_sleep_ms(LAST_FETCH_MS);
	test_upload_whole(owner, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, ret_media_id);
	free(data);
	test_job_fail_by_hand(ret_media_id);
	call_only("PATCH", POOL, "{\"paused\":false}", 200);
	return test_sql_text("SELECT id FROM dead_letters WHERE media_id = $1::uuid AND redriven_at IS NULL AND "
	                     "dropped_at IS NULL",
	                     ret_media_id, NULL);
}

static bool lists(const char *letter, const char *state)
{
	struct test_reply reply;
	char path[80];
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters?limit=200&state=%s", state);
	call("GET", path, NULL, 200, &reply);
	bool found = strstr(reply.body, letter) != NULL;
	test_reply_done(&reply);
	return found;
}

// The page of one behind a cursor (NULL: the first): its letter's id. The next cursor (empty: none) replaces it.
static void read_page_of_one(const char *state, char cursor[128], char ret_id[37])
{
	struct test_reply reply;
	char path[256];
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters?limit=1&state=%s%s%s", state,
	               cursor[0] == '\0' ? "" : "&cursor=", cursor);
	call("GET", path, NULL, 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 1);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "items.0.id"));
	const json_t *next = test_json_at(reply.json, "next_cursor");
	(void)snprintf(cursor, 128, "%s", json_is_null(next) ? "" : json_string_value(next));
	test_reply_done(&reply);
}

// Two letters, the later one first, page after page; others that stand about come before or behind them.
static void expect_in_pages(const char *earlier, const char *later)
{
	char cursor[128] = "", other[128], id[37], path[256], ids[2][37] = { "", "" };
	size_t found = 0;
	do {
		read_page_of_one("open", cursor, id);
		if (strcmp(id, earlier) == 0 || strcmp(id, later) == 0)
			(void)snprintf(ids[found++], sizeof ids[0], "%s", id);
		if (found == 1 && ids[1][0] == '\0')
			(void)snprintf(other, sizeof other, "%s", cursor);
	} while (found < 2 && cursor[0] != '\0');
	assert_int_equal(found, 2);
	assert_string_equal(ids[0], later);
	assert_string_equal(ids[1], earlier);
	// It belongs to this listing.
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters?state=all&cursor=%s", other);
	call_only("GET", path, NULL, 400);
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters?cursor=%s", other);
	call_only("GET", path, NULL, 200);
	other[4] = other[4] == 'A' ? 'B' : 'A';
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters?cursor=%s", other);
	call_only("GET", path, NULL, 400);
}

static void dead_letters_are_redriven_and_dropped(void **state)
{
	(void)state;
	struct test_account owner;
	char media_id[37], other_id[37], path[128];
	test_account_new(&owner);
	char *first = make_letter(&owner, media_id), *second = make_letter(&owner, other_id);
	assert_true(lists(first, "open") && lists(second, "open"));
	expect_in_pages(first, second);
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters/%s/redrive", first);
	call_only("POST", path, NULL, 204);
	json_decref(test_media_await(&owner, media_id, "ready", 20000));
	call_only("POST", path, NULL, 409);
	(void)snprintf(path, sizeof path, "/v1/admin/dead-letters/%s", second);
	call_only("DELETE", path, NULL, 204);
	call_only("DELETE", path, NULL, 409);
	assert_false(lists(first, "open") || lists(second, "open"));
	assert_true(lists(first, "all") && lists(second, "all"));
	assert_int_equal(count_audit("dead_letter.redriven"), 1);
	assert_int_equal(count_audit("dead_letter.dropped"), 1);
	free(first);
	free(second);
	test_account_done(&owner);
}

static void any_media_is_inspected_with_its_pictures(void **state)
{
	(void)state;
	struct test_account owner;
	struct test_reply reply, picture;
	char media_id[37], path[80];
	size_t length, index = 0;
	json_t *variant = NULL;
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	test_account_new(&owner);
	test_upload_whole(&owner, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, media_id);
	free(data);
	json_decref(test_media_await(&owner, media_id, "ready", 20000));
	(void)snprintf(path, sizeof path, "/v1/admin/media/%s", media_id);
	call("GET", path, NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "owner_email"), owner.email);
	assert_true(json_array_size(test_json_at(reply.json, "variants")) > 2);
	json_array_foreach(test_json_at(reply.json, "variants"), index, variant)
	{
		if (strcmp(test_json_text(variant, "state"), "ready") != 0)
			continue;
		test_http(&(struct test_call){ .url = test_json_text(variant, "url") }, &picture);
		test_assert_status(&picture, 200);
		assert_int_equal(picture.length, test_json_int(variant, "bytes"));
		test_reply_done(&picture);
	}
	assert_true(json_array_size(test_json_at(reply.json, "trace.steps")) > 5);
	assert_true(test_json_int(reply.json, "trace.ready_ms") > 0);
	assert_int_equal(count_audit("media.inspected"), 1);
	test_reply_done(&reply);
	test_account_done(&owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_overview_shows_pools_and_backlog),
		cmocka_unit_test(a_pool_is_turned_and_the_turn_is_recorded),
		cmocka_unit_test(dead_letters_are_redriven_and_dropped),
		cmocka_unit_test(any_media_is_inspected_with_its_pictures),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
