// The table of formats and the ways into it.
#include "media/format.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

static const struct media_format_info formats[] = {
	[FORMAT_NONE] = { .name = "none",
	                  .extension = "bin",
	                  .content_type = "application/octet-stream",
	                  .kind = MEDIA_FILE },
	[FORMAT_JPEG] = { .name = "jpeg",
	                  .extension = "jpg",
	                  .content_type = "image/jpeg",
	                  .kind = MEDIA_PHOTO,
	                  .is_image = true,
	                  .is_input = true,
	                  .is_output = true },
	[FORMAT_PNG] = { .name = "png",
	                 .extension = "png",
	                 .content_type = "image/png",
	                 .kind = MEDIA_PHOTO,
	                 .is_image = true,
	                 .is_input = true },
	[FORMAT_WEBP] = { .name = "webp",
	                  .extension = "webp",
	                  .content_type = "image/webp",
	                  .kind = MEDIA_PHOTO,
	                  .is_image = true,
	                  .is_input = true,
	                  .is_output = true },
	[FORMAT_GIF] = { .name = "gif",
	                 .extension = "gif",
	                 .content_type = "image/gif",
	                 .kind = MEDIA_ANIMATION,
	                 .is_image = true,
	                 .is_input = true },
	[FORMAT_TIFF] = { .name = "tiff",
	                  .extension = "tiff",
	                  .content_type = "image/tiff",
	                  .kind = MEDIA_PHOTO,
	                  .is_image = true,
	                  .is_input = true },
	[FORMAT_HEIF] = { .name = "heif",
	                  .extension = "heic",
	                  .content_type = "image/heic",
	                  .kind = MEDIA_PHOTO,
	                  .is_image = true,
	                  .is_input = true },
	[FORMAT_AVIF] = { .name = "avif",
	                  .extension = "avif",
	                  .content_type = "image/avif",
	                  .kind = MEDIA_PHOTO,
	                  .is_image = true,
	                  .is_input = true,
	                  .is_output = true },
	[FORMAT_PDF] = { .name = "pdf",
	                 .extension = "pdf",
	                 .content_type = "application/pdf",
	                 .kind = MEDIA_DOCUMENT,
	                 .is_input = true },
	[FORMAT_SVG] = { .name = "svg",
	                 .extension = "svg",
	                 .content_type = "image/svg+xml",
	                 .kind = MEDIA_DOCUMENT,
	                 .is_input = true },
};
static_assert(sizeof(formats) / sizeof(formats[0]) == MEDIA_FORMAT_COUNT, "each format has its row");

// Other content types that clients send for the same bytes.
static const struct {
	const char *content_type;
	enum media_format format;
} aliases[] = {
	{ "image/jpg", FORMAT_JPEG },           { "image/pjpeg", FORMAT_JPEG },
	{ "image/x-png", FORMAT_PNG },          { "image/apng", FORMAT_PNG },
	{ "image/tif", FORMAT_TIFF },           { "image/heif", FORMAT_HEIF },
	{ "image/heic-sequence", FORMAT_HEIF }, { "image/heif-sequence", FORMAT_HEIF },
	{ "application/x-pdf", FORMAT_PDF },
};

const struct media_format_info *media_format_info(enum media_format format)
{
	assert((unsigned)format < MEDIA_FORMAT_COUNT);
	return &formats[format];
}

static bool text_equals(const char *text, const char *bytes, size_t length)
{
	return strlen(text) == length && memcmp(text, bytes, length) == 0;
}

enum media_format media_format_by_name(const char *name, size_t length)
{
	for (unsigned i = FORMAT_NONE + 1; i < MEDIA_FORMAT_COUNT; i++)
		if (text_equals(formats[i].name, name, length))
			return (enum media_format)i;
	return FORMAT_NONE;
}

enum media_format media_format_by_extension(const char *extension, size_t length)
{
	for (unsigned i = FORMAT_NONE + 1; i < MEDIA_FORMAT_COUNT; i++)
		if (text_equals(formats[i].extension, extension, length))
			return (enum media_format)i;
	return FORMAT_NONE;
}

enum media_format media_format_by_content_type(const char *content_type)
{
	if (content_type == NULL)
		return FORMAT_NONE;
	size_t length = strcspn(content_type, "; \t");
	for (unsigned i = FORMAT_NONE + 1; i < MEDIA_FORMAT_COUNT; i++)
		if (strlen(formats[i].content_type) == length &&
		    strncasecmp(formats[i].content_type, content_type, length) == 0)
			return (enum media_format)i;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strlen(aliases[i].content_type) == length &&
		    strncasecmp(aliases[i].content_type, content_type, length) == 0)
			return aliases[i].format;
	return FORMAT_NONE;
}

bool media_content_type_is_image(const char *content_type)
{
	return content_type != NULL && strncasecmp(content_type, "image/", 6) == 0;
}

// RFC 9110 §5.6.2.
static bool is_token_character(char character)
{
	if ((character >= '0' && character <= '9') || (character >= 'A' && character <= 'Z') ||
	    (character >= 'a' && character <= 'z'))
		return true;
	return character != '\0' && strchr("!#$%&'*+-.^_`|~", character) != NULL;
}

static const char *skip_token(const char *text)
{
	while (is_token_character(*text))
		text++;
	return text;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

// Behind a quoted string, or NULL when it has no end or control characters.
static const char *skip_quoted(const char *text)
{
	for (text++; *text != '"'; text++) {
		if (*text == '\\')
			text++;
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return NULL;
	}
	return text + 1;
}

// Behind `name=value`, or NULL.
static const char *skip_parameter(const char *text)
{
	const char *name_end = skip_token(text);
	if (name_end == text || *name_end != '=')
		return NULL;
	const char *value = name_end + 1;
	if (*value == '"')
		return skip_quoted(value);
	const char *value_end = skip_token(value);
	return value_end == value ? NULL : value_end;
}

bool media_content_type_is_valid(const char *content_type)
{
	if (content_type == NULL || strnlen(content_type, LIMIT_CONTENT_TYPE_BYTES + 1) > LIMIT_CONTENT_TYPE_BYTES)
		return false;
	const char *slash = skip_token(content_type);
	if (slash == content_type || *slash != '/')
		return false;
	const char *rest = skip_token(slash + 1);
	if (rest == slash + 1)
		return false;
	while (*rest != '\0') {
		rest = skip_blanks(rest);
		if (*rest != ';')
			return false;
		rest = skip_parameter(skip_blanks(rest + 1));
		if (rest == NULL)
			return false;
	}
	return true;
}
