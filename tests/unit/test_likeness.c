// The perceptual hash against an implementation of its definition with exact fractions (in another language), and what
// it is for: alike is near, different is far.
#include <inttypes.h>
#include <string.h>

#include "tests/hostile/pattern.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/likeness.h"

static const struct {
	unsigned width, height;
	enum pattern pattern;
	uint64_t hash;
} vectors[] = {
	{ 100, 75, PATTERN_GRADIENT, 0x000000000100052a }, { 75, 100, PATTERN_GRADIENT, 0x000000000102052a },
	{ 100, 100, PATTERN_NOISE, 0x44b73bed0140c638 },   { 33, 100, PATTERN_NOISE, 0x6a4b454cb41a42b9 },
	{ 100, 3, PATTERN_NOISE, 0x8726008968009736 },     { 7, 100, PATTERN_NOISE, 0x8b2593373a088e39 },
	{ 100, 67, PATTERN_NOISE, 0x9577c4073be94044 },    { 64, 48, PATTERN_ALPHA, 0x0405822180152457 },
	{ 48, 64, PATTERN_ALPHA, 0x09100003610d0055 },     { 31, 33, PATTERN_NOISE, 0x26f4abd62ac45ba2 },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static uint8_t rgba[PATTERN_BYTES_MOST];

static int distance(uint64_t a, uint64_t b)
{
	return __builtin_popcountll(a ^ b);
}

static void test_equals_the_definition(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		uint64_t hash = 0;

		pattern_make(vectors[i].pattern, vectors[i].width, vectors[i].height, rgba);
		assert_true(likeness_hash(vectors[i].width, vectors[i].height, rgba, &hash));
		if (hash != vectors[i].hash)
			fail_msg("vector %zu: %016" PRIx64 ", it should be %016" PRIx64, i, hash, vectors[i].hash);
	}
}

// Darker, flatter and noisier, but the same picture.
static void test_alike_is_near(void **state)
{
	uint64_t before, after;

	(void)state;
	pattern_make(PATTERN_NOISE, 100, 67, rgba);
	assert_true(likeness_hash(100, 67, rgba, &before));
	for (size_t i = 0; i < (size_t)4 * 100 * 67; i++)
		rgba[i] = i % 4 == 3 ? 255 : (uint8_t)(20 + rgba[i] * 3u / 4 + i * 7 % 5);
	assert_true(likeness_hash(100, 67, rgba, &after));
	assert_in_range(distance(before, after), 0, 4);
	assert_true(distance(vectors[2].hash, vectors[6].hash) > 16);
	assert_true(distance(vectors[0].hash, vectors[2].hash) > 16);
}

// A blank page says nothing: all blank pages would be alike.
static void test_even_pictures_have_none(void **state)
{
	uint64_t hash = 42;

	(void)state;
	pattern_make(PATTERN_FLAT, 64, 64, rgba);
	assert_false(likeness_hash(64, 64, rgba, &hash));
	pattern_make(PATTERN_CLEAR, 64, 64, rgba);
	assert_false(likeness_hash(64, 64, rgba, &hash));
	assert_false(likeness_hash(1, 1, rgba, &hash));
	assert_int_equal(hash, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_the_definition),
		cmocka_unit_test(test_alike_is_near),
		cmocka_unit_test(test_even_pictures_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
