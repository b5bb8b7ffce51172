// Structural similarity of two planes of bytes (Wang, Bovik, Sheikh, Simoncelli 2004): how alike two pictures are to an
// eye, 1 being equal. The one measure of tests and benches.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Luma, blue and red difference (full range) of pixels of 3 or 4 bytes, of which the fourth is not looked at; each of
// the planes has room for count bytes. Any thread.
void ssim_split(const uint8_t *pixels, unsigned bands, size_t count, uint8_t *const ret_planes[3]);

// Mean over all places where the paper's window (Gaussian, 11 x 11, sigma 1.5) fits, with the paper's constants; where
// a side is shorter, the window is as short. The planes are width x height without gaps. Negative when there is no
// memory. Any thread.
double ssim_mean(const uint8_t *a, const uint8_t *b, unsigned width, unsigned height);
