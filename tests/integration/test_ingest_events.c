// How uploads end when nobody calls complete, or everybody at once: the store's events, forged ones, the reconciler,
// and the janitor. Ingest is restarted with short times, and killed where an event has to be lost.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/settings.h"
#include "media/object_key.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/store.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define TEXT "This is text, whatever it is called.\n"
#define RACERS 20
#define READY_MS 30000
#define SWEEP_MS 15000

// Removals that are not for later.
#define AT_ONCE \
	"SELECT count(*) FROM deletions WHERE media_id = $1::uuid AND not_before < now() + interval '10 minutes'"

static struct test_account account;
static char hook_url[256];

static const struct test_file TEXT_FILE = { "words.txt", "text/plain", TEXT, sizeof TEXT - 1 };

// Nobody looks by himself for an hour: what ends an upload then is the test's own doing.
static const char *const PATIENT[] = { "SAFELIGHT_INGEST_OVERDUE_MS", "3600000", NULL };
// Everything is looked at at once. The expiry grace stays.
static const char *const EAGER[] = { "SAFELIGHT_INGEST_OVERDUE_MS", "500", "SAFELIGHT_INGEST_RECONCILE_MS", "100",
	                             NULL };
static const char *const EAGER_ORPHANS[] = { "SAFELIGHT_INGEST_RECONCILE_MS", "100",
	                                     "SAFELIGHT_INGEST_ORPHAN_GRACE_SECONDS", "1", NULL };

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	(void)snprintf(hook_url, sizeof hook_url, "http://%s/hooks/s3", test_stack_settings()->ingest_listen);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&account);
	return test_stack_teardown(state);
}

// The stack's own ingest again, whatever a test left.
static int restore_ingest(void **state)
{
	(void)state;
	test_stack_run("restart", "ingest");
	return 0;
}

static char *key_of(const char *media_id)
{
	return test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", media_id, NULL);
}

static void await_state(const char *media_id, const char *state, int64_t timeout_ms)
{
	test_sql_await(1, timeout_ms, "SELECT count(*) FROM media WHERE id = $1::uuid AND state = $2", media_id, state,
	               NULL);
}

// As Ceph posts it; opaque and bearer may be NULL.
static unsigned post_event(const char *key, const char *opaque, const char *bearer)
{
	char json[2048], member[256] = "";
	struct test_reply reply;
	if (opaque != NULL)
		(void)snprintf(member, sizeof member, ",\"opaqueData\":\"%s\"", opaque);
	(void)snprintf(
	        json, sizeof json,
	        "{\"Records\":[{\"eventVersion\":\"2.2\",\"eventSource\":\"ceph:s3\",\"eventName\":"
	        "\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"%s\"},\"object\":{\"key\":\"%s\",\"size\":1,"
	        "\"eTag\":\"e\",\"sequencer\":\"0\"}}%s}]}",
	        test_stack_settings()->store_originals_bucket, key, member);
	test_http_json("POST", hook_url, bearer, json, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

// ---- events ------------------------------------------------------------------------------------------------------

static void the_stores_event_is_enough(void **state)
{
	(void)state;
	struct test_upload upload;
	test_upload_request(&account, &TEXT_FILE, &upload);
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 200);
	await_state(upload.media_id, "ready", 3000);
	test_upload_done(&upload);
}

static void forged_events_are_refused(void **state)
{
	(void)state;
	const char *token = test_stack_settings()->ingest_hook_token;
	struct test_upload upload;
	char longer[256], shorter[256];
	(void)snprintf(longer, sizeof longer, "%s0", token);
	(void)snprintf(shorter, sizeof shorter, "%.*s", (int)strlen(token) - 1, token);
	const char *const wrong[] = { NULL, "", "nonsense", longer, shorter };
	test_upload_request(&account, &TEXT_FILE, &upload);
	char *key = key_of(upload.media_id);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(post_event(key, wrong[i], NULL), 401);
		assert_int_equal(post_event(key, NULL, wrong[i]), 401);
	}
	// A good token, but no bytes, or keys of nobody: taken, and nothing happens.
	assert_int_equal(post_event(key, token, NULL), 204);
	assert_int_equal(post_event(key, NULL, token), 204);
	await_state(upload.media_id, "awaiting_upload", 1000);
	static const char *const strange[] = {
		"", "x", "../../etc/passwd", ".probe/1",
		"01a20c7b-6bc0-734c-9537-19d97deda6ea/00112233445566778899aabbccddeeff"
	};
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
		assert_int_equal(post_event(strange[i], token, NULL), 204);
	// The media's key, but another random half.
	char guess[OBJECT_KEY_SIZE];
	(void)snprintf(guess, sizeof guess, "%s/00112233445566778899aabbccddeeff", upload.media_id);
	assert_int_equal(post_event(guess, token, NULL), 204);
	free(key);
	test_upload_done(&upload);
}

static void broken_events_are_answered(void **state)
{
	(void)state;
	static const char *const rows[] = { "", "{", "[]", "{\"Records\":1}",
		                            "{\"Records\":[{\"eventSource\":\"x\"}]}" };
	struct test_reply reply;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		test_http_json("POST", hook_url, test_stack_settings()->ingest_hook_token, rows[i], &reply);
		test_assert_status(&reply, 400);
		test_reply_done(&reply);
		// Strangers do not learn what was wrong.
		test_http_json("POST", hook_url, NULL, rows[i], &reply);
		test_assert_status(&reply, 401);
		test_reply_done(&reply);
	}
	test_http_json("POST", hook_url, NULL, "{\"Records\":[]}", &reply);
	test_assert_status(&reply, 401);
	test_reply_done(&reply);
}

// ---- everybody at once -------------------------------------------------------------------------------------------

struct racer {
	pthread_t thread;
	pthread_barrier_t *start;
	const char *upload_id;
	const char *key;
	bool is_event;
	unsigned status;
	char state[32];
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	struct test_reply reply;
	(void)pthread_barrier_wait(racer->start);
	if (racer->is_event) {
		racer->status = post_event(racer->key, test_stack_settings()->ingest_hook_token, NULL);
		return NULL;
	}
	test_upload_confirm(&account, racer->upload_id, &reply);
	racer->status = reply.status;
	const char *now = json_string_value(test_json_at(reply.json, "media.state"));
	(void)snprintf(racer->state, sizeof racer->state, "%s", now == NULL ? "" : now);
	test_reply_done(&reply);
	return NULL;
}

// The bytes are there and nobody knows: the event was posted to nobody.
static void put_unnoticed(const struct test_file *file, struct test_upload *ret_upload)
{
	test_upload_request(&account, file, ret_upload);
	test_stack_run("kill", "ingest");
	assert_int_equal(test_upload_put(ret_upload, file->data, file->length), 200);
}

static void many_ends_have_one_effect(void **state)
{
	(void)state;
	size_t length;
	char *photo = test_file_read("samples/photos/ridges.jpg", &length);
	const struct test_file file = { "ridges.jpg", "image/jpeg", photo, length };
	struct test_upload upload;
	struct racer racers[2 * RACERS] = { 0 };
	pthread_barrier_t start;
	test_stack_restart_with("ingest", PATIENT);
	put_unnoticed(&file, &upload);
	test_stack_restart_with("ingest", PATIENT);
	char *key = key_of(upload.media_id);
	await_state(upload.media_id, "awaiting_upload", 1000);
	assert_int_equal(pthread_barrier_init(&start, NULL, 2 * RACERS), 0);
	for (size_t i = 0; i < 2 * RACERS; i++) {
		racers[i] = (struct racer){
			.start = &start, .upload_id = upload.upload_id, .key = key, .is_event = i % 2 != 0
		};
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < 2 * RACERS; i++) {
		assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
		assert_int_equal(racers[i].status, racers[i].is_event ? 204 : 202);
	}
	(void)pthread_barrier_destroy(&start);
	await_state(upload.media_id, "ready", READY_MS);
	assert_int_equal(test_sql_int("SELECT count(*) FROM jobs WHERE media_id = $1::uuid AND pool = 'fast'",
	                              upload.media_id, NULL),
	                 1);
	static const char *const subjects[] = { "events.media.uploaded", "events.media.ready" };
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(test_sql_int("SELECT count(*) FROM outbox WHERE subject = $1 AND "
		                              "payload->'data'->>'media_id' = $2",
		                              subjects[i], upload.media_id, NULL),
		                 1);
	assert_int_equal(test_sql_int("SELECT count(*) FROM media_history WHERE media_id = $1::uuid AND "
	                              "new_state IN ('uploaded', 'ready')",
	                              upload.media_id, NULL),
	                 2);
	free(key);
	free(photo);
	test_upload_done(&upload);
}

// ---- the reconciler ----------------------------------------------------------------------------------------------

static void the_reconciler_finds_the_bytes(void **state)
{
	(void)state;
	struct test_upload upload;
	put_unnoticed(&TEXT_FILE, &upload);
	(void)test_sql_int("UPDATE uploads SET check_after = now() WHERE id = $1::uuid", upload.upload_id, NULL);
	test_stack_restart_with("ingest", EAGER);
	await_state(upload.media_id, "ready", SWEEP_MS);
	test_upload_done(&upload);
}

static void what_never_came_expires(void **state)
{
	(void)state;
	struct test_upload gone, late;
	struct test_reply reply;
	const char *query = "SELECT reserved_files FROM usage WHERE owner_id = $1::uuid";
	int64_t reserved = test_sql_int(query, account.user_id, NULL);
	test_upload_request(&account, &TEXT_FILE, &gone);
	put_unnoticed(&TEXT_FILE, &late);
	(void)test_sql_int("UPDATE uploads SET expires_at = now() - interval '2 hours', check_after = now() + "
	                   "interval '1 hour' WHERE id IN ($1::uuid, $2::uuid)",
	                   gone.upload_id, late.upload_id, NULL);
	test_stack_restart_with("ingest", EAGER);
	await_state(gone.media_id, "expired", SWEEP_MS);
	// The last look finds bytes that came.
	await_state(late.media_id, "ready", SWEEP_MS);
	assert_int_equal(test_sql_int(query, account.user_id, NULL), reserved);
	test_upload_confirm(&account, gone.upload_id, &reply);
	test_assert_status(&reply, 409);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/upload-expired");
	test_reply_done(&reply);
	// Bytes that come even later go again.
	test_sql_await(0, SWEEP_MS, AT_ONCE, gone.media_id, NULL);
	char *key = key_of(gone.media_id);
	assert_int_equal(test_upload_put(&gone, TEXT, sizeof TEXT - 1), 200);
	test_store_await(TEST_ORIGINALS, key, false, SWEEP_MS);
	free(key);
	test_upload_done(&gone);
	test_upload_done(&late);
}

static void random_key(char ret_key[OBJECT_KEY_SIZE])
{
	struct uuid id = uuid_new();
	uint8_t random[OBJECT_KEY_RANDOM_BYTES];
	random_fill(random, sizeof random);
	object_key_format_original(&id, random, ret_key);
}

static void orphans_are_removed(void **state)
{
	(void)state;
	char media_id[37], original[OBJECT_KEY_SIZE], parts[OBJECT_KEY_SIZE], variant[OBJECT_KEY_SIZE];
	struct object_key_variant names = {
		.media_id = uuid_new(), .generation = 1, .variant = "w320", .format = FORMAT_JPEG
	};
	test_upload_whole(&account, &TEXT_FILE, media_id);
	char *live = key_of(media_id);
	random_key(original);
	random_key(parts);
	(void)object_key_format_variant(&names, variant);
	test_store_put(TEST_ORIGINALS, original, TEXT, sizeof TEXT - 1);
	test_store_put(TEST_ORIGINALS, "not/ours.txt", TEXT, sizeof TEXT - 1);
	test_store_put(TEST_MEDIA, variant, TEXT, sizeof TEXT - 1);
	test_store_begin_parts(parts);
	test_stack_restart_with("ingest", EAGER_ORPHANS);
	test_store_await(TEST_ORIGINALS, original, false, SWEEP_MS);
	test_store_await(TEST_MEDIA, variant, false, SWEEP_MS);
	for (int i = 0; i < 300 && test_store_has_parts(parts); i++)
		clock_sleep_ms(50);
	assert_false(test_store_has_parts(parts));
	// What has a row stays, and what was never ours.
	assert_true(test_store_has(TEST_ORIGINALS, live));
	assert_true(test_store_has(TEST_ORIGINALS, "not/ours.txt"));
	test_store_delete(TEST_ORIGINALS, "not/ours.txt");
	free(live);
}

static void deleting_reaches_the_edges(void **state)
{
	(void)state;
	size_t length;
	char *photo = test_file_read("samples/photos/tide.jpg", &length);
	const struct test_file file = { "tide.jpg", "image/jpeg", photo, length };
	char media_id[37], path[96];
	struct test_reply reply;
	test_upload_whole(&account, &file, media_id);
	json_t *media = test_media_await(&account, media_id, "ready", READY_MS);
	const char *url = test_json_text(media, "variants.0.url");
	char cache[16];
	for (int i = 0; i < 2; i++) {
		test_http_json("GET", url, NULL, NULL, &reply);
		test_assert_status(&reply, 200);
		test_reply_header(&reply, "X-Cache", cache, sizeof cache);
		assert_string_equal(cache, i == 0 ? "MISS" : "HIT");
		test_reply_done(&reply);
	}
	char *original = key_of(media_id);
	char *variant =
	        test_sql_text("SELECT object_key FROM variants WHERE media_id = $1::uuid LIMIT 1", media_id, NULL);
	(void)snprintf(path, sizeof path, "/v1/media/%s", media_id);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	test_store_await(TEST_ORIGINALS, original, false, SWEEP_MS);
	test_store_await(TEST_MEDIA, variant, false, SWEEP_MS);
	test_sql_await(0, SWEEP_MS, AT_ONCE, media_id, NULL);
	test_http_json("GET", url, NULL, NULL, &reply);
	test_assert_status(&reply, 404);
	test_reply_done(&reply);
	free(original);
	free(variant);
	free(photo);
	json_decref(media);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stores_event_is_enough),
		cmocka_unit_test(forged_events_are_refused),
		cmocka_unit_test(broken_events_are_answered),
		cmocka_unit_test_teardown(many_ends_have_one_effect, restore_ingest),
		cmocka_unit_test_teardown(the_reconciler_finds_the_bytes, restore_ingest),
		cmocka_unit_test_teardown(what_never_came_expires, restore_ingest),
		cmocka_unit_test_teardown(orphans_are_removed, restore_ingest),
		cmocka_unit_test(deleting_reaches_the_edges),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
