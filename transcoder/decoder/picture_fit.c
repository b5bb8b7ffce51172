// From the whole picture to that of a step: crop, background, sharpening.
#include "transcoder/decoder/picture.h"

// The size (w, h) such that it covers the box, in the proportions of width x height; rounded half up.
static uint32_t scale_rounded(uint32_t value, uint32_t numerator, uint32_t denominator)
{
	return (uint32_t)(((uint64_t)value * numerator * 2 + denominator) / ((uint64_t)denominator * 2));
}

struct preset_size picture_whole_size(const struct wire_planned *planned, uint32_t width, uint32_t height)
{
	struct preset_size size = planned->size;

	if (planned->step->fit == PRESET_CONTAIN)
		return preset_contained_size(planned->step, width, height);
	if (planned->step->fit != PRESET_COVER)
		return size;
	// The side that fits the box exactly is the one that leaves the other no smaller than the box.
	if ((uint64_t)size.width * height >= (uint64_t)size.height * width)
		return (struct preset_size){ size.width, scale_rounded(height, size.width, width) };
	return (struct preset_size){ scale_rounded(width, size.height, height), size.height };
}

// Where a stretch of `length` out of `whole` begins so that the point is in its middle, as far as the edges let it.
static int begin_around(uint32_t focal, int length, int whole)
{
	int begin = (int)((int64_t)whole * focal / WIRE_FOCAL_MOST) - length / 2;

	if (begin > whole - length)
		begin = whole - length;
	return begin < 0 ? 0 : begin;
}

static int crop(VipsImage *whole, const struct wire_job *job, const struct wire_planned *planned, VipsImage **ret_image)
{
	static const VipsInteresting ways[] = { [PRESET_ATTENTION] = VIPS_INTERESTING_ATTENTION,
		                                [PRESET_ENTROPY] = VIPS_INTERESTING_ENTROPY,
		                                [PRESET_CENTRE] = VIPS_INTERESTING_CENTRE };
	int width = (int)planned->size.width, height = (int)planned->size.height;

	if (job->has_focal)
		return vips_extract_area(
		        whole, ret_image, begin_around(job->focal_x, width, vips_image_get_width(whole)),
		        begin_around(job->focal_y, height, vips_image_get_height(whole)), width, height, NULL);
	return vips_smartcrop(whole, ret_image, width, height, "interesting", ways[planned->step->focus], NULL);
}

static void free_area(VipsArrayDouble **array)
{
	vips_area_unref(VIPS_AREA(*array));
}

static int embed(VipsImage *whole, const struct wire_planned *planned, VipsImage **ret_image)
{
	uint32_t colour = planned->step->background;
	const double rgb[] = { colour >> 16, colour >> 8 & 255, colour & 255 };
	CLEANUP(free_area) VipsArrayDouble *background = vips_array_double_new(rgb, 3);
	CLEANUP(picture_unref) VipsImage *opaque = NULL;
	int width = (int)planned->size.width, height = (int)planned->size.height;

	if (vips_image_hasalpha(whole)) {
		if (vips_flatten(whole, &opaque, "background", background, NULL) != 0)
			return -1;
		whole = opaque;
	}
	return vips_embed(whole, ret_image, (width - vips_image_get_width(whole)) / 2,
	                  (height - vips_image_get_height(whole)) / 2, width, height, "extend", VIPS_EXTEND_BACKGROUND,
	                  "background", background, NULL);
}

// The step's share of a strength that shows clearly: libvips's slope for edges is 3 by default, "strong" at 9.
static int sharpen(VipsImage *image, unsigned strength, VipsImage **ret_image)
{
	CLEANUP(picture_unref) VipsImage *sharp = NULL;

	if (vips_sharpen(image, &sharp, "sigma", 0.5, "m2", 9.0 * strength / PRESET_SHARPEN_MOST, NULL) != 0)
		return -1;
	return vips_cast(sharp, ret_image, VIPS_FORMAT_UCHAR, NULL);
}

bool picture_fit(VipsImage *whole, const struct wire_job *job, const struct wire_planned *planned,
                 VipsImage **ret_image, struct failure *failure)
{
	const struct preset_step *step = planned->step;
	VipsImage *image = NULL, *sharp = NULL;
	int result = 0;

	if (step->fit == PRESET_COVER && (vips_image_get_width(whole) != (int)planned->size.width ||
	                                  vips_image_get_height(whole) != (int)planned->size.height))
		result = crop(whole, job, planned, &image);
	else if (step->fit == PRESET_CONTAIN)
		result = embed(whole, planned, &image);
	else
		image = g_object_ref(whole);
	if (result == 0 && step->sharpen > 0) {
		result = sharpen(image, step->sharpen, &sharp);
		g_object_unref(image);
		image = sharp;
	}
	if (result != 0)
		return picture_failed(failure, "fit");
	if (image != whole && !picture_hold(&image, failure)) {
		g_object_unref(image);
		return false;
	}
	*ret_image = image;
	return true;
}
