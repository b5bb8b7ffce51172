// WebP straight from planes, with the settings of the general path.
#include <glib.h>
#include <webp/encode.h>

#include "base/cleanup.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/planar_cpu.h"
#include "transcoder/decoder/planar_files.h"

#define ONE 32768 // weight 1
#define LEVEL 128 // of a sample in the computation, and the middle

// WebP's YCbCr has the limited range: luma 16 to 235, chroma 16 to 240; ours has 0 to 255.
#define LUMA_WEIGHT (219 * ONE / 255)
#define LUMA_MIDDLE (16 * LEVEL + 128 * LEVEL * 219 / 255)
#define CHROMA_WEIGHT (224 * ONE / 255)
#define CHROMA_MIDDLE (128 * LEVEL)

FOR_EACH_CPU static void limit_row(const uint8_t *restrict from, uint8_t *restrict to, size_t count, int16_t weight,
                                   int16_t middle)
{
	for (size_t i = 0; i < count; i++) {
		int16_t centred = (int16_t)((from[i] - 128) * LEVEL);
		int16_t scaled = (int16_t)(((((int32_t)centred * weight) >> 14) + 1) >> 1);

		to[i] = (uint8_t)((int16_t)(scaled + middle + LEVEL / 2) >> 7);
	}
}

static void limit_plane(const struct planar_plane *plane, uint8_t *to, int stride, int weight, int middle)
{
	for (uint32_t y = 0; y < plane->height; y++)
		limit_row(plane->samples + y * plane->stride, to + (size_t)y * (size_t)stride, plane->width,
		          (int16_t)weight, (int16_t)middle);
}

static bool take_planes(const struct planar_picture *source, WebPPicture *picture)
{
	picture->width = (int)source->width;
	picture->height = (int)source->height;
	if (!WebPPictureAlloc(picture))
		return false;
	limit_plane(&source->planes[0], picture->y, picture->y_stride, LUMA_WEIGHT, LUMA_MIDDLE);
	limit_plane(&source->planes[1], picture->u, picture->uv_stride, CHROMA_WEIGHT, CHROMA_MIDDLE);
	limit_plane(&source->planes[2], picture->v, picture->uv_stride, CHROMA_WEIGHT, CHROMA_MIDDLE);
	return true;
}

bool planar_webp_encode(const struct planar_picture *source, const struct wire_encoding *encoding, void **ret_bytes,
                        size_t *ret_length, struct failure *failure)
{
	CLEANUP(WebPMemoryWriterClear) WebPMemoryWriter writer;
	CLEANUP(WebPPictureFree) WebPPicture picture;
	WebPConfig config;

	WebPMemoryWriterInit(&writer);
	if (!WebPPictureInit(&picture) || !picture_configure_webp(encoding, &config))
		return failure_set(failure, REASON_INTERNAL, "another version of libwebp than was built for");
	picture.writer = WebPMemoryWrite;
	picture.custom_ptr = &writer;
	if (!take_planes(source, &picture))
		return failure_set(failure, REASON_DECODE_MEMORY, "encode webp: out of memory");
	if (!WebPEncode(&config, &picture)) {
		if (picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY)
			return failure_set(failure, REASON_DECODE_MEMORY, "encode webp: out of memory");
		return failure_set(failure, REASON_DECODE_FAILED, "encode webp: encoder error %d",
		                   (int)picture.error_code);
	}
	*ret_bytes = g_memdup2(writer.mem, writer.size);
	*ret_length = writer.size;
	return true;
}
