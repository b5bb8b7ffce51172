// Memory of planes.
#include "transcoder/decoder/planar_plane.h"

#include <stdlib.h>
#include <string.h>

#define SIDE_MOST 65535u

static uint32_t round_up(uint32_t value, uint32_t unit)
{
	return (value + unit - 1) / unit * unit;
}

bool planar_plane_init(struct planar_plane *plane, uint32_t width, uint32_t height)
{
	struct planar_plane made = { .width = width, .height = height };

	if (width == 0 || height == 0 || width > SIDE_MOST || height > SIDE_MOST)
		return false;
	made.stride = round_up(width, PLANAR_ALIGNMENT);
	made.samples = aligned_alloc(PLANAR_ALIGNMENT, made.stride * round_up(height, PLANAR_ALIGNMENT));
	if (made.samples == NULL)
		return false;
	*plane = made;
	return true;
}

void planar_plane_done(struct planar_plane *plane)
{
	free(plane->samples);
	*plane = (struct planar_plane){ 0 };
}

void planar_plane_pad(struct planar_plane *plane)
{
	uint32_t columns = round_up(plane->width, 8), rows = round_up(plane->height, 8);

	for (uint32_t y = 0; y < plane->height && columns > plane->width; y++) {
		uint8_t *row = plane->samples + y * plane->stride;

		memset(row + plane->width, row[plane->width - 1], columns - plane->width);
	}
	for (uint32_t y = plane->height; y < rows; y++)
		memcpy(plane->samples + y * plane->stride, plane->samples + (plane->height - 1) * plane->stride,
		       columns);
}

uint32_t planar_half(uint32_t side)
{
	return (side + 1) / 2;
}

void planar_picture_done(struct planar_picture *picture)
{
	for (size_t i = 0; i < PLANAR_PLANES; i++)
		planar_plane_done(&picture->planes[i]);
}
