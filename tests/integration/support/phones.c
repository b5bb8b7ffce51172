// Phones that do not give up.
#include "tests/integration/support/phones.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define AGAIN_MS 250
#define LOOK_MS 300
#define CALL_MS 10000
#define SENT_MS 15000

struct phone {
	pthread_t thread;
	bool is_started;
	int64_t delay_ms;
	char key[UUID_TEXT_SIZE + 2]; // in quotes
	char upload_id[37];
	_Atomic(const char *) step; // what it is at
	atomic_uint status;         // of its latest answer
	atomic_uint tries;
	char media_id[37]; // written before has_media
	atomic_bool has_media;
	atomic_bool is_ready;
	atomic_bool is_refused; // an answer that trying again will not mend
};

static struct {
	struct test_account owner;
	char *data;
	size_t length;
	struct phone phones[TEST_PHONES];
	atomic_bool is_over;
} phones;

const struct test_account *test_phones_owner(void)
{
	return &phones.owner;
}

const char *test_phones_media(int phone)
{
	return atomic_load(&phones.phones[phone].has_media) ? phones.phones[phone].media_id : "";
}

// ---- on the phones' threads ---------------------------------------------------------------------------------------

// Whether the answer is worth another try; remembers it.
static bool is_trouble(struct phone *phone, unsigned status)
{
	atomic_store(&phone->status, status);
	(void)atomic_fetch_add(&phone->tries, 1);
	return status == 0 || status == 429 || status >= 500;
}

static bool begin(struct phone *phone, struct test_upload *ret_upload)
{
	char header[80], json[128];
	struct test_reply reply;
	atomic_store(&phone->step, "begin");
	(void)snprintf(header, sizeof header, "Idempotency-Key: %s", phone->key);
	(void)snprintf(json, sizeof json, "{\"filename\":\"p.jpg\",\"content_type\":\"image/jpeg\",\"size\":%zu}",
	               phones.length);
	const char *const headers[] = { header, NULL };
	test_http(&(struct test_call){ .method = "POST",
	                               .url = "/v1/uploads",
	                               .token = phones.owner.access_token,
	                               .json = json,
	                               .headers = headers,
	                               .timeout_ms = CALL_MS },
	          &reply);
	json_t *url = test_json_at(reply.json, "url"), *media_id = test_json_at(reply.json, "media_id"),
	       *upload_id = test_json_at(reply.json, "upload_id");
	bool begun =
	        reply.status / 100 == 2 && json_is_string(url) && json_is_string(media_id) && json_is_string(upload_id);
	if (begun) {
		*ret_upload = (struct test_upload){ .url = strdup(json_string_value(url)),
			                            .headers = json_incref(test_json_at(reply.json, "headers")) };
		(void)snprintf(phone->upload_id, sizeof phone->upload_id, "%s", json_string_value(upload_id));
		(void)snprintf(phone->media_id, sizeof phone->media_id, "%s", json_string_value(media_id));
		atomic_store(&phone->has_media, true);
	}
	if (!is_trouble(phone, reply.status) && !begun)
		atomic_store(&phone->is_refused, true);
	test_reply_done(&reply);
	return begun;
}

static bool put(struct phone *phone, const struct test_upload *upload)
{
	atomic_store(&phone->step, "put");
	unsigned status = test_upload_put(upload, phones.data, phones.length);
	// 412: the bytes of an earlier try are there, only its answer was lost.
	bool is_there = status == 200 || status == 412;
	if (!is_trouble(phone, status) && !is_there && status != 409) // 409: two tries at once
		atomic_store(&phone->is_refused, true);
	return is_there;
}

static bool complete(struct phone *phone)
{
	struct test_reply reply;
	atomic_store(&phone->step, "complete");
	test_upload_confirm(&phones.owner, phone->upload_id, &reply);
	bool is_done = reply.status == 202;
	if (!is_trouble(phone, reply.status) && !is_done)
		atomic_store(&phone->is_refused, true);
	test_reply_done(&reply);
	return is_done;
}

static bool look(struct phone *phone)
{
	char path[64];
	struct test_reply reply;
	atomic_store(&phone->step, "look");
	(void)snprintf(path, sizeof path, "/v1/media/%s", phone->media_id);
	test_http(&(struct test_call){ .url = path, .token = phones.owner.access_token, .timeout_ms = CALL_MS },
	          &reply);
	json_t *json = test_json_at(reply.json, "state");
	const char *state = json_is_string(json) ? json_string_value(json) : "";
	bool is_ready = strcmp(state, "ready") == 0;
	if (!is_trouble(phone, reply.status) && (reply.status != 200 || strcmp(state, "failed") == 0 ||
	                                         strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0))
		atomic_store(&phone->is_refused, true);
	test_reply_done(&reply);
	return is_ready;
}

static bool goes_on(const struct phone *phone)
{
	return !atomic_load(&phones.is_over) && !atomic_load(&phone->is_refused);
}

static void *live(void *argument)
{
	struct phone *phone = argument;
	struct test_upload upload = { 0 };
	clock_sleep_ms(phone->delay_ms);
	while (goes_on(phone) && !begin(phone, &upload))
		clock_sleep_ms(AGAIN_MS);
	while (goes_on(phone) && !put(phone, &upload))
		clock_sleep_ms(AGAIN_MS);
	while (goes_on(phone) && !complete(phone))
		clock_sleep_ms(AGAIN_MS);
	while (goes_on(phone) && !look(phone))
		clock_sleep_ms(LOOK_MS);
	if (goes_on(phone))
		atomic_store(&phone->is_ready, true);
	test_upload_done(&upload);
	return NULL;
}

// ---- on the main thread -------------------------------------------------------------------------------------------

void test_phones_start(const char *photo, int64_t apart_ms)
{
	test_phones_stop();
	test_account_new(&phones.owner);
	phones.data = test_file_read(photo, &phones.length);
	for (int i = 0; i < TEST_PHONES; i++) {
		struct phone *phone = &phones.phones[i];
		struct uuid key = uuid_new();
		phone->key[0] = '"';
		uuid_format(&key, phone->key + 1);
		phone->key[UUID_TEXT_SIZE] = '"';
		phone->delay_ms = i * apart_ms;
		atomic_store(&phone->step, "not begun");
		assert_int_equal(pthread_create(&phone->thread, NULL, live, phone), 0);
		phone->is_started = true;
	}
}

void test_phones_stop(void)
{
	atomic_store(&phones.is_over, true);
	for (int i = 0; i < TEST_PHONES; i++)
		if (phones.phones[i].is_started)
			(void)pthread_join(phones.phones[i].thread, NULL);
	free(phones.data);
	test_account_done(&phones.owner);
	memset(&phones, 0, sizeof phones);
}

static void print_phone(int i)
{
	const struct phone *phone = &phones.phones[i];
	char *row = test_sql_text(
	        "SELECT format('media %s%s, job %s, attempt %s, token %s, %s', m.state, ' ' || m.reason_code, j.state, "
	        "j.attempts, j.fencing_token, coalesce(j.last_error, 'no error')) FROM media m LEFT JOIN jobs j ON "
	        "j.media_id = m.id WHERE m.id = nullif($1, '')::uuid",
	        test_phones_media(i), NULL);
	print_error("phone %d: %s%s, last answer %u after %u calls; %s: %s\n", i, atomic_load(&phone->step),
	            atomic_load(&phone->is_refused) ? " (refused)" : "", atomic_load(&phone->status),
	            atomic_load(&phone->tries), test_phones_media(i), row);
	free(row);
}

void test_phones_await(int64_t timeout_ms)
{
	struct deadline deadline = deadline_after_ms(timeout_ms);
	for (;;) {
		int ready = 0, refused = 0;
		for (int i = 0; i < TEST_PHONES; i++) {
			ready += atomic_load(&phones.phones[i].is_ready);
			refused += atomic_load(&phones.phones[i].is_refused);
		}
		if (ready == TEST_PHONES)
			return;
		if (refused > 0 || deadline_passed(deadline)) {
			for (int i = 0; i < TEST_PHONES; i++)
				if (!atomic_load(&phones.phones[i].is_ready))
					print_phone(i);
			fail_msg("%d of %d photos are ready, %d refused", ready, TEST_PHONES, refused);
		}
		clock_sleep_ms(50);
	}
}

static void check_objects(const char *media_id)
{
	char prefix[40];
	struct test_objects objects;
	(void)snprintf(prefix, sizeof prefix, "%s/", media_id);
	test_objects_list(TEST_MEDIA, prefix, &objects);
	for (size_t i = 0; i < objects.count; i++) {
		char bytes[24];
		(void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)objects.sizes[i]);
		if (test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1::uuid AND object_key = $2 "
		                 "AND bytes = $3::bigint",
		                 media_id, objects.keys[i], bytes, NULL) != 1)
			fail_msg("no row has the object %s of %s bytes", objects.keys[i], bytes);
	}
	int64_t rows = test_sql_int("SELECT count(*) FROM variants WHERE media_id = $1::uuid", media_id, NULL);
	if (rows == 0 || rows != (int64_t)objects.count)
		fail_msg("media %s has %lld rows of variants and %zu objects", media_id, (long long)rows,
		         objects.count);
	test_objects_done(&objects);
	test_objects_list(TEST_ORIGINALS, prefix, &objects);
	char *key = test_sql_text("SELECT original_key FROM media WHERE id = $1::uuid", media_id, NULL);
	assert_int_equal(objects.count, 1);
	assert_string_equal(objects.keys[0], key);
	assert_int_equal(objects.sizes[0], phones.length);
	free(key);
	test_objects_done(&objects);
}

// A number over all of the owner's media.
static void expect(int64_t wanted, const char *sql)
{
	int64_t value = test_sql_int(sql, phones.owner.user_id, NULL);
	if (value != wanted)
		fail_msg("%lld, not %lld: %s", (long long)value, (long long)wanted, sql);
}

void test_phones_check(void)
{
	expect(TEST_PHONES, "SELECT count(*) FROM media WHERE owner_id = $1::uuid");
	expect(TEST_PHONES, "SELECT count(*) FROM media WHERE owner_id = $1::uuid AND state = 'ready'");
	expect(TEST_PHONES, "SELECT count(*) FROM uploads WHERE owner_id = $1::uuid AND completed_at IS NOT NULL");
	expect(TEST_PHONES, "SELECT count(*) FROM jobs WHERE owner_id = $1::uuid");
	expect(TEST_PHONES, "SELECT count(*) FROM jobs WHERE owner_id = $1::uuid AND state = 'done' AND attempts <= 5");
	expect(TEST_PHONES,
	       "SELECT count(*) FROM media_history h JOIN media m ON m.id = h.media_id "
	       "WHERE m.owner_id = $1::uuid AND h.new_state IN ('ready', 'failed', 'rejected', 'expired')");
	expect(TEST_PHONES, "SELECT count(*) FROM outbox WHERE subject = 'events.media.ready' "
	                    "AND payload->'data'->>'owner_id' = $1");
	expect(0, "SELECT count(*) FROM dead_letters WHERE owner_id = $1::uuid");
	expect((int64_t)phones.length * TEST_PHONES, "SELECT bytes FROM usage WHERE owner_id = $1::uuid");
	expect(TEST_PHONES, "SELECT files FROM usage WHERE owner_id = $1::uuid");
	expect(0, "SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = $1::uuid");
	for (int i = 0; i < TEST_PHONES; i++)
		check_objects(test_phones_media(i));
	test_sql_await(
	        0, SENT_MS,
	        "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND created_at < now() - interval '2 seconds'",
	        NULL);
}
