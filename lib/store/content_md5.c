// Content-MD5.
#include "store/content_md5.h"

#include <openssl/evp.h>
#include <stdlib.h>

void content_md5_of(const void *data, size_t length, uint8_t ret_digest[CONTENT_MD5_SIZE])
{
	// Fails only when OpenSSL is built or configured without MD5, with which this store cannot be spoken to.
	if (EVP_Digest(data, length, ret_digest, NULL, EVP_md5(), NULL) != 1)
		abort();
}

void content_md5_format(const uint8_t digest[CONTENT_MD5_SIZE], char ret_text[CONTENT_MD5_TEXT_SIZE])
{
	encode_base64(digest, CONTENT_MD5_SIZE, ret_text);
}

struct content_md5_stream {
	EVP_MD_CTX *context;
};

static void stream_begin(struct content_md5_stream *stream)
{
	if (EVP_DigestInit_ex(stream->context, EVP_md5(), NULL) != 1)
		abort();
}

struct content_md5_stream *content_md5_stream_new(void)
{
	struct content_md5_stream *stream = malloc(sizeof *stream);
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

void content_md5_stream_free(struct content_md5_stream *stream)
{
	if (stream == NULL)
		return;
	EVP_MD_CTX_free(stream->context);
	free(stream);
}

void content_md5_stream_update(struct content_md5_stream *stream, const void *data, size_t length)
{
	if (EVP_DigestUpdate(stream->context, data, length) != 1)
		abort();
}

void content_md5_stream_finish(struct content_md5_stream *stream, uint8_t ret_digest[CONTENT_MD5_SIZE])
{
	if (EVP_DigestFinal_ex(stream->context, ret_digest, NULL) != 1)
		abort();
	stream_begin(stream);
}
