// What a file is by its own bytes: looked at by hand, before any codec.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/format.h"

// The format by the first bytes; FORMAT_NONE: not one that any profile opens. HEIF and AVIF may be told apart only
// later. SVG is what begins with an element of that name, behind no more than a few thousand bytes of declaration,
// document type and comments.
enum media_format sniff_format(const uint8_t *bytes, size_t length);

// True when the file's own structure says that its end is missing, for formats whose codecs fail without saying so.
bool sniff_is_cut(const uint8_t *bytes, size_t length);

// Frames that the file's own structure claims: of a PNG in its acTL chunk, which libvips does not tell; of a WebP by
// its frames' chunks, since libwebp takes a time that grows with their square. Others: 1. Whatever is claimed, 0
// included.
uint32_t sniff_frames(const uint8_t *bytes, size_t length);
