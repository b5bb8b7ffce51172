// What ingest leans on goes away and comes back, and ingest itself is killed: uploads are taken or refused honestly,
// and nothing that was acknowledged is lost.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "bus/bus_private.h"
#include "bus/health.h"
#include "bus/publish.h"
#include "bus/streams.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define TEXT "This is text, whatever it is called.\n"
#define READY_MS 60000
#define HANGING 12
#define CLIENTS 6
#define UPLOADS_EACH 4
#define KILLS 4
#define CHAOS_MS 90000

static struct test_account account;
static char *photo;
static size_t photo_length;
static struct test_file photo_file = { .filename = "ridges.jpg", .content_type = "image/jpeg" };

static const struct test_file TEXT_FILE = { "words.txt", "text/plain", TEXT, sizeof TEXT - 1 };
static const char *const QUICK[] = { "SAFELIGHT_INGEST_OVERDUE_MS", "1000", "SAFELIGHT_INGEST_RECONCILE_MS", "200",
	                             NULL };

static const char *const SLOW[] = { "SAFELIGHT_INGEST_RECONCILE_MS", "4000", NULL };

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	photo = test_file_read("samples/photos/ridges.jpg", &photo_length);
	photo_file.data = photo;
	photo_file.length = photo_length;
	return 0;
}

static int teardown(void **state)
{
	free(photo);
	test_account_done(&account);
	return test_stack_teardown(state);
}

static int restore(void **state)
{
	(void)state;
	static const char *const NAMES[] = { "postgres", "nats", "radosgw", "ingest", "transcoder" };
	for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
		if (!test_stack_try("wait", NAMES[i]) || strcmp(NAMES[i], "ingest") == 0)
			test_stack_run("restart", NAMES[i]);
	return 0;
}

static void await_outbox(void)
{
	test_sql_await(0, READY_MS, "SELECT count(*) FROM outbox WHERE sent_at IS NULL", NULL);
}

static void begin(struct test_reply *ret_reply)
{
	test_http_json("POST", "/v1/uploads", account.access_token,
	               "{\"filename\":\"a\",\"content_type\":\"text/plain\",\"size\":5}", ret_reply);
}

static unsigned get_ingest(const char *path)
{
	char url[256];
	struct test_reply reply;
	(void)snprintf(url, sizeof url, "http://%s%s", test_stack_settings()->ingest_listen, path);
	test_http_json("GET", url, NULL, NULL, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

// ---- NATS --------------------------------------------------------------------------------------------------------

static void nats_may_be_away(void **state)
{
	(void)state;
	char photo_id[37], text_id[37];
	test_stack_run("kill", "nats");
	test_upload_whole(&account, &photo_file, photo_id);
	test_upload_whole(&account, &TEXT_FILE, text_id);
	assert_true(test_sql_int("SELECT count(*) FROM outbox WHERE sent_at IS NULL", NULL) >= 3);
	test_stack_run("restart", "nats");
	json_decref(test_media_await(&account, text_id, "ready", READY_MS));
	json_decref(test_media_await(&account, photo_id, "ready", READY_MS));
	await_outbox();
}

static struct bus *open_bus(void)
{
	const struct settings *settings = test_stack_settings();
	struct bus *bus = NULL;
	struct err err = { 0 };
	if (bus_open(&(struct bus_options){ .servers = settings->bus_url,
	                                    .token = settings->bus_token,
	                                    .timeout_ms = 5000 },
	             &bus, &err) != RC_OK)
		fail_msg("%s", err.text);
	return bus;
}

static uint64_t count_events(void)
{
	struct bus *bus = open_bus();
	struct bus_health health;
	struct err err = { 0 };
	uint64_t count = 0;
	if (bus_health_check(bus, &health, deadline_after_ms(5000), &err) != RC_OK)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < health.stream_count; i++)
		if (strcmp(health.streams[i].name, BUS_STREAM_EVENTS) == 0)
			count = health.streams[i].messages;
	bus_close(bus);
	return count;
}

// Delete the stream of events and make it anew at once with one event that was there before, so that nobody sees it
// empty.
static void replace_events(void)
{
	struct bus *bus = open_bus();
	struct err err = { 0 };
	json_t *response = NULL;
	char *payload = test_sql_text("SELECT payload FROM outbox WHERE kind = 'media' ORDER BY id LIMIT 1", NULL);
	struct bus_publication one = { .stream = BUS_STREAM_EVENTS,
		                       .subject = "events.media.replaced",
		                       .message_id = "replaced",
		                       .payload = payload,
		                       .length = strlen(payload) };
	if (bus_api_call(bus, NULL, deadline_after_ms(5000), &response, &err, "STREAM.DELETE.%s", BUS_STREAM_EVENTS) !=
	            RC_OK ||
	    bus_ensure_streams(bus, (unsigned)test_stack_settings()->bus_replicas, &err) != RC_OK ||
	    bus_publish(bus, &one, deadline_after_ms(5000), &err) != RC_OK)
		fail_msg("%s", err.text);
	free(payload);
	json_decref(response);
	bus_close(bus);
}

static void await_resent(const char *media_id)
{
	test_sql_await(2, READY_MS,
	               "SELECT count(*) FROM outbox WHERE payload->'data'->>'media_id' = $1 AND epoch >= 1 AND "
	               "sent_at IS NOT NULL",
	               media_id, NULL);
}

static void nats_may_lose_everything(void **state)
{
	(void)state;
	char photo_id[37], text_id[37];
	char *folder = test_stack_path("data/nats");
	test_stack_restart_with("ingest", QUICK);
	test_upload_whole(&account, &TEXT_FILE, text_id);
	test_stack_run("kill", "transcoder");
	test_upload_whole(&account, &photo_file, photo_id);
	await_outbox();
	// The job's ring and all events are in the bus, acknowledged. Now they are nowhere.
	test_stack_run("kill", "nats");
	test_tree_remove(folder);
	free(folder);
	test_stack_run("restart", "nats");
	test_stack_run("restart", "transcoder");
	json_decref(test_media_await(&account, photo_id, "ready", READY_MS));
	await_resent(text_id);
	await_outbox();
	assert_true(count_events() >= (uint64_t)test_sql_int("SELECT count(*) FROM outbox WHERE kind <> 'job'", NULL));
}

// Only a later event's low number shows that earlier ones are gone: the stream is not empty when it is looked at.
static void numbers_show_what_was_lost(void **state)
{
	(void)state;
	char earlier_id[37], later_id[37];
	test_stack_restart_with("ingest", SLOW);
	test_upload_whole(&account, &photo_file, earlier_id);
	test_upload_whole(&account, &TEXT_FILE, earlier_id);
	await_outbox();
	replace_events();
	test_upload_whole(&account, &TEXT_FILE, later_id);
	await_outbox();
	await_resent(earlier_id);
	await_outbox();
}

static bool is_ready(void *context)
{
	(void)context;
	return get_ingest("/readyz") == 200;
}

// Ingest starts all the same, says that it is not ready, and is as soon as the rest is there.
static void starts_before_what_it_leans_on(void **state)
{
	(void)state;
	struct test_reply reply;
	test_stack_run("kill", "ingest");
	test_stack_run("kill", "nats");
	test_stack_run("kill", "radosgw");
	assert_int_equal(setenv("STACK_DEADLINE", "8", 1), 0);
	bool is_started = test_stack_try("restart", "ingest");
	(void)unsetenv("STACK_DEADLINE");
	assert_false(is_started);
	assert_int_equal(get_ingest("/healthz"), 200);
	assert_int_equal(get_ingest("/readyz"), 503);
	// Beginning an upload needs neither.
	begin(&reply);
	test_assert_status(&reply, 201);
	test_reply_done(&reply);
	test_stack_run("restart", "radosgw");
	test_stack_run("restart", "nats");
	test_wait(is_ready, NULL, READY_MS, "ingest is ready");
}

// ---- Postgres and the store --------------------------------------------------------------------------------------

static void postgres_may_restart(void **state)
{
	(void)state;
	struct test_reply reply;
	char header[32], media_id[37];
	test_stack_run("kill", "postgres");
	for (int i = 0; i < 3; i++) {
		int64_t began_us = clock_monotonic_us();
		begin(&reply);
		test_assert_status(&reply, 503);
		test_reply_header(&reply, "Retry-After", header, sizeof header);
		assert_true(strtol(header, NULL, 10) > 0);
		assert_true(clock_monotonic_us() - began_us < 10 * 1000000);
		test_reply_done(&reply);
	}
	test_stack_run("restart", "postgres");
	test_wait(is_ready, NULL, READY_MS, "ingest is ready");
	test_upload_whole(&account, &photo_file, media_id);
	json_decref(test_media_await(&account, media_id, "ready", READY_MS));
}

static void the_store_may_be_away(void **state)
{
	(void)state;
	struct test_upload upload;
	struct test_reply reply;
	char header[32];
	test_upload_request(&account, &photo_file, &upload);
	test_stack_run("kill", "radosgw");
	unsigned status = test_upload_put(&upload, photo, photo_length);
	assert_true(status == 0 || status >= 500);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 503);
	test_reply_header(&reply, "Retry-After", header, sizeof header);
	assert_true(strtol(header, NULL, 10) > 0);
	test_reply_done(&reply);
	test_stack_run("restart", "radosgw");
	assert_int_equal(test_upload_put(&upload, photo, photo_length), 200);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 202);
	test_reply_done(&reply);
	json_decref(test_media_await(&account, upload.media_id, "ready", READY_MS));
	test_upload_done(&upload);
}

static void signal_store(int number)
{
	char *path = test_stack_path("pids/radosgw.pid");
	size_t length;
	char *pid = test_file_read(path, &length);
	assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), number), 0);
	free(pid);
	free(path);
}

// A store that was stopped for long has lost its watches, and starts best anew.
static int wake_store(void **state)
{
	signal_store(SIGCONT);
	test_stack_run("restart", "radosgw");
	return restore(state);
}

struct completer {
	pthread_t thread;
	const char *upload_id;
	unsigned status;
};

static void *complete(void *argument)
{
	struct completer *completer = argument;
	struct test_reply reply;
	test_upload_confirm(&account, completer->upload_id, &reply);
	completer->status = reply.status;
	test_reply_done(&reply);
	return NULL;
}

// More clients wait for the store than ingest has threads for them; who begins an upload does not wait with them.
static void a_store_that_hangs_stops_nobody_else(void **state)
{
	(void)state;
	struct completer completers[HANGING] = { 0 };
	struct test_upload upload;
	struct test_reply reply;
	test_upload_request(&account, &TEXT_FILE, &upload);
	signal_store(SIGSTOP);
	for (size_t i = 0; i < HANGING; i++) {
		completers[i].upload_id = upload.upload_id;
		assert_int_equal(pthread_create(&completers[i].thread, NULL, complete, &completers[i]), 0);
	}
	clock_sleep_ms(500);
	for (int i = 0; i < 5; i++) {
		int64_t began_us = clock_monotonic_us();
		begin(&reply);
		test_assert_status(&reply, 201);
		test_reply_done(&reply);
		assert_true(clock_monotonic_us() - began_us < 2000000);
	}
	// Nobody waits for ever, and the answer is honest.
	for (size_t i = 0; i < HANGING; i++) {
		assert_int_equal(pthread_join(completers[i].thread, NULL), 0);
		assert_int_equal(completers[i].status, 503);
	}
	signal_store(SIGCONT);
	test_wait(is_ready, NULL, READY_MS, "ingest is ready");
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 200);
	test_upload_confirm(&account, upload.upload_id, &reply);
	test_assert_status(&reply, 202);
	test_reply_done(&reply);
	test_upload_done(&upload);
}

// ---- ingest itself -----------------------------------------------------------------------------------------------

struct client {
	pthread_t thread;
	unsigned number;
	atomic_bool *is_over;
	unsigned acknowledged; // complete was answered
	char media_ids[UPLOADS_EACH][37];
};

// Again and again, as a client does, until it is answered with one of two statuses. False when the time is over.
static bool insist(const struct client *client, const struct test_call *call, unsigned wanted,
                   struct test_reply *ret_reply)
{
	while (!atomic_load(client->is_over)) {
		test_http(call, ret_reply);
		if (ret_reply->status == wanted)
			return true;
		bool may_pass = ret_reply->status == 0 || ret_reply->status == 409 || ret_reply->status >= 500;
		test_reply_done(ret_reply);
		if (!may_pass)
			return false;
		clock_sleep_ms(50);
	}
	return false;
}

static bool put_bytes(const struct client *client, const struct test_reply *begun, const char *data, size_t length)
{
	const struct test_upload upload = { .url = (char *)json_string_value(test_json_at(begun->json, "url")),
		                            .headers = test_json_at(begun->json, "headers") };
	while (!atomic_load(client->is_over)) {
		unsigned status = test_upload_put(&upload, data, length);
		if (status == 200 || status == 412)
			return true;
		clock_sleep_ms(50);
	}
	return false;
}

static bool upload_one(const struct client *client, unsigned number, char ret_media_id[37])
{
	char key[64], json[256], path[128], text[64];
	(void)snprintf(key, sizeof key, "Idempotency-Key: \"%s-%u-%u\"", account.user_id, client->number, number);
	(void)snprintf(text, sizeof text, "These are the words of %u and %u.\n", client->number, number);
	(void)snprintf(json, sizeof json, "{\"filename\":\"%u.txt\",\"content_type\":\"text/plain\",\"size\":%zu}",
	               number, strlen(text));
	const char *const headers[] = { key, NULL };
	struct test_reply begun, reply;
	if (!insist(client,
	            &(struct test_call){ .method = "POST",
	                                 .url = "/v1/uploads",
	                                 .token = account.access_token,
	                                 .json = json,
	                                 .headers = headers },
	            201, &begun))
		return false;
	(void)snprintf(ret_media_id, 37, "%s", json_string_value(test_json_at(begun.json, "media_id")));
	(void)snprintf(path, sizeof path, "/v1/uploads/%s/complete",
	               json_string_value(test_json_at(begun.json, "upload_id")));
	// Completed by the store's event between two tries of begin: then there is nothing to PUT.
	bool is_put = test_json_at(begun.json, "url") == NULL || put_bytes(client, &begun, text, strlen(text));
	test_reply_done(&begun);
	if (!is_put ||
	    !insist(client,
	            &(struct test_call){ .method = "POST", .url = path, .token = account.access_token, .json = "{}" },
	            202, &reply))
		return false;
	test_reply_done(&reply);
	return true;
}

static void *upload_all(void *argument)
{
	struct client *client = argument;
	while (client->acknowledged < UPLOADS_EACH &&
	       upload_one(client, client->acknowledged, client->media_ids[client->acknowledged]))
		client->acknowledged++;
	return NULL;
}

static void ingest_may_be_killed(void **state)
{
	(void)state;
	struct client clients[CLIENTS] = { 0 };
	atomic_bool is_over = false;
	int64_t before = test_sql_int("SELECT count(*) FROM media WHERE owner_id = $1::uuid", account.user_id, NULL);
	struct deadline deadline = deadline_after_ms(CHAOS_MS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].number = i;
		clients[i].is_over = &is_over;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, upload_all, &clients[i]), 0);
	}
	for (int i = 0; i < KILLS; i++) {
		clock_sleep_ms(150);
		test_stack_run("kill", "ingest");
		test_stack_run("restart", "ingest");
	}
	while (!deadline_passed(deadline)) {
		unsigned done = 0;
		for (size_t i = 0; i < CLIENTS; i++)
			done += __atomic_load_n(&clients[i].acknowledged, __ATOMIC_RELAXED);
		if (done == CLIENTS * UPLOADS_EACH)
			break;
		clock_sleep_ms(50);
	}
	atomic_store(&is_over, true);
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
		assert_int_equal(clients[i].acknowledged, UPLOADS_EACH);
		for (unsigned j = 0; j < UPLOADS_EACH; j++)
			json_decref(test_media_await(&account, clients[i].media_ids[j], "ready", READY_MS));
	}
	// However often a begin was repeated: one media each, one end each, and nothing reserved or waiting.
	assert_int_equal(test_sql_int("SELECT count(*) FROM media WHERE owner_id = $1::uuid", account.user_id, NULL) -
	                         before,
	                 CLIENTS * UPLOADS_EACH);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM (SELECT media_id FROM media_history h JOIN media m ON m.id = "
	                     "h.media_id WHERE m.owner_id = $1::uuid AND h.new_state = 'uploaded' GROUP BY media_id "
	                     "HAVING count(*) > 1) AS twice",
	                     account.user_id, NULL),
	        0);
	await_outbox();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nats_may_be_away, restore),
		cmocka_unit_test_teardown(nats_may_lose_everything, restore),
		cmocka_unit_test_teardown(numbers_show_what_was_lost, restore),
		cmocka_unit_test_teardown(starts_before_what_it_leans_on, restore),
		cmocka_unit_test_teardown(postgres_may_restart, restore),
		cmocka_unit_test_teardown(the_store_may_be_away, restore),
		cmocka_unit_test_teardown(a_store_that_hangs_stops_nobody_else, wake_store),
		cmocka_unit_test_teardown(ingest_may_be_killed, restore),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
