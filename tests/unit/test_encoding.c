// base/encoding and base/crypto, against RFC 4648, RFC 3629, FIPS 180 and RFC 4231 vectors.
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/unit/cmocka_all.h"

static void base64_follows_rfc4648(void **state)
{
	(void)state;
	static const char *const ROWS[][2] = { { "", "" },
		                               { "f", "Zg==" },
		                               { "fo", "Zm8=" },
		                               { "foo", "Zm9v" },
		                               { "foob", "Zm9vYg==" },
		                               { "fooba", "Zm9vYmE=" },
		                               { "foobar", "Zm9vYmFy" } };
	char text[64], data[64];
	size_t length;
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		encode_base64(ROWS[i][0], strlen(ROWS[i][0]), text);
		assert_string_equal(text, ROWS[i][1]);
		assert_true(decode_base64(text, strlen(text), data, sizeof data, &length));
		assert_int_equal(length, strlen(ROWS[i][0]));
		assert_memory_equal(data, ROWS[i][0], length);
	}
	encode_base64url("\xfb\xff\xfe", 3, text);
	assert_string_equal(text, "-__-");
	encode_base64url("f", 1, text);
	assert_string_equal(text, "Zg");
}

static void base64_has_one_text_a_value(void **state)
{
	(void)state;
	static const char *const BAD[] = { "Zh", "Zg==", "Zg=", "Z", "Zg ", " Zg", "Z\ng", "Zg+/", "Zm9vY" };
	char data[64];
	size_t length;
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		if (decode_base64url(BAD[i], strlen(BAD[i]), data, sizeof data, &length))
			fail_msg("taken: %s", BAD[i]);
	// Every byte outside of the alphabet, high ones included.
	for (int byte = 0; byte < 256; byte++) {
		const char text[4] = { 'Z', 'm', (char)byte, 'v' };
		bool in_alphabet =
		        byte != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", byte);
		if (decode_base64url(text, 4, data, sizeof data, &length) != in_alphabet)
			fail_msg("byte %d", byte);
	}
	assert_true(decode_base64url("Zg", 2, data, sizeof data, &length));
	assert_false(decode_base64url("Zm9v", 4, data, 2, &length));        // no room
	assert_false(decode_base64("Zg", 2, data, sizeof data, &length));   // no padding
	assert_false(decode_base64("Zh==", 4, data, sizeof data, &length)); // unused bits
}

static void hex_round_trips(void **state)
{
	(void)state;
	char text[9];
	unsigned char data[4];
	encode_hex("\x00\x9a\xff\x10", 4, text);
	assert_string_equal(text, "009aff10");
	assert_true(decode_hex("009AfF10", 8, data, 4));
	assert_memory_equal(data, "\x00\x9a\xff\x10", 4);
	assert_false(decode_hex("009aff1", 7, data, 4));
	assert_false(decode_hex("009aff1g", 8, data, 4));
}

static void percent_encoding_keeps_the_unreserved(void **state)
{
	(void)state;
	struct buffer buffer;
	buffer_init(&buffer, 200);
	encode_percent(&buffer, "a/b c+~é%", true);
	assert_string_equal(buffer_text(&buffer), "a/b%20c%2B~%C3%A9%25");
	buffer_clear(&buffer);
	encode_percent(&buffer, "a/b", false);
	assert_string_equal(buffer_text(&buffer), "a%2Fb");
	buffer_clear(&buffer);
	assert_true(decode_percent(&buffer, "a%2Fb+%c3%A9", 12, true));
	assert_string_equal(buffer_text(&buffer), "a/b é");
	buffer_clear(&buffer);
	assert_true(decode_percent(&buffer, "a+", 2, false));
	assert_string_equal(buffer_text(&buffer), "a+");
	buffer_clear(&buffer);
	assert_false(decode_percent(&buffer, "%0", 2, false));
	assert_false(decode_percent(&buffer, "%zz", 3, false));
	assert_false(decode_percent(&buffer, "%00", 3, false));
	buffer_done(&buffer);
}

static void utf8_is_judged_strictly(void **state)
{
	(void)state;
	assert_true(utf8_is_valid("aé€😀", strlen("aé€😀")));
	assert_true(utf8_is_valid("\xf4\x8f\xbf\xbf", 4));
	static const char *const BAD[] = { "\x80",         "\xc0\xaf",         "\xe0\x80\xaf",
		                           "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
		                           "\xc3",         "\xe2\x82",         "\xc3(",
		                           "\xff" };
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		if (utf8_is_valid(BAD[i], strlen(BAD[i])))
			fail_msg("row %zu taken", i);
}

static void hashes_match_published_vectors(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	char text[SHA256_TEXT_SIZE];
	sha256_of("abc", 3, digest);
	encode_hex(digest, sizeof digest, text);
	assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	struct digest_stream *stream = digest_stream_new(DIGEST_SHA256);
	for (int round = 0; round < 2; round++) { // the second message begins clean
		digest_stream_update(stream, "a", 1);
		digest_stream_update(stream, "bc", 2);
		digest_stream_finish(stream, digest);
		encode_hex(digest, sizeof digest, text);
		assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	}
	digest_stream_free(stream);
	struct hmac_key key; // RFC 4231, test case 2
	hmac_key_init(&key, "Jefe", 4);
	for (int round = 0; round < 2; round++) {
		hmac_of(&key, "what do ya want for nothing?", 28, digest);
		encode_hex(digest, sizeof digest, text);
		assert_string_equal(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	}
	// RFC 4231, test case 6: a key longer than a block.
	char long_key[131];
	memset(long_key, 0xaa, sizeof long_key);
	hmac_key_init(&key, long_key, sizeof long_key);
	hmac_of(&key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest);
	encode_hex(digest, sizeof digest, text);
	assert_string_equal(text, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_true(crypto_equal("abc", "abc", 3));
	assert_false(crypto_equal("abc", "abd", 3));
}

int main(void)
{
	struct err err;
	if (crypto_init(&err) != RC_OK)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_follows_rfc4648),  cmocka_unit_test(base64_has_one_text_a_value),
		cmocka_unit_test(hex_round_trips),         cmocka_unit_test(percent_encoding_keeps_the_unreserved),
		cmocka_unit_test(utf8_is_judged_strictly), cmocka_unit_test(hashes_match_published_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
