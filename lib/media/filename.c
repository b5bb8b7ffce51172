// Cleaning file names and writing Content-Disposition.
#include "media/filename.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXTENSION_BYTES_MAX 16 // with its dot; longer ones are part of the name
#define FALLBACK "file"

static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD

// The character at the front of length (>= 1) bytes; returns how many bytes it has, 0 when they are not UTF-8.
static size_t read_character(const char *text, size_t length, uint32_t *ret_character)
{
	const uint8_t *bytes = (const uint8_t *)text;
	if (bytes[0] < 0x80) {
		*ret_character = bytes[0];
		return 1;
	}
	size_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || size > length)
		return 0;
	uint32_t character = bytes[0] & (0xffu >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	// Overlong forms, surrogates, beyond Unicode.
	if ((size == 3 && character < 0x800) || (size == 4 && (character < 0x10000 || character > 0x10ffff)) ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return size;
}

// Characters that control, turn or hide text. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
static bool is_dropped(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad }, { 0x061c, 0x061c },
		{ 0x180e, 0x180e }, { 0x200b, 0x200b }, { 0x200e, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
	};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

static bool is_trimmed(char character)
{
	return character == ' ' || character == '.';
}

// The length of the extension with its dot: 1 to EXTENSION_BYTES_MAX - 1 ASCII letters and digits behind the last dot
// of something; else 0.
static size_t extension_length(const char *name, size_t length)
{
	for (size_t i = 1; i <= EXTENSION_BYTES_MAX && i < length; i++) {
		char character = name[length - i];
		if (character == '.')
			return i > 1 ? i : 0;
		if (!(character >= '0' && character <= '9') &&
		    !((character | 0x20) >= 'a' && (character | 0x20) <= 'z'))
			return 0;
	}
	return 0;
}

// Clean length bytes into at most size bytes, without NUL; returns how many.
static size_t clean_characters(const char *text, size_t length, char *ret_text, size_t size)
{
	size_t written = 0;
	for (size_t at = 0; at < length;) {
		uint32_t character = 0xfffd;
		size_t bytes = read_character(text + at, length - at, &character);
		const char *source = bytes > 0 ? text + at : replacement;
		size_t needed = bytes > 0 ? bytes : sizeof(replacement) - 1;
		at += bytes > 0 ? bytes : 1;
		if (is_dropped(character))
			continue;
		if (written + needed > size)
			break;
		memcpy(ret_text + written, source, needed);
		written += needed;
	}
	return written;
}

void filename_clean(const char *name, size_t length, char ret_name[FILENAME_SIZE])
{
	for (size_t i = length; i > 0; i--)
		if (name[i - 1] == '/' || name[i - 1] == '\\') {
			name += i;
			length -= i;
			break;
		}
	for (; length > 0 && is_trimmed(name[length - 1]); length--)
		;
	size_t extension = extension_length(name, length);
	size_t stem_limit = LIMIT_FILENAME_BYTES - extension;
	size_t stem = clean_characters(name, length - extension, ret_name, stem_limit);
	size_t skip = 0;
	while (skip < stem && is_trimmed(ret_name[skip]))
		skip++;
	stem -= skip;
	memmove(ret_name, ret_name + skip, stem);
	// Without an extension behind it, the stem's end is the name's end.
	while (extension == 0 && stem > 0 && is_trimmed(ret_name[stem - 1]))
		stem--;
	if (stem == 0) {
		stem = sizeof(FALLBACK) - 1;
		memcpy(ret_name, FALLBACK, stem);
	}
	if (extension > 0)
		memcpy(ret_name + stem, name + length - extension, extension);
	ret_name[stem + extension] = '\0';
}

// attr-char of RFC 8187.
static bool is_attribute_character(char character)
{
	if ((character >= '0' && character <= '9') || (character >= 'A' && character <= 'Z') ||
	    (character >= 'a' && character <= 'z'))
		return true;
	return character != '\0' && strchr("!#$&+-.^_`|~", character) != NULL;
}

// The name in ASCII: other characters, and those that end or escape a quoted string, as '_'. True when none was.
static bool write_fallback(const char *name, char ret_text[FILENAME_SIZE])
{
	bool is_plain = true;
	size_t written = 0;
	for (const char *at = name; *at != '\0'; at++) {
		if (((uint8_t)*at & 0xc0) == 0x80)
			continue; // the rest of a character that has its '_'
		bool is_kept = *at >= 0x20 && *at < 0x7f && strchr("\"\\%", *at) == NULL;
		is_plain = is_plain && is_kept;
		ret_text[written++] = is_kept ? *at : '_';
	}
	ret_text[written] = '\0';
	return is_plain;
}

size_t filename_format_disposition(const char *name, bool attachment, char ret_value[FILENAME_DISPOSITION_SIZE])
{
	static const char hex[] = "0123456789ABCDEF";
	assert(strlen(name) <= LIMIT_FILENAME_BYTES);
	char fallback[FILENAME_SIZE];
	bool is_plain = write_fallback(name, fallback);
	int front = snprintf(ret_value, FILENAME_DISPOSITION_SIZE, "%s; filename=\"%s\"%s",
	                     attachment ? "attachment" : "inline", fallback, is_plain ? "" : "; filename*=UTF-8''");
	assert(front > 0);
	size_t length = (size_t)front;
	for (const char *at = name; !is_plain && *at != '\0'; at++) {
		assert(length + 4 <= FILENAME_DISPOSITION_SIZE);
		if (is_attribute_character(*at)) {
			ret_value[length++] = *at;
			continue;
		}
		ret_value[length++] = '%';
		ret_value[length++] = hex[(uint8_t)*at >> 4];
		ret_value[length++] = hex[(uint8_t)*at & 15];
	}
	ret_value[length] = '\0';
	return length;
}
