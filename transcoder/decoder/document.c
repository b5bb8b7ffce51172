// PDF by poppler and SVG by librsvg, both through libvips.
#include "transcoder/decoder/document.h"

#include <math.h>

#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/picture.h"

// What could not be undone inside the sandbox is not asked for: no password, no style sheet, no limits lifted.
static int load(const struct source *source, double scale, VipsImage **ret_image)
{
	if (source->format == FORMAT_PDF)
		return vips_pdfload_buffer((void *)source->bytes, source->length, ret_image, "page", 0, "n", 1, "scale",
		                           scale, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
		                           NULL);
	return vips_svgload_buffer((void *)source->bytes, source->length, ret_image, "scale", scale, "access",
	                           VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
}

bool document_start(struct failure *failure)
{
	// SVG is built into libvips wherever librsvg was there.
	return codecs_load_plugin("vips-poppler.so", "VipsForeignLoadPdf", failure);
}

int document_read_header(struct source *source, uint32_t max_side)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;
	double side = max_side < DOCUMENT_SIDE ? max_side : DOCUMENT_SIDE, width, height;
	int pages = 1;

	if (load(source, 1, &image) != 0)
		return -1;
	width = vips_image_get_width(image);
	height = vips_image_get_height(image);
	source->scale = side / fmax(width, height);
	source->width = source->upright_width = (uint32_t)fmax(1, round(width * source->scale));
	source->height = source->upright_height = (uint32_t)fmax(1, round(height * source->scale));
	source->orientation = 1; // a page's own rotation is in its size
	source->has_alpha = source->format == FORMAT_SVG;
	source->frames = 1;
	if (vips_image_get_typeof(image, VIPS_META_N_PAGES) != 0)
		(void)vips_image_get_int(image, VIPS_META_N_PAGES, &pages);
	source->pages = pages < 1 ? 1 : (uint32_t)pages;
	return 0;
}

int document_load(const struct source *source, VipsImage **ret_image)
{
	CLEANUP(picture_unref) VipsImage *page = NULL;

	if (load(source, source->scale, &page) != 0)
		return -1;
	if (source->format == FORMAT_PDF) // drawn on white by the loader: alpha says nothing
		return vips_extract_band(page, ret_image, 0, "n", 3, NULL);
	*ret_image = g_steal_pointer(&page);
	return 0;
}
