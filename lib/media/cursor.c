// Encoding and checking cursors.
#include "media/cursor.h"

#include <assert.h>
#include <string.h>

#include "base/encoding.h"

#define VERSION 1
#define MAC_SIZE 16
// Offsets of the fields, see the header.
#define AT_LIST 1
#define AT_SORT_KEY 2
#define AT_ID 10
#define AT_FILTER 26
#define AT_MAC 34
#define CURSOR_BYTES (AT_MAC + MAC_SIZE)
static_assert(BASE64_TEXT_SIZE(CURSOR_BYTES) == CURSOR_TEXT_SIZE, "a cursor's text fits exactly");

static void put_number(uint8_t *bytes, uint64_t number)
{
	for (int i = 7; i >= 0; i--, number >>= 8)
		bytes[i] = (uint8_t)number;
}

static uint64_t get_number(const uint8_t *bytes)
{
	uint64_t number = 0;
	for (int i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

enum rc cursor_key_parse(const char *text, struct hmac_key *ret_key, struct err *err)
{
	uint8_t secret[32];
	if (!decode_hex(text, strlen(text), secret, sizeof(secret)))
		return err_set(err, RC_INVALID, "the cursor key must be 64 hex digits");
	hmac_key_init(ret_key, secret, sizeof(secret));
	crypto_wipe(secret, sizeof(secret));
	return RC_OK;
}

uint64_t cursor_filter_hash(const char *const *parts, size_t count)
{
	SHA256_CTX state;
	uint8_t digest[SHA256_SIZE];
	(void)SHA256_Init(&state);
	for (size_t i = 0; i < count; i++) {
		// Presence and length first, so that no two lists of parts run together to the same bytes.
		uint8_t front[9] = { parts[i] != NULL };
		size_t length = parts[i] != NULL ? strlen(parts[i]) : 0;
		put_number(front + 1, length);
		(void)SHA256_Update(&state, front, sizeof(front));
		if (length > 0)
			(void)SHA256_Update(&state, parts[i], length);
	}
	(void)SHA256_Final(digest, &state);
	return get_number(digest);
}

void cursor_encode(const struct hmac_key *key, const struct cursor *cursor, char ret_text[CURSOR_TEXT_SIZE])
{
	uint8_t bytes[CURSOR_BYTES];
	uint8_t mac[SHA256_SIZE];
	bytes[0] = VERSION;
	bytes[AT_LIST] = (uint8_t)cursor->list;
	put_number(bytes + AT_SORT_KEY, (uint64_t)cursor->sort_key);
	memcpy(bytes + AT_ID, cursor->id.bytes, sizeof(cursor->id.bytes));
	put_number(bytes + AT_FILTER, cursor->filter);
	hmac_of(key, bytes, AT_MAC, mac);
	memcpy(bytes + AT_MAC, mac, MAC_SIZE);
	encode_base64url(bytes, sizeof(bytes), ret_text);
}

enum rc cursor_decode(const struct hmac_key *key, const char *text, enum cursor_list list, uint64_t filter,
                      struct cursor *ret_cursor, struct err *err)
{
	uint8_t bytes[CURSOR_BYTES];
	uint8_t mac[SHA256_SIZE];
	size_t length;
	if (!decode_base64url(text, strnlen(text, CURSOR_TEXT_SIZE), bytes, sizeof(bytes), &length) ||
	    length != sizeof(bytes) || bytes[0] != VERSION)
		return err_set(err, RC_INVALID, "cursor is not one of ours: take next_cursor as it was given");
	hmac_of(key, bytes, AT_MAC, mac);
	if (!crypto_equal(mac, bytes + AT_MAC, MAC_SIZE))
		return err_set(err, RC_INVALID, "cursor is not one of ours: take next_cursor as it was given");
	if (bytes[AT_LIST] != (uint8_t)list || get_number(bytes + AT_FILTER) != filter)
		return err_set(err, RC_INVALID,
		               "cursor belongs to another listing: keep the filters, or begin without it");
	ret_cursor->list = list;
	ret_cursor->sort_key = (int64_t)get_number(bytes + AT_SORT_KEY);
	memcpy(ret_cursor->id.bytes, bytes + AT_ID, sizeof(ret_cursor->id.bytes));
	ret_cursor->filter = filter;
	return RC_OK;
}
