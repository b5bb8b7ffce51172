// Reading delivery keys from the text of their setting.
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "media/delivery.h"

#define SECRET_SIZE 32
#define SEPARATORS ",\r\n"
#define BLANKS " \t"

// The same letters as in a URL's k.
static const char key_id_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static enum rc add_entry(const char *entry, size_t length, struct delivery_keys *keys, struct err *err)
{
	size_t number = keys->count + 1;
	if (keys->count == DELIVERY_KEYS_MAX)
		return err_set(err, RC_INVALID, "more than %d delivery keys", DELIVERY_KEYS_MAX);
	size_t id_length = strspn(entry, key_id_characters);
	if (id_length < 1 || id_length >= DELIVERY_KEY_ID_SIZE || id_length >= length || entry[id_length] != ':')
		return err_set(err, RC_INVALID,
		               "delivery key %zu: expected id:hex with an id of 1 to %d of A-Z a-z 0-9 - _", number,
		               DELIVERY_KEY_ID_SIZE - 1);
	uint8_t secret[SECRET_SIZE];
	const char *hex = entry + id_length + 1;
	if (length - id_length - 1 != 2 * sizeof(secret) ||
	    !decode_hex(hex, length - id_length - 1, secret, sizeof(secret)))
		return err_set(err, RC_INVALID, "delivery key %zu: expected 64 hex digits after the id", number);
	for (size_t i = 0; i < keys->count; i++)
		if (strlen(keys->entries[i].id) == id_length && memcmp(keys->entries[i].id, entry, id_length) == 0) {
			crypto_wipe(secret, sizeof(secret));
			return err_set(err, RC_INVALID, "delivery key %zu: its id is there already", number);
		}
	memcpy(keys->entries[keys->count].id, entry, id_length);
	hmac_key_init(&keys->entries[keys->count].key, secret, sizeof(secret));
	keys->count++;
	crypto_wipe(secret, sizeof(secret));
	return RC_OK;
}

enum rc delivery_keys_parse(const char *text, struct delivery_keys *ret_keys, struct err *err)
{
	struct delivery_keys keys = { .count = 0 };
	const char *at = text;
	while (*at != '\0') {
		at += strspn(at, BLANKS);
		size_t length = strcspn(at, SEPARATORS);
		const char *next = at + length;
		while (length > 0 && strchr(BLANKS, at[length - 1]) != NULL)
			length--;
		if (length > 0) {
			enum rc rc = add_entry(at, length, &keys, err);
			if (rc != RC_OK) {
				delivery_keys_wipe(&keys);
				return rc;
			}
		}
		at = next + (*next != '\0');
	}
	if (keys.count == 0)
		return err_set(err, RC_INVALID, "no delivery key: set cdn.keys to id:64 hex digits");
	*ret_keys = keys;
	crypto_wipe(&keys, sizeof(keys));
	return RC_OK;
}

void delivery_keys_wipe(struct delivery_keys *keys)
{
	crypto_wipe(keys, sizeof(*keys));
}
