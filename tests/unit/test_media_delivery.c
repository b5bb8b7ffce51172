// Tests of delivery URLs: the shared vectors (made by another implementation), every changed character, keys, windows.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "media/delivery.h"
#include "tests/unit/cmocka_all.h"

#define VECTORS "tests/vectors/delivery.json"
#define NOW 1796000000

static json_t *load_vectors(void)
{
	json_error_t failure;
	json_t *root = json_load_file(VECTORS, JSON_ALLOW_NUL, &failure);
	if (root == NULL)
		fail_msg("%s (run from the root of the tree): %s", VECTORS, failure.text);
	return root;
}

static struct delivery_keys load_keys(const json_t *root)
{
	struct delivery_keys keys;
	assert_int_equal(delivery_keys_parse(json_string_value(json_object_get(root, "keys")), &keys, NULL), RC_OK);
	return keys;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	if (text == NULL)
		fail_msg("vector without %s", name);
	return text;
}

static unsigned formats_of(const char *text)
{
	unsigned formats = 0;
	static const char *const names[] = { "avif", "webp", "jpeg" };
	for (size_t i = 0; i < 3; i++)
		if (strstr(text, names[i]) != NULL)
			formats |= FORMAT_BIT(media_format_by_name(names[i], 4));
	return formats;
}

static struct delivery_grant grant_of(const json_t *object)
{
	struct delivery_grant grant = { .formats = formats_of(text_of(object, "formats")) };
	assert_true(uuid_parse(text_of(object, "media_id"), &grant.media_id));
	grant.generation = (uint32_t)json_integer_value(json_object_get(object, "generation"));
	(void)snprintf(grant.variant, sizeof(grant.variant), "%s", text_of(object, "variant"));
	grant.format = media_format_by_name(text_of(object, "format"), strlen(text_of(object, "format")));
	grant.expiry = json_integer_value(json_object_get(object, "expiry"));
	return grant;
}

static void assert_same_grant(const struct delivery_grant *left, const struct delivery_grant *right)
{
	assert_true(uuid_equal(&left->media_id, &right->media_id));
	assert_int_equal(left->generation, right->generation);
	assert_string_equal(left->variant, right->variant);
	assert_int_equal(left->format, right->format);
	assert_int_equal(left->formats, right->formats);
	assert_true(left->expiry == right->expiry);
}

// Signing a grant with its key put first gives exactly the vector's URL.
static void assert_signs_alike(const struct delivery_keys *keys, const struct delivery_grant *grant,
                               const json_t *vector)
{
	struct delivery_keys first = { .count = 1 };
	const char *id = text_of(json_object_get(vector, "grant"), "key");
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->entries[i].id, id) == 0)
			first.entries[0] = keys->entries[i];
	char url[DELIVERY_URL_SIZE], expected[DELIVERY_URL_SIZE];
	size_t length = delivery_sign(&first, grant, url);
	(void)snprintf(expected, sizeof(expected), "%s?%s", text_of(vector, "path"), text_of(vector, "query"));
	assert_string_equal(url, expected);
	assert_int_equal(length, strlen(expected));
}

static void test_vectors(void **state)
{
	(void)state;
	json_t *root = load_vectors();
	struct delivery_keys keys = load_keys(root);
	size_t index, seen[DELIVERY_VERDICT_COUNT] = { 0 };
	const json_t *vector;
	json_array_foreach(json_object_get(root, "vectors"), index, vector)
	{
		const json_t *path = json_object_get(vector, "path");
		const json_t *query = json_object_get(vector, "query");
		struct delivery_grant grant;
		enum delivery_verdict verdict = delivery_verify(
		        &keys, json_string_value(path), json_string_length(path), json_string_value(query),
		        json_string_length(query), json_integer_value(json_object_get(vector, "now")), &grant);
		seen[verdict]++;
		if (strcmp(delivery_verdict_name(verdict), text_of(vector, "verdict")) != 0)
			fail_msg("%s: %s", text_of(vector, "name"), delivery_verdict_name(verdict));
		if (verdict != DELIVERY_OK)
			continue;
		struct delivery_grant expected = grant_of(json_object_get(vector, "grant"));
		assert_same_grant(&grant, &expected);
		assert_signs_alike(&keys, &expected, vector);
	}
	for (size_t i = 0; i < DELIVERY_VERDICT_COUNT; i++)
		assert_true(seen[i] > 0);
	json_decref(root);
}

// Every printable character at every place of a signed URL, and each character left out: never the same grant, never
// OK.
static void check_changes(const struct delivery_keys *keys, const struct delivery_grant *grant)
{
	char url[DELIVERY_URL_SIZE];
	struct delivery_grant granted;
	size_t length = delivery_sign(keys, grant, url);
	size_t path_length = (size_t)(strchr(url, '?') - url);
	const char *query = url + path_length + 1;
	assert_int_equal(delivery_verify(keys, url, path_length, query, length - path_length - 1, NOW, &granted),
	                 DELIVERY_OK);
	assert_same_grant(&granted, grant);
	for (size_t at = 0; at < length; at++) {
		char original = url[at];
		for (int character = 0; at != path_length && character < 256; character++) {
			url[at] = (char)character;
			if (url[at] != original &&
			    delivery_verify(keys, url, path_length, query, length - path_length - 1, NOW, &granted) ==
			            DELIVERY_OK)
				fail_msg("taken with byte %d at %zu", character, at);
		}
		url[at] = original;
		// Cut here: the path is too short, or the query is.
		size_t cut_path = at < path_length ? at : path_length;
		size_t cut_query = at > path_length ? at - path_length - 1 : 0;
		assert_int_not_equal(
		        delivery_verify(keys, url, cut_path, query, at > path_length ? cut_query : 0, NOW, &granted),
		        DELIVERY_OK);
	}
	assert_int_equal(delivery_verify(keys, url, path_length, NULL, 0, NOW, &granted), DELIVERY_MALFORMED);
}

static void test_each_changed_character(void **state)
{
	(void)state;
	json_t *root = load_vectors();
	struct delivery_keys keys = load_keys(root);
	json_decref(root);
	struct delivery_grant grant = {
		.generation = 12, .variant = "w640", .format = FORMAT_JPEG, .expiry = NOW + 60
	};
	assert_true(uuid_parse("0193a5e0-7c1b-7abc-8def-0123456789ab", &grant.media_id));
	check_changes(&keys, &grant);
	grant.format = FORMAT_NONE;
	grant.formats = FORMAT_SET_DELIVERY;
	check_changes(&keys, &grant);
}

static void test_expiry_comparison(void **state)
{
	(void)state;
	json_t *root = load_vectors();
	struct delivery_keys keys = load_keys(root);
	json_decref(root);
	struct delivery_grant grant = { .generation = 1, .variant = "w640", .format = FORMAT_WEBP, .expiry = NOW };
	char url[DELIVERY_URL_SIZE];
	size_t length = delivery_sign(&keys, &grant, url);
	size_t path_length = (size_t)(strchr(url, '?') - url);
	static const struct {
		int64_t now;
		enum delivery_verdict verdict;
	} rows[] = { { NOW - 1, DELIVERY_OK }, { NOW, DELIVERY_OK }, { NOW + 1, DELIVERY_EXPIRED } };
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(delivery_verify(&keys, url, path_length, url + path_length + 1,
		                                 length - path_length - 1, rows[i].now, &grant),
		                 rows[i].verdict);
}

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void test_keys(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t count; // 0: refused
	} rows[] = {
		{ "a:" HEX32, 1 },
		{ "a:" HEX32 ",b:" HEX32, 2 },
		{ "a:" HEX32 "\nb:" HEX32 "\n", 2 },
		{ " a:" HEX32 " ,\r\n\t b:" HEX32 ",,\n", 2 },
		{ "A-_9:" HEX32, 1 },
		{ "abcdefghijklmnop:" HEX32, 1 },
		{ "a:" HEX32 ",b:" HEX32 ",c:" HEX32 ",d:" HEX32 ",e:" HEX32 ",f:" HEX32 ",g:" HEX32 ",h:" HEX32, 8 },
		{ "a:" HEX32 ",b:" HEX32 ",c:" HEX32 ",d:" HEX32 ",e:" HEX32 ",f:" HEX32 ",g:" HEX32 ",h:" HEX32
		  ",i:" HEX32,
		  0 },
		{ "", 0 },
		{ " ,\n", 0 },
		{ HEX32, 0 },
		{ ":" HEX32, 0 },
		{ "a:", 0 },
		{ "a", 0 },
		{ "a:" HEX32 "0", 0 },
		{ "a:" HEX32 "00", 0 },
		{ "a: " HEX32, 0 },
		{ "a :" HEX32, 0 },
		{ "a.b:" HEX32, 0 },
		{ "abcdefghijklmnopq:" HEX32, 0 },
		{ "a:" HEX32 ",a:" HEX32, 0 },
		{ "a:g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct delivery_keys keys = { .count = 99 };
		struct err err = { 0 };
		enum rc rc = delivery_keys_parse(rows[i].text, &keys, &err);
		if (rc != (rows[i].count > 0 ? RC_OK : RC_INVALID) ||
		    keys.count != (rows[i].count > 0 ? rows[i].count : 99))
			fail_msg("row %zu: %s", i, err.text);
		// The text of an error never holds what may be a secret.
		assert_null(strstr(err.text, "0102030405"));
	}
}

static void test_rotation(void **state)
{
	(void)state;
	struct delivery_keys old, overlap, fresh;
	assert_int_equal(delivery_keys_parse("one:" HEX32, &old, NULL), RC_OK);
	assert_int_equal(delivery_keys_parse("two:ff" HEX32 "\b", &fresh, NULL), RC_INVALID);
	static const char two[] = "two:1f0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	char both[256];
	(void)snprintf(both, sizeof(both), "%s,one:%s", two, HEX32);
	assert_int_equal(delivery_keys_parse(both, &overlap, NULL), RC_OK);
	assert_int_equal(delivery_keys_parse(two, &fresh, NULL), RC_OK);
	struct delivery_grant grant = { .generation = 1, .variant = "w640", .format = FORMAT_JPEG }, granted;
	char url[DELIVERY_URL_SIZE];
	size_t length = delivery_sign(&old, &grant, url);
	size_t path_length = (size_t)(strchr(url, '?') - url);
	const char *query = url + path_length + 1;
	size_t query_length = length - path_length - 1;
	assert_int_equal(delivery_verify(&overlap, url, path_length, query, query_length, NOW, &granted), DELIVERY_OK);
	assert_int_equal(delivery_verify(&fresh, url, path_length, query, query_length, NOW, &granted),
	                 DELIVERY_UNKNOWN_KEY);
	// The first key signs.
	(void)delivery_sign(&overlap, &grant, url);
	assert_non_null(strstr(url, "&k=two&"));
}

static void test_expiry_windows(void **state)
{
	(void)state;
	static const int64_t windows[] = { 1, 60, 3600, 86400, 31536000 };
	size_t different_ends = 0;
	int64_t last_phase = -1;
	for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++)
		for (int m = 0; m < 50; m++) {
			struct uuid id = uuid_new();
			int64_t window = windows[w], first = delivery_expiry(NOW, window, &id);
			assert_true(first - NOW > window && first - NOW <= 2 * window);
			// The same for all callers until the window ends, then one window later.
			int64_t window_end = first - window;
			assert_true(delivery_expiry(window_end - 1, window, &id) == first);
			assert_true(delivery_expiry(window_end, window, &id) == first + window);
			assert_true(delivery_expiry(0, window, &id) > window);
			if (window == 86400) {
				different_ends += first % window != last_phase;
				last_phase = first % window;
			}
		}
	assert_true(different_ends > 40);
}

static void test_max_age(void **state)
{
	(void)state;
	assert_true(delivery_max_age(DELIVERY_FOREVER, NOW) == DELIVERY_MAX_AGE);
	assert_true(delivery_max_age(NOW + 100, NOW) == 100);
	assert_true(delivery_max_age(NOW, NOW) == 0);
	assert_true(delivery_max_age(NOW - 1, NOW) == 0);
	assert_true(delivery_max_age(DELIVERY_EXPIRY_MAX, NOW) == DELIVERY_MAX_AGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),           cmocka_unit_test(test_each_changed_character),
		cmocka_unit_test(test_expiry_comparison), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_rotation),          cmocka_unit_test(test_expiry_windows),
		cmocka_unit_test(test_max_age),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
