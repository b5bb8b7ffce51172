// How good a variant is, against a reference that comes straight from all of the original's pixels (libvips; start it
// first). For tests that link the decoder.
#pragma once

#include "tests/hostile/pictures.h"

struct score {
	double ssim;   // mean SSIM of luma (tests/hostile/ssim.h)
	double chroma; // mean difference, levels
};

// Two pictures of the same size.
struct score grading_score(const struct picture_pixels *picture, const struct picture_pixels *reference);

// A JPEG, upright, in that size, in sRGB. The caller frees ret_pixels->rgba.
void grading_make_reference(const void *bytes, size_t length, unsigned width, unsigned height,
                            struct picture_pixels *ret_pixels);

// The pixels of an AVIF; fails the test when it is none. The caller frees ret_pixels->rgba.
void grading_decode_avif(const void *bytes, size_t length, struct picture_pixels *ret_pixels);

// Mean difference, in levels, of a cut from that window of the whole which it is most like.
double grading_cut_difference(const struct picture_pixels *cut, const struct picture_pixels *whole);
