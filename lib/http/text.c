// The small grammars.
#include "http/text.h"

#include <ctype.h>
#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool text_is_token(const char *text)
{
	return *text != '\0' && text[strspn(text, ALPHANUMERIC "!#$%&'*+-.^_`|~")] == '\0';
}

bool text_is_field_value(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
			return false;
	}
	return true;
}

bool text_is_path(const char *text)
{
	if (*text != '/')
		return false;
	for (;;) {
		text += strspn(text, ALPHANUMERIC "-._~!$&'()*+,;=:@/");
		if (*text == '\0')
			return true;
		if (*text != '%' || !isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
			return false;
		text += 3;
	}
}

// length lower-case hex digits, not all of them zero.
static bool is_trace_id(const char *text, size_t length)
{
	return strspn(text, "0123456789abcdef") >= length && strspn(text, "0") < length;
}

bool text_is_traceparent(const char *text)
{
	return strlen(text) == 55 && memcmp(text, "00-", 3) == 0 && is_trace_id(text + 3, 32) && text[35] == '-' &&
	       is_trace_id(text + 36, 16) && text[52] == '-' && strspn(text + 53, "0123456789abcdef") == 2;
}
