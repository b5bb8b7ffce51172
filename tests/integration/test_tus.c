// tus 1.0 against the running stack: the protocol call by call, and that a file arrives as it was sent.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/settings.h"
#include "store/store.h"
#include "tests/integration/support/objects.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/tus.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define READY_MS 30000
#define PART_BYTES (5 * 1024 * 1024)
#define FILE_BYTES (2 * PART_BYTES + 1234567)
#define OCTETS "application/octet-stream"
#define PATCH_TYPE "Content-Type: application/offset+octet-stream"

static struct test_account account;
static char *photo;
static size_t photo_length;
static char *noise; // FILE_BYTES that repeat nowhere
static struct store *store;

static int setup(void **state)
{
	struct err err;
	if (test_stack_setup(state) != 0)
		return -1;
	test_stack_restart_with("ingest", (const char *const[]){ "SAFELIGHT_INGEST_TUS_PART_BYTES", "5242880", NULL });
	test_stack_run("wait", "ingest");
	test_account_new(&account);
	photo = test_file_read("samples/photos/tide.jpg", &photo_length);
	noise = malloc(FILE_BYTES);
	assert_non_null(noise);
	random_fill(noise, FILE_BYTES);
	const struct settings *settings = test_stack_settings();
	assert_int_equal(store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key, NULL,
	                                       &store, &err),
	                 RC_OK);
	return 0;
}

static int teardown(void **state)
{
	store_free(store);
	free(noise);
	free(photo);
	test_account_done(&account);
	(void)test_stack_try("restart", "ingest");
	return test_stack_teardown(state);
}

static char *upload_column(const char *path, const char *column)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql,
	               "SELECT %s FROM uploads u JOIN media m ON m.id = u.media_id WHERE u.id = $1::uuid", column);
	return test_sql_text(sql, path + strlen("/files/"), NULL);
}

static void assert_column(const char *path, const char *column, const char *wanted)
{
	char *value = upload_column(path, column);
	assert_string_equal(value, wanted);
	free(value);
}

// The object holds exactly these bytes, and nothing else of the media is left in the bucket.
static void assert_stored(const char *path, const void *data, size_t length)
{
	char *key = upload_column(path, "u.object_key"), *media_id = upload_column(path, "u.media_id");
	struct buffer bytes;
	struct err err;
	buffer_init(&bytes, FILE_BYTES + 1);
	const struct store_target target = { .bucket = test_stack_settings()->store_originals_bucket, .key = key };
	if (store_get(store, &target, NULL, &bytes, NULL, &err) != RC_OK)
		fail_msg("%s", err.text);
	assert_int_equal(bytes.length, length);
	assert_memory_equal(buffer_text(&bytes), data, length);
	buffer_done(&bytes);
	test_objects_await(TEST_ORIGINALS, media_id, 1, 20000);
	free(media_id);
	free(key);
}

static void await_ready(const char *path)
{
	char *media_id = upload_column(path, "u.media_id");
	json_decref(test_media_await(&account, media_id, "ready", READY_MS));
	free(media_id);
}

static void expect_patch(const char *path, int64_t at, size_t length, unsigned status, int64_t offset)
{
	int64_t now;
	assert_int_equal(tus_patch(&account, "", path, at, noise + at, length, &now), status);
	assert_int_equal(now, offset);
}

static void expect(struct test_reply *reply, unsigned status, const char *type)
{
	test_assert_status(reply, status);
	char version[16];
	test_reply_header(reply, "Tus-Resumable", version, sizeof version);
	assert_string_equal(version, "1.0.0");
	if (type != NULL)
		assert_string_equal(test_json_text(reply->json, "type"), type);
	test_reply_done(reply);
}

// ---- what the server can do -----------------------------------------------------------------------------------------

static void tells_what_it_can(void **state)
{
	(void)state;
	struct test_reply reply;
	char text[128];
	test_http(&(struct test_call){ .method = "OPTIONS", .url = "/files" }, &reply);
	test_assert_status(&reply, 204);
	test_reply_header(&reply, "Tus-Version", text, sizeof text);
	assert_string_equal(text, "1.0.0");
	test_reply_header(&reply, "Tus-Extension", text, sizeof text);
	assert_string_equal(text, "creation,creation-with-upload,expiration,termination,checksum");
	test_reply_header(&reply, "Tus-Checksum-Algorithm", text, sizeof text);
	assert_string_equal(text, "sha1,md5,sha256");
	test_reply_header(&reply, "Tus-Max-Size", text, sizeof text);
	assert_true(strtoll(text, NULL, 10) > 1000000000);
	test_reply_done(&reply);
}

static void refuses_other_versions(void **state)
{
	(void)state;
	struct test_reply reply;
	char text[16];
	test_http(&(struct test_call){ .method = "POST",
	                               .url = "/files",
	                               .token = account.access_token,
	                               .headers = (const char *const[]){ "Tus-Resumable: 0.2.2", "Upload-Length: 5",
	                                                                 NULL } },
	          &reply);
	test_reply_header(&reply, "Tus-Version", text, sizeof text);
	assert_string_equal(text, "1.0.0");
	expect(&reply, 412, "/problems/unsupported-version");
}

static void refuses_what_cannot_be_begun(void **state)
{
	(void)state;
	static const struct {
		const char *length;
		const char *metadata;
		unsigned status;
		const char *type;
	} CASES[] = {
		{ "Upload-Length: -1", "Upload-Metadata: a", 400, "/problems/invalid-length" },
		{ "Upload-Length: 1x", "Upload-Metadata: a", 400, "/problems/invalid-length" },
		{ "Upload-Defer-Length: 1", "Upload-Metadata: a", 400, "/problems/invalid-length" },
		{ "Upload-Length: 99999999999999999999", "Upload-Metadata: a", 400, "/problems/invalid-length" },
		{ "Upload-Length: 9000000000000000000", "Upload-Metadata: a", 413, "/problems/too-large" },
		{ "Upload-Length: 300000000", "Upload-Metadata: filetype aW1hZ2UvanBlZw==", 413,
		  "/problems/too-large" },
		{ "Upload-Length: 5", "Upload-Metadata: filetype bm90IGEgdHlwZQ==", 415,
		  "/problems/unsupported-media-type" },
		{ "Upload-Length: 5", "Upload-Metadata: a b,a b", 400, "/problems/invalid-metadata" },
		{ "Upload-Length: 5", "Upload-Metadata: filename ***", 400, "/problems/invalid-metadata" },
		{ "Upload-Length: 5", "Upload-Metadata: a,,b", 400, "/problems/invalid-metadata" },
		{ "Upload-Length: 5", "Upload-Metadata: sha256 YWI=", 400, "/problems/invalid-metadata" },
		{ "Upload-Length: 5", "Upload-Metadata: item_id MDE5MjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw", 422,
		  "/problems/invalid-field" },
	};
	int64_t before = test_sql_int("SELECT count(*) FROM uploads WHERE owner_id = $1::uuid", account.user_id, NULL);
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		struct test_reply reply;
		tus_call(&account, "", "POST", "/files", NULL, 0, &reply, CASES[i].length, CASES[i].metadata, NULL);
		if (reply.status != CASES[i].status)
			print_error("for %s, %s\n", CASES[i].length, CASES[i].metadata);
		expect(&reply, CASES[i].status, CASES[i].type);
	}
	assert_int_equal(test_sql_int("SELECT count(*) FROM uploads WHERE owner_id = $1::uuid", account.user_id, NULL),
	                 before);
}

// ---- files arrive ---------------------------------------------------------------------------------------------------

static void takes_a_photo_in_one_patch(void **state)
{
	(void)state;
	char path[64], text[256];
	struct test_reply reply;
	int64_t offset;
	tus_create(&account, "Tide \xf0\x9f\x8c\x8a.jpg", "image/jpeg", photo_length, path);
	tus_call(&account, "", "HEAD", path, NULL, 0, &reply, NULL);
	test_assert_status(&reply, 200);
	test_reply_header(&reply, "Upload-Offset", text, sizeof text);
	assert_string_equal(text, "0");
	assert_int_equal(strtoull((test_reply_header(&reply, "Upload-Length", text, sizeof text), text), NULL, 10),
	                 photo_length);
	test_reply_header(&reply, "Cache-Control", text, sizeof text);
	assert_string_equal(text, "no-store");
	test_reply_header(&reply, "Upload-Metadata", text, sizeof text);
	assert_string_equal(text, "filename VGlkZSDwn4yKLmpwZw==,filetype aW1hZ2UvanBlZw==,is_new");
	test_reply_header(&reply, "Upload-Expires", text, sizeof text);
	assert_non_null(strstr(text, " GMT"));
	test_reply_done(&reply);
	assert_int_equal(tus_patch(&account, "", path, 0, photo, photo_length, &offset), 204);
	assert_int_equal(offset, photo_length);
	await_ready(path);
	assert_stored(path, photo, photo_length);
	assert_column(path, "m.filename", "Tide \xf0\x9f\x8c\x8a.jpg");
	assert_column(path, "m.kind", "photo");
	assert_int_equal(tus_offset(&account, path), photo_length);
	assert_int_equal(test_sql_int("SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = $1::uuid",
	                              account.user_id, NULL),
	                 0);
}

static void takes_a_photo_with_its_creation(void **state)
{
	(void)state;
	char length[64], path[64], text[32];
	struct test_reply reply;
	(void)snprintf(length, sizeof length, "Upload-Length: %zu", photo_length);
	tus_call(&account, "", "POST", "/files", photo, photo_length, &reply, length, PATCH_TYPE,
	         "Upload-Metadata: name dGlkZS5qcGc=,type aW1hZ2UvanBlZw==", NULL);
	test_reply_header(&reply, "Location", path, sizeof path);
	test_reply_header(&reply, "Upload-Offset", text, sizeof text);
	assert_int_equal(strtoull(text, NULL, 10), photo_length);
	expect(&reply, 201, NULL);
	await_ready(path);
	assert_stored(path, photo, photo_length);
}

// A request with bytes of another kind is no creation-with-upload.
static void takes_no_other_bodies(void **state)
{
	(void)state;
	struct test_reply reply;
	tus_call(&account, "", "POST", "/files", "{}", 2, &reply, "Upload-Length: 2", "Content-Type: application/json",
	         NULL);
	expect(&reply, 415, "/problems/unsupported-media-type");
}

static void says_that_an_empty_file_is_none(void **state)
{
	(void)state;
	char path[64];
	tus_create(&account, "empty.txt", "text/plain", 0, path);
	assert_int_equal(tus_offset(&account, path), 0);
	assert_column(path, "m.state", "rejected");
	assert_column(path, "m.reason_code", "empty");
}

// Pieces that fit no part: tails on the way, parts where they are full, all in order at the end.
// Elsewhere in the API an open upload shows where it goes on, and no URL of the store's.
static void expect_no_way_around(const char *path)
{
	struct test_reply reply;
	char url[80];
	(void)snprintf(url, sizeof url, "/v1/uploads/%s", path + strlen("/files/"));
	test_http_json("GET", url, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "state"), "awaiting_upload");
	assert_string_equal(test_json_text(reply.json, "tus.path"), path);
	assert_null(test_json_at(reply.json, "url"));
	assert_null(test_json_at(reply.json, "multipart"));
	test_reply_done(&reply);
	(void)snprintf(url, sizeof url, "/v1/uploads/%s/parts", path + strlen("/files/"));
	test_http_json("POST", url, account.access_token, "{\"numbers\":[1]}", &reply);
	test_assert_status(&reply, 409);
	test_reply_done(&reply);
}

static void takes_a_file_in_pieces(void **state)
{
	(void)state;
	char path[64];
	static const size_t PIECES[] = { 1, 700000, 0, 3000000, 2500000, 6000000 };
	size_t at = 0;
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	expect_no_way_around(path);
	for (size_t i = 0; i < sizeof PIECES / sizeof PIECES[0]; i++) {
		if (at + PIECES[i] > FILE_BYTES)
			break;
		expect_patch(path, (int64_t)at, PIECES[i], 204, (int64_t)(at + PIECES[i]));
		at += PIECES[i];
		assert_int_equal(tus_offset(&account, path), at);
	}
	expect_patch(path, (int64_t)at, FILE_BYTES - at, 204, FILE_BYTES);
	await_ready(path);
	assert_stored(path, noise, FILE_BYTES);
	assert_int_equal(test_sql_int("SELECT count(*) FROM tus_parts WHERE upload_id = $1::uuid", path + 7, NULL), 0);
}

static void takes_another_method_by_post(void **state)
{
	(void)state;
	char path[64];
	struct test_reply reply;
	tus_create(&account, "words.txt", "text/plain", 5, path);
	tus_call(&account, "", "POST", path, "words", 5, &reply, "X-HTTP-Method-Override: PATCH", "Upload-Offset: 0",
	         PATCH_TYPE, NULL);
	expect(&reply, 204, NULL);
	await_ready(path);
	tus_call(&account, "", "POST", path, NULL, 0, &reply, NULL);
	expect(&reply, 405, "/problems/method-not-allowed");
}

// ---- what is refused ------------------------------------------------------------------------------------------------

static void refuses_wrong_patches(void **state)
{
	(void)state;
	char path[64];
	struct test_reply reply;
	struct test_account other;
	int64_t offset;
	tus_create(&account, "words.txt", "text/plain", 10, path);
	expect_patch(path, 0, 4, 204, 4);
	expect_patch(path, 0, 4, 409, 4);
	expect_patch(path, 5, 4, 409, 4);
	tus_call(&account, "", "PATCH", path, "x", 1, &reply, "Upload-Offset: 4", "Content-Type: text/plain", NULL);
	expect(&reply, 415, "/problems/unsupported-media-type");
	tus_call(&account, "", "PATCH", path, "x", 1, &reply, "Upload-Offset: four", PATCH_TYPE, NULL);
	expect(&reply, 400, "/problems/invalid-offset");
	tus_call(&account, "", "PATCH", path, "1234567", 7, &reply, "Upload-Offset: 4", PATCH_TYPE, NULL);
	expect(&reply, 413, "/problems/too-large");
	tus_call(&account, "", "PATCH", path, "x", 1, &reply, "Upload-Offset: 4", PATCH_TYPE,
	         "Upload-Checksum: crc32 AAAA", NULL);
	expect(&reply, 400, "/problems/invalid-checksum");
	tus_call(NULL, "", "PATCH", path, "x", 1, &reply, "Upload-Offset: 4", PATCH_TYPE, NULL);
	test_assert_status(&reply, 401);
	test_reply_done(&reply);
	test_account_new(&other);
	assert_int_equal(tus_patch(&other, "", path, 4, "x", 1, &offset), 404);
	assert_int_equal(offset, -1);
	test_account_done(&other);
	assert_int_equal(tus_patch(&account, "", "/files/01920000-0000-7000-8000-000000000000", 0, "x", 1, &offset),
	                 404);
	expect_patch(path, 4, 6, 204, 10);
	expect_patch(path, 10, 0, 409, 10);
	await_ready(path);
}

// Without a length the end of a body shows only when it is there.
static void refuses_chunks_beyond_the_length(void **state)
{
	(void)state;
	char path[64];
	struct test_reply reply;
	tus_create(&account, "words.txt", "text/plain", 10, path);
	tus_call(&account, "", "PATCH", path, "12345678901", 11, &reply, "Upload-Offset: 0", PATCH_TYPE,
	         "Transfer-Encoding: chunked", NULL);
	expect(&reply, 413, "/problems/too-large");
	tus_resume(&account, path, noise, 10, READY_MS);
	await_ready(path);
}

static void expect_checksum(const char *path, size_t at, size_t length, const char *algorithm, const void *digest,
                            size_t digest_length, unsigned status)
{
	struct test_reply reply;
	char line[128], offset[64], text[BASE64_TEXT_SIZE(SHA256_SIZE)];
	encode_base64(digest, digest_length, text);
	(void)snprintf(line, sizeof line, "Upload-Checksum: %s %s", algorithm, text);
	(void)snprintf(offset, sizeof offset, "Upload-Offset: %zu", at);
	tus_call(&account, "", "PATCH", path, noise + at, length, &reply, line, offset, PATCH_TYPE, NULL);
	expect(&reply, status, NULL);
}

static void digest_of(enum digest_kind kind, size_t at, size_t length, uint8_t ret_digest[SHA256_SIZE])
{
	struct digest_stream *stream = digest_stream_new(kind);
	assert_non_null(stream);
	digest_stream_update(stream, noise + at, length);
	digest_stream_finish(stream, ret_digest);
	digest_stream_free(stream);
}

// A body counts as a whole or not at all, though parts of it were stored before its end was known.
static void verifies_checksums(void **state)
{
	(void)state;
	char path[64];
	uint8_t digest[SHA256_SIZE];
	const size_t first = 1000, second = PART_BYTES + 500000, third = FILE_BYTES - first - second;
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	digest_of(DIGEST_SHA1, 0, first, digest);
	expect_checksum(path, 0, first, "sha1", digest, SHA1_SIZE, 204);
	digest_of(DIGEST_MD5, first, second, digest);
	digest[3] ^= 1;
	expect_checksum(path, first, second, "md5", digest, MD5_SIZE, 460);
	assert_int_equal(tus_offset(&account, path), first);
	digest[3] ^= 1;
	expect_checksum(path, first, second, "md5", digest, MD5_SIZE, 204);
	assert_int_equal(tus_offset(&account, path), first + second);
	digest_of(DIGEST_SHA256, first + second, third, digest);
	expect_checksum(path, first + second, third, "sha256", digest, SHA256_SIZE, 204);
	await_ready(path);
	assert_stored(path, noise, FILE_BYTES);
}

static void knows_a_photo_again(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	char hex[SHA256_TEXT_SIZE], text[BASE64_TEXT_SIZE(SHA256_TEXT_SIZE)], metadata[256], length[64], offset[32];
	struct test_reply reply;
	sha256_of(photo, photo_length, digest);
	encode_hex(digest, sizeof digest, hex);
	encode_base64(hex, strlen(hex), text);
	(void)snprintf(metadata, sizeof metadata,
	               "Upload-Metadata: filename YS5qcGc=,filetype aW1hZ2UvanBlZw==,sha256 %s", text);
	(void)snprintf(length, sizeof length, "Upload-Length: %zu", photo_length);
	tus_call(&account, "", "POST", "/files", NULL, 0, &reply, metadata, length, NULL);
	test_reply_header(&reply, "Upload-Offset", offset, sizeof offset);
	assert_int_equal(strtoull(offset, NULL, 10), photo_length);
	expect(&reply, 201, NULL);
}

// ---- ends -----------------------------------------------------------------------------------------------------------

static void terminates(void **state)
{
	(void)state;
	char path[64];
	struct test_reply reply;
	int64_t offset;
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	expect_patch(path, 0, PART_BYTES + 1000, 204, PART_BYTES + 1000);
	char *media_id = upload_column(path, "u.media_id");
	assert_int_equal(test_objects_count(TEST_ORIGINALS, media_id), 1); // its tail
	tus_call(&account, "", "DELETE", path, NULL, 0, &reply, NULL);
	expect(&reply, 204, NULL);
	assert_int_equal(tus_patch(&account, "", path, PART_BYTES + 1000, noise, 1, &offset), 410);
	tus_call(&account, "", "HEAD", path, NULL, 0, &reply, NULL);
	test_assert_status(&reply, 410);
	test_reply_header(&reply, "Upload-Offset", (char[8]){ 0 }, 8);
	test_reply_done(&reply);
	test_objects_await(TEST_ORIGINALS, media_id, 0, 20000);
	assert_int_equal(
	        test_sql_int("SELECT reserved_bytes FROM usage WHERE owner_id = $1::uuid", account.user_id, NULL), 0);
	free(media_id);
}

static void expires(void **state)
{
	(void)state;
	char path[64];
	struct test_reply reply;
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	expect_patch(path, 0, PART_BYTES + 1000, 204, PART_BYTES + 1000);
	char *media_id = upload_column(path, "u.media_id");
	free(test_sql_text("UPDATE uploads SET expires_at = now() - interval '2 days' WHERE id = $1::uuid", path + 7,
	                   NULL));
	test_sql_await(1, 20000, "SELECT count(*) FROM media WHERE id = $1::uuid AND state = 'expired'", media_id,
	               NULL);
	tus_call(&account, "", "HEAD", path, NULL, 0, &reply, NULL);
	test_assert_status(&reply, 410);
	test_reply_done(&reply);
	test_objects_await(TEST_ORIGINALS, media_id, 0, 20000);
	free(media_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_it_can),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(refuses_what_cannot_be_begun),
		cmocka_unit_test(takes_a_photo_in_one_patch),
		cmocka_unit_test(takes_a_photo_with_its_creation),
		cmocka_unit_test(takes_no_other_bodies),
		cmocka_unit_test(says_that_an_empty_file_is_none),
		cmocka_unit_test(takes_a_file_in_pieces),
		cmocka_unit_test(takes_another_method_by_post),
		cmocka_unit_test(refuses_wrong_patches),
		cmocka_unit_test(refuses_chunks_beyond_the_length),
		cmocka_unit_test(verifies_checksums),
		cmocka_unit_test(knows_a_photo_again),
		cmocka_unit_test(terminates),
		cmocka_unit_test(expires),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
