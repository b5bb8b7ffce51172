// Content negotiation for pictures: which of the offered formats an Accept header gets (RFC 9110 §12.5.1).
//
// There are three answers at most (avif, webp, jpeg), so a cache has three classes at most. Pure; safe on any bytes.
#pragma once

#include <stddef.h>

#include "media/format.h"

// Longer headers count as garbage.
#define NEGOTIATE_ACCEPT_MAX 8192

// The best of `formats` (FORMAT_BIT()s; jpeg is always among what may be answered):
// - avif and webp only when named (`image/avif`) with q > 0: old browsers send wildcards without knowing either;
// - jpeg counts with its own q, else that of image/*, else that of */*, else of 0;
// - the highest q wins; at equal q avif before webp before jpeg;
// - elements that do not parse are skipped; without a header (NULL), with a header of garbage or over
//   NEGOTIATE_ACCEPT_MAX bytes: jpeg. Never an error: a picture beats a 406.
enum media_format negotiate_format(const char *accept, size_t length, unsigned formats);
