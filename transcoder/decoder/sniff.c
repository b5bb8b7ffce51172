// First bytes of formats, and the few structures that are walked by hand.
#include "transcoder/decoder/sniff.h"

#include <string.h>

struct magic {
	size_t offset;
	size_t length;
	const char *bytes;
	enum media_format format;
};

static const struct magic magics[] = {
	{ 0, 3, "\xff\xd8\xff", FORMAT_JPEG }, { 0, 8, "\x89PNG\r\n\x1a\n", FORMAT_PNG },
	{ 8, 4, "WEBP", FORMAT_WEBP },         { 0, 6, "GIF87a", FORMAT_GIF },
	{ 0, 6, "GIF89a", FORMAT_GIF },        { 0, 4, "II*\0", FORMAT_TIFF },
	{ 0, 4, "MM\0*", FORMAT_TIFF },        { 0, 4, "II+\0", FORMAT_TIFF }, // BigTIFF
	{ 0, 4, "MM\0+", FORMAT_TIFF },        { 4, 8, "ftypavif", FORMAT_AVIF },
	{ 4, 8, "ftypavis", FORMAT_AVIF },     { 4, 8, "ftypheic", FORMAT_HEIF },
	{ 4, 8, "ftypheix", FORMAT_HEIF },     { 4, 8, "ftypheim", FORMAT_HEIF },
	{ 4, 8, "ftypheis", FORMAT_HEIF },     { 4, 8, "ftyphevc", FORMAT_HEIF },
	{ 4, 8, "ftyphevx", FORMAT_HEIF },     { 4, 8, "ftypmif1", FORMAT_HEIF },
	{ 4, 8, "ftypmsf1", FORMAT_HEIF },     { 0, 5, "%PDF-", FORMAT_PDF },
};

// What stands before the first element of a file that somebody has drawn is less.
#define SVG_PROLOGUE_MOST 16384

struct text {
	const char *at;
	const char *end;
};

static bool text_begins(const struct text *text, const char *word)
{
	size_t length = strlen(word);

	return (size_t)(text->end - text->at) >= length && memcmp(text->at, word, length) == 0;
}

// Go behind the next occurrence of word; false when there is none.
static bool skip_behind(struct text *text, const char *word)
{
	const char *found = memmem(text->at, (size_t)(text->end - text->at), word, strlen(word));

	if (found == NULL)
		return false;
	text->at = found + strlen(word);
	return true;
}

// <!DOCTYPE svg [ <!ENTITY a "b"> ]>
static bool skip_document_type(struct text *text)
{
	size_t length = (size_t)(text->end - text->at);
	const char *subset = memchr(text->at, '[', length), *end = memchr(text->at, '>', length);

	if (subset != NULL && end != NULL && subset < end && !skip_behind(text, "]"))
		return false;
	return skip_behind(text, ">");
}

static bool skip_prologue(struct text *text)
{
	bool more = true;

	if (text_begins(text, "\xef\xbb\xbf"))
		text->at += 3;
	while (more) {
		while (text->at < text->end && *text->at != '\0' && strchr(" \t\r\n", *text->at) != NULL)
			text->at++;
		if (text_begins(text, "<?"))
			more = skip_behind(text, "?>");
		else if (text_begins(text, "<!--"))
			more = skip_behind(text, "-->");
		else if (text_begins(text, "<!"))
			more = skip_document_type(text);
		else
			return true;
	}
	return false;
}

// Its first element is svg, with or without a prefix.
static bool is_svg(const uint8_t *bytes, size_t length)
{
	struct text text = { .at = (const char *)bytes };
	const char *name, *colon;
	size_t name_length = 0;

	text.end = text.at + (length < SVG_PROLOGUE_MOST ? length : SVG_PROLOGUE_MOST);
	if (!skip_prologue(&text) || !text_begins(&text, "<"))
		return false;
	name = text.at + 1;
	while (name + name_length < text.end && name[name_length] != '\0' &&
	       strchr(" \t\r\n/>", name[name_length]) == NULL)
		name_length++;
	if (name + name_length == text.end)
		return false;
	colon = memchr(name, ':', name_length);
	if (colon != NULL) {
		name_length -= (size_t)(colon + 1 - name);
		name = colon + 1;
	}
	return name_length == 3 && memcmp(name, "svg", 3) == 0;
}

enum media_format sniff_format(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *magic = &magics[i];

		if (length < magic->offset + magic->length ||
		    memcmp(bytes + magic->offset, magic->bytes, magic->length) != 0)
			continue;
		if (magic->format == FORMAT_WEBP && memcmp(bytes, "RIFF", 4) != 0)
			continue;
		return magic->format;
	}
	return is_svg(bytes, length) ? FORMAT_SVG : FORMAT_NONE;
}

static uint32_t get_big_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Walk a PNG's chunks to the one of that type; false when the file ends or the type stop comes first.
static bool find_png_chunk(const uint8_t *bytes, size_t length, const char *type, const char *stop, size_t *ret_at)
{
	for (size_t at = 8; at + 12 <= length;) {
		size_t chunk = get_big_endian(bytes + at);

		if (memcmp(bytes + at + 4, type, 4) == 0) {
			*ret_at = at;
			return true;
		}
		if (memcmp(bytes + at + 4, stop, 4) == 0 || chunk > length - at - 12)
			return false;
		at += 12 + chunk;
	}
	return false;
}

static uint32_t get_little_endian(const uint8_t *bytes)
{
	return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

// The chunks of an animated WebP that are frames.
static uint32_t count_webp_frames(const uint8_t *bytes, size_t length)
{
	uint32_t count = 0;

	for (size_t at = 12; at + 8 <= length;) {
		size_t chunk = get_little_endian(bytes + at + 4);

		count += memcmp(bytes + at, "ANMF", 4) == 0 ? 1 : 0;
		if (chunk >= length - at - 8)
			break;
		at += 8 + chunk + chunk % 2;
	}
	return count;
}

uint32_t sniff_frames(const uint8_t *bytes, size_t length)
{
	enum media_format format = sniff_format(bytes, length);
	size_t at;

	if (format == FORMAT_PNG && find_png_chunk(bytes, length, "acTL", "IDAT", &at))
		return get_big_endian(bytes + at + 8);
	return format == FORMAT_WEBP ? count_webp_frames(bytes, length) : 1;
}

// Boxes of ISO media (ISO/IEC 14496-12, 4.2): the last one says that it is longer than the file, or there is a piece of
// one.
static bool is_cut_in_box(const uint8_t *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint64_t size;

		if (length - at < 8)
			return true;
		size = get_big_endian(bytes + at);
		if (size == 0) // to the end of the file
			return false;
		if (size == 1) {
			if (length - at < 16)
				return true;
			size = (uint64_t)get_big_endian(bytes + at + 8) << 32 | get_big_endian(bytes + at + 12);
		}
		if (size > length - at)
			return true;
		if (size < 8) // nonsense
			return false;
		at += size;
	}
	return false;
}

bool sniff_is_cut(const uint8_t *bytes, size_t length)
{
	enum media_format format = sniff_format(bytes, length);
	size_t at;

	if (format == FORMAT_PNG)
		return !find_png_chunk(bytes, length, "IEND", "IEND", &at);
	if (format == FORMAT_WEBP) // RIFF's own length, little-endian
		return (uint64_t)get_little_endian(bytes + 4) + 8 > length;
	if (format == FORMAT_HEIF || format == FORMAT_AVIF)
		return is_cut_in_box(bytes, length);
	return false;
}
