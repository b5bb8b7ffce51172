// Geometry: which sample of which plane goes where.
#include "transcoder/decoder/planar_whole.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "transcoder/decoder/planar_resample.h"

#define MIDDLE 128 // chroma without colour

// How the stored picture is turned upright: mirrored along its own axes first, then rows and columns change places.
struct turn {
	bool mirror_x, mirror_y, transpose;
};

static const struct turn turns[9] = {
	[1] = { false, false, false }, [2] = { true, false, false }, [3] = { true, true, false },
	[4] = { false, true, false },  [5] = { false, false, true }, [6] = { false, true, true },
	[7] = { true, true, true },    [8] = { true, false, true },
};

// One side of a plane of the input, and of the picture that it is a plane of.
struct side {
	uint32_t samples;
	double pixels; // of the whole picture
	double cover;  // pixels that one sample covers
};

// The axis from a side to `pixels` pixels, of which one output sample covers `cover`.
static bool init_axis(struct resample_axis *axis, const struct side *side, uint32_t samples, uint32_t pixels,
                      unsigned cover, bool mirrored)
{
	return resample_axis_init(axis, side->samples, samples, side->pixels / pixels * cover / side->cover,
	                          side->pixels / side->cover, mirrored);
}

// Plane `index` of the picture, which has its size already, from a stored one. x and y are the stored plane's sides.
static bool make_plane(const struct planar_plane *stored, const struct side *x, const struct side *y, struct turn turn,
                       unsigned index, struct planar_picture *picture)
{
	CLEANUP(resample_axis_done) struct resample_axis across = { 0 };
	CLEANUP(resample_axis_done) struct resample_axis down = { 0 };
	struct planar_plane *plane = &picture->planes[index];
	unsigned cover = index == 0 ? 1 : 2;
	uint32_t width = index == 0 ? picture->width : planar_half(picture->width);
	uint32_t height = index == 0 ? picture->height : planar_half(picture->height);
	bool turned = turn.transpose;

	return planar_plane_init(plane, width, height) &&
	       init_axis(&across, x, turned ? height : width, turned ? picture->height : picture->width, cover,
	                 turn.mirror_x) &&
	       init_axis(&down, y, turned ? width : height, turned ? picture->width : picture->height, cover,
	                 turn.mirror_y) &&
	       resample_plane(stored, &across, &down, turned, plane);
}

static bool make_grey_plane(struct planar_plane *plane, const struct planar_picture *picture)
{
	if (!planar_plane_init(plane, planar_half(picture->width), planar_half(picture->height)))
		return false;
	for (uint32_t y = 0; y < plane->height; y++)
		memset(plane->samples + y * plane->stride, MIDDLE, plane->width);
	return true;
}

bool planar_whole_make(const struct planar_source *source, unsigned orientation, uint32_t width, uint32_t height,
                       struct planar_picture *ret_picture, struct failure *failure)
{
	struct planar_picture picture = { .width = width, .height = height };
	bool done = true;

	for (unsigned i = 0; done && i < PLANAR_PLANES; i++) {
		const struct planar_plane *stored = &source->planes[i];
		const struct side x = { stored->width, source->width, source->cover_x[i] };
		const struct side y = { stored->height, source->height, source->cover_y[i] };

		if (i < source->plane_count)
			done = make_plane(stored, &x, &y, turns[orientation], i, &picture);
		else
			done = make_grey_plane(&picture.planes[i], &picture);
	}
	if (!done) {
		planar_picture_done(&picture);
		return failure_set(failure, REASON_DECODE_MEMORY, "resize: no memory");
	}
	*ret_picture = picture;
	return true;
}

bool planar_whole_resize(const struct planar_picture *from, uint32_t width, uint32_t height,
                         struct planar_picture *ret_picture, struct failure *failure)
{
	struct planar_source source = { .width = from->width,
		                        .height = from->height,
		                        .plane_count = PLANAR_PLANES,
		                        .cover_x = { 1, 2, 2 },
		                        .cover_y = { 1, 2, 2 } };

	memcpy(source.planes, from->planes, sizeof(source.planes)); // borrowed
	return planar_whole_make(&source, 1, width, height, ret_picture, failure);
}

// ---- RGB ----

static uint8_t clamp(int32_t value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

// ITU-T T.871, in 16 bits behind the point.
static void convert_row(const uint8_t *luma, const uint8_t *blue, const uint8_t *red, uint32_t count, uint8_t *rgb)
{
	for (uint32_t x = 0; x < count; x++, rgb += 3) {
		int32_t base = luma[x] * 65536 + 32768, cb = blue[x] - MIDDLE, cr = red[x] - MIDDLE;

		rgb[0] = clamp((base + 91881 * cr) >> 16);
		rgb[1] = clamp((base - 22554 * cb - 46802 * cr) >> 16);
		rgb[2] = clamp((base + 116130 * cb) >> 16);
	}
}

// Half a plane's chroma in the picture's own size.
static bool widen(const struct planar_plane *half, const struct planar_picture *picture, struct planar_plane *ret_whole)
{
	CLEANUP(resample_axis_done) struct resample_axis across = { 0 };
	CLEANUP(resample_axis_done) struct resample_axis down = { 0 };
	const struct side x = { half->width, picture->width, 2 }, y = { half->height, picture->height, 2 };

	return planar_plane_init(ret_whole, picture->width, picture->height) &&
	       init_axis(&across, &x, picture->width, picture->width, 1, false) &&
	       init_axis(&down, &y, picture->height, picture->height, 1, false) &&
	       resample_plane(half, &across, &down, false, ret_whole);
}

uint8_t *planar_whole_to_rgb(const struct planar_picture *picture)
{
	CLEANUP(planar_plane_done) struct planar_plane blue = { 0 };
	CLEANUP(planar_plane_done) struct planar_plane red = { 0 };
	const struct planar_plane *luma = &picture->planes[0];
	size_t row = (size_t)picture->width * 3;
	uint8_t *rgb;

	if (!widen(&picture->planes[1], picture, &blue) || !widen(&picture->planes[2], picture, &red))
		return NULL;
	rgb = malloc(row * picture->height);
	for (uint32_t y = 0; rgb != NULL && y < picture->height; y++)
		convert_row(luma->samples + y * luma->stride, blue.samples + y * blue.stride,
		            red.samples + y * red.stride, picture->width, rgb + y * row);
	return rgb;
}
