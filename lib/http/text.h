// Small grammars of HTTP texts; for lib/http alone.
#pragma once

#include <stdbool.h>

#define TEXT_ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// RFC 9110 §5.6.2: a non-empty token (method, header name).
bool text_is_token(const char *text);

// RFC 9110 §5.5: no control characters but tab; bytes over 127 are let through.
bool text_is_field_value(const char *text);

// RFC 3986 §3.3: begins with '/', then pchar, '/' and well-formed %XX only.
bool text_is_path(const char *text);

// W3C Trace Context §3.2.2, version 00, lower case, neither id all zero.
bool text_is_traceparent(const char *text);
