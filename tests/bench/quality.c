// What each format costs and gives at several settings: bytes, SSIM and encode time of real photos 1280 wide, through
// the decoder's own encoders; and the settings of the default preset against their neighbours at equal score.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "tests/hostile/ssim.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/profile.h"
#include "transcoder/decoder/source.h"

#define WIDTH 1280
#define PHOTOS_LEAST 10
#define QUALITIES 3

// Settings come in curves: one format and effort at rising qualities, so that bytes can be read off at any score.
struct curve {
	enum media_format format;
	unsigned effort;
	unsigned qualities[QUALITIES];
	// Sums over all photos.
	double log_bytes[QUALITIES], luma[QUALITIES], chroma[QUALITIES], milliseconds[QUALITIES];
};

enum { JPEG, WEBP_0, WEBP_2, WEBP_4, WEBP_6, AVIF_0, AVIF_1, AVIF_3, AVIF_5, CURVES };

static struct curve curves[CURVES] = {
	[JPEG] = { .format = FORMAT_JPEG, .qualities = { 70, 80, 90 } },
	[WEBP_0] = { .format = FORMAT_WEBP, .effort = 0, .qualities = { 65, 75, 85 } },
	[WEBP_2] = { .format = FORMAT_WEBP, .effort = 2, .qualities = { 65, 75, 85 } },
	[WEBP_4] = { .format = FORMAT_WEBP, .effort = 4, .qualities = { 65, 75, 85 } },
	[WEBP_6] = { .format = FORMAT_WEBP, .effort = 6, .qualities = { 65, 75, 85 } },
	[AVIF_0] = { .format = FORMAT_AVIF, .effort = 0, .qualities = { 40, 50, 60 } },
	[AVIF_1] = { .format = FORMAT_AVIF, .effort = 1, .qualities = { 40, 50, 60 } },
	[AVIF_3] = { .format = FORMAT_AVIF, .effort = 3, .qualities = { 40, 50, 60 } },
	[AVIF_5] = { .format = FORMAT_AVIF, .effort = 5, .qualities = { 40, 50, 60 } },
};

static const char *const names[MEDIA_FORMAT_COUNT] = {
	[FORMAT_JPEG] = "JPEG", [FORMAT_WEBP] = "WebP", [FORMAT_AVIF] = "AVIF"
};

// Luma and both chroma planes (BT.601), each width x height.
struct planes {
	unsigned width, height;
	uint8_t *values[3];
};

static bool split(VipsImage *image, struct planes *ret_planes)
{
	unsigned width = (unsigned)vips_image_get_width(image), height = (unsigned)vips_image_get_height(image);
	size_t length, pixels = (size_t)width * height;
	uint8_t *rgb = vips_image_write_to_memory(image, &length), *room = malloc(3 * pixels);

	if (rgb == NULL || room == NULL || length != 3 * pixels) {
		g_free(rgb);
		free(room);
		return false;
	}
	*ret_planes = (struct planes){ width, height, { room, room + pixels, room + 2 * pixels } };
	ssim_split(rgb, 3, pixels, ret_planes->values);
	g_free(rgb);
	return true;
}

// The photo upright, in sRGB, WIDTH wide: what encoders are given.
static VipsImage *load(const uint8_t *bytes, size_t length)
{
	const struct wire_job job = { .limits = { 200000000, 30000, 1, 1, 1u << 30 } };
	struct source source;
	struct failure failure = { 0 };
	VipsImage *image = NULL;
	uint32_t height;

	if (!source_open(bytes, length, profile_photo.formats, &job, &source, &failure) || source.upright_width < WIDTH)
		return NULL;
	height = (uint32_t)lround((double)source.upright_height * WIDTH / source.upright_width);
	if (!source_decode(&source, 1, &image, &failure))
		return NULL;
	if (!picture_hold(&image, &failure) || !picture_to_srgb(&image, &failure) || !picture_hold(&image, &failure) ||
	    !picture_turn_upright(&image, source.orientation, &failure) ||
	    !picture_resize(&image, WIDTH, height, &failure) || !picture_hold(&image, &failure)) {
		g_object_unref(image);
		return NULL;
	}
	picture_forget_metadata(image);
	return image;
}

static double cpu_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static bool decode(void *bytes, size_t length, struct planes *ret_planes)
{
	VipsImage *image = vips_image_new_from_buffer(bytes, length, "", NULL);
	struct failure failure = { 0 };
	bool done = image != NULL && picture_to_srgb(&image, &failure) && split(image, ret_planes);

	g_clear_object(&image);
	return done;
}

static bool measure(VipsImage *image, const struct planes *original, struct curve *curve, size_t index)
{
	const struct wire_encoding encoding = { .format = curve->format,
		                                .quality = curve->qualities[index],
		                                .effort = curve->effort };
	struct failure failure = { 0 };
	struct planes planes;
	void *bytes = NULL;
	size_t length = 0;
	double before = cpu_ms(), after;

	if (!picture_encode(image, &encoding, &bytes, &length, &failure))
		return false;
	after = cpu_ms();
	if (!decode(bytes, length, &planes)) {
		g_free(bytes);
		return false;
	}
	curve->milliseconds[index] += after - before;
	curve->log_bytes[index] += log((double)length);
	curve->luma[index] += ssim_mean(original->values[0], planes.values[0], planes.width, planes.height);
	curve->chroma[index] += (ssim_mean(original->values[1], planes.values[1], planes.width, planes.height) +
	                         ssim_mean(original->values[2], planes.values[2], planes.width, planes.height)) /
	                        2;
	free(planes.values[0]);
	g_free(bytes);
	return true;
}

static bool measure_photo(const char *path)
{
	char *bytes = NULL;
	size_t length = 0;
	struct planes original;
	VipsImage *image;
	bool done = true;

	if (file_read(path, 64u << 20, &bytes, &length, NULL) != RC_OK)
		return false;
	image = load((uint8_t *)bytes, length);
	if (image == NULL || !split(image, &original)) {
		free(bytes);
		return false;
	}
	for (size_t i = 0; i < CURVES && done; i++) {
		for (size_t j = 0; j < QUALITIES && done; j++)
			done = measure(image, &original, &curves[i], j);
	}
	g_object_unref(image);
	free(original.values[0]);
	free(bytes);
	return done;
}

// ---- the answer -----------------------------------------------------------------------------------------------------

static void print_table(unsigned photos)
{
	(void)printf("| format | effort | quality | kB | SSIM | SSIM of chroma | encode ms |\n"
	             "| --- | --- | --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < CURVES; i++) {
		const struct curve *curve = &curves[i];

		for (size_t j = 0; j < QUALITIES; j++)
			(void)printf("| %s | %u | %u | %.0f | %.4f | %.4f | %.0f |\n", names[curve->format],
			             curve->effort, curve->qualities[j], exp(curve->log_bytes[j] / photos) / 1000,
			             curve->luma[j] / photos, curve->chroma[j] / photos,
			             curve->milliseconds[j] / photos);
	}
}

// SSIM as decibels: there, size rises nearly straight.
static double decibels(double sum, unsigned photos)
{
	return -10 * log10(1 - sum / photos);
}

// Bytes (geometric mean) at that score, read off the curve, beyond its ends continued straight.
static double bytes_at(const struct curve *curve, double score, unsigned photos)
{
	size_t low = decibels(curve->luma[1], photos) > score ? 0 : 1;
	double from = decibels(curve->luma[low], photos), to = decibels(curve->luma[low + 1], photos);
	double share = (score - from) / (to - from);

	return exp((curve->log_bytes[low] * (1 - share) + curve->log_bytes[low + 1] * share) / photos);
}

static unsigned short_count;

static void print_ratio(const char *name, double value, double goal)
{
	(void)printf("ratio %s %.3f goal %.2f\n", name, value, goal);
	if (value < goal)
		short_count++;
}

// How many times the chosen setting's bytes the other needs for the same score. Chosen is the middle quality.
static void compare_bytes(const char *name, size_t other, size_t chosen, unsigned photos, double goal)
{
	double score = decibels(curves[chosen].luma[1], photos);

	print_ratio(name, bytes_at(&curves[other], score, photos) / bytes_at(&curves[chosen], score, photos), goal);
}

static void compare_time(const char *name, size_t other, size_t chosen, double goal)
{
	print_ratio(name, curves[other].milliseconds[1] / curves[chosen].milliseconds[1], goal);
}

int main(int argument_count, char **arguments)
{
	struct failure failure = { 0 };
	unsigned photos = 0;

	if (!codecs_start(&profile_photo, &failure)) {
		(void)fprintf(stderr, "quality: %s\n", failure.detail);
		return 1;
	}
	codecs_block_savers();
	for (int i = 1; i < argument_count; i++) {
		if (measure_photo(arguments[i]))
			photos++;
		else
			(void)fprintf(stderr, "quality: %s is left out: it cannot be read, or is narrower than %d\n",
			              arguments[i], WIDTH);
	}
	if (photos < PHOTOS_LEAST) {
		(void)fprintf(stderr, "quality: only %u photos, at least %d are wanted\n", photos, PHOTOS_LEAST);
		return 1;
	}
	(void)printf("%u photos, %d wide; geometric mean of bytes, means of the others\n\n", photos, WIDTH);
	print_table(photos);
	(void)printf("\nAt equal SSIM, how many times the chosen setting's bytes (or time) the other takes:\n");
	compare_bytes("webp-bytes-of-jpeg", JPEG, WEBP_4, photos, 1.1);
	compare_bytes("webp-4-bytes-of-effort-0", WEBP_0, WEBP_4, photos, 1.1);
	compare_bytes("webp-4-bytes-of-effort-2", WEBP_2, WEBP_4, photos, 1.02);
	compare_bytes("webp-4-bytes-of-effort-6", WEBP_6, WEBP_4, photos, 0.93);
	compare_time("webp-4-time-of-effort-6", WEBP_6, WEBP_4, 1.3);
	compare_bytes("avif-bytes-of-webp", WEBP_4, AVIF_3, photos, 1.1);
	compare_bytes("avif-3-bytes-of-effort-1", AVIF_1, AVIF_3, photos, 1.02);
	compare_bytes("avif-3-bytes-of-effort-5", AVIF_5, AVIF_3, photos, 0.93);
	compare_time("avif-3-time-of-effort-5", AVIF_5, AVIF_3, 1.5);
	return short_count == 0 ? 0 : 2;
}
