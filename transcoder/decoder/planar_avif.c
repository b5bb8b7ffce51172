// AVIF from planes by libheif and the AV1 encoder it has, with the settings of the general path.
#include <glib.h>
#include <libheif/heif.h>
#include <string.h>

#include "base/cleanup.h"
#include "transcoder/decoder/planar_files.h"

#define SLOWEST 9 // the encoder's speeds are 0 to 9, our effort counts the other way

struct avif {
	struct heif_context *context;
	struct heif_encoder *encoder;
	struct heif_image *image;
	struct heif_color_profile_nclx *colours;
	struct heif_encoding_options *options;
	struct heif_image_handle *handle;
	GByteArray *bytes;
};

static void close_avif(struct avif *avif)
{
	heif_image_handle_release(avif->handle);
	heif_encoding_options_free(avif->options);
	heif_nclx_color_profile_free(avif->colours);
	heif_image_release(avif->image);
	heif_encoder_release(avif->encoder);
	heif_context_free(avif->context);
	if (avif->bytes != NULL)
		(void)g_byte_array_free(avif->bytes, TRUE);
}

static bool succeeded(struct heif_error error, struct failure *failure)
{
	if (error.code == heif_error_Ok)
		return true;
	return failure_set_codec(failure, "encode avif", error.message);
}

static bool add_plane(struct heif_image *image, enum heif_channel channel, const struct planar_plane *plane,
                      struct failure *failure)
{
	int stride = 0;
	uint8_t *to;

	if (!succeeded(heif_image_add_plane(image, channel, (int)plane->width, (int)plane->height, 8), failure))
		return false;
	to = heif_image_get_plane(image, channel, &stride);
	for (uint32_t y = 0; y < plane->height; y++)
		memcpy(to + (size_t)y * (size_t)stride, plane->samples + y * plane->stride, plane->width);
	return true;
}

// The planes as they are, and what their numbers mean: sRGB in full-range BT.601.
static bool make_image(struct avif *avif, const struct planar_picture *picture, struct failure *failure)
{
	const struct planar_plane *planes = picture->planes;

	avif->colours = heif_nclx_color_profile_alloc();
	if (avif->colours == NULL)
		return failure_set(failure, REASON_DECODE_MEMORY, "encode avif: out of memory");
	avif->colours->color_primaries = heif_color_primaries_ITU_R_BT_709_5;
	avif->colours->transfer_characteristics = heif_transfer_characteristic_IEC_61966_2_1;
	avif->colours->matrix_coefficients = heif_matrix_coefficients_ITU_R_BT_601_6;
	avif->colours->full_range_flag = 1;
	return succeeded(heif_image_create((int)picture->width, (int)picture->height, heif_colorspace_YCbCr,
	                                   heif_chroma_420, &avif->image),
	                 failure) &&
	       add_plane(avif->image, heif_channel_Y, &planes[0], failure) &&
	       add_plane(avif->image, heif_channel_Cb, &planes[1], failure) &&
	       add_plane(avif->image, heif_channel_Cr, &planes[2], failure) &&
	       succeeded(heif_image_set_nclx_color_profile(avif->image, avif->colours), failure);
}

static bool open_encoder(struct avif *avif, const struct wire_encoding *encoding, struct failure *failure)
{
	int speed = encoding->effort > SLOWEST ? 0 : SLOWEST - (int)encoding->effort;

	avif->context = heif_context_alloc();
	if (avif->context == NULL)
		return failure_set(failure, REASON_DECODE_MEMORY, "encode avif: out of memory");
	return succeeded(heif_context_get_encoder_for_format(avif->context, heif_compression_AV1, &avif->encoder),
	                 failure) &&
	       succeeded(heif_encoder_set_lossy_quality(avif->encoder, (int)encoding->quality), failure) &&
	       succeeded(heif_encoder_set_parameter_integer(avif->encoder, "speed", speed), failure) &&
	       succeeded(heif_encoder_set_parameter_integer(avif->encoder, "threads", 1), failure) &&
	       succeeded(heif_encoder_set_parameter_string(avif->encoder, "chroma", "420"), failure);
}

static struct heif_error take_bytes(struct heif_context *context, const void *bytes, size_t length, void *data)
{
	(void)context;
	(void)g_byte_array_append(data, bytes, (guint)length);
	return (struct heif_error){ heif_error_Ok, heif_suberror_Unspecified, "" };
}

bool planar_avif_encode(const struct planar_picture *picture, const struct wire_encoding *encoding, void **ret_bytes,
                        size_t *ret_length, struct failure *failure)
{
	struct heif_writer writer = { .writer_api_version = 1, .write = take_bytes };
	CLEANUP(close_avif) struct avif avif = { .bytes = g_byte_array_new() };
	gsize length;

	avif.options = heif_encoding_options_alloc();
	if (avif.options == NULL)
		return failure_set(failure, REASON_DECODE_MEMORY, "encode avif: out of memory");
	avif.options->save_alpha_channel = 0;
	if (!open_encoder(&avif, encoding, failure) || !make_image(&avif, picture, failure) ||
	    !succeeded(heif_context_encode_image(avif.context, avif.image, avif.encoder, avif.options, &avif.handle),
	               failure) ||
	    !succeeded(heif_context_write(avif.context, &writer, avif.bytes), failure))
		return false;
	*ret_bytes = g_byte_array_steal(avif.bytes, &length);
	*ret_length = length;
	return true;
}
