// The contract of store/store.h for odd keys, lists and many objects at once, on both drivers against the real store.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/content_md5.h"
#include "tests/integration/support/store_bench.h"
#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// ---- keys and lists
// ---------------------------------------------------------------------------------------------------

static const char *const KEYS[] = { " ",
	                            "!'()*",
	                            "&amp;<\">",
	                            "/begins with a slash",
	                            "a b c",
	                            "a#b?c=d&e",
	                            "a%20b",
	                            "a%2Fb",
	                            "a+b",
	                            "a//b",
	                            "a;b:c@d,e$f",
	                            "a\\b",
	                            "ends with a slash/",
	                            "quote\"'`",
	                            "{}|^[]",
	                            "~tilde-._",
	                            "\xc3\xa9\xc3\x9f/\xe6\x97\xa5\xe6\x9c\xac",
	                            "\xf0\x9f\x98\x80.jpg" };

// The table's keys that the driver can use; the others it must refuse.
static size_t choose_keys(const struct store_bench *bench, const char *ret_keys[COUNT(KEYS)])
{
	size_t count = 0;
	for (size_t i = 0; i < COUNT(KEYS); i++) {
		struct store_target target = store_bench_target(bench, KEYS[i]);
		struct store_body body = { .data = KEYS[i], .length = strlen(KEYS[i]) };
		struct err err = { 0 };
		enum rc rc = store_put(bench->store, &target, &body, NULL, NULL, &err);
		if (!bench->is_sigv4 && strchr(KEYS[i], ' ') != NULL) {
			assert_int_equal(rc, RC_INVALID);
			continue;
		}
		store_bench_assert_ok(rc, &err);
		ret_keys[count++] = KEYS[i];
	}
	return count;
}

static void odd_keys_round_trip(struct store_bench *bench)
{
	const char *keys[COUNT(KEYS)];
	size_t count = choose_keys(bench, keys);
	struct store_page page;
	struct err err = { 0 };
	store_bench_assert_ok(store_list(bench->store, bench->bucket, NULL, &page, &err), &err);
	assert_int_equal(page.count, count);
	assert_null(page.continuation);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(page.entries[i].key, keys[i]); // the table is in byte order
		assert_int_equal(page.entries[i].size, strlen(keys[i]));
		assert_int_equal(strlen(page.entries[i].etag), 32);
		assert_true(llabs(page.entries[i].modified_us - clock_now_us()) < 60 * 1000000LL);
		store_bench_assert_content(bench, keys[i], keys[i], strlen(keys[i]));
	}
	store_page_done(&page);
	size_t deleted = 0;
	store_bench_assert_ok(store_delete_many(bench->store, bench->bucket, keys, count, 0, &deleted, &err), &err);
	assert_int_equal(deleted, count);
	store_bench_assert_ok(store_list(bench->store, bench->bucket, NULL, &page, &err), &err);
	assert_int_equal(page.count, 0);
	store_page_done(&page);
}

static void dot_segments_stay_in_their_bucket(struct store_bench *bench)
{
	static const char *const keys[] = { "a/../b", "./a", "..", "../other-bucket/a", "a/." };
	struct store_body body = { .data = "dots", .length = 4 };
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct store_target target = store_bench_target(bench, keys[i]);
		struct err err = { 0 };
		enum rc rc = store_put(bench->store, &target, &body, NULL, NULL, &err);
		if (bench->is_sigv4) {
			store_bench_assert_ok(rc, &err);
			store_bench_assert_content(bench, keys[i], "dots", 4);
		} else {
			assert_int_equal(rc, RC_INVALID);
		}
	}
}

static void impossible_names_are_refused(struct store_bench *bench)
{
	static const char *const buckets[] = { "", "ab", "Upper", "a..b", "-abc", "abc/def", "../abc", "a b c" };
	static const char *const keys[] = { "", "a\nb", "a\x7f", "\xff\xfe", "\xc3" };
	struct store_body body = { .data = "a", .length = 1 };
	struct err err = { 0 };
	for (size_t i = 0; i < COUNT(buckets); i++) {
		struct store_target target = { .bucket = buckets[i], .key = "key" };
		assert_int_equal(store_put(bench->store, &target, &body, NULL, NULL, &err), RC_INVALID);
	}
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct store_target target = store_bench_target(bench, keys[i]);
		assert_int_equal(store_put(bench->store, &target, &body, NULL, NULL, &err), RC_INVALID);
		assert_int_equal(store_delete(bench->store, &target, &err), RC_INVALID);
	}
	char longest[LIMIT_OBJECT_KEY_BYTES + 2];
	memset(longest, 'k', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	struct store_target target = store_bench_target(bench, longest);
	assert_int_equal(store_put(bench->store, &target, &body, NULL, NULL, &err), RC_INVALID);
	longest[bench->is_sigv4 ? LIMIT_OBJECT_KEY_BYTES : 1022] = '\0';
	store_bench_assert_ok(store_put(bench->store, &target, &body, NULL, NULL, &err), &err);
	static const struct store_pair metadata[] = { { "a", "b\r\nx-amz-acl: public-read" } };
	struct store_put_options options = { .metadata = metadata, .metadata_count = 1 };
	target.key = "metadata";
	assert_int_equal(store_put(bench->store, &target, &body, &options, NULL, &err), RC_INVALID);
}

// Keys of the form "PREFIX007" from number `first` on, over as many pages as it takes.
static void assert_pages(const struct store_bench *bench, const struct store_list_options *options, unsigned first,
                         unsigned last)
{
	struct store_list_options next = *options;
	struct store_page page = { 0 };
	unsigned number = first;
	unsigned pages = 0;
	do {
		struct store_page following;
		struct err err = { 0 };
		store_bench_assert_ok(store_list(bench->store, bench->bucket, &next, &following, &err), &err);
		store_page_done(&page);
		page = following;
		for (size_t i = 0; i < page.count; i++) {
			char key[32];
			(void)snprintf(key, sizeof key, "page/%03u", number++);
			assert_string_equal(page.entries[i].key, key);
		}
		assert_true(page.count <= options->page_size);
		next.continuation = page.continuation;
		assert_true(++pages < 100);
	} while (next.continuation != NULL);
	store_page_done(&page);
	assert_int_equal(number, last + 1);
}

static void lists_are_paged(struct store_bench *bench)
{
	for (unsigned i = 0; i < 25; i++) {
		char key[32];
		(void)snprintf(key, sizeof key, "page/%03u", i);
		store_bench_put_text(bench, key, "a");
	}
	store_bench_put_text(bench, "other", "a");
	assert_pages(bench, &(struct store_list_options){ .prefix = "page/", .page_size = 10 }, 0, 24);
	assert_pages(bench, &(struct store_list_options){ .prefix = "page/", .page_size = 25 }, 0, 24);
	assert_pages(bench, &(struct store_list_options){ .prefix = "page/", .page_size = 1000 }, 0, 24);
	assert_pages(bench, &(struct store_list_options){ .prefix = "page/01", .page_size = 3 }, 10, 19);
	assert_pages(bench,
	             &(struct store_list_options){ .prefix = "page/", .page_size = 4, .start_after = "page/007" }, 8,
	             24);
	struct store_page page;
	struct err err = { 0 };
	struct store_list_options none = { .prefix = "nothing/" };
	store_bench_assert_ok(store_list(bench->store, bench->bucket, &none, &page, &err), &err);
	assert_int_equal(page.count, 0);
	store_page_done(&page);
}

static void many_are_stored_at_once(struct store_bench *bench)
{
	enum { ITEMS = 30 };
	struct store_put_item *items = calloc(ITEMS, sizeof *items);
	char keys[ITEMS][32];
	assert_non_null(items);
	for (unsigned i = 0; i < ITEMS; i++) {
		(void)snprintf(keys[i], sizeof keys[i], "many/%03u", i);
		items[i].target = store_bench_target(bench, keys[i]);
		items[i].body = (struct store_body){ .data = keys[i], .length = strlen(keys[i]) };
		items[i].options.idempotent = true;
	}
	struct err err = { 0 };
	store_bench_assert_ok(store_put_many(bench->store, items, ITEMS, 4, 0, &err), &err);
	for (unsigned i = 0; i < ITEMS; i++) {
		char md5[33];
		store_bench_md5(keys[i], strlen(keys[i]), md5);
		assert_int_equal(items[i].rc, RC_OK);
		assert_string_equal(items[i].etag, md5);
		store_bench_assert_content(bench, keys[i], keys[i], strlen(keys[i]));
	}
	// One that cannot be stored: told with its key; the others are there.
	uint8_t wrong[MD5_SIZE] = { 1 };
	items[7].options.content_md5 = wrong;
	items[8].body.data = "new content here";
	assert_int_equal(store_put_many(bench->store, items, ITEMS, 4, 0, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "many/007"));
	for (unsigned i = 0; i < ITEMS; i++)
		assert_int_equal(items[i].rc, i == 7 ? RC_INVALID : RC_OK);
	store_bench_assert_content(bench, "many/008", "new cont", 8);
	// One that may not even be asked for: nothing is sent.
	items[7].options.content_md5 = NULL;
	items[7].target.key = "";
	items[8].body.data = "many/008";
	assert_int_equal(store_put_many(bench->store, items, ITEMS, 4, 0, &err), RC_INVALID);
	assert_int_equal(items[8].rc, RC_INVALID);
	store_bench_assert_content(bench, "many/008", "new cont", 8);
	store_bench_assert_ok(store_put_many(bench->store, items, 0, 4, 0, &err), &err);
	free(items);
}

int main(void)
{
	static const struct store_bench_case cases[] = {
		STORE_BENCH_CASE(odd_keys_round_trip),          STORE_BENCH_CASE(dot_segments_stay_in_their_bucket),
		STORE_BENCH_CASE(impossible_names_are_refused), STORE_BENCH_CASE(lists_are_paged),
		STORE_BENCH_CASE(many_are_stored_at_once),
	};
	return store_bench_main("store lists", cases, COUNT(cases));
}
