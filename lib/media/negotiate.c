// Reading Accept headers.
#include "media/negotiate.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

// Qualities in thousandths; NOT_NAMED when the header does not say.
#define NOT_NAMED (-1)
#define QUALITY_FULL 1000

struct preferences {
	int avif, webp, jpeg, any_image, anything;
};

struct text {
	const char *at;
	const char *end;
};

// RFC 9110 §5.6.2. This runs on every delivery, so: a table.
static const bool token_characters[256] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
	['%'] = true,         ['&'] = true,         ['\''] = true,        ['*'] = true, ['+'] = true, ['-'] = true,
	['.'] = true,         ['^'] = true,         ['_'] = true,         ['`'] = true, ['|'] = true, ['~'] = true,
};

static bool is_token_character(char character)
{
	return token_characters[(unsigned char)character];
}

static void skip_blanks(struct text *text)
{
	while (text->at < text->end && (*text->at == ' ' || *text->at == '\t'))
		text->at++;
}

static bool skip_character(struct text *text, char character)
{
	if (text->at == text->end || *text->at != character)
		return false;
	text->at++;
	return true;
}

static struct text take_token(struct text *text)
{
	struct text token = { text->at, text->at };
	while (token.end < text->end && is_token_character(*token.end))
		token.end++;
	text->at = token.end;
	return token;
}

// Behind the closing quote; false when there is none.
static bool skip_quoted(struct text *text)
{
	if (!skip_character(text, '"'))
		return false;
	while (text->at < text->end && *text->at != '"') {
		if (*text->at == '\\')
			text->at++;
		text->at++;
	}
	return text->at < text->end && skip_character(text, '"');
}

// weight = 0 - 1 with up to three decimals (RFC 9110 §12.4.2); NOT_NAMED when it is not one.
static int parse_quality(struct text token)
{
	size_t length = (size_t)(token.end - token.at);
	if (length < 1 || length > 5 || (token.at[0] != '0' && token.at[0] != '1') ||
	    (length > 1 && token.at[1] != '.'))
		return NOT_NAMED;
	int quality = (token.at[0] - '0') * QUALITY_FULL;
	int unit = QUALITY_FULL / 10;
	for (size_t i = 2; i < length; i++, unit /= 10) {
		if (token.at[i] < '0' || token.at[i] > '9')
			return NOT_NAMED;
		quality += (token.at[i] - '0') * unit;
	}
	return quality <= QUALITY_FULL ? quality : NOT_NAMED;
}

// The parameters behind a media range; the first q counts. False when they do not parse.
static bool parse_parameters(struct text *element, int *ret_quality)
{
	bool found = false;
	int quality = QUALITY_FULL;
	for (skip_blanks(element); element->at < element->end; skip_blanks(element)) {
		if (!skip_character(element, ';'))
			return false;
		skip_blanks(element);
		struct text name = take_token(element);
		if (name.at == name.end)
			continue; // an empty parameter, which the grammar allows
		if (!skip_character(element, '='))
			return false;
		if (element->at < element->end && *element->at == '"') {
			if (!skip_quoted(element))
				return false;
			continue;
		}
		struct text value = take_token(element);
		if (value.at == value.end)
			return false;
		if (found || name.end - name.at != 1 || (*name.at != 'q' && *name.at != 'Q'))
			continue;
		quality = parse_quality(value);
		found = true;
		if (quality == NOT_NAMED)
			return false;
	}
	*ret_quality = quality;
	return true;
}

// Where the quality of this media range is kept; NULL for those that do not matter here.
static int *find_preference(struct text range, struct preferences *preferences)
{
	static const struct {
		const char *name;
		size_t length, offset;
	} known[] = {
#define RANGE(name, member) { name, sizeof(name) - 1, offsetof(struct preferences, member) }
		RANGE("image/avif", avif),   RANGE("image/webp", webp), RANGE("image/jpeg", jpeg),
		RANGE("image/*", any_image), RANGE("*/*", anything),
#undef RANGE
	};
	size_t length = (size_t)(range.end - range.at);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].length == length && strncasecmp(range.at, known[i].name, length) == 0)
			return (int *)((char *)preferences + known[i].offset);
	return NULL;
}

// One element of the list, without its comma.
static void read_element(struct text element, struct preferences *preferences)
{
	skip_blanks(&element);
	struct text range = { element.at, element.at };
	(void)take_token(&element);
	if (!skip_character(&element, '/'))
		return;
	(void)take_token(&element);
	range.end = element.at;
	int *preference = find_preference(range, preferences);
	int quality;
	// Named twice: the kinder one counts.
	if (preference != NULL && parse_parameters(&element, &quality) && quality > *preference)
		*preference = quality;
}

// Where the next element's comma stands, or the end; commas in quotes do not count.
static const char *element_end(struct text text)
{
	while (text.at < text.end && *text.at != ',') {
		if (*text.at == '"') {
			if (!skip_quoted(&text))
				return text.end;
		} else {
			text.at++;
		}
	}
	return text.at;
}

enum media_format negotiate_format(const char *accept, size_t length, unsigned formats)
{
	if (accept == NULL || length > NEGOTIATE_ACCEPT_MAX)
		return FORMAT_JPEG;
	struct preferences preferences = { NOT_NAMED, NOT_NAMED, NOT_NAMED, NOT_NAMED, NOT_NAMED };
	struct text rest = { accept, accept + length };
	while (rest.at < rest.end) {
		struct text element = { rest.at, element_end(rest) };
		read_element(element, &preferences);
		rest.at = element.end < rest.end ? element.end + 1 : rest.end;
	}
	int best = preferences.jpeg;
	if (best == NOT_NAMED)
		best = preferences.any_image;
	if (best == NOT_NAMED)
		best = preferences.anything;
	enum media_format format = FORMAT_JPEG;
	if ((formats & FORMAT_BIT(FORMAT_WEBP)) != 0 && preferences.webp > 0 && preferences.webp >= best) {
		format = FORMAT_WEBP;
		best = preferences.webp;
	}
	if ((formats & FORMAT_BIT(FORMAT_AVIF)) != 0 && preferences.avif > 0 && preferences.avif >= best)
		format = FORMAT_AVIF;
	return format;
}
