// Webhooks and notifications: told once each what was committed, signed, whatever the receivers do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/events.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/receivers.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

static struct test_receivers receivers;
static struct test_account account;

struct hook {
	char id[37];
	char secret[60];
	char path[60]; // at the receivers
};

static int setup(void **state)
{
	return test_stack_setup(state);
}

static int begin(void **state)
{
	(void)state;
	if (receivers.process == 0)
		test_receivers_start(&receivers);
	test_account_new(&account);
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)test_sql_text("DELETE FROM webhooks WHERE user_id = $1::uuid", account.user_id, NULL);
	test_account_done(&account);
	return 0;
}

// kind is the receiver's; each hook has a path of its own.
static void make_hook(const struct test_account *owner, const char *kind, const char *more, struct hook *ret_hook)
{
	static unsigned number;
	struct test_reply reply;
	char json[300];
	(void)snprintf(ret_hook->path, sizeof ret_hook->path, "/%s/%u", kind, ++number);
	(void)snprintf(json, sizeof json, "{\"url\":\"%s%s\"%s}", receivers.address, ret_hook->path, more);
	test_http_json("POST", "/v1/webhooks", owner->access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_hook->id, sizeof ret_hook->id, "%s", test_json_text(reply.json, "id"));
	(void)snprintf(ret_hook->secret, sizeof ret_hook->secret, "%s", test_json_text(reply.json, "secret"));
	test_reply_done(&reply);
}

static void call(const char *method, const char *path, const char *json, unsigned status, struct test_reply *ret_reply)
{
	test_http_json(method, path, account.access_token, json, ret_reply);
	test_assert_status(ret_reply, status);
}

static void create_item(const struct test_account *owner)
{
	struct test_reply reply;
	test_http_json("POST", "/v1/items", owner->access_token, "{\"title\":\"told\"}", &reply);
	test_assert_status(&reply, 201);
	test_reply_done(&reply);
}

static char *state_of(const struct hook *hook)
{
	return test_sql_text(
	        "SELECT string_agg(state || attempts || coalesce(' ' || last_status, '') || coalesce(' ' || "
	        "last_error, ''), ';' ORDER BY created_at) FROM webhook_deliveries WHERE webhook_id = $1::uuid",
	        hook->id, NULL);
}

static void await_state(const struct hook *hook, const char *wanted)
{
	char *text = NULL;
	for (int i = 0; i < 400; i++) {
		free(text);
		text = state_of(hook);
		if (strcmp(text, wanted) == 0)
			break;
		clock_sleep_ms(50);
	}
	assert_string_equal(text, wanted);
	free(text);
}

static void make_due(const struct hook *hook)
{
	(void)test_sql_text("WITH w AS (UPDATE webhooks SET not_before = now() WHERE id = $1::uuid) UPDATE "
	                    "webhook_deliveries SET next_at = now() WHERE webhook_id = $1::uuid AND state = 'pending'",
	                    hook->id, NULL);
}

static void what_happened_is_posted_signed(void **state)
{
	(void)state;
	struct hook all, few;
	struct test_account other;
	test_account_new(&other);
	make_hook(&account, "good", "", &all);
	make_hook(&account, "good", ",\"events\":[\"item.deleted\"],\"description\":\"d\"", &few);
	create_item(&other);
	create_item(&account);
	test_receivers_await(&receivers, all.path, 1, 20000);
	json_t *post = test_receivers_post(&receivers, all.path, 0);
	json_t *body = json_loads(test_json_text(post, "body"), 0, NULL);
	assert_string_equal(test_json_text(body, "type"), "item.created");
	assert_string_equal(test_json_text(body, "data.owner_id"), account.user_id);
	assert_int_equal(test_json_text(body, "timestamp")[10], 'T');
	assert_string_equal(test_json_text(post, "headers.content-type"), "application/json");
	assert_int_equal(strncmp(test_json_text(post, "headers.webhook-id"), "msg_", 4), 0);
	assert_int_equal(test_receivers_verified(&receivers, all.path, all.secret), 1);
	assert_int_equal(test_receivers_verified(&receivers, all.path, few.secret), 0);
	json_decref(body);
	json_decref(post);
	await_state(&all, "delivered1 204");
	await_state(&few, "");
	assert_int_equal(test_receivers_count(&receivers, few.path), 0);
	// The secret is not shown again, and not kept as it is.
	struct test_reply reply;
	call("GET", "/v1/webhooks", NULL, 200, &reply);
	assert_null(strstr(reply.body, "whsec_"));
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 2);
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM webhooks WHERE user_id = $1::uuid AND position("
	                              "decode(substr($2::text, 7), 'base64') in secret) > 0",
	                              account.user_id, all.secret, NULL),
	                 0);
	test_account_done(&other);
}

static void the_reference_library_takes_what_is_posted(void **state)
{
	(void)state;
	struct hook hook;
	make_hook(&account, "good", "", &hook);
	create_item(&account);
	test_receivers_await(&receivers, hook.path, 1, 20000);
	json_t *post = test_receivers_post(&receivers, hook.path, 0);
	int status = test_receivers_ask_reference(post, hook.secret);
	json_decref(post);
	if (status == 77) {
		print_message("# no npm: the reference library was not asked\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void a_rotated_secret_signs_beside_the_new_one(void **state)
{
	(void)state;
	struct hook hook;
	struct test_reply reply;
	char path[100], fresh[60];
	make_hook(&account, "good", "", &hook);
	(void)snprintf(path, sizeof path, "/v1/webhooks/%s/secret", hook.id);
	call("POST", path, NULL, 200, &reply);
	(void)snprintf(fresh, sizeof fresh, "%s", test_json_text(reply.json, "secret"));
	assert_string_not_equal(fresh, hook.secret);
	test_reply_done(&reply);
	create_item(&account);
	test_receivers_await(&receivers, hook.path, 1, 20000);
	assert_int_equal(test_receivers_verified(&receivers, hook.path, fresh), 1);
	assert_int_equal(test_receivers_verified(&receivers, hook.path, hook.secret), 1);
	(void)test_sql_text("UPDATE webhooks SET previous_until = now() WHERE id = $1::uuid", hook.id, NULL);
	create_item(&account);
	test_receivers_await(&receivers, hook.path, 2, 20000);
	assert_int_equal(test_receivers_verified(&receivers, hook.path, fresh), 2);
	assert_int_equal(test_receivers_verified(&receivers, hook.path, hook.secret), 1);
}

static void a_failure_is_tried_again_under_the_same_id(void **state)
{
	(void)state;
	struct hook hook;
	make_hook(&account, "once", "", &hook);
	create_item(&account);
	await_state(&hook, "pending1 500 status 500");
	// Five seconds, with jitter, and not before.
	assert_in_range(test_sql_int("SELECT (extract(epoch FROM next_at - last_at) * 1000)::bigint FROM "
	                             "webhook_deliveries WHERE webhook_id = $1::uuid",
	                             hook.id, NULL),
	                3700, 5000);
	make_due(&hook);
	await_state(&hook, "delivered2 204");
	json_t *first = test_receivers_post(&receivers, hook.path, 0);
	json_t *second = test_receivers_post(&receivers, hook.path, 1);
	assert_string_equal(test_json_text(first, "headers.webhook-id"), test_json_text(second, "headers.webhook-id"));
	assert_string_equal(test_json_text(first, "body"), test_json_text(second, "body"));
	json_decref(first);
	json_decref(second);
	// By hand, at any time; listed with what became of it.
	struct test_reply reply;
	char path[160];
	(void)snprintf(path, sizeof path, "/v1/webhooks/%s/deliveries", hook.id);
	call("GET", path, NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.state"), "delivered");
	assert_int_equal(test_json_int(reply.json, "items.0.last_status"), 204);
	assert_string_equal(test_json_text(reply.json, "items.0.payload.type"), "item.created");
	(void)snprintf(path, sizeof path, "/v1/webhooks/%s/deliveries/%s/retry", hook.id,
	               test_json_text(reply.json, "items.0.id"));
	test_reply_done(&reply);
	call("POST", path, NULL, 202, &reply);
	test_reply_done(&reply);
	test_receivers_await(&receivers, hook.path, 3, 20000);
}

static void a_delivery_is_given_up_after_the_schedule(void **state)
{
	(void)state;
	struct hook hook;
	make_hook(&account, "other", "", &hook);
	create_item(&account);
	await_state(&hook, "pending1 500 status 500");
	(void)test_sql_text("UPDATE webhook_deliveries SET attempts = 9 WHERE webhook_id = $1::uuid", hook.id, NULL);
	make_due(&hook);
	await_state(&hook, "failed10 500 status 500");
}

static void gone_throttled_redirected_and_endless(void **state)
{
	(void)state;
	struct hook gone, throttle, redirect, big;
	struct test_reply reply;
	char path[100];
	make_hook(&account, "gone", "", &gone);
	make_hook(&account, "throttle", "", &throttle);
	make_hook(&account, "redirect", "", &redirect);
	make_hook(&account, "big", "", &big);
	create_item(&account);
	await_state(&gone, "failed1 410 status 410");
	await_state(&redirect, "pending1 302 status 302: redirects are not followed");
	await_state(&big, "pending1 the answer is too long");
	assert_int_equal(test_receivers_count(&receivers, "/good/redirected"), 0);
	// It is off, its owner told, and can be switched on.
	(void)snprintf(path, sizeof path, "/v1/webhooks/%s", gone.id);
	call("PATCH", path, "{\"description\":\"still off\"}", 200, &reply);
	assert_true(json_is_false(test_json_at(reply.json, "enabled")));
	assert_string_equal(test_json_text(reply.json, "disabled_reason"), "it answered 410");
	test_reply_done(&reply);
	create_item(&account);
	await_state(&gone, "failed1 410 status 410");
	call("GET", "/v1/notifications", NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.kind"), "webhook.disabled");
	assert_string_equal(test_json_text(reply.json, "items.0.webhook_id"), gone.id);
	test_reply_done(&reply);
	call("PATCH", path, "{\"enabled\":true}", 200, &reply);
	assert_true(json_is_true(test_json_at(reply.json, "enabled")));
	test_reply_done(&reply);
	// Left alone for as long as it asked, and longer.
	await_state(&throttle, "pending1 429 status 429;pending0");
	assert_in_range(
	        test_sql_int("SELECT (extract(epoch FROM not_before - failing_since) * 1000)::bigint FROM webhooks "
	                     "WHERE id = $1::uuid",
	                     throttle.id, NULL),
	        2000, 6000);
	await_state(&throttle, "delivered2 204;delivered1 204");
}

static void long_failing_switches_off(void **state)
{
	(void)state;
	struct hook hook;
	struct test_reply reply;
	make_hook(&account, "other", "", &hook);
	create_item(&account);
	await_state(&hook, "pending1 500 status 500");
	(void)test_sql_text("UPDATE webhooks SET failures = 20, failing_since = now() - interval '6 days' WHERE id = "
	                    "$1::uuid",
	                    hook.id, NULL);
	make_due(&hook);
	test_sql_await(1, 20000, "SELECT count(*) FROM webhooks WHERE id = $1::uuid AND disabled_at IS NOT NULL",
	               hook.id, NULL);
	call("GET", "/v1/notifications?unread=true", NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.kind"), "webhook.disabled");
	assert_string_equal(test_json_text(reply.json, "items.0.reason.code"), "it failed for too long");
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE owner_id = $1::uuid AND action IN "
	                              "('webhook.created', 'webhook.disabled')",
	                              account.user_id, NULL),
	                 2);
}

// Ten dead endpoints of ten people, and one that is well.
static void the_dead_delay_nobody(void **state)
{
	(void)state;
	struct test_account dead[10];
	struct hook hooks[10], well;
	int64_t alone_us, among_us;
	make_hook(&account, "good", "", &well);
	int64_t begin_us = clock_monotonic_us();
	create_item(&account);
	test_receivers_await(&receivers, well.path, 1, 20000);
	alone_us = clock_monotonic_us() - begin_us;
	for (size_t i = 0; i < 10; i++) {
		test_account_new(&dead[i]);
		make_hook(&dead[i], "slow", "", &hooks[i]);
		create_item(&dead[i]);
	}
	for (size_t i = 0; i < 10; i++)
		test_receivers_await(&receivers, hooks[i].path, 1, 20000); // all ten hang now
	for (size_t i = 0; i < 5; i++) {
		begin_us = clock_monotonic_us();
		create_item(&account);
		test_receivers_await(&receivers, well.path, i + 2, 20000);
		among_us = clock_monotonic_us() - begin_us;
		print_message("alone %lld ms, among ten dead ones %lld ms\n", (long long)alone_us / 1000,
		              (long long)among_us / 1000);
		assert_in_range(among_us, 0, 5000000); // a dead one holds its thread for ten seconds
	}
	for (size_t i = 0; i < 10; i++) {
		(void)test_sql_text("DELETE FROM webhooks WHERE id = $1::uuid", hooks[i].id, NULL);
		test_account_done(&dead[i]);
	}
}

static void refused(const char *json)
{
	struct test_reply reply;
	test_http_json("POST", "/v1/webhooks", account.access_token, json, &reply);
	if (reply.status != 422 && reply.status != 400)
		fail_msg("%s: %u", json, reply.status);
	test_reply_done(&reply);
}

static void urls_that_lead_inside_are_refused(void **state)
{
	(void)state;
	static const char *const WITH[] = { "SAFELIGHT_WEBHOOK_PRIVATE_NETWORKS", "", NULL };
	struct hook hook;
	refused("{\"url\":\"ftp://example.org/\"}");
	refused("{\"url\":\"file:///etc/passwd\"}");
	refused("{\"url\":\"gopher://example.org/\"}");
	refused("{\"url\":\"https://user:word@example.org/\"}");
	refused("{\"url\":\"https://example.org:22/\"}");
	refused("{\"url\":\"https://example.org/#part\"}");
	refused("{\"url\":\"example.org/hook\"}");
	refused("{\"url\":\"https://\"}");
	refused("{\"url\":\"https://example.org/\",\"events\":[\"no.such\"]}");
	refused("{\"url\":\"https://example.org/\",\"secret\":\"mine\"}");
	// What a name leads to is decided at the address itself.
	test_stack_restart_with("api", WITH);
	make_hook(&account, "good", "", &hook);
	create_item(&account);
	await_state(&hook, "pending1 the URL leads to an address that is not public");
	const char *const more[] = { "http://localhost", "http://2130706433",         "http://0x7f.1",
		                     "http://[::1]",     "http://[::ffff:127.0.0.1]", "http://0.0.0.0" };
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		(void)test_sql_text("DELETE FROM webhooks WHERE user_id = $1::uuid", account.user_id, NULL);
		struct test_reply reply;
		char json[200];
		(void)snprintf(json, sizeof json, "{\"url\":\"%s%s/good/inside\"}", more[i],
		               strrchr(receivers.address, ':'));
		call("POST", "/v1/webhooks", json, 201, &reply);
		(void)snprintf(hook.id, sizeof hook.id, "%s", test_json_text(reply.json, "id"));
		test_reply_done(&reply);
		create_item(&account);
		await_state(&hook, "pending1 the URL leads to an address that is not public");
	}
	assert_int_equal(test_receivers_count(&receivers, hook.path), 0);
	assert_int_equal(test_receivers_count(&receivers, "/good/inside"), 0);
	test_stack_run("restart", "api");
}

static void plain_http_is_refused_unless_allowed(void **state)
{
	(void)state;
	struct test_reply reply;
	call("POST", "/v1/webhooks", "{\"url\":\"http://example.org/\"}", 201, &reply); // the stack's setting
	test_reply_done(&reply);
	test_stack_restart_with("api", (const char *const[]){ "SAFELIGHT_WEBHOOK_ALLOW_HTTP", "false", NULL });
	refused("{\"url\":\"http://example.org/\"}");
	call("POST", "/v1/webhooks", "{\"url\":\"https://example.org/\"}", 201, &reply);
	test_reply_done(&reply);
	(void)test_sql_text("DELETE FROM webhooks WHERE user_id = $1::uuid", account.user_id, NULL);
	test_stack_run("restart", "api");
}

// Two senders share the work: each delivery is posted once.
static void two_instances_post_once(void **state)
{
	(void)state;
	struct hook hook;
	struct test_api second;
	test_api_start(NULL, &second);
	make_hook(&account, "good", "", &hook);
	for (int i = 0; i < 40; i++)
		create_item(&account);
	test_sql_await(40, 30000,
	               "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = $1::uuid AND state = 'delivered'",
	               hook.id, NULL);
	assert_int_equal(test_receivers_count(&receivers, hook.path), 40);
	assert_int_equal(test_receivers_verified(&receivers, hook.path, hook.secret), 40);
	assert_int_equal(test_api_stop(&second), 0);
}

static void people_are_notified(void **state)
{
	(void)state;
	static const char BROKEN[] = "\xff\xd8\xff\xe0 and nothing more of a JPEG";
	struct test_reply reply;
	char note[37], broken[37], path[120], id[37];
	size_t length;
	char *picture = test_file_read("samples/photos/tide.jpg", &length);
	const struct test_file good = { "a.jpg", "image/jpeg", picture, length };
	const struct test_file bad = { "b.jpg", "image/jpeg", BROKEN, sizeof BROKEN - 1 };
	test_upload_whole(&account, &good, note);
	json_decref(test_media_await(&account, note, "ready", 60000));
	test_upload_whole(&account, &bad, broken);
	test_sql_await(2, 60000, "SELECT count(*) FROM notifications WHERE user_id = $1::uuid", account.user_id, NULL);
	call("GET", "/v1/notifications", NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.1.kind"), "media.ready");
	assert_string_equal(test_json_text(reply.json, "items.1.media_id"), note);
	assert_string_equal(test_json_text(reply.json, "items.0.media_id"), broken);
	assert_true(strcmp(test_json_text(reply.json, "items.0.kind"), "media.rejected") == 0 ||
	            strcmp(test_json_text(reply.json, "items.0.kind"), "media.failed") == 0);
	assert_true(strlen(test_json_text(reply.json, "items.0.reason.detail")) > 10);
	(void)snprintf(id, sizeof id, "%s", test_json_text(reply.json, "items.0.id"));
	test_reply_done(&reply);
	// Pages.
	call("GET", "/v1/notifications?limit=1", NULL, 200, &reply);
	(void)snprintf(path, sizeof path, "/v1/notifications?limit=1&cursor=%s",
	               test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	call("GET", path, NULL, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "items.0.kind"), "media.ready");
	test_reply_done(&reply);
	(void)snprintf(path, sizeof path, "/v1/notifications/%s/read", id);
	call("POST", path, NULL, 204, &reply);
	test_reply_done(&reply);
	call("GET", "/v1/notifications?unread=true", NULL, 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 1);
	test_reply_done(&reply);
	call("POST", "/v1/notifications/read", NULL, 204, &reply);
	test_reply_done(&reply);
	call("GET", "/v1/notifications?unread=true", NULL, 200, &reply);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 0);
	test_reply_done(&reply);
	free(picture);
}

static int teardown(void **state)
{
	if (receivers.process != 0)
		test_receivers_stop(&receivers);
	return test_stack_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_happened_is_posted_signed),
		TEST(the_reference_library_takes_what_is_posted),
		TEST(a_rotated_secret_signs_beside_the_new_one),
		TEST(a_failure_is_tried_again_under_the_same_id),
		TEST(a_delivery_is_given_up_after_the_schedule),
		TEST(gone_throttled_redirected_and_endless),
		TEST(long_failing_switches_off),
		TEST(the_dead_delay_nobody),
		TEST(two_instances_post_once),
		TEST(people_are_notified),
		TEST(urls_that_lead_inside_are_refused),
		TEST(plain_http_is_refused_unless_allowed),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
