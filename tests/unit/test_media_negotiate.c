// Tests of content negotiation: real browsers' headers, qualities, garbage.
#include <stdlib.h>
#include <string.h>

#include "media/negotiate.h"
#include "tests/unit/cmocka_all.h"

#define AVIF FORMAT_AVIF
#define WEBP FORMAT_WEBP
#define JPEG FORMAT_JPEG

// Each header with all three formats offered, and with webp and jpeg only.
static const struct {
	const char *accept;
	enum media_format of_all, of_webp_jpeg;
} rows[] = {
	// Browsers.
	{ "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", AVIF, WEBP },         // Chrome
	{ "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", AVIF, WEBP },    // Firefox
	{ "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", WEBP, WEBP }, // Safari 14
	{ "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", JPEG, JPEG },            // Safari 12
	{ "*/*", JPEG, JPEG },                                                                      // curl
	{ "", JPEG, JPEG },
	// Qualities.
	{ "image/avif;q=0,image/webp", WEBP, WEBP },
	{ "image/avif;q=0.0,image/webp;q=0.000", JPEG, JPEG },
	{ "image/avif;q=0.5,image/webp;q=0.9", WEBP, WEBP },
	{ "image/avif;q=0.9,image/webp;q=0.9", AVIF, WEBP },
	{ "image/avif;q=0.001", AVIF, JPEG },
	{ "image/avif;q=0.5,image/jpeg;q=0.6", JPEG, JPEG },
	{ "image/avif;q=0.5,image/*;q=0.6", JPEG, JPEG },
	{ "image/webp;q=0.5,image/jpeg;q=0.1,*/*", WEBP, WEBP }, // jpeg's own q goes before the wildcard's
	{ "image/jpeg;q=0,image/webp;q=0.1", WEBP, WEBP },
	{ "image/jpeg;q=0", JPEG, JPEG }, // a picture beats a 406
	{ "image/avif;q=1.000", AVIF, JPEG },
	{ "image/webp;q=0.5;q=0", WEBP, WEBP },      // the first q counts
	{ "image/webp;q=0,image/webp", WEBP, WEBP }, // named twice: the kinder
	// Forms.
	{ "IMAGE/AVIF", AVIF, JPEG },
	{ "image/avif;Q=0", JPEG, JPEG },
	{ " image/avif ; q=0.9 , image/webp ;q=1", WEBP, WEBP },
	{ "\timage/avif\t", AVIF, JPEG },
	{ ",,image/avif,,", AVIF, JPEG },
	{ "image/avif;;q=0", JPEG, JPEG },
	{ "image/avif;profile=\"a,b;q=0\";q=0.7", AVIF, JPEG },
	{ "image/avif;profile=\"a\\\",image/webp\"", AVIF, JPEG },
	// What does not parse names nothing.
	{ "image/avif;q=1.5", JPEG, JPEG },
	{ "image/avif;q=2", JPEG, JPEG },
	{ "image/avif;q=0.1234", JPEG, JPEG },
	{ "image/avif;q=.5", JPEG, JPEG },
	{ "image/avif;q=-1", JPEG, JPEG },
	{ "image/avif;q=", JPEG, JPEG },
	{ "image/avif;q", JPEG, JPEG },
	{ "image/avif;q=\"1\"", AVIF, JPEG }, // a quoted value is no weight, another parameter then
	{ "image/avif q=1", JPEG, JPEG },
	{ "image/avif x", JPEG, JPEG },
	{ "image/avifx,image/webpx", JPEG, JPEG },
	{ "image /avif", JPEG, JPEG },
	{ "image/ avif", JPEG, JPEG },
	{ "avif", JPEG, JPEG },
	{ "image/avif;profile=\"open,image/webp", JPEG, JPEG },
	{ "\"image/avif\"", JPEG, JPEG },
	{ "image/avif;q=nope,image/webp", WEBP, WEBP },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t length = strlen(rows[i].accept);
		if (negotiate_format(rows[i].accept, length, FORMAT_SET_DELIVERY) != rows[i].of_all ||
		    negotiate_format(rows[i].accept, length, FORMAT_BIT(WEBP) | FORMAT_BIT(JPEG)) !=
		            rows[i].of_webp_jpeg ||
		    negotiate_format(rows[i].accept, length, FORMAT_BIT(JPEG)) != JPEG)
			fail_msg("row %zu: %s", i, rows[i].accept);
	}
	assert_int_equal(negotiate_format(NULL, 0, FORMAT_SET_DELIVERY), JPEG);
}

static void test_length_limit(void **state)
{
	(void)state;
	static char accept[NEGOTIATE_ACCEPT_MAX + 1];
	memset(accept, ' ', sizeof(accept));
	memcpy(accept, "image/avif,", 11);
	assert_int_equal(negotiate_format(accept, NEGOTIATE_ACCEPT_MAX, FORMAT_SET_DELIVERY), AVIF);
	assert_int_equal(negotiate_format(accept, NEGOTIATE_ACCEPT_MAX + 1, FORMAT_SET_DELIVERY), JPEG);
}

// Bytes are read only within the length given (the copy ends at the end of its allocation: a sanitizer would see), and
// random bytes always end in one of three answers.
static void test_garbage(void **state)
{
	(void)state;
	uint32_t seed = 20261124;
	static const char letters[] = "image/avif,webp*;q=0.19\"\\ \t\x80\x01";
	for (int round = 0; round < 20000; round++) {
		size_t length = (size_t)round % 64;
		char *accept = malloc(length + (length == 0));
		assert_non_null(accept);
		for (size_t i = 0; i < length; i++) {
			seed = seed * 1664525u + 1013904223u;
			accept[i] = letters[(seed >> 16) % (sizeof(letters) - 1)];
		}
		enum media_format format = negotiate_format(accept, length, FORMAT_SET_DELIVERY);
		assert_true(format == AVIF || format == WEBP || format == JPEG);
		free(accept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_length_limit),
		cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
