// What a file is by its own bytes: looked at by hand, before any codec.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/format.h"

// The format by the first bytes; FORMAT_NONE: not one that the photo profile opens. HEIF and AVIF may be told apart
// only later.
enum media_format sniff_format(const uint8_t *bytes, size_t length);

// True when the file's own structure says that its end is missing, for formats whose codecs fail without saying so.
bool sniff_is_cut(const uint8_t *bytes, size_t length);

// Frames of an animated PNG: the acTL chunk, which must stand before the first IDAT. libvips shows the first frame only
// and does not tell. 1 for a still one, and whatever the chunk claims (0 included) for others.
uint32_t sniff_png_frames(const uint8_t *bytes, size_t length);
