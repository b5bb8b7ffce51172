// The warm-up: the real job code on small pictures of every format and colour space, with results thrown away.
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/session.h"

#define SIDE 96

static bool drop_facts(void *context, const struct wire_facts *facts, struct failure *failure)
{
	(void)context;
	(void)facts;
	(void)failure;
	return true;
}

static bool drop_variant(void *context, const struct wire_variant *variant, const void *bytes, struct failure *failure)
{
	(void)context;
	(void)variant;
	(void)bytes;
	(void)failure;
	return true;
}

static const struct sink nowhere = { .facts = drop_facts, .variant = drop_variant };

// Small sizes. How many steps and encodings is set for each sample.
static const struct wire_job small_job = {
	.limits = { .max_pixels = 1000000,
	            .max_side = 1000,
	            .max_frames = 10,
	            .max_pages = 10,
	            .max_output_bytes = 1000000 },
	.preview_first = true,
	.steps = { { .name = "inside", .width = 41, .fit = PRESET_INSIDE },
	           { .name = "square", .width = 16, .height = 16, .fit = PRESET_COVER },
	           { .name = "small", .width = 24, .fit = PRESET_INSIDE } },
};

static const struct wire_encoding encodings[] = {
	{ .format = FORMAT_JPEG, .quality = 80 },
	{ .format = FORMAT_WEBP, .quality = 75, .effort = 4 },
	{ .format = FORMAT_AVIF, .quality = 50, .effort = 1 },
};

// A picture with some structure: nothing is flat, so no codec takes a short cut.
static VipsImage *make_sample(int bands)
{
	uint8_t pixels[SIDE * (SIDE - 13) * 4];
	size_t length = (size_t)(SIDE * (SIDE - 13) * bands);

	for (size_t i = 0; i < length; i++)
		pixels[i] = (uint8_t)(i * i / 97 + i % 251);
	return vips_image_new_from_memory_copy(pixels, length, SIDE, SIDE - 13, bands, VIPS_FORMAT_UCHAR);
}

typedef int save_function(VipsImage *image, void **ret_bytes, size_t *ret_length);

static int save_jpeg(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	return vips_jpegsave_buffer(image, ret_bytes, ret_length, NULL);
}

// Progressive, turned, with a foreign profile.
static int save_odd_jpeg(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	CLEANUP(picture_unref) VipsImage *tagged = NULL;

	if (vips_icc_transform(image, &tagged, "p3", "input_profile", "srgb", NULL) != 0)
		return -1;
	vips_image_set_int(tagged, VIPS_META_ORIENTATION, 6);
	return vips_jpegsave_buffer(tagged, ret_bytes, ret_length, "interlace", TRUE, NULL);
}

static int save_png(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	return vips_pngsave_buffer(image, ret_bytes, ret_length, "interlace", TRUE, NULL);
}

static int save_gif(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	return vips_gifsave_buffer(image, ret_bytes, ret_length, "effort", 1, NULL);
}

static int save_animation(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	CLEANUP(picture_unref) VipsImage *strip = NULL;
	VipsImage *frames[] = { image, image };

	if (vips_arrayjoin(frames, &strip, 2, "across", 1, NULL) != 0)
		return -1;
	vips_image_set_int(strip, VIPS_META_PAGE_HEIGHT, vips_image_get_height(image));
	return vips_gifsave_buffer(strip, ret_bytes, ret_length, "effort", 1, NULL);
}

static int save_tiff(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	return vips_tiffsave_buffer(image, ret_bytes, ret_length, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_LZW,
	                            NULL);
}

static int save_webp(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	return vips_webpsave_buffer(image, ret_bytes, ret_length, "effort", 0, NULL);
}

static int save_avif(VipsImage *image, void **ret_bytes, size_t *ret_length)
{
	return vips_heifsave_buffer(image, ret_bytes, ret_length, "compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1,
	                            "effort", 0, NULL);
}

static const struct {
	const char *name;
	save_function *save;
	int bands;
	unsigned steps;     // how many of the job's steps are made of it
	unsigned encodings; // how many of the encodings
} samples[] = {
	{ "jpeg", save_jpeg, 3, 2, 3 },      { "odd jpeg", save_odd_jpeg, 3, 1, 1 },
	{ "grey jpeg", save_jpeg, 1, 1, 1 }, { "png", save_png, 4, 2, 3 },
	{ "gif", save_gif, 4, 1, 1 },        { "animation", save_animation, 4, 3, 2 },
	{ "tiff", save_tiff, 3, 1, 1 },      { "webp", save_webp, 4, 1, 1 },
	{ "avif", save_avif, 3, 1, 1 },
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static bool make_file(size_t index, GBytes **ret_file, struct failure *failure)
{
	CLEANUP(picture_unref) VipsImage *image = make_sample(samples[index].bands);
	void *bytes = NULL;
	size_t length = 0;

	if (image == NULL || samples[index].save(image, &bytes, &length) != 0)
		return picture_failed(failure, samples[index].name);
	*ret_file = g_bytes_new_take(bytes, length);
	return true;
}

// The job on one file, with so many of its steps and of the encodings.
static bool run_file(const struct profile *profile, const char *name, const void *bytes, size_t length,
                     unsigned step_count, unsigned encoding_count, struct failure *failure)
{
	struct wire_job job = small_job;
	struct wire_done times;
	struct failure cause = { 0 };

	job.step_count = step_count;
	job.encoding_count = encoding_count;
	memcpy(job.encodings, encodings, sizeof(encodings));
	if (session_run(profile, &job, bytes, length, &nowhere, &times, &cause))
		return true;
	return failure_set(failure, cause.reason, "warm-up of %s: %.120s", name, cause.detail);
}

static bool run_sample(size_t index, GBytes *file, struct failure *failure)
{
	size_t length = 0;
	const void *bytes = g_bytes_get_data(file, &length);

	return run_file(&profile_photo, samples[index].name, bytes, length, samples[index].steps,
	                samples[index].encodings, failure);
}

static bool warm_up_photos(struct failure *failure)
{
	GBytes *files[SAMPLES] = { NULL };
	bool done = true;

	for (size_t i = 0; done && i < SAMPLES; i++)
		done = make_file(i, &files[i], failure);
	codecs_block_savers();
	for (size_t i = 0; done && i < SAMPLES; i++)
		done = run_sample(i, files[i], failure);
	for (size_t i = 0; i < SAMPLES; i++)
		g_clear_pointer(&files[i], g_bytes_unref);
	return done;
}

// Text in a font that has to be found, and a picture within.
static const char svg_sample[] =
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 60 40'><defs><linearGradient id='g'><stop "
        "stop-color='#123'/><stop offset='1' stop-color='#cde'/></linearGradient><filter id='f'><feGaussianBlur "
        "stdDeviation='1'/></filter></defs><rect width='50' height='30' fill='url(#g)' filter='url(#f)'/>"
        "<text x='5' y='20' font-family='sans-serif' font-size='9'>warm</text><image width='9' height='9' "
        "href='data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9aw"
        "AAAABJRU5ErkJggg=='/></svg>";

// Without its table of objects, which poppler makes up for.
static const char pdf_sample[] =
        "%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        "3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 60 40]/Contents 4 0 R/Resources<</Font<</F <</Type/Font/Subtype"
        "/Type1/BaseFont/Helvetica>>>>>>>> endobj\n4 0 obj <</Length 56>> stream\n"
        "1 0 0 RG 2 2 m 50 30 l S BT /F 9 Tf 5 20 Td (warm) Tj ET\nendstream endobj\n"
        "trailer <</Root 1 0 R/Size 5>>\n%%EOF\n";

static bool warm_up_documents(struct failure *failure)
{
	unsigned most = sizeof(encodings) / sizeof(encodings[0]);

	codecs_block_savers();
	return run_file(&profile_document, "svg", svg_sample, sizeof(svg_sample) - 1, 2, most, failure) &&
	       run_file(&profile_document, "pdf", pdf_sample, sizeof(pdf_sample) - 1, 2, most, failure);
}

bool codecs_warm_up(const struct profile *profile, struct failure *failure)
{
	return profile == &profile_document ? warm_up_documents(failure) : warm_up_photos(failure);
}
