// Text encodings of bytes: hex, base64 (RFC 4648), percent-encoding (RFC 3986, as SigV4 wants it).
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer;

// Lower-case hex; ret_text needs 2 * length + 1 bytes.
void encode_hex(const void *data, size_t length, char *ret_text);

// Exactly ret_length bytes from 2 * ret_length hex digits of either case; false otherwise.
bool decode_hex(const char *text, size_t text_length, void *ret_data, size_t ret_length);

// Bytes needed for the text of length bytes, with its NUL.
#define BASE64_TEXT_SIZE(length) (((length) + 2) / 3 * 4 + 1)

// Standard alphabet with padding (placeholders, Content-MD5) / URL alphabet without padding (tokens, signatures).
void encode_base64(const void *data, size_t length, char *ret_text);
void encode_base64url(const void *data, size_t length, char *ret_text);

// Strict decoding: no white space, no other alphabet, unused bits zero, padding exactly as the encoder writes it, at
// most size bytes. False otherwise (so one value has one text: safety of tokens, RFC 4648 §3.5).
bool decode_base64(const char *text, size_t text_length, void *ret_data, size_t size, size_t *ret_length);
bool decode_base64url(const char *text, size_t text_length, void *ret_data, size_t size, size_t *ret_length);

// Append text percent-encoded: unreserved characters (A-Z a-z 0-9 - . _ ~) stay, the rest becomes %XX in upper case.
// keep_slash leaves '/' as it is, for object keys in paths.
void encode_percent(struct buffer *out, const char *text, bool keep_slash);

// Percent-decode length bytes into out; plus_is_space for form encoding. False for a broken %XX or a NUL.
bool decode_percent(struct buffer *out, const char *text, size_t length, bool plus_is_space);

// True when length bytes are well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool utf8_is_valid(const char *text, size_t length);

// Bytes of the well-formed sequence at text (1 to 4), or 0 when it is broken or longer than left.
size_t utf8_sequence_length(const char *text, size_t left);
