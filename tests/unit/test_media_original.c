// Signed URLs of originals: what is signed is granted, anything else is refused.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "media/delivery_original.h"
#include "tests/unit/cmocka_all.h"

#define KEYS "k1:202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define NOW 1700000000

static struct delivery_keys keys;

static int setup(void **state)
{
	(void)state;
	return crypto_init(NULL) == RC_OK && delivery_keys_parse(KEYS, &keys, NULL) == RC_OK ? 0 : -1;
}

static enum delivery_verdict verify(const char *url, int64_t now, struct delivery_original *ret_original)
{
	const char *mark = strchr(url, '?');
	size_t path_length = mark != NULL ? (size_t)(mark - url) : strlen(url);
	return delivery_original_verify(&keys, url, path_length, mark != NULL ? mark + 1 : NULL,
	                                mark != NULL ? strlen(mark + 1) : 0, now, ret_original);
}

static struct delivery_original example(const char *filename)
{
	struct delivery_original original = { .expiry = NOW };
	assert_true(uuid_parse("0193a5e0-7c1b-7abc-8def-0123456789ab", &original.media_id));
	for (size_t i = 0; i < sizeof(original.random); i++)
		original.random[i] = (uint8_t)i;
	(void)snprintf(original.filename, sizeof(original.filename), "%s", filename);
	return original;
}

// Computed by `printf 'safelight-original-v1\n…' | openssl dgst -sha256 -mac HMAC -macopt hexkey:2021…`.
static void test_known_signature(void **state)
{
	(void)state;
	struct delivery_original original = example("Ferien am Meer (1).jpg");
	char url[DELIVERY_ORIGINAL_URL_SIZE];
	size_t length = delivery_original_sign(&keys, &original, url);
	assert_int_equal(length, strlen(url));
	assert_string_equal(url,
	                    "/o/0193a5e0-7c1b-7abc-8def-0123456789ab/000102030405060708090a0b0c0d0e0f?e=1700000000"
	                    "&k=k1&s=lgJLctpYjWuUgE5c16GQjrHYuHu-oHsJ1m5pGqDtoyM&n=Ferien%20am%20Meer%20%281%29.jpg");
}

static void test_names(void **state)
{
	(void)state;
	static const char *const names[] = { "a", "photo.jpg", "Grüße 🌊 & \"quotes\"; x=y.jpg", "100%.png", "~-._" };
	char longest[FILENAME_SIZE];
	memset(longest, '%', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
		const char *name = i < sizeof(names) / sizeof(names[0]) ? names[i] : longest;
		struct delivery_original original = example(""), granted;
		char cleaned[FILENAME_SIZE], url[DELIVERY_ORIGINAL_URL_SIZE];
		filename_clean(name, strlen(name), cleaned);
		memcpy(original.filename, cleaned, sizeof(cleaned));
		(void)delivery_original_sign(&keys, &original, url);
		assert_int_equal(verify(url, NOW, &granted), DELIVERY_OK);
		assert_string_equal(granted.filename, cleaned);
		assert_true(uuid_equal(&granted.media_id, &original.media_id));
		assert_memory_equal(granted.random, original.random, sizeof(original.random));
		assert_int_equal(granted.expiry, NOW);
		assert_int_equal(verify(url, NOW + 1, &granted), DELIVERY_EXPIRED);
	}
}

// Whichever character is changed, to whatever: never granted.
static void test_every_change_is_refused(void **state)
{
	(void)state;
	struct delivery_original original = example("Käse 1.jpg"), granted;
	char url[DELIVERY_ORIGINAL_URL_SIZE];
	size_t length = delivery_original_sign(&keys, &original, url);
	for (size_t i = 0; i < length; i++) {
		char kept = url[i];
		for (int other = 1; other < 256; other++) {
			if ((char)other == kept)
				continue;
			url[i] = (char)other;
			assert_int_not_equal(verify(url, NOW, &granted), DELIVERY_OK);
		}
		url[i] = kept;
	}
	for (size_t cut = 0; cut < length; cut++) {
		char kept = url[cut];
		url[cut] = '\0';
		assert_int_not_equal(verify(url, NOW, &granted), DELIVERY_OK);
		url[cut] = kept;
	}
	(void)snprintf(url + length, sizeof(url) - length, "&n=x");
	assert_int_equal(verify(url, NOW, &granted), DELIVERY_MALFORMED);
}

// A variant's URL is no original's, nor the other way round, though the keys are the same.
static void test_kinds_are_apart(void **state)
{
	(void)state;
	struct delivery_original original = example("jpeg"), granted;
	struct delivery_grant grant = { .media_id = original.media_id,
		                        .generation = 1,
		                        .variant = "w640",
		                        .format = FORMAT_JPEG,
		                        .expiry = NOW },
	                      other;
	char url[DELIVERY_ORIGINAL_URL_SIZE];
	(void)delivery_sign(&keys, &grant, url);
	assert_int_equal(verify(url, NOW, &granted), DELIVERY_MALFORMED);
	(void)delivery_original_sign(&keys, &original, url);
	const char *mark = strchr(url, '?');
	assert_int_equal(delivery_verify(&keys, url, (size_t)(mark - url), mark + 1, strlen(mark + 1), NOW, &other),
	                 DELIVERY_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_signature),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_change_is_refused),
		cmocka_unit_test(test_kinds_are_apart),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
