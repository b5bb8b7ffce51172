// GET /v1/events: everybody's own, in order, without gap or repeat, whichever instance is asked and whatever is
// stopped.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "http/access_token.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/events.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define MANY 2000

static void create_item(const struct test_account *account, const char *title, char ret_id[37])
{
	struct test_reply reply;
	char json[100];
	(void)snprintf(json, sizeof json, "{\"title\":\"%s\"}", title);
	test_http_json("POST", "/v1/items", account->access_token, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	test_reply_done(&reply);
}

// `count` events of items that never were, numbered from `first` on, as any process writes them.
static void write_events(const struct test_account *account, int first, int count)
{
	char from[16], to[16];
	(void)snprintf(from, sizeof from, "%d", first);
	(void)snprintf(to, sizeof to, "%d", first + count - 1);
	(void)test_sql_int(
	        "WITH numbered AS (SELECT n, gen_random_uuid() AS id, '00000000-0000-7000-8000-' || lpad(n::text, 12, '0') AS "
	        "  item FROM generate_series($2::bigint, $3::bigint) n), "
	        "added AS (INSERT INTO outbox (event_id, kind, subject, payload) SELECT id, 'item', 'events.item.updated', "
	        "  json_build_object('specversion', '1.0', 'id', id, 'source', '/test', 'type', "
	        "  'safelight.item.updated.v1', 'subject', item, 'time', '2026-01-01T00:00:00.000Z', 'datacontenttype', "
	        "  'application/json', 'data', json_build_object('item_id', item, 'owner_id', $1::uuid, 'version', 1)) "
	        "  FROM numbered ORDER BY n RETURNING 1) SELECT count(*) FROM added",
	        account->user_id, from, to, NULL);
}

static int number_of(const struct test_event *event)
{
	assert_string_equal(event->name, "item.updated");
	assert_string_equal(test_json_text(event->data, "state"), "deleted");
	const char *id = test_json_text(event->data, "id");
	return (int)strtol(id + strlen("00000000-0000-7000-8000-"), NULL, 10);
}

static void assert_numbers(struct test_events *events, size_t from, int first, size_t count)
{
	assert_int_equal(test_events_count(events), from + count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(number_of(test_events_at(events, from + i)), first + (int)i);
}

static bool has_place(void *context)
{
	char id[40];
	test_events_last_id(context, id);
	return id[0] != '\0';
}

// A new client that knows where it is, and nothing else: what is written from now on comes.
static struct test_events *open_placed(const char *address, const struct test_account *account, char ret_id[40])
{
	struct test_events *events = test_events_open(address, account->access_token, NULL);
	assert_int_equal(test_events_status(events), 200);
	test_wait(has_place, events, 10000, "the place of a new client");
	test_events_last_id(events, ret_id);
	return events;
}

static void everybody_gets_their_own(void **state)
{
	(void)state;
	struct test_account mine, other;
	char id[40], item[37], media[37], other_item[37];
	size_t length;
	test_account_new(&mine);
	test_account_new(&other);
	struct test_events *events = open_placed("", &mine, id);
	struct test_events *others = open_placed("", &other, id);
	create_item(&other, "not yours", other_item);
	create_item(&mine, "mine", item);
	char *picture = test_file_read("samples/photos/tide.jpg", &length);
	const struct test_file file = { "a.jpg", "image/jpeg", picture, length };
	test_upload_whole(&mine, &file, media);
	json_decref(test_media_await(&mine, media, "ready", 60000));
	test_events_await(events, 4, 10000); // item.created, media.uploaded, preview, ready
	const struct test_event *event = test_events_at(events, 0);
	assert_string_equal(event->name, "item.created");
	assert_string_equal(test_json_text(event->data, "id"), item);
	assert_string_equal(test_json_text(event->data, "title"), "mine");
	bool is_ready = false;
	for (size_t i = 1; i < test_events_count(events); i++) {
		event = test_events_at(events, i);
		assert_int_equal(strncmp(event->name, "media.", 6), 0);
		assert_string_equal(test_json_text(event->data, "id"), media);
		if (strcmp(event->name, "media.ready") != 0)
			continue;
		is_ready = true;
		assert_string_equal(test_json_text(event->data, "state"), "ready");
		assert_non_null(test_json_at(event->data, "variants.0.url"));
		assert_non_null(test_json_at(event->data, "srcset.jpeg"));
	}
	assert_true(is_ready);
	test_events_await(others, 1, 10000);
	assert_int_equal(test_events_count(others), 1);
	assert_string_equal(test_json_text(test_events_at(others, 0)->data, "id"), other_item);
	test_events_close(events);
	test_events_close(others);
	free(picture);
	test_account_done(&mine);
	test_account_done(&other);
}

// Comes back again and again with the id of the last event it took, each time elsewhere.
static void read_in_pieces(const struct test_account *account, const char *const *addresses, const char *begin)
{
	int expected = 0;
	char id[40];
	(void)snprintf(id, sizeof id, "%s", begin);
	for (size_t i = 0; expected < MANY; i++) {
		size_t wanted = MANY - expected < 333 ? (size_t)(MANY - expected) : 333;
		struct test_events *events = test_events_open(addresses[i % 2], account->access_token, id);
		test_events_await(events, wanted, 20000);
		for (size_t at = 0; at < wanted; at++)
			assert_int_equal(number_of(test_events_at(events, at)), expected++);
		(void)snprintf(id, sizeof id, "%s", test_events_at(events, wanted - 1)->id);
		test_events_close(events);
	}
}

static void nothing_is_missed_or_repeated(void **state)
{
	(void)state;
	struct test_account account, noise;
	struct test_api second;
	char begin[40], middle[40];
	test_account_new(&account);
	test_account_new(&noise);
	test_api_start(NULL, &second);
	struct test_events *here = open_placed("", &account, begin);
	struct test_events *there = open_placed(second.address, &account, middle);
	for (int i = 0; i < MANY; i += MANY / 4) {
		write_events(&account, i, MANY / 4);
		write_events(&noise, i, MANY / 4);
	}
	test_events_await(here, MANY, 60000);
	test_events_await(there, MANY, 20000);
	assert_numbers(here, 0, 0, MANY);
	assert_numbers(there, 0, 0, MANY);
	(void)snprintf(middle, sizeof middle, "%s", test_events_at(here, MANY / 2 - 1)->id);
	assert_string_equal(test_events_at(there, MANY / 2 - 1)->id, middle);
	const char *const addresses[] = { second.address, "" };
	read_in_pieces(&account, addresses, begin);
	// After a restart, too; those that were there are told to come back by the end of their stream.
	test_stack_run("restart", "api");
	test_events_await_end(here, 20000);
	struct test_events *back = test_events_open("", account.access_token, middle);
	test_events_await(back, MANY / 2, 20000);
	write_events(&account, MANY, 3);
	test_events_await(back, MANY / 2 + 3, 20000);
	test_events_await(there, MANY + 3, 20000);
	assert_numbers(back, 0, MANY / 2, MANY / 2 + 3);
	// The place without the name of the stream is one, too.
	middle[strcspn(middle, "-")] = '\0';
	struct test_events *plain = test_events_open(second.address, account.access_token, middle);
	test_events_await(plain, MANY / 2 + 3, 20000);
	assert_numbers(plain, 0, MANY / 2, MANY / 2 + 3);
	assert_int_equal(test_api_stop(&second), 0);
	test_events_await_end(there, 1000);
	test_events_await_end(plain, 1000);
	test_events_close(here);
	test_events_close(there);
	test_events_close(back);
	test_events_close(plain);
	test_account_done(&account);
	test_account_done(&noise);
}

static void assert_reset(struct test_events *events, size_t index)
{
	test_events_await(events, index + 1, 30000);
	const struct test_event *event = test_events_at(events, index);
	assert_string_equal(event->name, "reset");
	assert_string_equal(test_json_text(event->data, "resync"), "/v1/changes");
	assert_true(event->id[0] != '\0');
}

static void what_is_not_kept_is_told(void **state)
{
	(void)state;
	static const char *const FEW[] = { "SAFELIGHT_API_EVENTS_KEPT", "10", NULL };
	struct test_account account;
	struct test_api second;
	char begin[40], now[40];
	test_account_new(&account);
	test_api_start(FEW, &second);
	struct test_events *events = open_placed(second.address, &account, begin);
	for (int i = 0; i < 20; i += 5) { // live, all the same
		write_events(&account, i, 5);
		test_events_await(events, (size_t)i + 5, 20000);
	}
	assert_numbers(events, 0, 0, 20);
	struct test_events *late = test_events_open(second.address, account.access_token, begin);
	assert_reset(late, 0);
	test_events_last_id(events, now);
	assert_string_equal(test_events_at(late, 0)->id, now);
	// Young enough, at the edge of what is kept.
	struct test_events *young =
	        test_events_open(second.address, account.access_token, test_events_at(events, 9)->id);
	test_events_await(young, 10, 20000);
	assert_numbers(young, 0, 10, 10);
	// Of a stream that there is not.
	struct test_events *lost = test_events_open("", account.access_token, "5-00000001");
	assert_reset(lost, 0);
	write_events(&account, 20, 1);
	test_events_await(lost, 2, 20000);
	assert_int_equal(number_of(test_events_at(lost, 1)), 20);
	test_events_close(events);
	test_events_close(late);
	test_events_close(young);
	test_events_close(lost);
	assert_int_equal(test_api_stop(&second), 0);
	struct test_reply reply;
	static const char *const WRONG[] = { "Last-Event-ID: 5-x", NULL };
	const struct test_call call = { .url = "/v1/events", .token = account.access_token, .headers = WRONG };
	test_http(&call, &reply);
	test_assert_status(&reply, 400);
	test_reply_done(&reply);
	test_account_done(&account);
}

static void a_lost_stream_is_told(void **state)
{
	(void)state;
	struct test_account account;
	char begin[40];
	char *folder = test_stack_path("data/nats");
	test_account_new(&account);
	struct test_events *events = open_placed("", &account, begin);
	write_events(&account, 0, 5);
	test_events_await(events, 5, 20000);
	// A restart loses nothing.
	test_stack_run("restart", "nats");
	write_events(&account, 5, 5);
	test_events_await(events, 10, 30000);
	assert_numbers(events, 0, 0, 10);
	test_stack_run("kill", "nats");
	test_tree_remove(folder);
	free(folder);
	test_stack_run("restart", "nats");
	assert_reset(events, 10);
	write_events(&account, 10, 5);
	// What was sent lately is sent again by ingest, perhaps, when it finds the stream lost; the new ones come in
	// any case.
	for (size_t at = 11, seen = 0; seen < 5; at++) {
		test_events_await(events, at + 1, 30000);
		seen += number_of(test_events_at(events, at)) >= 10;
	}
	test_events_close(events);
	events = test_events_open("", account.access_token, begin);
	assert_reset(events, 0);
	test_events_close(events);
	test_account_done(&account);
}

static char *make_token(const struct test_account *account, int64_t seconds)
{
	const struct settings *settings = test_stack_settings();
	struct access_token_keys *keys = NULL;
	struct err err = { 0 };
	char *token = NULL;
	int64_t now = clock_now_us() / 1000000;
	struct access_token_claims claims = { .issued_at = now, .expires_at = now + seconds };
	assert_int_equal(access_token_keys_new(settings->auth_jwt_key, settings->auth_issuer, settings->auth_audience,
	                                       &keys, &err),
	                 RC_OK);
	assert_true(uuid_parse(account->user_id, &claims.principal.user_id));
	claims.principal.session_id = uuid_new();
	assert_int_equal(access_token_issue(keys, &claims, &token, &err), RC_OK);
	access_token_keys_free(keys);
	return token;
}

static void a_stream_ends_with_its_token_and_session(void **state)
{
	(void)state;
	struct test_account account;
	struct test_api second;
	struct test_reply reply;
	char json[4200];
	test_account_new(&account);
	test_api_start(NULL, &second);
	char *token = make_token(&account, 4);
	struct test_events *expiring = test_events_open("", token, NULL);
	struct test_events *here = test_events_open("", account.access_token, NULL);
	struct test_events *there = test_events_open(second.address, account.access_token, NULL);
	int64_t begin = clock_monotonic_us();
	assert_int_equal(test_events_status(expiring), 200);
	test_events_await_end(expiring, 20000);
	assert_in_range(clock_monotonic_us() - begin, 2500000, 15000000);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", account.refresh_token);
	test_http_json("POST", "/v1/auth/logout", NULL, json, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	test_events_await_end(here, 15000);
	test_events_await_end(there, 15000);
	free(token);
	test_events_close(expiring);
	test_events_close(here);
	test_events_close(there);
	assert_int_equal(test_api_stop(&second), 0);
	test_account_done(&account);
}

static void streams_are_counted_and_beat(void **state)
{
	(void)state;
	static const char *const TIGHT[] = { "SAFELIGHT_API_EVENTS_HEARTBEAT_MS",
		                             "200",
		                             "SAFELIGHT_API_EVENT_CLIENTS_OF_ACCOUNT",
		                             "2",
		                             "SAFELIGHT_API_EVENT_CLIENTS",
		                             "3",
		                             NULL };
	struct test_account account, other;
	struct test_api second;
	test_account_new(&account);
	test_account_new(&other);
	test_api_start(TIGHT, &second);
	struct test_events *first = test_events_open(second.address, account.access_token, NULL);
	struct test_events *next = test_events_open(second.address, account.access_token, NULL);
	struct test_events *refused = test_events_open(second.address, account.access_token, NULL);
	assert_int_equal(test_events_status(next), 200);
	assert_int_equal(test_events_status(refused), 429);
	struct test_events *others = test_events_open(second.address, other.access_token, NULL);
	struct test_events *crowded = test_events_open(second.address, other.access_token, NULL);
	assert_int_equal(test_events_status(others), 200);
	assert_int_equal(test_events_status(crowded), 503);
	// One that leaves makes room.
	test_events_close(next);
	unsigned status = 0;
	for (int i = 0; i < 100 && status != 200; i++) {
		struct test_events *again = test_events_open(second.address, account.access_token, NULL);
		status = test_events_status(again);
		test_events_close(again);
		clock_sleep_ms(100);
	}
	assert_int_equal(status, 200);
	for (int i = 0; i < 100 && test_events_beats(first) < 3; i++)
		clock_sleep_ms(100);
	assert_true(test_events_beats(first) >= 3);
	test_events_close(first);
	test_events_close(refused);
	test_events_close(others);
	test_events_close(crowded);
	assert_int_equal(test_api_stop(&second), 0);
	test_account_done(&account);
	test_account_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_gets_their_own),
		cmocka_unit_test(nothing_is_missed_or_repeated),
		cmocka_unit_test(what_is_not_kept_is_told),
		cmocka_unit_test(a_stream_ends_with_its_token_and_session),
		cmocka_unit_test(streams_are_counted_and_beat),
		cmocka_unit_test(a_lost_stream_is_told),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
