// The ThumbHash encoder against hashes that the reference (thumbhash 0.1.1 of npm) made of the same pixels.
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "tests/hostile/pattern.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/thumbhash.h"

struct vector {
	unsigned width, height;
	enum pattern pattern;
	const char *hash;
};

// No symmetric pictures among them: a term of exactly 0 lies on a rounding edge, where two libraries' cosines may
// differ.
static const struct vector vectors[] = {
	{ 100, 75, PATTERN_GRADIENT, "1f230a55989087876278788987778788909109d968" },
	{ 75, 100, PATTERN_GRADIENT, "1f230a551a9087627898787887887787909109d967" },
	{ 100, 100, PATTERN_NOISE, "1ff8050f0476768077777878886778277888083699507a06" },
	{ 33, 100, PATTERN_NOISE, "2008062a12508788877772786077088577" },
	{ 100, 3, PATTERN_GRADIENT, "20e4099986707777777888789087089e77" },
	{ 1, 100, PATTERN_NOISE, "96272d193408878878878777f784798f78" },
	{ 64, 48, PATTERN_ALPHA, "de6986248827a087b288797728f9675f670878287788878708" },
	{ 48, 64, PATTERN_ALPHA, "5ea88624062792078ba8878748f8576f672878087788878708" },
	{ 10, 10, PATTERN_CLEAR, "00088205000000000000000000000000000000000000000000" },
	{ 100, 67, PATTERN_NOISE, "df070615887676807987778477477889767a4057f7" },
	{ 2, 1, PATTERN_GRADIENT, "5af135ac817708888888878078878787df78f8" },
};

static void test_equals_the_reference(void **state)
{
	static uint8_t rgba[4 * THUMBHASH_SIDE_MOST * THUMBHASH_SIDE_MOST];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t hash[THUMBHASH_BYTES];
		char text[2 * THUMBHASH_BYTES + 1];
		size_t length;

		pattern_make(vectors[i].pattern, vectors[i].width, vectors[i].height, rgba);
		length = thumbhash_encode(vectors[i].width, vectors[i].height, rgba, hash);
		encode_hex(hash, length, text);
		if (strcmp(text, vectors[i].hash) != 0)
			fail_msg("vector %zu: %s, the reference says %s", i, text, vectors[i].hash);
	}
}

// Of one colour, only the header means something: the other terms are rounding errors, scaled by 0.
static void test_flat_picture_keeps_its_colour(void **state)
{
	static uint8_t rgba[4 * 64 * 64];
	uint8_t hash[THUMBHASH_BYTES];
	char text[11];

	(void)state;
	pattern_make(PATTERN_FLAT, 64, 64, rgba);
	assert_int_equal(thumbhash_encode(64, 64, rgba, hash), 24);
	encode_hex(hash, 5, text);
	assert_string_equal(text, "1dcb020700");
}

// The largest possible pictures of both kinds stay within the room that callers give.
static void test_length_is_bounded(void **state)
{
	static uint8_t rgba[4 * THUMBHASH_SIDE_MOST * THUMBHASH_SIDE_MOST];
	const enum pattern patterns[] = { PATTERN_NOISE, PATTERN_ALPHA };
	uint8_t hash[THUMBHASH_BYTES];
	size_t longest = 0;

	(void)state;
	for (size_t p = 0; p < 2; p++) {
		for (unsigned side = 1; side <= THUMBHASH_SIDE_MOST; side++) {
			size_t length;

			pattern_make(patterns[p], THUMBHASH_SIDE_MOST, side, rgba);
			length = thumbhash_encode(THUMBHASH_SIDE_MOST, side, rgba, hash);
			longest = length > longest ? length : longest;
			assert_in_range(length, 17, THUMBHASH_BYTES);
		}
	}
	assert_int_equal(longest, THUMBHASH_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_the_reference),
		cmocka_unit_test(test_flat_picture_keeps_its_colour),
		cmocka_unit_test(test_length_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
