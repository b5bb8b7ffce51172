// The subset of EXIF that is kept (transcoder/wire/exif.h), read by libexif.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcoder/wire/exif.h"

// Read an EXIF block: a TIFF structure, with or without "Exif\0\0" before it, as JPEG, PNG, WebP and HEIF embed it.
// What is missing, malformed or cannot be true is left out; without with_position no position is read. Never fails.
void exif_read(const uint8_t *bytes, size_t length, bool with_position, struct wire_exif *ret_exif);
