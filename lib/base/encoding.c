// Hex, base64, percent-encoding, UTF-8.
#include "base/encoding.h"

#include <endian.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

// Without a table or a branch, so that secrets leave no trace; eight digits at once, since answers are full of ids.
// 39 lie between '9' + 1 and 'a'.
static uint64_t hex_digits(uint32_t bytes)
{
	uint64_t digits = le32toh(bytes);
	digits = (digits | digits << 16) & 0x0000ffff0000ffff;
	digits = (digits | digits << 8) & 0x00ff00ff00ff00ff;
	digits = (digits >> 4 | digits << 8) & 0x0f0f0f0f0f0f0f0f; // the high half stands first
	uint64_t is_letter = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
	return htole64(digits + 0x3030303030303030 + is_letter * 39);
}

void encode_hex(const void *data, size_t length, char *ret_text)
{
	const char *bytes = data;
	for (size_t at = 0; at < length; at += 4) {
		size_t count = length - at < 4 ? length - at : 4;
		uint32_t four = 0;
		memcpy(&four, bytes + at, count);
		uint64_t digits = hex_digits(four);
		memcpy(ret_text + 2 * at, &digits, 2 * count);
	}
	ret_text[2 * length] = '\0';
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool decode_hex(const char *text, size_t text_length, void *ret_data, size_t ret_length)
{
	if (text_length != 2 * ret_length)
		return false;
	uint8_t *out = ret_data;
	for (size_t i = 0; i < ret_length; i++) {
		int high = hex_value(text[2 * i]);
		int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

void encode_base64(const void *data, size_t length, char *ret_text)
{
	(void)sodium_bin2base64(ret_text, sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_ORIGINAL), data,
	                        length, sodium_base64_VARIANT_ORIGINAL);
}

void encode_base64url(const void *data, size_t length, char *ret_text)
{
	(void)sodium_bin2base64(ret_text, sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	                        data, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

// libsodium refuses other alphabets, non-zero unused bits and wrong padding; a NULL end pointer makes trailing bytes an
// error.
static bool decode_base64_variant(const char *text, size_t text_length, void *ret_data, size_t size, size_t *ret_length,
                                  int variant)
{
	// libsodium 1.0.18 computes with signed characters and takes some bytes above 0x7f for letters of the alphabet
	// (found by tests/fuzz/fuzz_delivery).
	for (size_t i = 0; i < text_length; i++)
		if ((unsigned char)text[i] > 0x7f)
			return false;
	return sodium_base642bin(ret_data, size, text, text_length, NULL, ret_length, NULL, variant) == 0;
}

bool decode_base64(const char *text, size_t text_length, void *ret_data, size_t size, size_t *ret_length)
{
	return decode_base64_variant(text, text_length, ret_data, size, ret_length, sodium_base64_VARIANT_ORIGINAL);
}

bool decode_base64url(const char *text, size_t text_length, void *ret_data, size_t size, size_t *ret_length)
{
	return decode_base64_variant(text, text_length, ret_data, size, ret_length,
	                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bool is_unreserved(unsigned char character)
{
	return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
	       (character >= '0' && character <= '9') || character == '-' || character == '.' || character == '_' ||
	       character == '~';
}

void encode_percent(struct buffer *out, const char *text, bool keep_slash)
{
	static const char DIGITS[] = "0123456789ABCDEF";
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (is_unreserved(*at) || (keep_slash && *at == '/')) {
			buffer_append_char(out, (char)*at);
			continue;
		}
		char escape[3] = { '%', DIGITS[*at >> 4], DIGITS[*at & 15] };
		buffer_append(out, escape, sizeof escape);
	}
}

bool decode_percent(struct buffer *out, const char *text, size_t length, bool plus_is_space)
{
	for (size_t i = 0; i < length; i++) {
		char character = text[i];
		if (character == '%') {
			if (length - i < 3 || !decode_hex(text + i + 1, 2, &character, 1))
				return false;
			i += 2;
		} else if (character == '+' && plus_is_space) {
			character = ' ';
		}
		if (character == '\0')
			return false;
		buffer_append_char(out, character);
	}
	return buffer_ok(out);
}

// Unicode 15, table 3-7.
size_t utf8_sequence_length(const char *text, size_t left)
{
	if (left == 0)
		return 0;
	unsigned char lead = (unsigned char)text[0];
	size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
	if (length == 0 || length > left)
		return 0;
	if (length > 1) {
		unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
		unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
		unsigned char second = (unsigned char)text[1];
		if (second < low || second > high)
			return 0;
	}
	for (size_t i = 2; i < length; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool utf8_is_valid(const char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		size_t sequence = utf8_sequence_length(text + at, length - at);
		if (sequence == 0)
			return false;
		at += sequence;
	}
	return true;
}
