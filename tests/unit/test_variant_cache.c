// Kept texts: found under their whole name alone, the one used longest ago first to go, alive while somebody reads.
#include <string.h>

#include "tests/unit/cmocka_all.h"
// Services are not libraries: the file under test is compiled into the test.
#include "metadata-api/variant_cache.c"

static struct variant_key key_of(uint8_t number, int64_t version, int64_t expiry)
{
	struct variant_key key = { .version = version, .expiry = expiry };
	key.media_id.bytes[15] = number;
	return key;
}

static void keep(struct variant_cache *cache, struct variant_key key, char letter, size_t length)
{
	static char text[4096];
	memset(text, letter, sizeof text);
	const struct variant_text *made = variant_text_new(&key, text, length);
	assert_non_null(made);
	variant_cache_keep(cache, made);
	variant_text_release(made);
}

// The first letter of the text; 0 when it is not kept.
static char letter_of(struct variant_cache *cache, struct variant_key key)
{
	const struct variant_text *text = variant_cache_find(cache, &key);
	char letter = text == NULL ? '\0' : text->text[0];
	variant_text_release(text);
	return letter;
}

static void a_text_is_found_under_its_whole_name(void **state)
{
	(void)state;
	struct variant_cache *cache = variant_cache_new(1 << 20, NULL);
	keep(cache, key_of(1, 5, 1000), 'a', 100);
	keep(cache, key_of(1, 6, 1000), 'b', 100);
	assert_int_equal(letter_of(cache, key_of(1, 5, 1000)), 'a');
	assert_int_equal(letter_of(cache, key_of(1, 6, 1000)), 'b');
	assert_int_equal(letter_of(cache, key_of(1, 7, 1000)), 0);
	assert_int_equal(letter_of(cache, key_of(1, 6, 2000)), 0);
	assert_int_equal(letter_of(cache, key_of(2, 6, 1000)), 0);
	struct variant_key whole = key_of(1, 5, 1000);
	whole.is_media = true;
	assert_int_equal(letter_of(cache, whole), 0);
	keep(cache, whole, 'w', 100);
	assert_int_equal(letter_of(cache, whole), 'w');
	// What is there stays: it is the same text.
	keep(cache, key_of(1, 5, 1000), 'z', 50);
	assert_int_equal(letter_of(cache, key_of(1, 5, 1000)), 'a');
	variant_cache_free(cache);
}

static void what_was_used_longest_ago_goes_first(void **state)
{
	(void)state;
	struct variant_cache *cache = variant_cache_new(10 * (1000 + sizeof(struct kept)), NULL);
	for (uint8_t i = 0; i < 10; i++)
		keep(cache, key_of(i, 1, 1), 'a', 1000);
	assert_int_equal(letter_of(cache, key_of(0, 1, 1)), 'a');
	keep(cache, key_of(10, 1, 1), 'b', 1000);
	assert_int_equal(letter_of(cache, key_of(0, 1, 1)), 'a');
	assert_int_equal(letter_of(cache, key_of(1, 1, 1)), 0);
	assert_int_equal(letter_of(cache, key_of(2, 1, 1)), 'a');
	assert_true(cache->bytes <= cache->limit);
	variant_cache_free(cache);
}

static void a_reader_keeps_its_text_alive(void **state)
{
	(void)state;
	struct variant_cache *cache = variant_cache_new(2000, NULL);
	struct variant_key key = key_of(1, 1, 1);
	keep(cache, key, 'a', 1000);
	const struct variant_text *text = variant_cache_find(cache, &key);
	assert_non_null(text);
	keep(cache, key_of(2, 1, 1), 'b', 1000);
	assert_int_equal(letter_of(cache, key), 0);
	assert_int_equal(text->length, 1000);
	assert_int_equal(text->text[999], 'a');
	variant_text_release(text);
	variant_cache_free(cache);
}

static void too_long_or_no_room_is_not_kept(void **state)
{
	(void)state;
	struct variant_cache *cache = variant_cache_new(0, NULL);
	keep(cache, key_of(1, 1, 1), 'a', 10);
	assert_int_equal(letter_of(cache, key_of(1, 1, 1)), 0);
	variant_cache_free(cache);
	cache = variant_cache_new(1000, NULL);
	keep(cache, key_of(1, 1, 1), 'a', 1000);
	assert_int_equal(letter_of(cache, key_of(1, 1, 1)), 0);
	variant_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_found_under_its_whole_name),
		cmocka_unit_test(what_was_used_longest_ago_goes_first),
		cmocka_unit_test(a_reader_keeps_its_text_alive),
		cmocka_unit_test(too_long_or_no_room_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
