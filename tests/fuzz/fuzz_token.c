// Tokens: as they come, and with a right signature under whatever head and claims (the input's two lines), so that what
// stands behind the signature is met, too. And key sets of identity providers.
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "http/access_token.h"
#include "http/jwks.h"
#include "tests/fuzz/text.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NOW 1800000000
#define INPUT_MOST 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_access(const struct access_token_keys *keys, const char *token)
{
	struct access_token_claims claims;
	struct err err = { 0 };
	char *again = NULL;
	if (access_token_verify(keys, token, NOW, &claims, &err) != RC_OK)
		return;
	// Not beyond what a clock may be off, and what is said once more is taken once more.
	assert(claims.expires_at > NOW - 120 && claims.issued_at < NOW + 120);
	assert(access_token_issue(keys, &claims, &again, &err) == RC_OK);
	assert(access_token_verify(keys, again, NOW, &claims, &err) == RC_OK);
	free(again);
}

static void sign(const char *head, size_t head_length, const char *claims, size_t claims_length, char *ret_token)
{
	uint8_t secret[32], mac[SHA256_SIZE];
	struct hmac_key key;
	assert(decode_hex(KEY, 64, secret, sizeof secret));
	hmac_key_init(&key, secret, sizeof secret);
	encode_base64url(head, head_length, ret_token);
	size_t length = strlen(ret_token);
	ret_token[length++] = '.';
	encode_base64url(claims, claims_length, ret_token + length);
	length += strlen(ret_token + length);
	hmac_of(&key, ret_token, length, mac);
	ret_token[length++] = '.';
	encode_base64url(mac, sizeof mac, ret_token + length);
}

static void check_key_set(const char *text, size_t size)
{
	struct jwks *jwks = NULL;
	struct jwks_claims claims;
	struct err err = { 0 };
	if (jwks_parse(text, size, &jwks, &err) != RC_OK)
		return;
	assert(jwks_count(jwks) > 0);
	assert(jwks_verify(jwks, "e30.e30.AAAA", "i", "a", NOW, &claims, &err) != RC_OK);
	jwks_free(jwks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct access_token_keys *keys;
	struct err err = { 0 };
	if (keys == NULL)
		assert(crypto_init(&err) == RC_OK && access_token_keys_new(KEY, "i", "a", &keys, &err) == RC_OK);
	if (size > INPUT_MOST)
		return 0;
	char token[4 * INPUT_MOST], *text = fuzz_text(data, size);
	if (text == NULL)
		return 0;
	check_access(keys, text);
	check_key_set(text, size);
	const char *line = memchr(text, '\n', size);
	if (line != NULL) {
		size_t head = (size_t)(line - text);
		sign(text, head, line + 1, size - head - 1, token);
		check_access(keys, token);
	}
	free(text);
	return 0;
}
