// Tests of object keys: one key for one object, everything else refused.
#include <stdio.h>
#include <string.h>

#include "media/object_key.h"
#include "tests/unit/cmocka_all.h"

#define ID "0193a5e0-7c1b-7abc-8def-0123456789ab"
#define HEX "00112233445566778899aabbccddeeff"

static struct uuid media_id(void)
{
	struct uuid id;
	assert_true(uuid_parse(ID, &id));
	return id;
}

static void test_original(void **state)
{
	(void)state;
	static const uint8_t random[OBJECT_KEY_RANDOM_BYTES] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
		                                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	struct uuid id = media_id();
	char key[OBJECT_KEY_SIZE];
	object_key_format_original(&id, random, key);
	assert_string_equal(key, ID "/" HEX);

	struct uuid parsed;
	uint8_t parsed_random[OBJECT_KEY_RANDOM_BYTES];
	assert_true(object_key_parse_original(key, strlen(key), &parsed, parsed_random));
	assert_true(uuid_equal(&parsed, &id));
	assert_memory_equal(parsed_random, random, sizeof(random));
	assert_true(object_key_parse_original(key, strlen(key), &parsed, NULL));

	char prefix[OBJECT_KEY_SIZE];
	object_key_format_prefix(&id, prefix);
	assert_string_equal(prefix, ID "/");
}

static void test_original_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		ID,
		ID "/",
		ID "/" HEX "0",
		ID "/" HEX "/",
		ID "/0" HEX,
		ID "//" HEX,
		"/" ID "/" HEX,
		ID "/00112233445566778899AABBccddeeff",
		ID "/00112233445566778899aabbccddeefg",
		ID "/00112233445566778899aabbccddeef",
		"0193A5E0-7c1b-7abc-8def-0123456789ab/" HEX,
		"0193a5e07c1b7abc8def0123456789ab/" HEX,
		ID "/1/w320.jpg",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct uuid id;
		if (object_key_parse_original(rows[i], strlen(rows[i]), &id, NULL))
			fail_msg("taken: %s", rows[i]);
	}
}

static void test_variant(void **state)
{
	(void)state;
	static const struct {
		uint32_t generation;
		const char *variant;
		enum media_format format;
		const char *key;
	} rows[] = {
		{ 1, "square", FORMAT_JPEG, ID "/1/square.jpg" },
		{ 12, "w2048", FORMAT_WEBP, ID "/12/w2048.webp" },
		{ 999999999, "a-b_c", FORMAT_AVIF, ID "/999999999/a-b_c.avif" },
		{ 1, "abcdefghijklmnopqrstuvwxyz012345", FORMAT_JPEG, ID "/1/abcdefghijklmnopqrstuvwxyz012345.jpg" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct object_key_variant parts = { .media_id = media_id(),
			                            .generation = rows[i].generation,
			                            .format = rows[i].format };
		(void)snprintf(parts.variant, sizeof(parts.variant), "%s", rows[i].variant);
		char key[OBJECT_KEY_SIZE];
		assert_int_equal(object_key_format_variant(&parts, key), strlen(rows[i].key));
		assert_string_equal(key, rows[i].key);
		struct object_key_variant parsed;
		memset(&parsed, 0xff, sizeof(parsed));
		assert_true(object_key_parse_variant(key, strlen(key), &parsed));
		assert_memory_equal(&parsed, &parts, sizeof(parts));
	}
}

static void test_variant_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		ID "/1/w320",
		ID "/1/w320.",
		ID "/1/w320.png",
		ID "/1/w320.jpeg",
		ID "/1/w320.JPG",
		ID "/1/w320.jpg.jpg",
		ID "/1/w320.jpg/",
		ID "/1/.jpg",
		ID "/1/-w.jpg",
		ID "/1/W320.jpg",
		ID "/1/w 320.jpg",
		ID "/1/abcdefghijklmnopqrstuvwxyz0123456.jpg",
		ID "/0/w320.jpg",
		ID "/01/w320.jpg",
		ID "/-1/w320.jpg",
		ID "/1000000000/w320.jpg",
		ID "/99999999999999999999/w320.jpg",
		ID "//w320.jpg",
		ID "/w320.jpg",
		ID "/1//w320.jpg",
		ID "/1/../w320.jpg",
		"0193A5E0-7c1b-7abc-8def-0123456789ab/1/w320.jpg",
		"/" ID "/1/w320.jpg",
		ID "/" HEX,
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct object_key_variant parts;
		if (object_key_parse_variant(rows[i], strlen(rows[i]), &parts))
			fail_msg("taken: %s", rows[i]);
	}
	// Bytes beyond the given length are not looked at, and a NUL within it is refused.
	struct object_key_variant parts;
	assert_false(object_key_parse_variant(ID "/1/w320.jpg", strlen(ID "/1/w320.jpg") - 1, &parts));
	assert_true(object_key_parse_variant(ID "/1/w320.jpgX", strlen(ID "/1/w320.jpg"), &parts));
	assert_false(object_key_parse_variant(ID "/1/w3\0"
	                                         "0.jpg",
	                                      strlen(ID "/1/w320.jpg"), &parts));
}

static void test_negotiated(void **state)
{
	(void)state;
	struct object_key_variant parts;
	assert_true(object_key_parse_negotiated(ID "/7/w320", strlen(ID "/7/w320"), &parts));
	assert_int_equal(parts.generation, 7);
	assert_string_equal(parts.variant, "w320");
	assert_int_equal(parts.format, FORMAT_NONE);
	static const char *const refused[] = { ID "/7/w320.jpg", ID "/7/", ID "/7", ID "/7/w320/", ID };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(object_key_parse_negotiated(refused[i], strlen(refused[i]), &parts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_original),   cmocka_unit_test(test_original_refused),
		cmocka_unit_test(test_variant),    cmocka_unit_test(test_variant_refused),
		cmocka_unit_test(test_negotiated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
