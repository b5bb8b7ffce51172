// Upright pictures of a given size from stored planes, smaller ones from larger ones, and the way back to RGB.
#pragma once

#include "transcoder/decoder/failure.h"
#include "transcoder/decoder/planar_jpeg.h"
#include "transcoder/decoder/planar_plane.h"

// The stored picture turned as its EXIF orientation (1..8) says, width x height pixels upright. Grey gets chroma
// without colour. planar_picture_done frees.
bool planar_whole_make(const struct planar_source *source, unsigned orientation, uint32_t width, uint32_t height,
                       struct planar_picture *ret_picture, struct failure *failure);

// The same picture in another size.
bool planar_whole_resize(const struct planar_picture *from, uint32_t width, uint32_t height,
                         struct planar_picture *ret_picture, struct failure *failure);

// The picture as interleaved RGB, 3 bytes a pixel, for what works on that; the caller frees it. NULL: no memory.
uint8_t *planar_whole_to_rgb(const struct planar_picture *picture);
