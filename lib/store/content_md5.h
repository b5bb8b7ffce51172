// The value of a Content-MD5 header (RFC 1864): S3 wants it for a few calls and checks it for uploads.
#pragma once

#include <stdint.h>

#include "base/crypto.h"
#include "base/encoding.h"

#define CONTENT_MD5_TEXT_SIZE BASE64_TEXT_SIZE(MD5_SIZE)

// The digest in base64. Any thread.
static inline void content_md5_format(const uint8_t digest[MD5_SIZE], char ret_text[CONTENT_MD5_TEXT_SIZE])
{
	encode_base64(digest, MD5_SIZE, ret_text);
}
