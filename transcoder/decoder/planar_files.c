// The choice among the formats.
#include "transcoder/decoder/planar_files.h"

#include "transcoder/decoder/planar_jpeg.h"

bool planar_files_can(const struct wire_encoding *encoding)
{
	if (encoding->format == FORMAT_WEBP)
		return true;
	return (encoding->format == FORMAT_JPEG || encoding->format == FORMAT_AVIF) &&
	       encoding->quality < PLANAR_FULL_CHROMA;
}

bool planar_files_encode(struct planar_picture *picture, const struct wire_encoding *encoding, void **ret_bytes,
                         size_t *ret_length, struct failure *failure)
{
	if (encoding->format == FORMAT_JPEG)
		return planar_jpeg_encode(picture, encoding->quality, ret_bytes, ret_length, failure);
	if (encoding->format == FORMAT_WEBP)
		return planar_webp_encode(picture, encoding, ret_bytes, ret_length, failure);
	return planar_avif_encode(picture, encoding, ret_bytes, ret_length, failure);
}
