// The rule, from top to bottom.
#include "ingest/verdict.h"

#include <string.h>
#include <strings.h>

#include "media/format.h"

static struct verdict reject(enum media_reason reason)
{
	return (struct verdict){ .reason = reason };
}

static struct verdict accept(enum media_kind kind, const char *content_type)
{
	return (struct verdict){ .reason = REASON_NONE, .kind = kind, .content_type = content_type };
}

// "nobody said": what clients send when they do not know.
static bool is_unspecific(const char *content_type)
{
	static const char UNSPECIFIC[] = "application/octet-stream";
	size_t length = strcspn(content_type, "; \t");
	return length == sizeof UNSPECIFIC - 1 && strncasecmp(content_type, UNSPECIFIC, length) == 0;
}

static struct verdict verdict_of_picture(const struct verdict_facts *facts, const struct media_format_info *format)
{
	if (facts->size > facts->max_image_bytes)
		return reject(REASON_TOO_LARGE);
	return accept(format->kind, format->content_type);
}

// Declared as a picture, and not one of ours.
static struct verdict verdict_of_false_picture(const struct verdict_facts *facts, enum media_format sniffed)
{
	enum media_format declared = media_format_by_content_type(facts->declared_type);
	if (declared == FORMAT_SVG && sniffed == FORMAT_SVG)
		return accept(MEDIA_DOCUMENT, media_format_info(FORMAT_SVG)->content_type);
	// A picture of another kind (BMP, PSD, JPEG XL) under a familiar name is still a picture, just none that we
	// take.
	if (declared == FORMAT_NONE || media_content_type_is_image(facts->sniffed_type))
		return reject(REASON_UNSUPPORTED_TYPE);
	return reject(REASON_TYPE_MISMATCH);
}

static struct verdict verdict_of_file(const struct verdict_facts *facts, enum media_format sniffed)
{
	const struct media_format_info *format = media_format_info(sniffed);
	if (format->kind == MEDIA_DOCUMENT)
		return accept(MEDIA_DOCUMENT, format->content_type);
	return accept(MEDIA_FILE, is_unspecific(facts->declared_type) ? facts->sniffed_type : facts->declared_type);
}

struct verdict verdict_of(const struct verdict_facts *facts)
{
	if (facts->size == 0)
		return reject(REASON_EMPTY);
	if (facts->size != facts->declared_size)
		return reject(REASON_SIZE_MISMATCH);
	enum media_format sniffed = media_format_by_content_type(facts->sniffed_type);
	const struct media_format_info *format = media_format_info(sniffed);
	if (format->is_image && format->is_input)
		return verdict_of_picture(facts, format);
	if (media_content_type_is_image(facts->declared_type))
		return verdict_of_false_picture(facts, sniffed);
	return verdict_of_file(facts, sniffed);
}
