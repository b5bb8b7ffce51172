// Parses the list of keys.
#include "http/access_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "http/text.h"

const struct access_key *access_key_find(const struct access_token_keys *keys, const char *id, size_t length)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strlen(keys->items[i].id) == length && memcmp(keys->items[i].id, id, length) == 0)
			return &keys->items[i];
	return NULL;
}

// One entry of length bytes: "id:hex", or "hex" for the id "default".
static enum rc add_key(struct access_token_keys *keys, const char *text, size_t length, struct err *err)
{
	static const char fallback[] = "default";
	if (keys->count == ACCESS_KEYS_MAX)
		return err_set(err, RC_INVALID, "more than %d token keys", ACCESS_KEYS_MAX);
	struct access_key *key = &keys->items[keys->count];
	const char *colon = memchr(text, ':', length);
	const char *id = colon == NULL ? fallback : text;
	size_t id_length = colon == NULL ? sizeof fallback - 1 : (size_t)(colon - text);
	const char *hex = colon == NULL ? text : colon + 1;
	if (id_length == 0 || id_length >= sizeof key->id || strspn(id, TEXT_ID_CHARACTERS) < id_length)
		return err_set(err, RC_INVALID, "token key %zu: its id must be 1-32 of [A-Za-z0-9_-]", keys->count + 1);
	if (access_key_find(keys, id, id_length) != NULL)
		return err_set(err, RC_INVALID, "token key %zu: its id is given twice", keys->count + 1);
	if (!decode_hex(hex, length - (size_t)(hex - text), key->secret, sizeof key->secret))
		return err_set(err, RC_INVALID, "token key %zu: it must be %zu hex digits", keys->count + 1,
		               2 * sizeof key->secret);
	hmac_key_init(&key->mac, key->secret, sizeof key->secret);
	memcpy(key->id, id, id_length);
	keys->count++;
	return RC_OK;
}

enum rc access_token_keys_new(const char *text, const char *issuer, const char *audience,
                              struct access_token_keys **ret_keys, struct err *err)
{
	struct access_token_keys *keys = calloc(1, sizeof *keys);
	if (keys != NULL) {
		keys->issuer = strdup(issuer);
		keys->audience = strdup(audience);
	}
	enum rc rc = RC_OK;
	if (keys == NULL || keys->issuer == NULL || keys->audience == NULL)
		rc = err_set(err, RC_NO_MEMORY, "no memory for the token keys");
	for (const char *at = text; rc == RC_OK;) {
		size_t length = strcspn(at, ",");
		rc = add_key(keys, at, length, err);
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	if (rc != RC_OK) {
		access_token_keys_free(keys);
		return rc;
	}
	*ret_keys = keys;
	return RC_OK;
}

void access_token_keys_free(struct access_token_keys *keys)
{
	if (keys == NULL)
		return;
	free(keys->issuer);
	free(keys->audience);
	crypto_wipe(keys->items, sizeof keys->items);
	free(keys);
}
