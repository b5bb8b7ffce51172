// The formats that Safelight knows by name: what comes in, what goes out, and how each is called on the wire.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "media/state.h"

enum media_format {
	FORMAT_NONE, // not one of ours; as a media: a plain file
	FORMAT_JPEG,
	FORMAT_PNG,
	FORMAT_WEBP,
	FORMAT_GIF,
	FORMAT_TIFF,
	FORMAT_HEIF,
	FORMAT_AVIF,
	FORMAT_PDF,
	FORMAT_SVG,
};
#define MEDIA_FORMAT_COUNT 10

// A set of formats is an unsigned with these bits.
#define FORMAT_BIT(format) (1u << (format))

// What goes out: the formats in which variants are published and delivered.
#define FORMAT_SET_DELIVERY (FORMAT_BIT(FORMAT_AVIF) | FORMAT_BIT(FORMAT_WEBP) | FORMAT_BIT(FORMAT_JPEG))

struct media_format_info {
	const char *name;         // "jpeg": in `f=`, in the API's `format`
	const char *extension;    // "jpg": in object keys and delivery paths
	const char *content_type; // "image/jpeg": what we answer with, whatever a client declared
	enum media_kind kind;     // what a media of this format is
	bool is_image;            // a raster picture: the photo sandbox profile decodes it
	bool is_input;            // may be uploaded and gets variants
	bool is_output;           // variants may be made in it
};

// The row of one format. Never NULL: FORMAT_NONE has "none", "bin", "application/octet-stream", MEDIA_FILE.
const struct media_format_info *media_format_info(enum media_format format);

// By exact name ("jpeg") / by exact extension of ours ("jpg"), length bytes; FORMAT_NONE when unknown.
enum media_format media_format_by_name(const char *name, size_t length);
enum media_format media_format_by_extension(const char *extension, size_t length);

// By content type: any case, parameters ignored, common aliases known ("image/jpg", "image/heic"); FORMAT_NONE for
// others, NULL included.
enum media_format media_format_by_content_type(const char *content_type);

// True when a declared content type claims to be a picture (image/…), known to us or not: the image limits apply to it.
bool media_content_type_is_image(const char *content_type);

// True for a well-formed `type/subtype` with optional parameters (RFC 9110 §8.3), at most LIMIT_CONTENT_TYPE_BYTES.
bool media_content_type_is_valid(const char *content_type);
