// Reasons, and the rule that maps the codecs' texts onto them.
#include "transcoder/decoder/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool failure_set(struct failure *failure, enum media_reason reason, const char *format, ...)
{
	va_list arguments;

	failure->reason = reason;
	va_start(arguments, format);
	(void)vsnprintf(failure->detail, sizeof(failure->detail), format, arguments);
	va_end(arguments);
	return false;
}

// What libjpeg, libpng, libspng, libwebp, nsgif, libheif, libtiff and poppler say (through libvips) when bytes, a
// password or memory are missing, or where they have a limit of their own. Anything else is decode_failed.
static const struct {
	const char *words;
	enum media_reason reason;
} known_texts[] = {
	{ "exceeds the maximum image size", REASON_TOO_LARGE_SIDE }, // libheif's own: 16384
	{ "premature end", REASON_TRUNCATED },
	{ "end of file", REASON_TRUNCATED },
	{ "end of stream", REASON_TRUNCATED },
	{ "end of source", REASON_TRUNCATED },
	{ "unexpected end", REASON_TRUNCATED },
	{ "not enough data", REASON_TRUNCATED },
	{ "truncated", REASON_TRUNCATED },
	{ "read error", REASON_TRUNCATED },
	{ "can not read tiff directory", REASON_TRUNCATED },
	{ "document is encrypted", REASON_PASSWORD },
	{ "out of memory", REASON_DECODE_MEMORY },
	{ "memory allocation", REASON_DECODE_MEMORY },
	{ "insufficient memory", REASON_DECODE_MEMORY },
	{ "cannot allocate", REASON_DECODE_MEMORY },
};

bool failure_set_codec(struct failure *failure, const char *doing, const char *text)
{
	enum media_reason reason = REASON_DECODE_FAILED;
	int length;

	if (text == NULL || text[0] == '\0')
		text = "no reason given";
	for (size_t i = 0; i < sizeof(known_texts) / sizeof(known_texts[0]); i++) {
		if (strcasestr(text, known_texts[i].words) != NULL) {
			reason = known_texts[i].reason;
			break;
		}
	}
	length = (int)strcspn(text, "\r\n");
	return failure_set(failure, reason, "%s: %.*s", doing, length > 150 ? 150 : length, text);
}
