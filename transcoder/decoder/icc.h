// Reading just enough of an embedded ICC profile to know that it is sRGB, so that colour management can be skipped.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True when the profile is a matrix profile with sRGB's primaries and tone curve within what 8-bit pixels can show.
// False for everything else, broken profiles included. The bytes may be hostile. Any thread. Source: ICC.1:2010, sRGB
// IEC 61966-2-1.
bool icc_is_srgb(const uint8_t *profile, size_t length);

// True when its colours are red, green and blue, whichever. The bytes may be hostile. Any thread.
bool icc_is_rgb(const uint8_t *profile, size_t length);
