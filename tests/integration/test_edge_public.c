// The public profile: variants without a signature, and nothing else without one.
#include <stdio.h>
#include <string.h>

#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

static struct edge_rig rig;

static int start_public(void **state)
{
	(void)state;
	edge_rig_start_with(&rig, NULL, "public = true\n");
	return 0;
}

static int start_signed(void **state)
{
	(void)state;
	edge_rig_start_with(&rig, NULL, "public = false\n");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

// The status of GET for the present media's path with this end.
static unsigned get(const char *end, const char *headers, struct edge_reply *ret_reply)
{
	char id[UUID_TEXT_SIZE], target[256];
	uuid_format(&rig.media_id, id);
	(void)snprintf(target, sizeof target, "/m/%s/1/%s", id, end);
	*ret_reply = edge_request(rig.port, "GET", target, headers);
	return ret_reply->status;
}

static void assert_status(const char *end, const char *headers, unsigned wanted)
{
	struct edge_reply reply;
	if (get(end, headers, &reply) != wanted)
		fail_msg("%s: %s", end, reply.head);
	edge_reply_done(&reply);
}

static void test_paths_are_enough(void **state)
{
	(void)state;
	struct edge_reply reply;
	edge_rig_fresh_media(&rig);
	assert_int_equal(get("w320.jpg", NULL, &reply), 200);
	assert_true(edge_reply_has(&reply, "Content-Type", "image/jpeg"));
	assert_true(edge_reply_has(&reply, "Cache-Control", "public, max-age=31536000, immutable"));
	edge_reply_done(&reply);
	assert_int_equal(get("w320", "Accept: image/avif,image/webp\r\n", &reply), 200);
	assert_true(edge_reply_has(&reply, "Content-Type", "image/webp")); // AVIF is not what every media has
	assert_true(edge_reply_has(&reply, "Vary", "Accept"));
	edge_reply_done(&reply);
}

// A query has to be a valid signature, here as elsewhere.
static void test_signatures_count_still(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_fresh_media(&rig);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 60, url);
	struct edge_reply reply = edge_request(rig.port, "GET", url, NULL);
	assert_int_equal(reply.status, 200);
	edge_reply_done(&reply);
	char *signature = strstr(url, "&s=");
	assert_non_null(signature);
	signature[3] = signature[3] == 'A' ? 'B' : 'A';
	reply = edge_request(rig.port, "GET", url, NULL);
	assert_int_equal(reply.status, 403);
	edge_reply_done(&reply);
	assert_status("w640.jpg?", NULL, 403);
	assert_status("w640.jpg?x=1", NULL, 403);
}

static void test_other_spellings_are_refused(void **state)
{
	(void)state;
	static const char *const ENDS[] = { "w320%2ejpg", "W320.jpg", "w320.svg", "w320.jpg/", "" };
	edge_rig_fresh_media(&rig);
	for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++)
		assert_status(ENDS[i], NULL, 403);
}

static void test_originals_stay_signed(void **state)
{
	(void)state;
	char id[UUID_TEXT_SIZE], target[128];
	edge_rig_fresh_media(&rig);
	uuid_format(&rig.media_id, id);
	(void)snprintf(target, sizeof target, "/o/%s/0123456789abcdef0123456789abcdef", id);
	struct edge_reply reply = edge_request(rig.port, "GET", target, NULL);
	assert_int_equal(reply.status, 403);
	edge_reply_done(&reply);
}

static void test_off_unless_set(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	assert_status("w320.jpg", NULL, 403);
	assert_status("w320", NULL, 403);
}

int main(void)
{
	const struct CMUnitTest open[] = {
		cmocka_unit_test(test_paths_are_enough),
		cmocka_unit_test(test_signatures_count_still),
		cmocka_unit_test(test_other_spellings_are_refused),
		cmocka_unit_test(test_originals_stay_signed),
	};
	const struct CMUnitTest closed[] = { cmocka_unit_test(test_off_unless_set) };
	int failed = cmocka_run_group_tests_name("edge_public", open, start_public, stop);
	return failed + cmocka_run_group_tests_name("edge_public_off", closed, start_signed, stop);
}
