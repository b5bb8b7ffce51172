// Structural similarity of two planes of bytes (Wang, Bovik, Sheikh, Simoncelli 2004): how alike two pictures are to an
// eye, 1 being equal.
#pragma once

#include <stdint.h>

// Mean over all pixels, with the paper's window (Gaussian, 11 x 11, sigma 1.5) and constants. The planes are width x
// height without gaps, each side at least 11. Negative when there is no memory. Any thread.
double ssim_mean(const uint8_t *a, const uint8_t *b, unsigned width, unsigned height);
