// Resizing one plane: separable Lanczos-3 with 16-bit weights, in plain C that the compiler turns into vector code (for
// more than one CPU, chosen at start): no code is made at run time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "transcoder/decoder/planar_plane.h"

// Where the samples of the output lie along one axis of the input, and the weights that follow. Coordinates count input
// samples: sample i covers i to i + 1.
struct resample_axis {
	uint32_t length;  // output samples
	uint32_t taps;    // weights of each, a multiple of 4; those that are not needed are 0
	int32_t *first;   // [length]: input sample of the first weight; those beyond an end mean the one at the end
	int16_t *weights; // [length * taps], 32768 means 1
	bool is_identity; // copies the input
};

// step: input samples that one output sample covers. extent: where the picture ends on the input (less than input
// samples when the last of them lies partly outside). mirrored: the first output sample lies at the extent's end.
// False: no memory. resample_axis_done frees.
bool resample_axis_init(struct resample_axis *axis, uint32_t input, uint32_t length, double step, double extent,
                        bool mirrored);
void resample_axis_done(struct resample_axis *axis);

// The plane resized by an axis across and one down (over the input's columns and rows), into an initialised output
// plane of that size. transposed: rows and columns change places afterwards, so ret_output is down->length wide. False:
// no memory.
bool resample_plane(const struct planar_plane *input, const struct resample_axis *across,
                    const struct resample_axis *down, bool transposed, struct planar_plane *ret_output);
