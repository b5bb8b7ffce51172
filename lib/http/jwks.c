// Reads key sets: each key becomes the PEM text of its SubjectPublicKeyInfo (RFC 5280, 3279, 5480), the form in which
// libjwt takes keys.
#include "http/jwks.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "http/jwks_priv.h"

#define RSA_BYTES_LEAST 256
#define RSA_BYTES_MOST 512
#define RSA_EXPONENT_BYTES 8
#define EC_BYTES 32
#define DER_SIZE 700

// DER, written from the end to the beginning, so that lengths are known when they are written.
struct der {
	unsigned char bytes[DER_SIZE];
	size_t at; // the first byte that is written
};

static void der_put(struct der *der, const void *data, size_t length)
{
	der->at -= length;
	memcpy(der->bytes + der->at, data, length);
}

// The tag and length of what lies between here and `end`.
static void der_wrap(struct der *der, unsigned char tag, size_t end)
{
	size_t length = end - der->at;
	unsigned char head[4] = { tag, (unsigned char)length };
	size_t head_length = 2;
	if (length > 255) {
		head[1] = 0x82;
		head[2] = (unsigned char)(length >> 8);
		head[3] = (unsigned char)length;
		head_length = 4;
	} else if (length > 127) {
		head[1] = 0x81;
		head[2] = (unsigned char)length;
		head_length = 3;
	}
	der_put(der, head, head_length);
}

// A positive INTEGER; bytes has no leading zero.
static void der_put_integer(struct der *der, const unsigned char *bytes, size_t length)
{
	size_t end = der->at;
	der_put(der, bytes, length);
	if (bytes[0] & 0x80)
		der_put(der, "", 1);
	der_wrap(der, 0x02, end);
}

static void write_pem(const struct der *der, struct jwks_key *key)
{
	static const char HEAD[] = "-----BEGIN PUBLIC KEY-----\n", TAIL[] = "-----END PUBLIC KEY-----\n";
	char text[BASE64_TEXT_SIZE(DER_SIZE)];
	encode_base64(der->bytes + der->at, DER_SIZE - der->at, text);
	char *out = key->pem;
	memcpy(out, HEAD, sizeof HEAD - 1);
	out += sizeof HEAD - 1;
	for (const char *at = text; *at != '\0';) {
		size_t line = strnlen(at, 64);
		memcpy(out, at, line);
		out[line] = '\n';
		out += line + 1;
		at += line;
	}
	memcpy(out, TAIL, sizeof TAIL);
	key->pem_length = (size_t)(out - key->pem) + sizeof TAIL - 1;
}

_Static_assert(JWKS_PEM_SIZE >= BASE64_TEXT_SIZE(RSA_BYTES_MOST + 60) + RSA_BYTES_MOST / 32 + 60, "a PEM text fits");

// A base64url member of least to most bytes; leading zeros are dropped when skip_zeros. 0 otherwise.
static size_t read_bytes(const json_t *json, const char *name, bool skip_zeros, size_t least, size_t most,
                         unsigned char *ret_bytes)
{
	unsigned char bytes[RSA_BYTES_MOST + 1];
	size_t length = 0, zeros = 0;
	const json_t *value = json_object_get(json, name);
	if (!json_is_string(value) ||
	    !decode_base64url(json_string_value(value), json_string_length(value), bytes, sizeof bytes, &length))
		return 0;
	while (skip_zeros && zeros < length && bytes[zeros] == 0)
		zeros++;
	length -= zeros;
	if (length < least || length > most)
		return 0;
	memcpy(ret_bytes, bytes + zeros, length);
	return length;
}

static bool read_rsa(const json_t *json, struct jwks_key *key)
{
	// AlgorithmIdentifier: rsaEncryption, NULL.
	static const unsigned char ALGORITHM[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
		                                   0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	unsigned char modulus[RSA_BYTES_MOST], exponent[RSA_EXPONENT_BYTES];
	size_t modulus_length = read_bytes(json, "n", true, RSA_BYTES_LEAST, RSA_BYTES_MOST, modulus);
	size_t exponent_length = read_bytes(json, "e", true, 1, RSA_EXPONENT_BYTES, exponent);
	// Odd and above 1, as any exponent is.
	if (modulus_length == 0 || exponent_length == 0 || (exponent[exponent_length - 1] & 1) == 0 ||
	    (exponent_length == 1 && exponent[0] == 1))
		return false;
	struct der der = { .at = DER_SIZE };
	der_put_integer(&der, exponent, exponent_length);
	der_put_integer(&der, modulus, modulus_length);
	der_wrap(&der, 0x30, DER_SIZE);
	der_put(&der, "", 1); // no unused bits
	der_wrap(&der, 0x03, DER_SIZE);
	der_put(&der, ALGORITHM, sizeof ALGORITHM);
	der_wrap(&der, 0x30, DER_SIZE);
	write_pem(&der, key);
	key->algorithm = "RS256";
	return true;
}

static bool read_ec(const json_t *json, struct jwks_key *key)
{
	// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING } up to the uncompressed point's coordinates.
	static const unsigned char HEAD[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
		                              0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
		                              0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
	unsigned char x[EC_BYTES], y[EC_BYTES];
	const char *curve = json_string_value(json_object_get(json, "crv"));
	if (curve == NULL || strcmp(curve, "P-256") != 0 || read_bytes(json, "x", false, EC_BYTES, EC_BYTES, x) == 0 ||
	    read_bytes(json, "y", false, EC_BYTES, EC_BYTES, y) == 0)
		return false;
	struct der der = { .at = DER_SIZE };
	der_put(&der, y, sizeof y);
	der_put(&der, x, sizeof x);
	der_put(&der, HEAD, sizeof HEAD);
	write_pem(&der, key);
	key->algorithm = "ES256";
	return true;
}

// True when the member is absent or that text.
static bool is_absent_or(const json_t *json, const char *name, const char *text)
{
	const json_t *value = json_object_get(json, name);
	return value == NULL || (json_is_string(value) && strcmp(json_string_value(value), text) == 0);
}

static bool read_key(const json_t *json, struct jwks_key *key)
{
	const json_t *id = json_object_get(json, "kid");
	const char *type = json_string_value(json_object_get(json, "kty"));
	if (!json_is_string(id) || json_string_length(id) == 0 || json_string_length(id) > JWKS_KEY_ID_BYTES ||
	    type == NULL || !is_absent_or(json, "use", "sig"))
		return false;
	memcpy(key->id, json_string_value(id), json_string_length(id) + 1);
	bool good =
	        (strcmp(type, "RSA") == 0 && read_rsa(json, key)) || (strcmp(type, "EC") == 0 && read_ec(json, key));
	return good && is_absent_or(json, "alg", key->algorithm);
}

enum rc jwks_parse(const char *text, size_t length, struct jwks **ret_jwks, struct err *err)
{
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(json, "keys");
	struct jwks *jwks = calloc(1, sizeof *jwks);
	if (jwks == NULL || !json_is_array(list)) {
		json_decref(json);
		free(jwks);
		return jwks == NULL ? err_set(err, RC_NO_MEMORY, "no memory for a key set")
		                    : err_set(err, RC_CORRUPT, "not a JSON Web Key Set");
	}
	for (size_t i = 0; i < json_array_size(list) && jwks->count < JWKS_KEYS_MAX; i++)
		jwks->count += read_key(json_array_get(list, i), &jwks->keys[jwks->count]);
	json_decref(json);
	if (jwks->count == 0) {
		free(jwks);
		return err_set(err, RC_CORRUPT, "the key set has no usable key");
	}
	*ret_jwks = jwks;
	return RC_OK;
}

void jwks_free(struct jwks *jwks)
{
	free(jwks);
}

size_t jwks_count(const struct jwks *jwks)
{
	return jwks->count;
}
