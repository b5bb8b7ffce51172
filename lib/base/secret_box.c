// secretbox with the nonce in front.
#include "base/secret_box.h"

#include <sodium.h>
#include <string.h>

#include "base/encoding.h"

_Static_assert(SECRET_BOX_KEY_BYTES == crypto_secretbox_KEYBYTES, "libsodium's key");
_Static_assert(SECRET_BOX_EXTRA_BYTES == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES, "nonce and MAC");

enum rc secret_box_key_parse(const char *text, struct secret_box_key *ret_key, struct err *err)
{
	if (strlen(text) != 2 * SECRET_BOX_KEY_BYTES ||
	    !decode_hex(text, strlen(text), ret_key->bytes, sizeof ret_key->bytes))
		return err_set(err, RC_INVALID, "must be 64 hex digits");
	return RC_OK;
}

void secret_box_seal(const struct secret_box_key *key, const void *data, size_t length, uint8_t *ret_sealed)
{
	randombytes_buf(ret_sealed, crypto_secretbox_NONCEBYTES);
	(void)crypto_secretbox_easy(ret_sealed + crypto_secretbox_NONCEBYTES, data, length, ret_sealed, key->bytes);
}

enum rc secret_box_open(const struct secret_box_key *key, const void *sealed, size_t length, void *ret_data,
                        struct err *err)
{
	const uint8_t *bytes = sealed;
	if (length < SECRET_BOX_EXTRA_BYTES ||
	    crypto_secretbox_open_easy(ret_data, bytes + crypto_secretbox_NONCEBYTES,
	                               length - crypto_secretbox_NONCEBYTES, bytes, key->bytes) != 0)
		return err_set(err, RC_CORRUPT, "sealed under another key, or changed");
	return RC_OK;
}
