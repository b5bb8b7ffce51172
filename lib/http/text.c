// The small grammars.
#include "http/text.h"

#include <ctype.h>
#include <string.h>

// Every header of every request is looked through, so the sets are tables: strspn makes one for each call.
enum {
	IN_TOKEN = 1, // RFC 9110 §5.6.2
	IN_PATH = 2,  // RFC 3986 §3.3, without percent signs
	IN_BOTH = IN_TOKEN | IN_PATH,
};

static const unsigned char SETS[256] = {
	['A' ... 'Z'] = IN_BOTH, ['a' ... 'z'] = IN_BOTH, ['0' ... '9'] = IN_BOTH, ['!'] = IN_BOTH,  ['$'] = IN_BOTH,
	['&'] = IN_BOTH,         ['\''] = IN_BOTH,        ['*'] = IN_BOTH,         ['+'] = IN_BOTH,  ['-'] = IN_BOTH,
	['.'] = IN_BOTH,         ['_'] = IN_BOTH,         ['~'] = IN_BOTH,         ['#'] = IN_TOKEN, ['%'] = IN_TOKEN,
	['^'] = IN_TOKEN,        ['`'] = IN_TOKEN,        ['|'] = IN_TOKEN,        ['('] = IN_PATH,  [')'] = IN_PATH,
	[','] = IN_PATH,         [';'] = IN_PATH,         ['='] = IN_PATH,         [':'] = IN_PATH,  ['@'] = IN_PATH,
	['/'] = IN_PATH,
};

// Where the text leaves the set; its end when it does not.
static const char *skip_set(const char *text, unsigned char set)
{
	while ((SETS[(unsigned char)*text] & set) != 0)
		text++;
	return text;
}

bool text_is_token(const char *text)
{
	return *text != '\0' && *skip_set(text, IN_TOKEN) == '\0';
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
		text = skip_set(text, IN_PATH);
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
