// The contract of store/store.h for single objects and buckets, on both drivers against the stack's real object
// storage.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/limits.h"
#include "store/content_md5.h"
#include "store/store_admin.h"
#include "store/store_multipart.h"
#include "store/store_presign.h"
#include "tests/integration/support/store_bench.h"
#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MIB (1024 * 1024)

// ---- objects
// ----------------------------------------------------------------------------------------------------------

static void objects_round_trip(struct store_bench *bench)
{
	static const size_t lengths[] = { 0, 1, 1000, MIB + 3, 9 * MIB };
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char *data = store_bench_content(lengths[i]);
		struct store_target target = store_bench_target(bench, "round/trip");
		struct store_body body = { .data = data, .length = lengths[i] };
		char etag[STORE_ETAG_SIZE];
		char md5[33];
		struct err err = { 0 };
		store_bench_assert_ok(store_put(bench->store, &target, &body, NULL, etag, &err), &err);
		store_bench_md5(data, lengths[i], md5);
		assert_string_equal(etag, md5);
		store_bench_assert_content(bench, "round/trip", data, lengths[i]);
		free(data);
	}
}

static void properties_come_back(struct store_bench *bench)
{
	static const struct store_pair metadata[] = { { "source-sha256", "abc123" }, { "Mixed-Case", "a b  c" } };
	struct store_target target = store_bench_target(bench, "properties");
	struct store_body body = { .data = "hello", .length = 5 };
	uint8_t md5[MD5_SIZE];
	md5_of("hello", 5, md5);
	struct store_put_options options = { .content_type = "image/webp",
		                             .cache_control = "public, max-age=31536000, immutable",
		                             .content_md5 = md5,
		                             .metadata = metadata,
		                             .metadata_count = 2 };
	int64_t now_us = clock_now_us();
	struct err err = { 0 };
	store_bench_assert_ok(store_put(bench->store, &target, &body, &options, NULL, &err), &err);
	struct store_object object;
	store_bench_assert_ok(store_head(bench->store, &target, &object, &err), &err);
	assert_int_equal(object.size, 5);
	assert_string_equal(object.content_type, "image/webp");
	assert_string_equal(object.etag, "5d41402abc4b2a76b9719d911017c592");
	assert_string_equal(store_object_metadata(&object, "source-sha256"), "abc123");
	assert_non_null(store_object_metadata(&object, "mixed-case"));
	assert_null(store_object_metadata(&object, "other"));
	assert_true(llabs(object.modified_us - now_us) < 60 * 1000000LL);
	// libs3 shows no Cache-Control.
	assert_string_equal(object.cache_control, bench->is_sigv4 ? "public, max-age=31536000, immutable" : "");
	store_object_done(&object);
}

static void files_are_sent_and_written(struct store_bench *bench)
{
	char *data = store_bench_content(3 * MIB);
	int from = -1;
	int to = -1;
	struct err err = { 0 };
	store_bench_assert_ok(file_new_memory("from", &from, &err), &err);
	store_bench_assert_ok(file_new_memory("to", &to, &err), &err);
	store_bench_assert_ok(file_write_all(from, data, 3 * MIB, &err), &err);
	struct store_target target = store_bench_target(bench, "file");
	struct store_body body = { .fd = from, .offset = 1000, .length = 2 * MIB };
	store_bench_assert_ok(store_put(bench->store, &target, &body, NULL, NULL, &err), &err);

	uint8_t sha256[SHA256_SIZE];
	uint8_t expected[SHA256_SIZE];
	uint64_t length = 0;
	struct store_object object;
	store_bench_assert_ok(store_get_file(bench->store, &target, NULL, to, 2 * MIB, sha256, &length, &object, &err),
	                      &err);
	assert_int_equal(length, 2 * MIB);
	assert_int_equal(object.size, 2 * MIB);
	sha256_of(data + 1000, 2 * MIB, expected);
	assert_memory_equal(sha256, expected, sizeof expected);
	void *mapped = mmap(NULL, 2 * MIB, PROT_READ, MAP_SHARED, to, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	assert_memory_equal(mapped, data + 1000, 2 * MIB);
	(void)munmap(mapped, 2 * MIB);
	store_object_done(&object);

	assert_int_equal(store_get_file(bench->store, &target, NULL, to, 2 * MIB - 1, NULL, NULL, NULL, &err),
	                 RC_LIMIT);
	body.length = 4 * MIB; // more than the file has
	assert_int_equal(store_put(bench->store, &target, &body, NULL, NULL, &err), RC_INVALID);
	(void)close(from);
	(void)close(to);
	free(data);
}

struct range_row {
	uint64_t first;
	uint64_t length;
	const char *expected; // NULL: refused
};

static void ranges_are_read(struct store_bench *bench)
{
	static const struct range_row rows[] = { { 0, 3, "abc" },       { 3, 4, "defg" }, { 20, 0, "uvwxyz" },
		                                 { 20, 100, "uvwxyz" }, { 25, 1, "z" },   { 26, 0, NULL },
		                                 { 1000, 5, NULL } };
	store_bench_put_text(bench, "alphabet", "abcdefghijklmnopqrstuvwxyz");
	struct store_target target = store_bench_target(bench, "alphabet");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct store_get_options options = { .first = rows[i].first, .length = rows[i].length };
		struct buffer out;
		buffer_init(&out, 100);
		struct store_object object = { 0 };
		struct err err = { 0 };
		enum rc rc = store_get(bench->store, &target, &options, &out, &object, &err);
		if (rows[i].expected == NULL) {
			assert_int_equal(rc, RC_INVALID);
		} else {
			store_bench_assert_ok(rc, &err);
			assert_string_equal(buffer_text(&out), rows[i].expected);
			assert_int_equal(object.size, 26);
		}
		store_object_done(&object);
		buffer_done(&out);
	}
}

static void conditions_on_reads_hold(struct store_bench *bench)
{
	store_bench_put_text(bench, "versioned", "one");
	struct store_target target = store_bench_target(bench, "versioned");
	struct store_object object;
	struct err err = { 0 };
	store_bench_assert_ok(store_head(bench->store, &target, &object, &err), &err);
	struct store_get_options options = { .if_match = object.etag };
	struct buffer out;
	buffer_init(&out, 100);
	store_bench_assert_ok(store_get(bench->store, &target, &options, &out, NULL, &err), &err);
	store_bench_put_text(bench, "versioned", "two");
	assert_int_equal(store_get(bench->store, &target, &options, &out, NULL, &err), RC_CONFLICT);
	buffer_done(&out);
	store_object_done(&object);
}

static void caps_hold(struct store_bench *bench)
{
	store_bench_put_text(bench, "five", "12345");
	struct store_target target = store_bench_target(bench, "five");
	struct buffer out;
	struct err err = { 0 };
	buffer_init(&out, 5);
	store_bench_assert_ok(store_get(bench->store, &target, NULL, &out, NULL, &err), &err);
	buffer_done(&out);
	buffer_init(&out, 4);
	assert_int_equal(store_get(bench->store, &target, NULL, &out, NULL, &err), RC_LIMIT);
	assert_true(out.length <= 4);
	buffer_done(&out);
}

static void missing_things_are_not_found(struct store_bench *bench)
{
	struct store_target target = store_bench_target(bench, "missing");
	struct store_target nowhere = { .bucket = "no-such-bucket-here", .key = "missing" };
	struct store_body body = { .data = "a", .length = 1 };
	struct store_object object;
	struct store_page page;
	struct buffer out;
	buffer_init(&out, 100);
	struct err err = { 0 };
	assert_int_equal(store_head(bench->store, &target, &object, &err), RC_NOT_FOUND);
	assert_int_equal(store_get(bench->store, &target, NULL, &out, NULL, &err), RC_NOT_FOUND);
	assert_int_equal(store_copy(bench->store, &target, NULL, &target, NULL, &err), RC_NOT_FOUND);
	assert_int_equal(store_put(bench->store, &nowhere, &body, NULL, NULL, &err), RC_NOT_FOUND);
	assert_int_equal(store_list(bench->store, nowhere.bucket, NULL, &page, &err), RC_NOT_FOUND);
	assert_int_equal(store_bucket_delete(bench->store, nowhere.bucket, &err), RC_NOT_FOUND);
	store_bench_assert_ok(store_delete(bench->store, &target, &err), &err);
	buffer_done(&out);
}

static void wrong_credentials_are_denied(struct store_bench *bench)
{
	static const char *const credentials[][2] = { { "admin", "wrong" }, { "nobody", "wrong" } };
	struct store_target target = store_bench_target(bench, "denied");
	struct store_body body = { .data = "a", .length = 1 };
	for (size_t i = 0; i < COUNT(credentials); i++) {
		struct store *store = store_bench_open(bench, bench->is_sigv4 ? "sigv4" : "libs3", NULL,
		                                       credentials[i][0], credentials[i][1]);
		struct store_object object;
		struct err err = { 0 };
		assert_int_equal(store_put(store, &target, &body, NULL, NULL, &err), RC_DENIED);
		assert_int_equal(store_head(store, &target, &object, &err), RC_DENIED);
		assert_null(strstr(err.text, "wrong"));
		store_free(store);
	}
}

static void an_absent_store_is_unavailable(struct store_bench *bench)
{
	// Port 9 (discard): nobody listens there.
	struct store *store =
	        store_bench_open(bench, bench->is_sigv4 ? "sigv4" : "libs3", "http://127.0.0.1:9", NULL, NULL);
	struct store_target target = store_bench_target(bench, "absent");
	struct store_body body = { .data = "a", .length = 1 };
	struct store_object object;
	struct err err = { 0 };
	int64_t begun_us = clock_monotonic_us();
	assert_int_equal(store_head(store, &target, &object, &err), RC_UNAVAILABLE);
	assert_int_equal(store_put(store, &target, &body, NULL, NULL, &err), RC_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begun_us < 2000000);
	store_free(store);
}

static void wrong_digests_are_refused(struct store_bench *bench)
{
	struct store_target target = store_bench_target(bench, "digest");
	struct store_body body = { .data = "a", .length = 1 };
	uint8_t wrong[MD5_SIZE] = { 1 };
	struct store_put_options options = { .content_md5 = wrong, .idempotent = true };
	struct err err = { 0 };
	assert_int_equal(store_put(bench->store, &target, &body, &options, NULL, &err), RC_INVALID);
	if (bench->is_sigv4) {
		uint8_t wrong_sha256[SHA256_SIZE] = { 1 };
		body.sha256 = wrong_sha256;
		assert_int_not_equal(store_put(bench->store, &target, &body, NULL, NULL, &err), RC_OK);
	}
	struct store_object object;
	assert_int_equal(store_head(bench->store, &target, &object, &err), RC_NOT_FOUND);
}

static void puts_can_be_conditional(struct store_bench *bench)
{
	struct store_target target = store_bench_target(bench, "only-once");
	struct store_body body = { .data = "first", .length = 5 };
	struct store_put_options options = { .only_if_absent = true };
	struct err err = { 0 };
	if (!bench->is_sigv4) {
		assert_int_equal(store_put(bench->store, &target, &body, &options, NULL, &err), RC_INVALID);
		return;
	}
	store_bench_assert_ok(store_put(bench->store, &target, &body, &options, NULL, &err), &err);
	body.data = "other";
	assert_int_equal(store_put(bench->store, &target, &body, &options, NULL, &err), RC_EXISTS);
	store_bench_assert_content(bench, "only-once", "first", 5);
}

static void copies_are_made(struct store_bench *bench)
{
	struct store_target from = store_bench_target(bench, bench->is_sigv4 ? "copy/from ü+%" : "copy/from");
	struct store_target to = store_bench_target(bench, "copy/to");
	struct store_body body = { .data = "copied", .length = 6 };
	static const struct store_pair metadata[] = { { "kept", "yes" } };
	struct store_put_options options = { .content_type = "image/png", .metadata = metadata, .metadata_count = 1 };
	char etag[STORE_ETAG_SIZE];
	char copied[STORE_ETAG_SIZE];
	struct err err = { 0 };
	store_bench_assert_ok(store_put(bench->store, &from, &body, &options, etag, &err), &err);
	store_bench_assert_ok(store_copy(bench->store, &from, NULL, &to, copied, &err), &err);
	assert_string_equal(copied, etag);
	struct store_object object;
	store_bench_assert_ok(store_head(bench->store, &to, &object, &err), &err);
	assert_string_equal(object.content_type, "image/png");
	assert_string_equal(store_object_metadata(&object, "kept"), "yes");
	store_object_done(&object);
	enum rc matching = store_copy(bench->store, &from, etag, &to, NULL, &err);
	enum rc other = store_copy(bench->store, &from, "00000000000000000000000000000000", &to, NULL, &err);
	assert_int_equal(matching, bench->is_sigv4 ? RC_OK : RC_INVALID);
	assert_int_equal(other, bench->is_sigv4 ? RC_CONFLICT : RC_INVALID);
}

// ---- buckets and
// limits-----------------------------------------------------------------------------------------------

static void buckets_are_made_once(struct store_bench *bench)
{
	struct err err = { 0 };
	store_bench_assert_ok(store_bucket_create(bench->store, bench->bucket, &err), &err);
	store_bench_put_text(bench, "keeps-the-bucket", "a");
	assert_int_equal(store_bucket_delete(bench->store, bench->bucket, &err), RC_CONFLICT);
	char *secret = store_bench_secret("ingest");
	struct store *stranger = store_bench_open(bench, bench->is_sigv4 ? "sigv4" : "libs3", NULL, "ingest", secret);
	assert_int_not_equal(store_bucket_create(stranger, bench->bucket, &err), RC_OK);
	store_free(stranger);
	free(secret);
}

static void the_clock_is_watched(struct store_bench *bench)
{
	store_bench_put_text(bench, "clock", "a");
	int64_t skew_ms = store_clock_skew_ms(bench->store);
	assert_true(skew_ms > -2500 && skew_ms < 2500);
}

// What only sigv4 can: a clear refusal from libs3.
static void the_drivers_limits_are_told(struct store_bench *bench)
{
	if (bench->is_sigv4)
		return;
	struct store_target target = store_bench_target(bench, "key");
	struct store_presign put = { .method = "PUT", .bucket = bench->bucket, .key = "key", .seconds = 60 };
	struct store_form_options form = { .bucket = bench->bucket, .key = "key", .most_bytes = 1, .seconds = 60 };
	char upload_id[STORE_UPLOAD_ID_SIZE];
	struct store_signed_request signed_request;
	struct store_form signed_form;
	struct err err = { 0 };
	assert_int_equal(store_presign_request(bench->store, &put, &signed_request, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "libs3"));
	put.method = "GET";
	put.key = "a b";
	assert_int_equal(store_presign_request(bench->store, &put, &signed_request, &err), RC_INVALID);
	assert_int_equal(store_presign_form(bench->store, &form, &signed_form, &err), RC_INVALID);
	assert_int_equal(store_upload_create(bench->store, &target, NULL, upload_id, &err), RC_INVALID);
	assert_int_equal(store_bucket_put_policy(bench->store, bench->bucket, "{}", &err), RC_INVALID);
}

int main(void)
{
	static const struct store_bench_case cases[] = {
		STORE_BENCH_CASE(objects_round_trip),
		STORE_BENCH_CASE(properties_come_back),
		STORE_BENCH_CASE(files_are_sent_and_written),
		STORE_BENCH_CASE(ranges_are_read),
		STORE_BENCH_CASE(conditions_on_reads_hold),
		STORE_BENCH_CASE(caps_hold),
		STORE_BENCH_CASE(missing_things_are_not_found),
		STORE_BENCH_CASE(wrong_credentials_are_denied),
		STORE_BENCH_CASE(an_absent_store_is_unavailable),
		STORE_BENCH_CASE(wrong_digests_are_refused),
		STORE_BENCH_CASE(puts_can_be_conditional),
		STORE_BENCH_CASE(copies_are_made),
		STORE_BENCH_CASE(buckets_are_made_once),
		STORE_BENCH_CASE(the_clock_is_watched),
		STORE_BENCH_CASE(the_drivers_limits_are_told),
	};
	return store_bench_main("store", cases, COUNT(cases));
}
