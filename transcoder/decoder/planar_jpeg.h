// JPEG from and to planes, by libjpeg's raw data interface: without colour conversion and without resampling of chroma.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcoder/decoder/failure.h"
#include "transcoder/decoder/planar_plane.h"

// A JPEG as stored: planes of any relative size, not turned.
struct planar_source {
	uint32_t width, height; // of the whole picture in pixels, unscaled
	unsigned plane_count;   // 3, or 1 for grey
	struct planar_plane planes[PLANAR_PLANES];
	// Pixels of the unscaled picture that one sample covers. Samples begin at the upper left corner; the last ones
	// may lie partly outside the picture.
	double cover_x[PLANAR_PLANES], cover_y[PLANAR_PLANES];
};

// True when the file is YCbCr or grey with 8 bits a sample, and its colours are sRGB (no embedded profile or one that
// is sRGB) or, with keeps_profile, those of any profile of red, green and blue. Reads the header only. False also when
// it cannot be read.
bool planar_jpeg_accepts(const uint8_t *bytes, size_t length, bool keeps_profile);

// Decode with libjpeg's scaling by 1 / shrink (1, 2, 4, 8), where chroma that is coarser already is shrunk less. The
// caller gives the planes to planar_source_done. Bytes that are missing fail, as truncated; a codec's warnings do not.
bool planar_jpeg_decode(const uint8_t *bytes, size_t length, int shrink, struct planar_source *ret_source,
                        struct failure *failure);
void planar_source_done(struct planar_source *source);

// Encode as 4:2:0 with Huffman tables of its own. Pads the planes. The caller g_frees the bytes.
bool planar_jpeg_encode(struct planar_picture *picture, unsigned quality, void **ret_bytes, size_t *ret_length,
                        struct failure *failure);
