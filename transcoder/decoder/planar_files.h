// Files from an upright picture's planes, without any metadata. The caller g_frees the bytes of all of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "transcoder/decoder/failure.h"
#include "transcoder/decoder/planar_plane.h"
#include "transcoder/wire/wire.h"

// The general path's JPEG and AVIF keep chroma whole from this quality on; planes have it halved.
#define PLANAR_FULL_CHROMA 90

// True when that encoding has its chroma halved, as the planes have it.
bool planar_files_can(const struct wire_encoding *encoding);

// Encode as asked; pads the planes.
bool planar_files_encode(struct planar_picture *picture, const struct wire_encoding *encoding, void **ret_bytes,
                         size_t *ret_length, struct failure *failure);

// For planar_files_encode: one format each. (JPEG: planar_jpeg.h.)
bool planar_webp_encode(const struct planar_picture *picture, const struct wire_encoding *encoding, void **ret_bytes,
                        size_t *ret_length, struct failure *failure);
bool planar_avif_encode(const struct planar_picture *picture, const struct wire_encoding *encoding, void **ret_bytes,
                        size_t *ret_length, struct failure *failure);
