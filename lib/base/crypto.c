// Hashing and randomness.
#include "base/crypto.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum rc crypto_init(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, RC_INTERNAL, "libsodium does not start");
	return RC_OK;
}

void sha256_of(const void *data, size_t length, uint8_t ret_digest[SHA256_SIZE])
{
	(void)crypto_hash_sha256(ret_digest, data, length);
}

struct sha256_stream {
	EVP_MD_CTX *context;
};

static void stream_begin(struct sha256_stream *stream)
{
	// Fails only without memory, which EVP_MD_CTX_new has claimed already; a broken OpenSSL is not the world but
	// the install.
	if (EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) != 1)
		abort();
}

struct sha256_stream *sha256_stream_new(void)
{
	struct sha256_stream *stream = malloc(sizeof *stream);
	if (stream == NULL)
		return NULL;
	stream->context = EVP_MD_CTX_new();
	if (stream->context == NULL) {
		free(stream);
		return NULL;
	}
	stream_begin(stream);
	return stream;
}

void sha256_stream_free(struct sha256_stream *stream)
{
	if (stream == NULL)
		return;
	EVP_MD_CTX_free(stream->context);
	free(stream);
}

void sha256_stream_update(struct sha256_stream *stream, const void *data, size_t length)
{
	if (EVP_DigestUpdate(stream->context, data, length) != 1)
		abort();
}

void sha256_stream_finish(struct sha256_stream *stream, uint8_t ret_digest[SHA256_SIZE])
{
	if (EVP_DigestFinal_ex(stream->context, ret_digest, NULL) != 1)
		abort();
	stream_begin(stream);
}

void hmac_key_init(struct hmac_key *key, const void *secret, size_t length)
{
	(void)crypto_auth_hmacsha256_init(&key->state, secret, length);
}

void hmac_of(const struct hmac_key *key, const void *data, size_t length, uint8_t ret_mac[SHA256_SIZE])
{
	crypto_auth_hmacsha256_state state = key->state;
	(void)crypto_auth_hmacsha256_update(&state, data, length);
	(void)crypto_auth_hmacsha256_final(&state, ret_mac);
}

bool crypto_equal(const void *left, const void *right, size_t length)
{
	return sodium_memcmp(left, right, length) == 0;
}

void random_fill(void *ret_data, size_t length)
{
	randombytes_buf(ret_data, length);
}

uint32_t random_below(uint32_t bound)
{
	return randombytes_uniform(bound);
}

void crypto_wipe(void *data, size_t length)
{
	sodium_memzero(data, length);
}
