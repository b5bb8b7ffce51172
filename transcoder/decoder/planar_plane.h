// Planes: one colour component of a picture each, 8 bits a sample, and the pictures that are made of three of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLANAR_PLANES 3 // luma, blue difference, red difference

// One component. Rows lie stride bytes apart; stride and the rows behind the last are padded to whole JPEG blocks.
struct planar_plane {
	uint8_t *samples;
	uint32_t width, height; // samples
	size_t stride;          // bytes, a multiple of PLANAR_ALIGNMENT
};

// An upright picture in full-range BT.601 (what JPEG means by YCbCr), its chroma halved both ways (rounded up) and
// sited in the middle of the four pixels that share it.
struct planar_picture {
	uint32_t width, height; // pixels
	struct planar_plane planes[PLANAR_PLANES];
};

// Columns and rows are padded to a multiple of this: two blocks, and what a vector register holds.
#define PLANAR_ALIGNMENT 32

// Samples without a value. False: no memory (or sides beyond what JPEG can name). planar_plane_done frees.
bool planar_plane_init(struct planar_plane *plane, uint32_t width, uint32_t height);

// Accepts a plane of zeros.
void planar_plane_done(struct planar_plane *plane);

// Repeat the last column and the last row into the padding, as far as blocks of 8 x 8 samples reach.
void planar_plane_pad(struct planar_plane *plane);

// The chroma planes' side for a picture's.
uint32_t planar_half(uint32_t side);

// Accepts a picture of zeros.
void planar_picture_done(struct planar_picture *picture);
