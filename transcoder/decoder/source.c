// Formats, loaders and limits.
#include "transcoder/decoder/source.h"

#include <string.h>

#include "base/buffer.h"
#include "transcoder/decoder/document.h"
#include "transcoder/decoder/exif.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/sniff.h"
#include "transcoder/decoder/tiff_exif.h"

// ---- loaders ----

// fail_on error: missing bytes fail, a codec's mere warnings (many phones' files earn some) do not. Never `unlimited`.
#define LOAD_OPTIONS "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR

static int load_jpeg(const struct source *source, int shrink, VipsImage **ret_image)
{
	return vips_jpegload_buffer((void *)source->bytes, source->length, ret_image, "shrink", shrink, LOAD_OPTIONS,
	                            NULL);
}

static int load_png(const struct source *source, int shrink, VipsImage **ret_image)
{
	(void)shrink;
	return vips_pngload_buffer((void *)source->bytes, source->length, ret_image, LOAD_OPTIONS, NULL);
}

static int load_webp(const struct source *source, int shrink, VipsImage **ret_image)
{
	(void)shrink;
	return vips_webpload_buffer((void *)source->bytes, source->length, ret_image, LOAD_OPTIONS, NULL);
}

static int load_gif(const struct source *source, int shrink, VipsImage **ret_image)
{
	(void)shrink;
	return vips_gifload_buffer((void *)source->bytes, source->length, ret_image, LOAD_OPTIONS, NULL);
}

// libvips leaves out what a TIFF says of its author; picture_keep_metadata looks for it where other loaders put it.
static int load_tiff(const struct source *source, int shrink, VipsImage **ret_image)
{
	static const struct {
		uint16_t tag;
		const char *field;
	} texts[] = { { 0x013b, "exif-ifd0-Artist" }, { 0x8298, "exif-ifd0-Copyright" } };
	char text[512];

	(void)shrink;
	if (vips_tiffload_buffer((void *)source->bytes, source->length, ret_image, LOAD_OPTIONS, NULL) != 0)
		return -1;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (tiff_exif_read_text(source->bytes, source->length, texts[i].tag, text, sizeof text))
			vips_image_set_string(*ret_image, texts[i].field, text);
	return 0;
}

static int load_heif(const struct source *source, int shrink, VipsImage **ret_image)
{
	(void)shrink;
	return vips_heifload_buffer((void *)source->bytes, source->length, ret_image, LOAD_OPTIONS, NULL);
}

static int load_document(const struct source *source, int shrink, VipsImage **ret_image)
{
	(void)shrink;
	return document_load(source, ret_image);
}

typedef int load_function(const struct source *source, int shrink, VipsImage **ret_image);

static load_function *const loaders[MEDIA_FORMAT_COUNT] = {
	[FORMAT_JPEG] = load_jpeg, [FORMAT_PNG] = load_png,      [FORMAT_WEBP] = load_webp,
	[FORMAT_GIF] = load_gif,   [FORMAT_TIFF] = load_tiff,    [FORMAT_HEIF] = load_heif,
	[FORMAT_AVIF] = load_heif, [FORMAT_PDF] = load_document, [FORMAT_SVG] = load_document,
};

bool source_decode(const struct source *source, int shrink, VipsImage **ret_image, struct failure *failure)
{
	if (loaders[source->format](source, shrink, ret_image) != 0)
		return picture_failed(failure, "decode");
	return true;
}

bool source_decode_frames(const struct source *source, VipsImage **ret_image, struct failure *failure)
{
	int result;

	if (source->format == FORMAT_GIF)
		result = vips_gifload_buffer((void *)source->bytes, source->length, ret_image, "n", -1, LOAD_OPTIONS,
		                             NULL);
	else
		result = vips_webpload_buffer((void *)source->bytes, source->length, ret_image, "n", -1, LOAD_OPTIONS,
		                              NULL);
	return result == 0 || picture_failed(failure, "decode");
}

int source_shrink(const struct source *source, uint32_t width, uint32_t height)
{
	int shrink = 1;

	if (source->format != FORMAT_JPEG)
		return 1;
	while (shrink < 8 && source->width / (2 * (uint32_t)shrink) >= width &&
	       source->height / (2 * (uint32_t)shrink) >= height)
		shrink *= 2;
	return shrink;
}

// ---- header ----

static uint32_t at_least_one(int64_t value)
{
	return value < 1 ? 1 : (uint32_t)value;
}

static void read_header(VipsImage *image, struct source *source)
{
	const char *compression;
	int pages = 1;

	source->width = (uint32_t)vips_image_get_width(image);
	source->height = (uint32_t)vips_image_get_height(image);
	source->orientation = (unsigned)vips_image_get_orientation(image);
	if (source->orientation < 1 || source->orientation > 8)
		source->orientation = 1;
	source->upright_width = source->orientation >= 5 ? source->height : source->width;
	source->upright_height = source->orientation >= 5 ? source->width : source->height;
	source->has_alpha = vips_image_hasalpha(image);
	source->frames = source->pages = 1;
	// The number as it stands, not libvips's idea (vips_image_get_n_pages) of which numbers are sensible.
	if (vips_image_get_typeof(image, VIPS_META_N_PAGES) != 0 &&
	    vips_image_get_int(image, VIPS_META_N_PAGES, &pages) == 0) {
		if (source->format == FORMAT_GIF || source->format == FORMAT_WEBP)
			source->frames = at_least_one(pages);
		else
			source->pages = at_least_one(pages);
	}
	if (source->format == FORMAT_PNG)
		source->frames = at_least_one(sniff_frames(source->bytes, source->length));
	if (source->format == FORMAT_HEIF && vips_image_get_typeof(image, "heif-compression") != 0 &&
	    vips_image_get_string(image, "heif-compression", &compression) == 0 && strcmp(compression, "av1") == 0)
		source->format = FORMAT_AVIF;
	vips_error_clear();
}

static bool check_limits(const struct source *source, const struct wire_limits *limits, struct failure *failure)
{
	uint32_t longest = source->width > source->height ? source->width : source->height;

	if ((uint64_t)source->width * source->height > limits->max_pixels)
		return failure_set(failure, REASON_TOO_MANY_PIXELS, "%u x %u pixels, at most %llu are allowed",
		                   source->width, source->height, (unsigned long long)limits->max_pixels);
	if (longest > limits->max_side)
		return failure_set(failure, REASON_TOO_LARGE_SIDE, "%u pixels on a side, at most %u are allowed",
		                   longest, limits->max_side);
	if (source->frames > limits->max_frames)
		return failure_set(failure, REASON_TOO_MANY_FRAMES, "%u frames, at most %u are allowed", source->frames,
		                   limits->max_frames);
	if (source->pages > limits->max_pages)
		return failure_set(failure, REASON_TOO_MANY_PAGES, "%u pages, at most %u are allowed", source->pages,
		                   limits->max_pages);
	return true;
}

static void read_tiff_exif(const struct source *source, bool keep_position, struct wire_exif *ret_exif)
{
	struct buffer block;

	buffer_init(&block, TIFF_EXIF_BYTES_MOST);
	tiff_exif_append(source->bytes, source->length, &block);
	if (buffer_ok(&block) && block.length > 0)
		exif_read((const uint8_t *)block.data, block.length, keep_position, ret_exif);
	buffer_done(&block);
}

// libvips hands on what is embedded; a TIFF has its EXIF in itself.
static void read_exif(VipsImage *image, const struct source *source, bool keep_position, struct wire_exif *ret_exif)
{
	const void *bytes = NULL;
	size_t length = 0;

	if (vips_image_get_typeof(image, VIPS_META_EXIF_NAME) != 0 &&
	    vips_image_get_blob(image, VIPS_META_EXIF_NAME, &bytes, &length) == 0)
		exif_read(bytes, length, keep_position, ret_exif);
	else if (source->format == FORMAT_TIFF)
		read_tiff_exif(source, keep_position, ret_exif);
}

static bool read_document(struct source *source, const struct wire_limits *limits, struct failure *failure)
{
	if (document_read_header(source, limits->max_side) != 0)
		return picture_failed(failure, "header");
	return check_limits(source, limits, failure);
}

static bool read_picture(struct source *source, const struct wire_job *job, struct failure *failure)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;

	// Before any codec walks through them.
	source->frames = sniff_frames(source->bytes, source->length);
	if (!check_limits(source, &job->limits, failure))
		return false;
	if (loaders[source->format](source, 1, &image) != 0)
		return picture_failed(failure, "header");
	read_header(image, source);
	if (!check_limits(source, &job->limits, failure))
		return false;
	read_exif(image, source, job->keep_position, &source->exif);
	return true;
}

bool source_open(const uint8_t *bytes, size_t length, unsigned formats, const struct wire_job *job,
                 struct source *ret_source, struct failure *failure)
{
	struct source source = { .bytes = bytes, .length = length, .format = sniff_format(bytes, length) };

	if (source.format == FORMAT_NONE || (formats & FORMAT_BIT(source.format)) == 0)
		return failure_set(failure, REASON_UNSUPPORTED_TYPE,
		                   "the first bytes are not those of a file that this decoder opens");
	if (media_format_info(source.format)->is_image ? !read_picture(&source, job, failure)
	                                               : !read_document(&source, &job->limits, failure))
		return false;
	*ret_source = source;
	return true;
}
