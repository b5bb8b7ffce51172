// MD5, which S3 wants as Content-MD5 for a few calls and offers as an integrity check for uploads. Not for security.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/encoding.h"

#define CONTENT_MD5_SIZE 16
#define CONTENT_MD5_TEXT_SIZE BASE64_TEXT_SIZE(CONTENT_MD5_SIZE)

// The digest of data. Any thread.
void content_md5_of(const void *data, size_t length, uint8_t ret_digest[CONTENT_MD5_SIZE]);

// The value of a Content-MD5 header: the digest in base64.
void content_md5_format(const uint8_t digest[CONTENT_MD5_SIZE], char ret_text[CONTENT_MD5_TEXT_SIZE]);

// The digest of data in pieces. NULL without memory; free accepts NULL. finish begins anew.
struct content_md5_stream;
struct content_md5_stream *content_md5_stream_new(void);
void content_md5_stream_free(struct content_md5_stream *stream);
void content_md5_stream_update(struct content_md5_stream *stream, const void *data, size_t length);
void content_md5_stream_finish(struct content_md5_stream *stream, uint8_t ret_digest[CONTENT_MD5_SIZE]);
