// What is done to pixels, each step once: thin, typed wrappers over libvips, whose calls the compiler cannot check.
//
// Steps that change a picture take VipsImage ** and put the new one in the old one's place; on failure the old one
// stays, failure says why, and false is returned. Lazy pictures may fail in a later step.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <vips/vips.h>

#include "base/cleanup.h"
#include "transcoder/decoder/failure.h"

// For CLEANUP; accepts a NULL picture.
void picture_unref(VipsImage **image);

// Take libvips's error text into failure, and return false.
bool picture_failed(struct failure *failure, const char *doing);

// Resize to exactly width x height pixels (each at least 1); nothing when it has that size already. Alpha is respected.
bool picture_resize(VipsImage **image, uint32_t width, uint32_t height, struct failure *failure);

// Bring any colours (embedded profile, CMYK, grey, 16 bits, Lab) to 8-bit sRGB of 3 bands, or 4 with alpha. A profile
// that is sRGB already, or is broken, is ignored.
bool picture_to_srgb(VipsImage **image, struct failure *failure);

// Compute all pixels now and keep them in memory, so that the picture can be read again and in any order.
bool picture_hold(VipsImage **image, struct failure *failure);

// Turn a held picture as its EXIF orientation says (1..8), and hold the result.
bool picture_turn_upright(VipsImage **image, unsigned orientation, struct failure *failure);

// Drop everything from a held picture but its pixels: EXIF, XMP, IPTC, profile, comments. Savers are told to strip,
// too, but libvips 8.14.1 writes EXIF (position and all) into a WebP regardless.
void picture_forget_metadata(VipsImage *image);

// Cut the most interesting width x height pixels out of a held picture that is at least so large; the result is held,
// the caller unrefs it.
bool picture_crop(VipsImage *image, uint32_t width, uint32_t height, VipsImage **ret_image, struct failure *failure);

// For picture_encode: a WebP by libwebp itself, so that the file holds the picture and no container around it. 0 or -1
// with libvips's error set, like a saver.
int picture_encode_webp(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length);

// Encode a held sRGB picture, without any metadata. JPEG gets a white background where the picture is transparent. The
// caller g_frees the bytes. output_too_large when they are more than most.
bool picture_encode(VipsImage *image, const struct wire_encoding *encoding, uint64_t most, void **ret_bytes,
                    size_t *ret_length, struct failure *failure);
