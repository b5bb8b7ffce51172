// Signing and verifying delivery URLs.
#include "media/delivery.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "media/delivery_priv.h"

#define PREFIX_LENGTH (sizeof(DELIVERY_PREFIX) - 1)
#define EXPIRY_DIGITS_MAX 11
#define MESSAGE_LABEL "safelight-delivery-v1\n"

// Every permitted value of f, so that a set has one text.
static const struct {
	unsigned formats;
	const char *text;
} format_lists[] = {
	{ FORMAT_BIT(FORMAT_AVIF) | FORMAT_BIT(FORMAT_WEBP) | FORMAT_BIT(FORMAT_JPEG), "avif,webp,jpeg" },
	{ FORMAT_BIT(FORMAT_WEBP) | FORMAT_BIT(FORMAT_JPEG), "webp,jpeg" },
	{ FORMAT_BIT(FORMAT_AVIF) | FORMAT_BIT(FORMAT_JPEG), "avif,jpeg" },
	{ FORMAT_BIT(FORMAT_JPEG), "jpeg" },
};
#define FORMAT_LIST_COUNT (sizeof(format_lists) / sizeof(format_lists[0]))

static bool slice_equals(struct slice slice, const char *text)
{
	return strlen(text) == slice.length && memcmp(slice.data, text, slice.length) == 0;
}

void delivery_mac(const struct hmac_key *key, const char *label, const struct slice parts[4],
                  uint8_t ret_mac[SHA256_SIZE])
{
	char message[DELIVERY_MESSAGE_SIZE];
	size_t length = strlen(label);
	memcpy(message, label, length);
	for (int i = 0; i < 4; i++) {
		assert(length + parts[i].length + 1 <= sizeof(message));
		if (i > 0)
			message[length++] = '\n';
		if (parts[i].length > 0)
			memcpy(message + length, parts[i].data, parts[i].length);
		length += parts[i].length;
	}
	hmac_of(key, message, length, ret_mac);
}

static const char *formats_text(unsigned formats)
{
	for (size_t i = 0; i < FORMAT_LIST_COUNT; i++)
		if (format_lists[i].formats == formats)
			return format_lists[i].text;
	return NULL;
}

static size_t write_path(const struct delivery_grant *grant, char ret_path[DELIVERY_URL_SIZE])
{
	struct object_key_variant parts = { .media_id = grant->media_id, .generation = grant->generation };
	memcpy(parts.variant, grant->variant, sizeof(parts.variant));
	parts.format = grant->format == FORMAT_NONE ? FORMAT_JPEG : grant->format;
	memcpy(ret_path, DELIVERY_PREFIX, PREFIX_LENGTH);
	size_t length = PREFIX_LENGTH + object_key_format_variant(&parts, ret_path + PREFIX_LENGTH);
	if (grant->format == FORMAT_NONE)
		length -= 1 + strlen(media_format_info(FORMAT_JPEG)->extension);
	ret_path[length] = '\0';
	return length;
}

size_t delivery_append_signature(const struct delivery_keys *keys, const char *label, int64_t expiry, struct slice last,
                                 char *url, size_t path_length, size_t size)
{
	const char *id = keys->entries[0].id;
	char text[EXPIRY_DIGITS_MAX + 1];
	int text_length = snprintf(text, sizeof(text), "%lld", (long long)expiry);
	assert(text_length > 0 && (size_t)text_length < sizeof(text));
	uint8_t mac[SHA256_SIZE];
	delivery_mac(&keys->entries[0].key, label,
	             (struct slice[4]){ { url, path_length }, { text, (size_t)text_length }, { id, strlen(id) }, last },
	             mac);
	char signature[BASE64_TEXT_SIZE(SHA256_SIZE)];
	encode_base64url(mac, sizeof(mac), signature);
	int length = snprintf(url + path_length, size - path_length, "?e=%s&k=%s&s=%s", text, id, signature);
	assert(length > 0 && (size_t)length < size - path_length);
	return path_length + (size_t)length;
}

size_t delivery_sign(const struct delivery_keys *keys, const struct delivery_grant *grant,
                     char ret_url[DELIVERY_URL_SIZE])
{
	assert(keys->count > 0 && grant->expiry >= 0 && grant->expiry <= DELIVERY_EXPIRY_MAX);
	const char *formats = grant->format == FORMAT_NONE ? formats_text(grant->formats) : "";
	assert(formats != NULL);
	size_t length = delivery_append_signature(keys, MESSAGE_LABEL, grant->expiry,
	                                          (struct slice){ formats, strlen(formats) }, ret_url,
	                                          write_path(grant, ret_url), DELIVERY_URL_SIZE);
	if (*formats != '\0') {
		int written = snprintf(ret_url + length, DELIVERY_URL_SIZE - length, "&f=%s", formats);
		assert(written > 0 && (size_t)written < DELIVERY_URL_SIZE - length);
		length += (size_t)written;
	}
	return length;
}

bool delivery_take_parameter(struct slice *query, const char *name, struct slice *ret_value)
{
	size_t name_length = strlen(name);
	if (query->length < name_length || memcmp(query->data, name, name_length) != 0)
		return false;
	const char *value = query->data + name_length;
	size_t left = query->length - name_length;
	const char *ampersand = memchr(value, '&', left);
	*ret_value = (struct slice){ value, ampersand != NULL ? (size_t)(ampersand - value) : left };
	// The '&' stays: the next parameter's name begins with it.
	*query = (struct slice){ value + ret_value->length, left - ret_value->length };
	return true;
}

// The values of base64url's letters from '-' to 'z'; NO_LETTER between them. What is looked up is the client's own
// text, so the time it takes tells nothing (libsodium's decoder hides it, at ten times the cost).
#define NO_LETTER 64
static const uint8_t letter_values['z' - '-' + 1] = {
	62, 64, 64, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0,  1,  2,  3,  4,  5,
	6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63, 64,
	26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
};

static unsigned letter_value(char letter)
{
	unsigned index = (unsigned)(unsigned char)letter - '-';
	return index < sizeof(letter_values) ? letter_values[index] : NO_LETTER;
}

// Four letters' 24 bits; NO_LETTER << 24 or more when one of them is none.
static unsigned letters_value(const char *letters)
{
	unsigned a = letter_value(letters[0]), b = letter_value(letters[1]);
	unsigned c = letter_value(letters[2]), d = letter_value(letters[3]);
	return a << 18 | b << 12 | c << 6 | d | ((a | b | c | d) & NO_LETTER) << 24;
}

// A signature's bytes; false unless the text is the one text of some 32 bytes (unused bits are zero).
static bool parse_signature(struct slice text, uint8_t ret_mac[SHA256_SIZE])
{
	if (text.length != DELIVERY_SIGNATURE_LENGTH)
		return false;
	// The last three letters hold 18 bits, of which two are unused; 'A' stands for six zeros.
	const char last[4] = { text.data[40], text.data[41], text.data[42], 'A' };
	unsigned wrong = 0;
	for (size_t i = 0; i < 10; i++) {
		unsigned bits = letters_value(text.data + 4 * i);
		wrong |= bits;
		ret_mac[3 * i] = (uint8_t)(bits >> 16);
		ret_mac[3 * i + 1] = (uint8_t)(bits >> 8);
		ret_mac[3 * i + 2] = (uint8_t)bits;
	}
	unsigned bits = letters_value(last);
	ret_mac[30] = (uint8_t)(bits >> 16);
	ret_mac[31] = (uint8_t)(bits >> 8);
	return ((wrong | bits) >> 24) == 0 && (bits & 0xff) == 0;
}

static bool parse_expiry(struct slice text, int64_t *ret_expiry)
{
	if (text.length < 1 || text.length > EXPIRY_DIGITS_MAX || (text.data[0] == '0' && text.length > 1))
		return false;
	int64_t expiry = 0;
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		expiry = expiry * 10 + (text.data[i] - '0');
	}
	*ret_expiry = expiry;
	return true;
}

static bool key_id_is_valid(struct slice id)
{
	if (id.length < 1 || id.length >= DELIVERY_KEY_ID_SIZE)
		return false;
	for (size_t i = 0; i < id.length; i++) {
		char character = id.data[i];
		if (!(character >= 'a' && character <= 'z') && !(character >= 'A' && character <= 'Z') &&
		    !(character >= '0' && character <= '9') && character != '-' && character != '_')
			return false;
	}
	return true;
}

static unsigned parse_formats(struct slice text)
{
	for (size_t i = 0; i < FORMAT_LIST_COUNT; i++)
		if (slice_equals(text, format_lists[i].text))
			return format_lists[i].formats;
	return 0;
}

static bool parse_path(const char *path, size_t length, struct delivery_grant *ret_grant)
{
	if (length <= PREFIX_LENGTH || memcmp(path, DELIVERY_PREFIX, PREFIX_LENGTH) != 0)
		return false;
	const char *key = path + PREFIX_LENGTH;
	size_t key_length = length - PREFIX_LENGTH;
	struct object_key_variant parts;
	bool is_negotiated = memchr(key, '.', key_length) == NULL;
	if (is_negotiated ? !object_key_parse_negotiated(key, key_length, &parts)
	                  : !object_key_parse_variant(key, key_length, &parts))
		return false;
	ret_grant->media_id = parts.media_id;
	ret_grant->generation = parts.generation;
	memcpy(ret_grant->variant, parts.variant, sizeof(ret_grant->variant));
	ret_grant->format = parts.format;
	return true;
}

static const struct hmac_key *find_key(const struct delivery_keys *keys, struct slice id)
{
	for (size_t i = 0; i < keys->count; i++)
		if (slice_equals(id, keys->entries[i].id))
			return &keys->entries[i].key;
	return NULL;
}

bool delivery_take_claim(struct slice *query, struct delivery_claim *ret_claim)
{
	struct slice signature;
	return delivery_take_parameter(query, "e=", &ret_claim->expiry_text) &&
	       parse_expiry(ret_claim->expiry_text, &ret_claim->expiry) &&
	       delivery_take_parameter(query, "&k=", &ret_claim->key_id) && key_id_is_valid(ret_claim->key_id) &&
	       delivery_take_parameter(query, "&s=", &signature) && parse_signature(signature, ret_claim->mac);
}

enum delivery_verdict delivery_judge(const struct delivery_keys *keys, const char *label, struct slice path,
                                     const struct delivery_claim *claim, struct slice last, int64_t now)
{
	const struct hmac_key *key = find_key(keys, claim->key_id);
	if (key == NULL)
		return DELIVERY_UNKNOWN_KEY;
	uint8_t mac[SHA256_SIZE];
	delivery_mac(key, label, (struct slice[4]){ path, claim->expiry_text, claim->key_id, last }, mac);
	if (!crypto_equal(mac, claim->mac, sizeof(mac)))
		return DELIVERY_BAD_SIGNATURE;
	return claim->expiry != DELIVERY_FOREVER && now > claim->expiry ? DELIVERY_EXPIRED : DELIVERY_OK;
}

enum delivery_verdict delivery_verify(const struct delivery_keys *keys, const char *path, size_t path_length,
                                      const char *query, size_t query_length, int64_t now,
                                      struct delivery_grant *ret_grant)
{
	struct delivery_grant grant = { .formats = 0 };
	struct slice rest = { query, query_length }, formats = { NULL, 0 };
	struct delivery_claim claim;

	if (query == NULL || !parse_path(path, path_length, &grant) || !delivery_take_claim(&rest, &claim))
		return DELIVERY_MALFORMED;
	if (grant.format == FORMAT_NONE) {
		if (!delivery_take_parameter(&rest, "&f=", &formats))
			return DELIVERY_MALFORMED;
		grant.formats = parse_formats(formats);
		if (grant.formats == 0)
			return DELIVERY_MALFORMED;
	}
	if (rest.length != 0)
		return DELIVERY_MALFORMED;
	enum delivery_verdict verdict =
	        delivery_judge(keys, MESSAGE_LABEL, (struct slice){ path, path_length }, &claim, formats, now);
	grant.expiry = claim.expiry;
	if (verdict == DELIVERY_OK)
		*ret_grant = grant;
	return verdict;
}

bool delivery_read_public(const char *path, size_t path_length, struct delivery_grant *ret_grant)
{
	struct delivery_grant grant = { .expiry = DELIVERY_FOREVER };
	if (!parse_path(path, path_length, &grant))
		return false;
	if (grant.format == FORMAT_NONE)
		grant.formats = FORMAT_BIT(FORMAT_WEBP) | FORMAT_BIT(FORMAT_JPEG);
	*ret_grant = grant;
	return true;
}

const char *delivery_verdict_name(enum delivery_verdict verdict)
{
	static const char *const names[] = {
		[DELIVERY_OK] = "ok",
		[DELIVERY_MALFORMED] = "malformed",
		[DELIVERY_UNKNOWN_KEY] = "unknown_key",
		[DELIVERY_BAD_SIGNATURE] = "bad_signature",
		[DELIVERY_EXPIRED] = "expired",
	};
	static_assert(sizeof(names) / sizeof(names[0]) == DELIVERY_VERDICT_COUNT, "each verdict has its name");
	assert((unsigned)verdict < DELIVERY_VERDICT_COUNT);
	return names[verdict];
}

int64_t delivery_expiry(int64_t now, int64_t window, const struct uuid *media_id)
{
	assert(now >= 0 && window >= 1);
	uint64_t random = 0;
	for (int i = 8; i < 16; i++)
		random = random << 8 | media_id->bytes[i];
	int64_t offset = (int64_t)(random % (uint64_t)window);
	int64_t since = now - offset;
	int64_t windows = since >= 0 ? since / window : -((-since + window - 1) / window);
	return (windows + 2) * window + offset;
}

int64_t delivery_max_age(int64_t expiry, int64_t now)
{
	if (expiry == DELIVERY_FOREVER || expiry - now > DELIVERY_MAX_AGE)
		return DELIVERY_MAX_AGE;
	return expiry > now ? expiry - now : 0;
}
