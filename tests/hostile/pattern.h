// Small pictures made by rule, so that references in other languages can be given the same pixels.
#pragma once

#include <stdint.h>

enum pattern { PATTERN_GRADIENT, PATTERN_NOISE, PATTERN_ALPHA, PATTERN_FLAT, PATTERN_CLEAR };

#define PATTERN_SIDE_MOST 100
#define PATTERN_BYTES_MOST (4 * PATTERN_SIDE_MOST * PATTERN_SIDE_MOST)

// Straight RGBA, row by row.
void pattern_make(enum pattern pattern, unsigned width, unsigned height, uint8_t *ret_rgba);
