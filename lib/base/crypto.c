// Hashing and randomness.
#include "base/crypto.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SHA256_BLOCK_SIZE 64

enum rc crypto_init(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, RC_INTERNAL, "libsodium does not start");
	return RC_OK;
}

void sha256_of(const void *data, size_t length, uint8_t ret_digest[SHA256_SIZE])
{
	SHA256_CTX context;
	(void)SHA256_Init(&context);
	(void)SHA256_Update(&context, data, length);
	(void)SHA256_Final(ret_digest, &context);
}

void md5_of(const void *data, size_t length, uint8_t ret_digest[MD5_SIZE])
{
	// Fails only when OpenSSL is built or configured without MD5, with which S3 cannot be spoken to.
	if (EVP_Digest(data, length, ret_digest, NULL, EVP_md5(), NULL) != 1)
		abort();
}

struct digest_stream {
	EVP_MD_CTX *context;
	const EVP_MD *digest;
};

static void stream_begin(struct digest_stream *stream)
{
	// Fails only without memory, which EVP_MD_CTX_new has claimed already; a broken OpenSSL is not the world but
	// the install.
	if (EVP_DigestInit_ex(stream->context, stream->digest, NULL) != 1)
		abort();
}

struct digest_stream *digest_stream_new(enum digest_kind kind)
{
	struct digest_stream *stream = malloc(sizeof *stream);
	if (stream == NULL)
		return NULL;
	const EVP_MD *const digests[] = {
		[DIGEST_SHA256] = EVP_sha256(), [DIGEST_MD5] = EVP_md5(), [DIGEST_SHA1] = EVP_sha1()
	};
	*stream = (struct digest_stream){ .context = EVP_MD_CTX_new(), .digest = digests[kind] };
	if (stream->context == NULL) {
		free(stream);
		return NULL;
	}
	stream_begin(stream);
	return stream;
}

void digest_stream_free(struct digest_stream *stream)
{
	if (stream == NULL)
		return;
	EVP_MD_CTX_free(stream->context);
	free(stream);
}

void digest_stream_update(struct digest_stream *stream, const void *data, size_t length)
{
	if (EVP_DigestUpdate(stream->context, data, length) != 1)
		abort();
}

void digest_stream_finish(struct digest_stream *stream, uint8_t *ret_digest)
{
	if (EVP_DigestFinal_ex(stream->context, ret_digest, NULL) != 1)
		abort();
	stream_begin(stream);
}

// The hash state after one block of the key with each byte xored (RFC 2104).
static void begin_padded(SHA256_CTX *context, const uint8_t block[SHA256_BLOCK_SIZE], uint8_t pad)
{
	uint8_t padded[SHA256_BLOCK_SIZE];
	for (size_t i = 0; i < sizeof padded; i++)
		padded[i] = block[i] ^ pad;
	(void)SHA256_Init(context);
	(void)SHA256_Update(context, padded, sizeof padded);
	crypto_wipe(padded, sizeof padded);
}

void hmac_key_init(struct hmac_key *key, const void *secret, size_t length)
{
	uint8_t block[SHA256_BLOCK_SIZE] = { 0 };
	if (length > sizeof block)
		sha256_of(secret, length, block);
	else if (length > 0)
		memcpy(block, secret, length);
	begin_padded(&key->inner, block, 0x36);
	begin_padded(&key->outer, block, 0x5c);
	crypto_wipe(block, sizeof block);
}

void hmac_of(const struct hmac_key *key, const void *data, size_t length, uint8_t ret_mac[SHA256_SIZE])
{
	SHA256_CTX context = key->inner;
	(void)SHA256_Update(&context, data, length);
	(void)SHA256_Final(ret_mac, &context);
	context = key->outer;
	(void)SHA256_Update(&context, ret_mac, SHA256_SIZE);
	(void)SHA256_Final(ret_mac, &context);
}

bool crypto_equal(const void *left, const void *right, size_t length)
{
	return sodium_memcmp(left, right, length) == 0;
}

void random_fill(void *ret_data, size_t length)
{
	randombytes_buf(ret_data, length);
}

void random_fill_id(void *ret_data, size_t length)
{
	static _Thread_local uint8_t ahead[1024];
	static _Thread_local size_t left;
	if (length > sizeof ahead / 2) {
		random_fill(ret_data, length);
		return;
	}
	if (left < length) {
		random_fill(ahead, sizeof ahead);
		left = sizeof ahead;
	}
	left -= length;
	memcpy(ret_data, ahead + left, length);
}

uint32_t random_below(uint32_t bound)
{
	return randombytes_uniform(bound);
}

void crypto_wipe(void *data, size_t length)
{
	sodium_memzero(data, length);
}
