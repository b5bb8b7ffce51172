// Signing and verifying the URLs of originals.
#include "media/delivery_original.h"

#include <assert.h>
#include <string.h>

#include "media/delivery_priv.h"

#define LABEL "safelight-original-v1\n"
#define PREFIX_LENGTH (sizeof(DELIVERY_ORIGINAL_PREFIX) - 1)
#define NAME_TEXT_MAX (3 * LIMIT_FILENAME_BYTES)

static bool is_plain(unsigned char byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static size_t encode_name(const char *name, char ret_text[NAME_TEXT_MAX])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t length = 0;
	for (const char *at = name; *at != '\0'; at++) {
		unsigned char byte = (unsigned char)*at;
		if (is_plain(byte)) {
			ret_text[length++] = *at;
			continue;
		}
		ret_text[length++] = '%';
		ret_text[length++] = digits[byte >> 4];
		ret_text[length++] = digits[byte & 15];
	}
	return length;
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

// False unless the text is the one text of a cleaned name.
static bool decode_name(struct slice text, char ret_name[FILENAME_SIZE])
{
	char name[FILENAME_SIZE], cleaned[FILENAME_SIZE];
	size_t length = 0;
	for (size_t i = 0; i < text.length; i++) {
		int byte = (unsigned char)text.data[i];
		if (text.data[i] == '%') {
			if (text.length - i < 3 || digit_value(text.data[i + 1]) < 0 ||
			    digit_value(text.data[i + 2]) < 0)
				return false;
			byte = digit_value(text.data[i + 1]) << 4 | digit_value(text.data[i + 2]);
			i += 2;
			if (is_plain((unsigned char)byte))
				return false;
		} else if (!is_plain((unsigned char)byte)) {
			return false;
		}
		if (length == sizeof(name) - 1 || byte == 0)
			return false;
		name[length++] = (char)byte;
	}
	name[length] = '\0';
	filename_clean(name, length, cleaned);
	if (strcmp(name, cleaned) != 0)
		return false;
	memcpy(ret_name, name, length + 1);
	return true;
}

size_t delivery_original_sign(const struct delivery_keys *keys, const struct delivery_original *original,
                              char ret_url[DELIVERY_ORIGINAL_URL_SIZE])
{
	char name[NAME_TEXT_MAX];
	assert(keys->count > 0 && original->expiry > 0 && original->expiry <= DELIVERY_EXPIRY_MAX);
	memcpy(ret_url, DELIVERY_ORIGINAL_PREFIX, PREFIX_LENGTH);
	object_key_format_original(&original->media_id, original->random, ret_url + PREFIX_LENGTH);
	struct slice last = { name, encode_name(original->filename, name) };
	size_t length = delivery_append_signature(keys, LABEL, original->expiry, last, ret_url, strlen(ret_url),
	                                          DELIVERY_ORIGINAL_URL_SIZE);
	assert(length + 3 + last.length < DELIVERY_ORIGINAL_URL_SIZE);
	memcpy(ret_url + length, "&n=", 3);
	memcpy(ret_url + length + 3, last.data, last.length);
	length += 3 + last.length;
	ret_url[length] = '\0';
	return length;
}

enum delivery_verdict delivery_original_verify(const struct delivery_keys *keys, const char *path, size_t path_length,
                                               const char *query, size_t query_length, int64_t now,
                                               struct delivery_original *ret_original)
{
	struct delivery_original original;
	struct slice rest = { query, query_length }, name;
	struct delivery_claim claim;
	if (query == NULL || path_length <= PREFIX_LENGTH ||
	    memcmp(path, DELIVERY_ORIGINAL_PREFIX, PREFIX_LENGTH) != 0 ||
	    !object_key_parse_original(path + PREFIX_LENGTH, path_length - PREFIX_LENGTH, &original.media_id,
	                               original.random))
		return DELIVERY_MALFORMED;
	if (!delivery_take_claim(&rest, &claim) || claim.expiry == DELIVERY_FOREVER ||
	    !delivery_take_parameter(&rest, "&n=", &name) || rest.length != 0 || name.length > NAME_TEXT_MAX ||
	    !decode_name(name, original.filename))
		return DELIVERY_MALFORMED;
	enum delivery_verdict verdict =
	        delivery_judge(keys, LABEL, (struct slice){ path, path_length }, &claim, name, now);
	original.expiry = claim.expiry;
	if (verdict == DELIVERY_OK)
		*ret_original = original;
	return verdict;
}
