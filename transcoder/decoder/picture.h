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

struct WebPConfig;
struct WebPPicture;

// For CLEANUP; accepts a NULL picture.
void picture_unref(VipsImage **image);

// Take libvips's error text into failure, and return false.
bool picture_failed(struct failure *failure, const char *doing);

// Resize to exactly width x height pixels (each at least 1); nothing when it has that size already. Alpha is respected.
bool picture_resize(VipsImage **image, uint32_t width, uint32_t height, struct failure *failure);

// Bring any colours (embedded profile, CMYK, grey, 16 bits, Lab) to 8-bit sRGB of 3 bands, or 4 with alpha. A profile
// that is sRGB already, or is broken, is ignored.
bool picture_to_srgb(VipsImage **image, struct failure *failure);

// The same, but leave the colours of an embedded RGB profile as they are: who keeps it.
bool picture_to_rgb(VipsImage **image, struct failure *failure);

// Compute all pixels now and keep them in memory, so that the picture can be read again and in any order.
bool picture_hold(VipsImage **image, struct failure *failure);

// Turn a held picture as its EXIF orientation says (1..8), and hold the result.
bool picture_turn_upright(VipsImage **image, unsigned orientation, struct failure *failure);

// Drop everything from a held picture but its pixels: EXIF, XMP, IPTC, profile, comments. Savers are told to strip,
// too, but libvips 8.14.1 writes EXIF (position and all) into a WebP regardless.
void picture_forget_metadata(VipsImage *image);

// The same, but keep what the job's preset wants: the copyright and artist of EXIF (as an EXIF of nothing else), the
// profile.
void picture_keep_metadata(VipsImage *image, const struct wire_job *job);

bool picture_has_metadata(VipsImage *image);

// Give a picture what another one has kept.
void picture_copy_metadata(VipsImage *from, VipsImage *to);

// Put what a picture has kept into the bytes of its JPEG or WebP; the bytes are replaced. 0, or -1 with libvips's error
// set. (libvips itself writes it into AVIF.)
int picture_add_metadata(VipsImage *image, enum media_format format, void **bytes, size_t *length);

// For WebP by libwebp itself: what the encoding wants, the pixels of a held picture, and for picture_encode a file that
// holds the picture and no container around it. 0 or -1 with libvips's error set, like a saver.
bool picture_configure_webp(const struct wire_encoding *encoding, struct WebPConfig *ret_config);
int picture_import_webp(VipsImage *image, struct WebPPicture *picture);
int picture_encode_webp(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length);

// Make the picture of a planned step out of a held whole of the size that picture_whole_size gives: cropped (around the
// job's focal point, where there is one), put on its background, sharpened. The result is held, the caller unrefs it.
bool picture_fit(VipsImage *whole, const struct wire_job *job, const struct wire_planned *planned,
                 VipsImage **ret_image, struct failure *failure);

// The size of the whole picture at the scale that the step needs, of an upright original of width x height pixels.
struct preset_size picture_whole_size(const struct wire_planned *planned, uint32_t width, uint32_t height);

// Encode a held sRGB picture, without any metadata but what picture_keep_metadata left. JPEG gets a white background
// where the picture is transparent. The caller g_frees the bytes.
bool picture_encode(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length,
                    struct failure *failure);
