// Shrinking stored planes by whole factors.
#pragma once

#include <stdbool.h>

#include "transcoder/decoder/planar_jpeg.h"

// A copy whose samples cover up to `shrink` pixels of the picture a side, each the mean of those that it stands for:
// what decoding with that scale would have given, without the file being read again. Planes that are as coarse already
// stay as they are. shrink: 1 to 256, since the sums have 16 bits. False: no memory. planar_source_done frees.
bool planar_shrink_source(const struct planar_source *source, unsigned shrink, struct planar_source *ret_source);
