// The uploaded file: what it is by its first bytes, what its header says, and how to decode it.
//
// The format is decided here, by our own list, and the one loader for it is called by name: libvips never gets to ask
// its other loaders whether they would like the bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vips/vips.h>

#include "media/format.h"
#include "transcoder/decoder/failure.h"
#include "transcoder/wire/wire.h"

struct source {
	const uint8_t *bytes; // borrowed
	size_t length;
	enum media_format format;
	uint32_t width, height; // as stored, before orientation; of a document as document.h says
	uint32_t upright_width, upright_height;
	unsigned orientation; // EXIF 1..8
	uint32_t frames;      // of an animation
	uint32_t pages;       // of a document, TIFF or HEIF
	bool has_alpha;
	double scale; // of a document: from its own size to this one
	struct wire_exif exif;
};

// Read the header and EXIF (its position only with keep_position) and hold them against the limits; no pixel is
// decoded, and nothing is looked at by a loader whose format is not one of these (FORMAT_BIT()s). False (failure says
// why): unsupported_type, too_many_…, too_large_side, truncated, decode_failed.
bool source_open(const uint8_t *bytes, size_t length, unsigned formats, const struct wire_job *job,
                 struct source *ret_source, struct failure *failure);

// The largest of the loader's shrink factors (1, 2, 4, 8) with which the stored picture is still at least width x
// height; 1 for formats that cannot decode smaller.
int source_shrink(const struct source *source, uint32_t width, uint32_t height);

// All frames of an animation one above the other, as a lazy picture to be read once from top to bottom; the caller
// unrefs it.
bool source_decode_frames(const struct source *source, VipsImage **ret_image, struct failure *failure);

// The first frame or page as a lazy picture to be read once from top to bottom, not rotated; the caller unrefs it.
// Bytes that are missing fail while it is read.
bool source_decode(const struct source *source, int shrink, VipsImage **ret_image, struct failure *failure);
