// Encoding a picture's planes as JPEG.
#include <glib.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "transcoder/decoder/planar_jpeg.h"
#include "transcoder/decoder/planar_jpeg_error.h"

struct encode {
	struct jpeg_compress_struct info;
	struct planar_jpeg_error error;
	const struct planar_picture *picture;
	int quality;
	unsigned char *bytes; // malloc'd by libjpeg
	unsigned long length;
};

static void close_encode(struct encode *encode)
{
	jpeg_destroy_compress(&encode->info);
	free(encode->bytes);
}

static void create(void *context)
{
	struct encode *encode = context;

	jpeg_create_compress(&encode->info);
	jpeg_mem_dest(&encode->info, &encode->bytes, &encode->length);
}

// A group of 16 rows of luma and 8 of chroma, from row `top` of luma on; below the padding the last row again.
static void write_group(struct encode *encode, JDIMENSION top)
{
	JSAMPROW rows[PLANAR_PLANES][2 * DCTSIZE];
	JSAMPARRAY pointers[PLANAR_PLANES] = { rows[0], rows[1], rows[2] };

	for (unsigned i = 0; i < PLANAR_PLANES; i++) {
		const struct planar_plane *plane = &encode->picture->planes[i];
		unsigned count = i == 0 ? 2 * DCTSIZE : DCTSIZE;
		uint32_t first = i == 0 ? top : top / 2;

		for (unsigned j = 0; j < count; j++) {
			uint32_t y = first + j < plane->height ? first + j : plane->height - 1;

			rows[i][j] = plane->samples + y * plane->stride;
		}
	}
	(void)jpeg_write_raw_data(&encode->info, pointers, 2 * DCTSIZE);
}

static void write_picture(void *context)
{
	struct encode *encode = context;
	struct jpeg_compress_struct *info = &encode->info;

	info->image_width = encode->picture->width;
	info->image_height = encode->picture->height;
	info->input_components = PLANAR_PLANES;
	info->in_color_space = JCS_YCbCr;
	jpeg_set_defaults(info); // 4:2:0
	jpeg_set_quality(info, encode->quality, TRUE);
	info->raw_data_in = TRUE;
	info->optimize_coding = TRUE;
	jpeg_start_compress(info, TRUE);
	for (JDIMENSION top = 0; top < info->image_height; top += 2 * DCTSIZE)
		write_group(encode, top);
	jpeg_finish_compress(info);
}

bool planar_jpeg_encode(struct planar_picture *picture, unsigned quality, void **ret_bytes, size_t *ret_length,
                        struct failure *failure)
{
	CLEANUP(close_encode) struct encode encode = { .picture = picture, .quality = (int)quality };

	for (size_t i = 0; i < PLANAR_PLANES; i++)
		planar_plane_pad(&picture->planes[i]);
	encode.info.err = planar_jpeg_error_init(&encode.error);
	if (!planar_jpeg_guard(&encode.error, create, &encode) ||
	    !planar_jpeg_guard(&encode.error, write_picture, &encode))
		return failure_set_codec(failure, "encode jpeg", encode.error.text);
	*ret_bytes = g_memdup2(encode.bytes, encode.length);
	*ret_length = encode.length;
	return true;
}
