// WebP files straight from libwebp, with the settings that libvips would use.
#include <webp/encode.h>

#include "transcoder/decoder/picture.h"

int picture_import_webp(VipsImage *image, WebPPicture *picture)
{
	const uint8_t *pixels = vips_image_get_data(image);
	int bands = vips_image_get_bands(image);

	if (pixels == NULL)
		return -1;
	picture->width = vips_image_get_width(image);
	picture->height = vips_image_get_height(image);
	if (bands == 4)
		return WebPPictureImportRGBA(picture, pixels, picture->width * 4) ? 0 : -1;
	return WebPPictureImportRGB(picture, pixels, picture->width * 3) ? 0 : -1;
}

bool picture_configure_webp(const struct wire_encoding *encoding, WebPConfig *ret_config)
{
	if (!WebPConfigInit(ret_config))
		return false;
	ret_config->quality = (float)encoding->quality;
	ret_config->method = encoding->effort > 6 ? 6 : (int)encoding->effort;
	ret_config->alpha_quality = 100;
	return true;
}

int picture_encode_webp(VipsImage *image, const struct wire_encoding *encoding, void **ret_bytes, size_t *ret_length)
{
	WebPMemoryWriter writer;
	WebPPicture picture;
	WebPConfig config;
	int result = -1;

	if (!picture_configure_webp(encoding, &config) || !WebPPictureInit(&picture)) {
		vips_error("webp", "another version of libwebp than was built for");
		return -1;
	}
	WebPMemoryWriterInit(&writer);
	picture.writer = WebPMemoryWrite;
	picture.custom_ptr = &writer;
	if (picture_import_webp(image, &picture) == 0 && WebPEncode(&config, &picture)) {
		*ret_bytes = g_memdup2(writer.mem, writer.size);
		*ret_length = writer.size;
		result = 0;
	} else if (picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY) {
		vips_error("webp", "out of memory");
	} else {
		vips_error("webp", "encoder error %d", (int)picture.error_code);
	}
	WebPPictureFree(&picture);
	WebPMemoryWriterClear(&writer);
	return result;
}
