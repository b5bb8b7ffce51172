// Variants made anew through the running stack: by their owner after a change of the focal point, by an operator; what
// was shown is shown until the new generation is whole.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define READY_MS 60000

static struct test_account account;
static char media_id[37];

static void upload_tide(struct test_account *owner, char ret_media_id[37])
{
	size_t length;
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	test_upload_whole(owner, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, ret_media_id);
	free(data);
	json_decref(test_media_await(owner, ret_media_id, "ready", READY_MS));
}

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	upload_tide(&account, media_id);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&account);
	return test_stack_teardown(state);
}

static void ask(const char *method, const char *below, const char *json, unsigned status, struct test_reply *ret_reply)
{
	char url[128];
	(void)snprintf(url, sizeof url, "/v1/media/%s%s", media_id, below);
	test_http_json(method, url, account.access_token, json, ret_reply);
	test_reply_expect(ret_reply, status, __FILE__, __LINE__);
}

static void patch(const char *json, unsigned status)
{
	struct test_reply reply;
	ask("PATCH", "", json, status, &reply);
	test_reply_done(&reply);
}

static void await_generation(int64_t generation)
{
	test_sql_await(generation, READY_MS, "SELECT published_generation FROM media WHERE id = $1::uuid", media_id,
	               NULL);
}

// SHA-256 of a variant as the database has it, "" when there is none.
static void hash_of(const char *name, char ret_hash[65])
{
	char *text =
	        test_sql_text("SELECT encode(v.sha256, 'hex') FROM variants v JOIN media m ON m.id = v.media_id WHERE "
	                      "m.id = $1::uuid AND v.name = $2 AND v.format = 'jpeg' AND "
	                      "v.generation = m.published_generation",
	                      media_id, name, NULL);
	(void)snprintf(ret_hash, 65, "%s", text);
	free(text);
}

static void a_focal_point_moves_the_crop(void **state)
{
	(void)state;
	char square[2][65], whole[2][65];
	struct test_reply reply;
	hash_of("square", square[0]);
	hash_of("w320", whole[0]);
	ask("GET", "", NULL, 200, &reply);
	assert_true(json_is_null(test_json_at(reply.json, "focal_point")));
	char *url = NULL;
	size_t index;
	json_t *variant;
	json_array_foreach(test_json_at(reply.json, "variants"), index, variant) if (url == NULL) url =
	        strdup(test_json_text(variant, "url"));
	test_reply_done(&reply);
	patch("{\"focal_point\":{\"x\":0.05,\"y\":0.5}}", 200);
	ask("GET", "", NULL, 200, &reply);
	assert_true(json_number_value(test_json_at(reply.json, "focal_point.x")) == 0.05);
	test_reply_done(&reply);
	ask("POST", "/reprocess", NULL, 202, &reply);
	assert_int_equal(test_json_int(reply.json, "generation"), 2);
	test_reply_done(&reply);
	await_generation(2);
	hash_of("square", square[1]);
	hash_of("w320", whole[1]);
	assert_string_equal(whole[1], whole[0]); // the same bytes made anew
	assert_string_not_equal(square[1], square[0]);
	// Pages that still name the old generation find it until its grace is over.
	test_http(&(struct test_call){ .url = url }, &reply);
	test_reply_expect(&reply, 200, __FILE__, __LINE__);
	test_reply_done(&reply);
	free(url);
	assert_true(test_sql_int("SELECT count(*) FROM outbox WHERE subject = 'events.media.updated' AND "
	                         "payload->'data'->>'media_id' = $1",
	                         media_id, NULL) >= 1);
}

static void a_wrong_focal_point_is_refused(void **state)
{
	(void)state;
	patch("{\"focal_point\":{\"x\":1.5,\"y\":0}}", 422);
	patch("{\"focal_point\":{\"x\":0.5}}", 422);
	patch("{\"focal_point\":[1,2]}", 422);
	patch("{\"focal_point\":{\"x\":0,\"y\":0,\"z\":0}}", 400);
	patch("{\"alt\":\"still there\"}", 200);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM media WHERE id = $1::uuid AND focal_x = 0.05", media_id, NULL), 1);
	patch("{\"focal_point\":null}", 200);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM media WHERE id = $1::uuid AND focal_x IS NULL", media_id, NULL), 1);
}

static void an_operator_makes_one_anew(void **state)
{
	(void)state;
	struct control control;
	control_run(&control, "media", "reprocess", media_id, "--json", NULL);
	control_expect(&control, 0);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(control.json, 0), "generation")), 3);
	control_done(&control);
	await_generation(3);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE action = 'media.reprocessed' AND "
	                              "subject_id = $1::uuid",
	                              media_id, NULL),
	                 1);
	control_run(&control, "media", "reprocess", media_id, "--preset", "nosuch", NULL);
	control_expect(&control, 64);
	control_assert_has(control.err, "there is no [preset.nosuch]");
	control_done(&control);
	control_run(&control, "media", "reprocess", NULL);
	control_expect(&control, 64);
	control_done(&control);
	control_run(&control, "media", "reprocess", "00000000-0000-7000-8000-000000000000", NULL);
	control_expect(&control, 1);
	control_assert_has(control.out, "there is no such media");
	control_done(&control);
}

// All of one account: what the other tests left in the stack is not made anew with it.
static void an_operator_makes_all_of_an_account_anew(void **state)
{
	(void)state;
	struct control control;
	struct test_account other;
	char others_media[37];
	const char *owner = account.user_id;
	test_account_new(&other);
	upload_tide(&other, others_media);
	int64_t others = test_sql_int("SELECT count(*) FROM jobs j JOIN media m ON m.id = j.media_id WHERE "
	                              "m.owner_id <> $1::uuid AND j.lane = 'bulk'",
	                              owner, NULL);
	control_run(&control, "media", "reprocess", "--all", "--owner", owner, "--json", NULL);
	control_expect(&control, 0);
	assert_int_equal(json_integer_value(json_object_get(control.json, "queued")), 1);
	control_done(&control);
	await_generation(4);
	assert_int_equal(test_sql_int("SELECT count(*) FROM jobs WHERE media_id = $1::uuid AND generation = 4 AND "
	                              "lane <> 'bulk'",
	                              media_id, NULL),
	                 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM jobs j JOIN media m ON m.id = j.media_id WHERE "
	                              "m.owner_id <> $1::uuid AND j.lane = 'bulk'",
	                              owner, NULL),
	                 others);
	control_run(&control, "media", "reprocess", "--owner", owner, media_id, NULL);
	control_expect(&control, 64);
	control_assert_has(control.err, "--owner chooses among --all");
	control_done(&control);
	control_run(&control, "media", "reprocess", "--all", "--owner", "me", NULL);
	control_expect(&control, 64);
	control_assert_has(control.err, "is no id of an account");
	control_done(&control);
	test_account_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_focal_point_moves_the_crop),
		cmocka_unit_test(a_wrong_focal_point_is_refused),
		cmocka_unit_test(an_operator_makes_one_anew),
		cmocka_unit_test(an_operator_makes_all_of_an_account_anew),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
