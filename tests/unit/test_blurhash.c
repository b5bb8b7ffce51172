// The BlurHash encoder against hashes that the reference (woltapp's C, by python3-blurhash 1.1.4) made of the same
// pixels.
#include <string.h>

#include "tests/hostile/pattern.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/blurhash.h"

static const struct {
	unsigned width, height;
	enum pattern pattern;
	const char *hash;
} vectors[] = {
	{ 100, 75, PATTERN_GRADIENT, "LkDbYh2M;yJ.iDa[jvaygZfSfRfP" },
	{ 75, 100, PATTERN_GRADIENT, "TkDbbo2f;yiCaujvgZflfRi*a{js" },
	{ 100, 100, PATTERN_NOISE, "L7H2p17d6_39q,awa^axgIWBf6sE" },
	{ 33, 100, PATTERN_NOISE, "TlHewc2tWnn9bGjZk9affim?Woj?" },
	{ 100, 3, PATTERN_GRADIENT, "L^DcC}9o$wNf%7NOs*WYf8fifQfQ" },
	{ 1, 100, PATTERN_NOISE, "T~4Q4|qDqDeZeZeZbXbXbXeYeYeY" },
	{ 100, 67, PATTERN_NOISE, "LSH2QSOWOAK1o{ayayjuY@jGjYah" },
	{ 2, 1, PATTERN_GRADIENT, "L~55Q.fZRrfZtDfZRrfZtDfZRrfZ" },
	{ 64, 48, PATTERN_FLAT, "L3M|T9^4fQ^4}Xj@fQj@fQfQfQfQ" },
	{ 1, 1, PATTERN_GRADIENT, "L~0036fZfZfZfZfZfZfZfZfZfZfZ" },
};

static uint8_t rgba[PATTERN_BYTES_MOST];

static void test_equals_the_reference(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char hash[WIRE_BLURHASH_SIZE];

		pattern_make(vectors[i].pattern, vectors[i].width, vectors[i].height, rgba);
		blurhash_encode(vectors[i].width, vectors[i].height, rgba, hash);
		if (strcmp(hash, vectors[i].hash) != 0)
			fail_msg("vector %zu: %s, the reference says %s", i, hash, vectors[i].hash);
	}
}

// What is transparent is white, whatever colour it hides.
static void test_clear_is_white(void **state)
{
	static uint8_t white[4 * 10 * 10];
	char of_clear[WIRE_BLURHASH_SIZE], of_white[WIRE_BLURHASH_SIZE];

	(void)state;
	memset(white, 255, sizeof(white));
	pattern_make(PATTERN_CLEAR, 10, 10, rgba);
	blurhash_encode(10, 10, rgba, of_clear);
	blurhash_encode(10, 10, white, of_white);
	assert_string_equal(of_clear, of_white);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_the_reference),
		cmocka_unit_test(test_clear_is_white),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
