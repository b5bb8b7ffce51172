// Formatting and strict parsing of object keys.
#include "media/object_key.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"

#define UUID_TEXT_LENGTH (UUID_TEXT_SIZE - 1)
#define GENERATION_DIGITS_MAX 9

bool variant_name_is_valid(const char *name, size_t length)
{
	if (length < 1 || length >= VARIANT_NAME_SIZE)
		return false;
	for (size_t i = 0; i < length; i++) {
		char character = name[i];
		bool is_alphanumeric = (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
		if (!is_alphanumeric && (i == 0 || (character != '-' && character != '_')))
			return false;
	}
	return true;
}

void object_key_format_original(const struct uuid *media_id, const uint8_t random[OBJECT_KEY_RANDOM_BYTES],
                                char ret_key[OBJECT_KEY_SIZE])
{
	static_assert(UUID_TEXT_SIZE + 2 * OBJECT_KEY_RANDOM_BYTES + 1 <= OBJECT_KEY_SIZE, "an original's key fits");
	uuid_format(media_id, ret_key);
	ret_key[UUID_TEXT_LENGTH] = '/';
	encode_hex(random, OBJECT_KEY_RANDOM_BYTES, ret_key + UUID_TEXT_SIZE);
}

size_t object_key_format_variant(const struct object_key_variant *parts, char ret_key[OBJECT_KEY_SIZE])
{
	const struct media_format_info *format = media_format_info(parts->format);
	assert(format->is_output && parts->generation >= 1 && parts->generation <= GENERATION_MAX);
	assert(variant_name_is_valid(parts->variant, strnlen(parts->variant, VARIANT_NAME_SIZE)));
	char media_id[UUID_TEXT_SIZE];
	uuid_format(&parts->media_id, media_id);
	int length = snprintf(ret_key, OBJECT_KEY_SIZE, "%s/%u/%s.%s", media_id, parts->generation, parts->variant,
	                      format->extension);
	assert(length > 0 && length < OBJECT_KEY_SIZE);
	return (size_t)length;
}

void object_key_format_prefix(const struct uuid *media_id, char ret_prefix[OBJECT_KEY_SIZE])
{
	uuid_format(media_id, ret_prefix);
	ret_prefix[UUID_TEXT_LENGTH] = '/';
	ret_prefix[UUID_TEXT_SIZE] = '\0';
}

// A lower-case hex digit's value; above 15 for anything else.
static unsigned hex_value(char character)
{
	unsigned digit = (unsigned)(unsigned char)character - '0', letter = (unsigned)(unsigned char)character - 'a';
	return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

// The id in front of the first '/', in canonical lower case only; returns what follows the '/', or NULL. (Not
// uuid_parse: this stands in the path of every delivered picture, and takes a quarter of its time.)
static const char *parse_media_id(const char *key, const char *end, struct uuid *ret_media_id)
{
	if (end - key < UUID_TEXT_SIZE || key[UUID_TEXT_LENGTH] != '/')
		return NULL;
	if (key[8] != '-' || key[13] != '-' || key[18] != '-' || key[23] != '-')
		return NULL;
	unsigned wrong = 0;
	const char *at = key;
	for (size_t i = 0; i < sizeof(ret_media_id->bytes); i++) {
		at += *at == '-';
		unsigned high = hex_value(at[0]), low = hex_value(at[1]);
		wrong |= high | low;
		ret_media_id->bytes[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	return wrong > 15 ? NULL : key + UUID_TEXT_SIZE;
}

// 1 to GENERATION_MAX without leading zeros in front of a '/'; returns what follows the '/', or NULL.
static const char *parse_generation(const char *text, const char *end, uint32_t *ret_generation)
{
	uint32_t generation = 0;
	const char *at = text;
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (at - text >= GENERATION_DIGITS_MAX)
			return NULL;
		generation = generation * 10 + (uint32_t)(*at - '0');
	}
	if (at == text || *text == '0' || at == end || *at != '/')
		return NULL;
	*ret_generation = generation;
	return at + 1;
}

bool object_key_parse_original(const char *key, size_t length, struct uuid *ret_media_id,
                               uint8_t ret_random[OBJECT_KEY_RANDOM_BYTES])
{
	struct uuid media_id;
	uint8_t random[OBJECT_KEY_RANDOM_BYTES];
	const char *end = key + length;
	const char *hex = parse_media_id(key, end, &media_id);
	if (hex == NULL || end - hex != 2 * OBJECT_KEY_RANDOM_BYTES)
		return false;
	for (const char *at = hex; at < end; at++)
		if (*at >= 'A' && *at <= 'F')
			return false;
	if (!decode_hex(hex, 2 * OBJECT_KEY_RANDOM_BYTES, random, sizeof(random)))
		return false;
	*ret_media_id = media_id;
	if (ret_random != NULL)
		memcpy(ret_random, random, sizeof(random));
	return true;
}

// What variants' keys and negotiated paths have in common; returns where the variant's name begins, or NULL.
static const char *parse_front(const char *key, const char *end, struct object_key_variant *ret_parts)
{
	const char *at = parse_media_id(key, end, &ret_parts->media_id);
	return at == NULL ? NULL : parse_generation(at, end, &ret_parts->generation);
}

bool object_key_parse_variant(const char *key, size_t length, struct object_key_variant *ret_parts)
{
	struct object_key_variant parts = { .format = FORMAT_NONE };
	const char *end = key + length;
	const char *name = parse_front(key, end, &parts);
	if (name == NULL)
		return false;
	const char *dot = memchr(name, '.', (size_t)(end - name));
	if (dot == NULL || !variant_name_is_valid(name, (size_t)(dot - name)))
		return false;
	parts.format = media_format_by_extension(dot + 1, (size_t)(end - dot - 1));
	if (!media_format_info(parts.format)->is_output)
		return false;
	memcpy(parts.variant, name, (size_t)(dot - name));
	*ret_parts = parts;
	return true;
}

bool object_key_parse_negotiated(const char *key, size_t length, struct object_key_variant *ret_parts)
{
	struct object_key_variant parts = { .format = FORMAT_NONE };
	const char *end = key + length;
	const char *name = parse_front(key, end, &parts);
	if (name == NULL || !variant_name_is_valid(name, (size_t)(end - name)))
		return false;
	memcpy(parts.variant, name, (size_t)(end - name));
	*ret_parts = parts;
	return true;
}
