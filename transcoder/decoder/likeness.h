// The perceptual hash: pictures that look alike have hashes that differ in few bits, whatever their size, quality or
// format.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Hash width x height pixels (each at least 1) of straight RGBA, row by row without gaps, as seen over white. False for
// a picture so even that its hash would be noise; ret_hash is then not written. Any thread.
bool likeness_hash(unsigned width, unsigned height, const uint8_t *rgba, uint64_t *ret_hash);
