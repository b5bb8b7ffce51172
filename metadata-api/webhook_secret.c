// Making, reading, signing.
#include "metadata-api/webhook_secret.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/limits.h"

#define PREFIX "whsec_"

void webhook_secret_new(const struct secret_box_key *box, char ret_text[WEBHOOK_SECRET_SIZE],
                        uint8_t ret_sealed[WEBHOOK_SEALED_BYTES])
{
	uint8_t key[WEBHOOK_KEY_BYTES];
	random_fill(key, sizeof key);
	memcpy(ret_text, PREFIX, strlen(PREFIX));
	encode_base64(key, sizeof key, ret_text + strlen(PREFIX));
	secret_box_seal(box, key, sizeof key, ret_sealed);
	crypto_wipe(key, sizeof key);
}

enum rc webhook_secret_parse(const char *text, uint8_t ret_key[WEBHOOK_KEY_BYTES_MAX], size_t *ret_length,
                             struct err *err)
{
	size_t skip = strlen(PREFIX), length = 0;
	if (strncmp(text, PREFIX, skip) != 0 ||
	    !decode_base64(text + skip, strlen(text) - skip, ret_key, WEBHOOK_KEY_BYTES_MAX, &length) || length < 24)
		return err_set(err, RC_INVALID, "must be whsec_ and the base64 of 24 to 64 bytes");
	*ret_length = length;
	return RC_OK;
}

void webhook_sign(const void *key, size_t key_length, const char *id, int64_t timestamp, const char *body,
                  char ret_signature[WEBHOOK_SIGNATURE_SIZE])
{
	struct hmac_key mac;
	struct buffer text;
	uint8_t digest[SHA256_SIZE];
	buffer_init(&text, LIMIT_EVENT_BYTES);
	buffer_append_format(&text, "%s.%" PRId64 ".%s", id, timestamp, body);
	hmac_key_init(&mac, key, key_length);
	hmac_of(&mac, buffer_text(&text), text.length, digest);
	crypto_wipe(&mac, sizeof mac);
	memcpy(ret_signature, "v1,", 3);
	encode_base64(digest, sizeof digest, ret_signature + 3);
	buffer_done(&text);
}
