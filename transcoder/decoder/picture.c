// Steps on pixels: size, colour, orientation, crop, files.
#include "transcoder/decoder/picture.h"

#include <assert.h>

#include "transcoder/decoder/icc.h"

void picture_unref(VipsImage **image)
{
	g_clear_object(image);
}

bool picture_failed(struct failure *failure, const char *doing)
{
	(void)failure_set_codec(failure, doing, vips_error_buffer());
	vips_error_clear();
	return false;
}

// Put *made in the place of *image.
static void replace(VipsImage **image, VipsImage *made)
{
	g_object_unref(*image);
	*image = made;
}

static bool is_size(VipsImage *image, uint32_t width, uint32_t height)
{
	return vips_image_get_width(image) == (int)width && vips_image_get_height(image) == (int)height;
}

static int resize(VipsImage *image, uint32_t width, uint32_t height, VipsImage **ret_image)
{
	return vips_resize(image, ret_image, (double)width / vips_image_get_width(image), "vscale",
	                   (double)height / vips_image_get_height(image), "kernel", VIPS_KERNEL_LANCZOS3, NULL);
}

// Transparent pixels have colours too, which must not bleed into their neighbours.
static int resize_with_alpha(VipsImage *image, uint32_t width, uint32_t height, VipsImage **ret_image)
{
	CLEANUP(picture_unref) VipsImage *weighted = NULL;
	CLEANUP(picture_unref) VipsImage *resized = NULL;
	CLEANUP(picture_unref) VipsImage *straight = NULL;

	if (vips_premultiply(image, &weighted, NULL) != 0 || resize(weighted, width, height, &resized) != 0 ||
	    vips_unpremultiply(resized, &straight, NULL) != 0)
		return -1;
	return vips_cast(straight, ret_image, vips_image_get_format(image), NULL);
}

bool picture_resize(VipsImage **image, uint32_t width, uint32_t height, struct failure *failure)
{
	VipsImage *made = NULL;
	int result;

	assert(width > 0 && height > 0);
	if (is_size(*image, width, height))
		return true;
	if (vips_image_hasalpha(*image))
		result = resize_with_alpha(*image, width, height, &made);
	else
		result = resize(*image, width, height, &made);
	if (result != 0)
		return picture_failed(failure, "resize");
	if (!is_size(made, width, height)) {
		g_object_unref(made);
		return failure_set(failure, REASON_INTERNAL, "resize to %u x %u missed its size", width, height);
	}
	replace(image, made);
	return true;
}

// ---- colour ----

static bool has_foreign_profile(VipsImage *image)
{
	const void *profile;
	size_t length;

	if (vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0 ||
	    vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &length) != 0)
		return false;
	return !icc_is_srgb(profile, length);
}

// Through the embedded profile, or through a stock one for CMYK without. False when neither can be used.
static bool apply_profile(VipsImage **image)
{
	bool is_cmyk = vips_image_get_interpretation(*image) == VIPS_INTERPRETATION_CMYK;
	VipsImage *made = NULL;

	if (!is_cmyk && !has_foreign_profile(*image))
		return false;
	if (vips_icc_transform(*image, &made, "srgb", "embedded", TRUE, "input_profile", is_cmyk ? "cmyk" : "srgb",
	                       "intent", VIPS_INTENT_PERCEPTUAL, "depth", 8, NULL) != 0) {
		vips_error_clear();
		return false;
	}
	replace(image, made);
	return true;
}

bool picture_to_srgb(VipsImage **image, struct failure *failure)
{
	(void)apply_profile(image);
	return picture_to_rgb(image, failure);
}

bool picture_to_rgb(VipsImage **image, struct failure *failure)
{
	VipsImage *made = NULL;
	int bands;

	if (vips_image_get_interpretation(*image) != VIPS_INTERPRETATION_sRGB) {
		if (vips_colourspace(*image, &made, VIPS_INTERPRETATION_sRGB, NULL) != 0)
			return picture_failed(failure, "colour");
		replace(image, made);
	}
	if (vips_image_get_format(*image) != VIPS_FORMAT_UCHAR) {
		if (vips_cast(*image, &made, VIPS_FORMAT_UCHAR, NULL) != 0)
			return picture_failed(failure, "colour");
		replace(image, made);
	}
	bands = vips_image_get_bands(*image);
	if (bands > 4) { // what is beyond red, green, blue and alpha is nothing a viewer shows
		if (vips_extract_band(*image, &made, 0, "n", 4, NULL) != 0)
			return picture_failed(failure, "colour");
		replace(image, made);
	} else if (bands < 3) {
		return failure_set(failure, REASON_DECODE_FAILED, "colour: %d bands are not a picture", bands);
	}
	return true;
}

// ---- memory, orientation ----

bool picture_hold(VipsImage **image, struct failure *failure)
{
	VipsImage *made = vips_image_copy_memory(*image);

	if (made == NULL)
		return picture_failed(failure, "decode");
	replace(image, made);
	return true;
}

bool picture_turn_upright(VipsImage **image, unsigned orientation, struct failure *failure)
{
	VipsImage *made = NULL;

	if (orientation == 1)
		return true;
	vips_image_set_int(*image, VIPS_META_ORIENTATION, (int)orientation);
	if (vips_autorot(*image, &made, NULL) != 0)
		return picture_failed(failure, "orientation");
	replace(image, made);
	return picture_hold(image, failure);
}

void picture_forget_metadata(VipsImage *image)
{
	char **fields = vips_image_get_fields(image);

	for (char **field = fields; field != NULL && *field != NULL; field++)
		(void)vips_image_remove(image, *field); // the few that describe the pixels cannot be removed
	g_strfreev(fields);
}

// ---- files ----

static void free_area(VipsArrayDouble **array)
{
	vips_area_unref(VIPS_AREA(*array));
}

static int encode_jpeg(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length)
{
	CLEANUP(picture_unref) VipsImage *opaque = NULL;
	const double white[] = { 255, 255, 255 };
	CLEANUP(free_area) VipsArrayDouble *background = vips_array_double_new(white, 3);

	if (vips_image_hasalpha(image)) {
		if (vips_flatten(image, &opaque, "background", background, NULL) != 0)
			return -1;
		image = opaque;
	}
	return vips_jpegsave_buffer(image, ret_bytes, ret_length, "Q", (int)encoding->quality, "strip", TRUE,
	                            "optimize_coding", TRUE, NULL);
}

static int encode_avif(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length)
{
	return vips_heifsave_buffer(image, ret_bytes, ret_length, "compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "Q",
	                            (int)encoding->quality, "effort", (int)encoding->effort, "strip",
	                            !picture_has_metadata(image), NULL);
}

bool picture_encode(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length,
                    struct failure *failure)
{
	void *bytes = NULL;
	size_t length = 0;
	int result = -1;

	if (encoding->format == FORMAT_JPEG)
		result = encode_jpeg(image, encoding, &bytes, &length);
	else if (encoding->format == FORMAT_WEBP)
		result = picture_encode_webp(image, encoding, &bytes, &length);
	else if (encoding->format == FORMAT_AVIF)
		result = encode_avif(image, encoding, &bytes, &length);
	if (result == 0 && picture_has_metadata(image))
		result = picture_add_metadata(image, encoding->format, &bytes, &length);
	if (result != 0) {
		g_free(bytes);
		return picture_failed(failure, "encode");
	}
	*ret_bytes = bytes;
	*ret_length = length;
	return true;
}
