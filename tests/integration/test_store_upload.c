// Multipart uploads, capabilities, lost answers and many threads, on the real object storage (sigv4 driver).
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "store/content_md5.h"
#include "store/store_admin.h"
#include "store/store_flaky.h"
#include "store/store_multipart.h"
#include "tests/integration/support/store_bench.h"
#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define PART_BYTES ((size_t)STORE_PART_BYTES_MIN)

struct begun_upload {
	struct store_target target;
	char upload_id[STORE_UPLOAD_ID_SIZE];
	char *data;
	size_t length;
	struct store_part parts[3];
};

// Two full parts and a short one, sent in the order 3, 1, 2.
static struct begun_upload begin_upload(struct store *store, const struct store_bench *bench, const char *key)
{
	static const unsigned order[] = { 3, 1, 2 };
	struct begun_upload upload = { .target = store_bench_target(bench, key), .length = 2 * PART_BYTES + 100 };
	static const struct store_pair metadata[] = { { "kept", "yes" } };
	struct store_put_options options = { .content_type = "image/tiff", .metadata = metadata, .metadata_count = 1 };
	struct err err = { 0 };
	upload.data = store_bench_content(upload.length);
	store_bench_assert_ok(store_upload_create(store, &upload.target, &options, upload.upload_id, &err), &err);
	for (size_t i = 0; i < COUNT(order); i++) {
		size_t at = (order[i] - 1) * PART_BYTES;
		struct store_body body = { .data = upload.data + at, .length = order[i] == 3 ? 100 : PART_BYTES };
		uint8_t md5[MD5_SIZE];
		md5_of(body.data, body.length, md5);
		upload.parts[i].number = order[i];
		store_bench_assert_ok(store_upload_put_part(store, &upload.target, upload.upload_id, order[i], &body,
		                                            md5, upload.parts[i].etag, &err),
		                      &err);
	}
	return upload;
}

static void uploads_are_completed(struct store_bench *bench)
{
	struct begun_upload upload = begin_upload(bench->store, bench, "upload/ü +&.tiff");
	struct store_parts parts;
	struct err err = { 0 };
	store_bench_assert_ok(store_upload_list_parts(bench->store, &upload.target, upload.upload_id, &parts, &err),
	                      &err);
	assert_int_equal(parts.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(parts.parts[i].number, i + 1);
		assert_int_equal(parts.parts[i].size, i == 2 ? 100 : PART_BYTES);
	}
	assert_string_equal(parts.parts[0].etag, upload.parts[1].etag);
	store_parts_done(&parts);

	// In any order, with or without quotes, as clients bring them.
	char quoted[STORE_ETAG_SIZE];
	(void)snprintf(quoted, sizeof quoted, "\"%.100s\"", upload.parts[0].etag);
	memcpy(upload.parts[0].etag, quoted, sizeof quoted);
	char etag[STORE_ETAG_SIZE];
	store_bench_assert_ok(
	        store_upload_complete(bench->store, &upload.target, upload.upload_id, upload.parts, 3, etag, &err),
	        &err);
	assert_string_equal(etag + strlen(etag) - 2, "-3");
	store_bench_assert_content(bench, upload.target.key, upload.data, upload.length);
	struct store_object object;
	store_bench_assert_ok(store_head(bench->store, &upload.target, &object, &err), &err);
	assert_string_equal(object.etag, etag);
	assert_string_equal(object.content_type, "image/tiff");
	assert_string_equal(store_object_metadata(&object, "kept"), "yes");
	store_object_done(&object);

	assert_int_equal(store_upload_list_parts(bench->store, &upload.target, upload.upload_id, &parts, &err),
	                 RC_NOT_FOUND);
	store_bench_assert_ok(store_upload_abort(bench->store, &upload.target, upload.upload_id, &err), &err);
	store_bench_assert_content(bench, upload.target.key, upload.data, upload.length);
	free(upload.data);
}

static void wrong_completions_are_refused(struct store_bench *bench)
{
	struct begun_upload upload = begin_upload(bench->store, bench, "wrong");
	struct store_part parts[3];
	struct err err = { 0 };
	memcpy(parts, upload.parts, sizeof parts);
	memset(parts[1].etag, '0', 32);
	assert_int_equal(store_upload_complete(bench->store, &upload.target, upload.upload_id, parts, 3, NULL, &err),
	                 RC_INVALID);
	memcpy(parts, upload.parts, sizeof parts);
	parts[1].number = 7;
	assert_int_equal(store_upload_complete(bench->store, &upload.target, upload.upload_id, parts, 3, NULL, &err),
	                 RC_INVALID);
	parts[1].number = 3;
	assert_int_equal(store_upload_complete(bench->store, &upload.target, upload.upload_id, parts, 3, NULL, &err),
	                 RC_INVALID);
	assert_int_equal(store_upload_complete(bench->store, &upload.target, upload.upload_id, parts, 0, NULL, &err),
	                 RC_INVALID);
	assert_int_equal(
	        store_upload_complete(bench->store, &upload.target, "no-such-upload", upload.parts, 3, NULL, &err),
	        RC_NOT_FOUND);
	struct store_object object;
	assert_int_equal(store_head(bench->store, &upload.target, &object, &err), RC_NOT_FOUND);
	store_bench_assert_ok(store_upload_abort(bench->store, &upload.target, upload.upload_id, &err), &err);
	assert_int_equal(
	        store_upload_complete(bench->store, &upload.target, upload.upload_id, upload.parts, 3, NULL, &err),
	        RC_NOT_FOUND);
	free(upload.data);
}

static void small_parts_are_refused(struct store_bench *bench)
{
	struct store_target target = store_bench_target(bench, "small");
	char upload_id[STORE_UPLOAD_ID_SIZE];
	struct store_part parts[2] = { { .number = 1 }, { .number = 2 } };
	struct store_body body = { .data = "tiny", .length = 4 };
	struct err err = { 0 };
	store_bench_assert_ok(store_upload_create(bench->store, &target, NULL, upload_id, &err), &err);
	for (unsigned i = 0; i < 2; i++)
		store_bench_assert_ok(store_upload_put_part(bench->store, &target, upload_id, i + 1, &body, NULL,
		                                            parts[i].etag, &err),
		                      &err);
	assert_int_equal(store_upload_complete(bench->store, &target, upload_id, parts, 2, NULL, &err), RC_INVALID);
	assert_int_equal(store_upload_put_part(bench->store, &target, upload_id, 0, &body, NULL, NULL, &err),
	                 RC_INVALID);
	assert_int_equal(store_upload_put_part(bench->store, &target, upload_id, 10001, &body, NULL, NULL, &err),
	                 RC_INVALID);
}

// More parts than one page of the list holds.
static void many_parts_are_listed(struct store_bench *bench)
{
	enum { PARTS = 1003 };
	struct store_target target = store_bench_target(bench, "many-parts");
	char upload_id[STORE_UPLOAD_ID_SIZE];
	struct store_body body = { .data = "p", .length = 1 };
	struct err err = { 0 };
	store_bench_assert_ok(store_upload_create(bench->store, &target, NULL, upload_id, &err), &err);
	for (unsigned i = 1; i <= PARTS; i++)
		store_bench_assert_ok(
		        store_upload_put_part(bench->store, &target, upload_id, i, &body, NULL, NULL, &err), &err);
	struct store_parts parts;
	store_bench_assert_ok(store_upload_list_parts(bench->store, &target, upload_id, &parts, &err), &err);
	assert_int_equal(parts.count, PARTS);
	for (unsigned i = 0; i < PARTS; i++)
		assert_int_equal(parts.parts[i].number, i + 1);
	store_parts_done(&parts);
}

static void uploads_are_listed(struct store_bench *bench)
{
	static const char *const keys[] = { "list/a b&c", "list/z", "list/\xc3\xa9+%" };
	char ids[COUNT(keys)][STORE_UPLOAD_ID_SIZE];
	struct err err = { 0 };
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct store_target target = store_bench_target(bench, keys[i]);
		store_bench_assert_ok(store_upload_create(bench->store, &target, NULL, ids[i], &err), &err);
	}
	struct store_list_options options = { .prefix = "list/", .page_size = 1 };
	struct store_upload_page page = { 0 };
	size_t seen = 0;
	do {
		struct store_upload_page next;
		store_bench_assert_ok(store_upload_list(bench->store, bench->bucket, &options, &next, &err), &err);
		store_upload_page_done(&page);
		page = next;
		for (size_t i = 0; i < page.count; i++, seen++) {
			assert_true(seen < COUNT(keys));
			assert_string_equal(page.uploads[i].key, keys[seen]);
			assert_string_equal(page.uploads[i].upload_id, ids[seen]);
			assert_true(llabs(page.uploads[i].initiated_us - clock_now_us()) < 60 * 1000000LL);
		}
		options.continuation = page.continuation;
	} while (page.continuation != NULL);
	assert_int_equal(seen, COUNT(keys));
	store_upload_page_done(&page);
	options.continuation = "no separator";
	assert_int_equal(store_upload_list(bench->store, bench->bucket, &options, &page, &err), RC_INVALID);
}

static void capabilities_are_found(struct store_bench *bench)
{
	struct store_capabilities capabilities;
	struct err err = { 0 };
	store_bench_assert_ok(store_probe(bench->store, bench->store, bench->bucket, &capabilities, &err), &err);
	assert_true(capabilities.put_if_absent);
	assert_true(capabilities.content_md5);
	assert_true(capabilities.get_if_match);
	assert_true(capabilities.copy_if_match);
	assert_true(capabilities.multipart);
	// libs3 cannot even ask for some of them: plain no, no error.
	struct store *plain = store_bench_open(bench, "libs3", NULL, NULL, NULL);
	store_bench_assert_ok(store_probe(plain, plain, bench->bucket, &capabilities, &err), &err);
	assert_false(capabilities.put_if_absent);
	assert_true(capabilities.content_md5);
	assert_true(capabilities.get_if_match);
	assert_false(capabilities.copy_if_match);
	assert_false(capabilities.multipart);
	store_free(plain);
	struct store *stranger = store_bench_open(bench, "sigv4", NULL, "nobody", "wrong");
	assert_int_equal(store_probe(stranger, stranger, bench->bucket, &capabilities, &err), RC_DENIED);
	store_free(stranger);
	struct store_page page;
	store_bench_assert_ok(store_list(bench->store, bench->bucket, NULL, &page, &err), &err);
	assert_int_equal(page.count, 0); // nothing is left behind
	store_page_done(&page);
}

// ---- answers that are lost
// ----------------------------------------------------------------------------------------------

static struct store *open_flaky(const struct store_bench *bench)
{
	struct store *inner = store_bench_open(bench, "sigv4", NULL, NULL, NULL);
	struct store *flaky = store_flaky_new(&inner);
	assert_non_null(flaky);
	assert_null(inner);
	return flaky;
}

struct lost_put_row {
	const char *name;
	bool idempotent;
	bool only_if_absent;
	enum store_failure_moment moment;
	enum rc injected;
	unsigned times;
	enum rc expected;
	unsigned calls;
};

static const struct lost_put_row LOST_PUTS[] = {
	{ "refused once", false, false, STORE_FAIL_BEFORE, RC_UNAVAILABLE, 1, RC_OK, 2 },
	{ "refused for ever", false, false, STORE_FAIL_BEFORE, RC_UNAVAILABLE, 99, RC_UNAVAILABLE, 3 },
	{ "lost, repeatable", true, false, STORE_FAIL_AFTER, RC_UNKNOWN, 1, RC_OK, 2 },
	{ "lost, not repeatable", false, false, STORE_FAIL_AFTER, RC_UNKNOWN, 1, RC_UNKNOWN, 1 },
	{ "lost for ever, repeatable", true, false, STORE_FAIL_AFTER, RC_UNKNOWN, 99, RC_UNAVAILABLE, 3 },
	{ "lost, conditional", true, true, STORE_FAIL_AFTER, RC_UNKNOWN, 1, RC_UNKNOWN, 1 },
	{ "denied", true, false, STORE_FAIL_BEFORE, RC_DENIED, 1, RC_DENIED, 1 },
	{ "late", true, false, STORE_FAIL_BEFORE, RC_TIMEOUT, 1, RC_TIMEOUT, 1 },
};

static void lost_puts_are_repeated_where_it_is_safe(struct store_bench *bench)
{
	for (size_t i = 0; i < COUNT(LOST_PUTS); i++) {
		const struct lost_put_row *row = &LOST_PUTS[i];
		print_message("  %s\n", row->name);
		struct store *store = open_flaky(bench);
		char key[32];
		(void)snprintf(key, sizeof key, "lost/%zu", i);
		struct store_target target = store_bench_target(bench, key);
		struct store_body body = { .data = "kept", .length = 4 };
		struct store_put_options options = { .idempotent = row->idempotent,
			                             .only_if_absent = row->only_if_absent };
		struct err err = { 0 };
		store_flaky_fail(store, STORE_CALL_PUT, 1, row->times, row->moment, row->injected);
		assert_int_equal(store_put(store, &target, &body, &options, NULL, &err), row->expected);
		assert_int_equal(store_flaky_calls(store, STORE_CALL_PUT), row->calls);
		assert_int_equal(row->expected == RC_OK ? RC_OK : err.rc, row->expected);
		if (row->moment == STORE_FAIL_AFTER)
			store_bench_assert_content(bench, key, "kept", 4);
		store_free(store);
	}
}

static void reads_are_repeated_from_the_start(struct store_bench *bench)
{
	struct store *store = open_flaky(bench);
	struct store_target target = store_bench_target(bench, "read");
	store_bench_put_text(bench, "read", "content");
	struct buffer out;
	buffer_init(&out, 7); // a doubled content would not fit
	struct err err = { 0 };
	store_flaky_fail(store, STORE_CALL_GET, 1, 2, STORE_FAIL_AFTER, RC_UNAVAILABLE);
	store_bench_assert_ok(store_get(store, &target, NULL, &out, NULL, &err), &err);
	assert_string_equal(buffer_text(&out), "content");
	assert_int_equal(store_flaky_calls(store, STORE_CALL_GET), 3);
	buffer_done(&out);
	store_flaky_fail(store, STORE_CALL_LIST, 2, 1, STORE_FAIL_AFTER, RC_UNAVAILABLE); // the second listing
	for (unsigned i = 0; i < 2; i++) {
		struct store_page page;
		store_bench_assert_ok(store_list(store, bench->bucket, NULL, &page, &err), &err);
		assert_int_equal(page.count, 1);
		store_page_done(&page);
	}
	assert_int_equal(store_flaky_calls(store, STORE_CALL_LIST), 3);
	store_flaky_fail(store, STORE_CALL_DELETE, 1, 1, STORE_FAIL_AFTER, RC_UNKNOWN);
	store_bench_assert_ok(store_delete(store, &target, &err), &err);
	store_free(store);
}

static void many_puts_repeat_what_failed_alone(struct store_bench *bench)
{
	struct store *store = open_flaky(bench);
	struct store_put_item items[5] = { 0 };
	static const char *const keys[] = { "some/0", "some/1", "some/2", "some/3", "some/4" };
	for (size_t i = 0; i < 5; i++) {
		items[i].target = store_bench_target(bench, keys[i]);
		items[i].body = (struct store_body){ .data = keys[i], .length = 6 };
		items[i].options.idempotent = i != 3;
	}
	struct err err = { 0 };
	store_flaky_fail(store, STORE_CALL_PUT, 3, 1, STORE_FAIL_AFTER, RC_UNKNOWN);
	store_bench_assert_ok(store_put_many(store, items, 5, 2, 0, &err), &err);
	assert_int_equal(store_flaky_calls(store, STORE_CALL_PUT), 6);
	// The fourth may not be repeated.
	store_flaky_fail(store, STORE_CALL_PUT, 4, 1, STORE_FAIL_AFTER, RC_UNKNOWN);
	assert_int_equal(store_put_many(store, items, 5, 2, 0, &err), RC_UNKNOWN);
	assert_int_equal(items[3].rc, RC_UNKNOWN);
	assert_int_equal(items[4].rc, RC_OK);
	assert_int_equal(store_flaky_calls(store, STORE_CALL_PUT), 11);
	store_free(store);
}

// Completion may succeed and its answer get lost: the object itself tells.
static void lost_completions_are_found(struct store_bench *bench)
{
	struct store *store = open_flaky(bench);
	struct begun_upload upload = begin_upload(store, bench, "lost-completion");
	char etag[STORE_ETAG_SIZE];
	struct err err = { 0 };
	store_flaky_fail(store, STORE_CALL_UPLOAD_COMPLETE, 1, 1, STORE_FAIL_AFTER, RC_UNKNOWN);
	store_bench_assert_ok(
	        store_upload_complete(store, &upload.target, upload.upload_id, upload.parts, 3, etag, &err), &err);
	assert_int_equal(store_flaky_calls(store, STORE_CALL_UPLOAD_COMPLETE), 1);
	assert_string_equal(etag + strlen(etag) - 2, "-3");
	store_bench_assert_content(bench, "lost-completion", upload.data, upload.length);
	free(upload.data);

	// The request is lost: the upload is still there, so it is completed again.
	struct begun_upload unheard = begin_upload(store, bench, "unheard-completion");
	store_flaky_fail(store, STORE_CALL_UPLOAD_COMPLETE, 1, 1, STORE_FAIL_BEFORE, RC_UNKNOWN);
	store_bench_assert_ok(
	        store_upload_complete(store, &unheard.target, unheard.upload_id, unheard.parts, 3, etag, &err), &err);
	assert_int_equal(store_flaky_calls(store, STORE_CALL_UPLOAD_COMPLETE), 3);
	free(unheard.data);

	// The upload is gone, and another object has the key: that is no success.
	struct begun_upload other = begin_upload(store, bench, "stolen");
	store_bench_assert_ok(store_upload_abort(bench->store, &other.target, other.upload_id, &err), &err);
	store_bench_put_text(bench, "stolen", "somebody else's");
	store_flaky_fail(store, STORE_CALL_UPLOAD_COMPLETE, 1, 1, STORE_FAIL_BEFORE, RC_UNAVAILABLE);
	assert_int_equal(store_upload_complete(store, &other.target, other.upload_id, other.parts, 3, NULL, &err),
	                 RC_NOT_FOUND);
	free(other.data);
	store_flaky_fail(store, STORE_CALL_UPLOAD_CREATE, 1, 1, STORE_FAIL_AFTER, RC_UNKNOWN);
	assert_int_equal(store_upload_create(store, &other.target, NULL, other.upload_id, &err), RC_UNKNOWN);
	assert_int_equal(store_flaky_calls(store, STORE_CALL_UPLOAD_CREATE), 4);
	store_free(store);
}

// ---- threads
// ---------------------------------------------------------------------------------------------------------------

struct thread_work {
	const struct store_bench *bench;
	unsigned number;
	atomic_uint *failures;
};

static void *work(void *context)
{
	const struct thread_work *thread = context;
	struct store *store = thread->bench->store;
	for (unsigned i = 0; i < 20; i++) {
		char key[32];
		(void)snprintf(key, sizeof key, "thread/%u/%u", thread->number, i);
		struct store_target target = store_bench_target(thread->bench, key);
		struct store_body body = { .data = key, .length = strlen(key) };
		struct buffer out;
		buffer_init(&out, 100);
		bool good = store_put(store, &target, &body, NULL, NULL, NULL) == RC_OK &&
		            store_get(store, &target, NULL, &out, NULL, NULL) == RC_OK &&
		            strcmp(buffer_text(&out), key) == 0;
		if (!good)
			(void)atomic_fetch_add(thread->failures, 1);
		buffer_done(&out);
	}
	return NULL;
}

static void threads_share_a_store(struct store_bench *bench)
{
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	struct thread_work works[THREADS];
	atomic_uint failures = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		works[i] = (struct thread_work){ bench, i, &failures };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &works[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&failures), 0);
}

int main(void)
{
	static const struct store_bench_case cases[] = {
		STORE_BENCH_SIGV4_CASE(uploads_are_completed),
		STORE_BENCH_SIGV4_CASE(wrong_completions_are_refused),
		STORE_BENCH_SIGV4_CASE(small_parts_are_refused),
		STORE_BENCH_SIGV4_CASE(many_parts_are_listed),
		STORE_BENCH_SIGV4_CASE(uploads_are_listed),
		STORE_BENCH_SIGV4_CASE(capabilities_are_found),
		STORE_BENCH_SIGV4_CASE(lost_puts_are_repeated_where_it_is_safe),
		STORE_BENCH_SIGV4_CASE(reads_are_repeated_from_the_start),
		STORE_BENCH_SIGV4_CASE(many_puts_repeat_what_failed_alone),
		STORE_BENCH_SIGV4_CASE(lost_completions_are_found),
		STORE_BENCH_CASE(threads_share_a_store),
	};
	return store_bench_main("store uploads", cases, COUNT(cases));
}
