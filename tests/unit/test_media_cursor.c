// Tests of cursors: they come back as they were made, and only so.
#include <stdio.h>
#include <string.h>

#include "media/cursor.h"
#include "tests/unit/cmocka_all.h"

#define KEY_TEXT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY_TEXT "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct cursor sample(void)
{
	struct cursor cursor = { .list = CURSOR_MEDIA, .sort_key = 1796000000123456, .filter = 0xfedcba9876543210u };
	memset(cursor.id.bytes, 0xa5, sizeof(cursor.id.bytes));
	return cursor;
}

static struct hmac_key key_of(const char *text)
{
	struct hmac_key key;
	assert_int_equal(cursor_key_parse(text, &key, NULL), RC_OK);
	return key;
}

static void test_round_trip(void **state)
{
	(void)state;
	struct hmac_key key = key_of(KEY_TEXT);
	static const int64_t sort_keys[] = { 0, 1, -1, INT64_MIN, INT64_MAX, 1796000000123456 };
	for (size_t i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++) {
		struct cursor cursor = sample(), decoded;
		cursor.sort_key = sort_keys[i];
		char text[CURSOR_TEXT_SIZE];
		cursor_encode(&key, &cursor, text);
		assert_int_equal(strlen(text), 67);
		struct err err = { 0 };
		assert_int_equal(cursor_decode(&key, text, CURSOR_MEDIA, cursor.filter, &decoded, &err), RC_OK);
		assert_int_equal(decoded.list, cursor.list);
		assert_true(decoded.sort_key == cursor.sort_key && decoded.filter == cursor.filter);
		assert_true(uuid_equal(&decoded.id, &cursor.id));
	}
}

static void test_refusals(void **state)
{
	(void)state;
	struct hmac_key key = key_of(KEY_TEXT), other_key = key_of(OTHER_KEY_TEXT);
	struct cursor cursor = sample(), decoded;
	char text[CURSOR_TEXT_SIZE];
	cursor_encode(&key, &cursor, text);
	assert_int_equal(cursor_decode(&other_key, text, CURSOR_MEDIA, cursor.filter, &decoded, NULL), RC_INVALID);
	assert_int_equal(cursor_decode(&key, text, CURSOR_ITEMS, cursor.filter, &decoded, NULL), RC_INVALID);
	assert_int_equal(cursor_decode(&key, text, CURSOR_MEDIA, cursor.filter + 1, &decoded, NULL), RC_INVALID);
	static const char *const wrong[] = { "", "A", "not base64url!", "AAAA" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(cursor_decode(&key, wrong[i], CURSOR_MEDIA, cursor.filter, &decoded, NULL),
		                 RC_INVALID);
	char longer[CURSOR_TEXT_SIZE + 8];
	(void)snprintf(longer, sizeof(longer), "%sA", text);
	assert_int_equal(cursor_decode(&key, longer, CURSOR_MEDIA, cursor.filter, &decoded, NULL), RC_INVALID);
	text[66] = '\0';
	assert_int_equal(cursor_decode(&key, text, CURSOR_MEDIA, cursor.filter, &decoded, NULL), RC_INVALID);
}

// Every other character at every place of the text.
static void test_each_changed_character(void **state)
{
	(void)state;
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ";
	struct hmac_key key = key_of(KEY_TEXT);
	struct cursor cursor = sample(), decoded;
	char text[CURSOR_TEXT_SIZE];
	cursor_encode(&key, &cursor, text);
	for (size_t at = 0; text[at] != '\0'; at++) {
		char original = text[at];
		for (size_t i = 0; i < sizeof(alphabet) - 1; i++) {
			if (alphabet[i] == original)
				continue;
			text[at] = alphabet[i];
			if (cursor_decode(&key, text, CURSOR_MEDIA, cursor.filter, &decoded, NULL) != RC_INVALID)
				fail_msg("taken with '%c' at %zu", alphabet[i], at);
		}
		text[at] = original;
	}
}

static void test_filter_hash(void **state)
{
	(void)state;
	// Lists of parts that would run together without their lengths.
	static const struct {
		const char *parts[3];
		size_t count;
	} rows[] = {
		{ { "ab", "c", NULL }, 3 },
		{ { "a", "bc", NULL }, 3 },
		{ { "ab", "c", "" }, 3 },
		{ { "abc", NULL, NULL }, 3 },
		{ { "ab", NULL, "c" }, 3 },
		{ { NULL, "ab", "c" }, 3 },
		{ { "ab", "c", NULL }, 2 },
		{ { NULL }, 1 },
		{ { "" }, 1 },
		{ { NULL }, 0 },
	};
	size_t count = sizeof(rows) / sizeof(rows[0]);
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = cursor_filter_hash(rows[i].parts, rows[i].count);
		assert_true(hash == cursor_filter_hash(rows[i].parts, rows[i].count));
		for (size_t k = 0; k < i; k++)
			if (hash == cursor_filter_hash(rows[k].parts, rows[k].count))
				fail_msg("rows %zu and %zu are alike", i, k);
	}
}

static void test_key_text(void **state)
{
	(void)state;
	struct hmac_key key;
	static const char *const wrong[] = { "", "00", KEY_TEXT "0", KEY_TEXT "00", "g" KEY_TEXT };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(cursor_key_parse(wrong[i], &key, NULL), RC_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_each_changed_character),
		cmocka_unit_test(test_filter_hash),
		cmocka_unit_test(test_key_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
