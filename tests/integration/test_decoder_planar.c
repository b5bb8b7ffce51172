// The planar path against the general path: the same files go through both, and a reference that is neither (libvips,
// all pixels decoded, each size resized from the original) grades what comes out. Same dimensions, and a score that is
// no worse by more than noise: SSIM of luma, mean difference of chroma.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <vips/vips.h>

#include "base/cleanup.h"
#include "tests/hostile/grading.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/session.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define VARIANTS_MOST (WIRE_STEPS * WIRE_ENCODINGS)

// How much worse than the general path a variant may score: SSIM of luma, levels of chroma, and levels that a cut
// differs from the best window of the reference. (Which window is the most interesting one is decided by so little that
// the paths may choose different ones.)
struct noise {
	double ssim, chroma, cut;
	int hash; // steps of 64 that a mean in the ThumbHash may be off
};
static const struct noise photo_noise = { 0.003, 0.2, 0.6, 1 };
// The ramps' colours change faster than a photo's, most of all where a side has a few pixels only.
static const struct noise made_noise = { 0.02, 3, 5, 6 };
static const struct noise tiny_noise = { 0.04, 12, 5, 6 };
#define TINY 9      // pixels; 4:1:1 has two samples of chroma for eight
#define CUT_LEAST 4 // pixels a side: a smaller one is half of its neighbours, by the whole's chroma

struct variant {
	struct wire_variant about;
	struct picture_pixels pixels;
};

struct outcome {
	struct wire_facts facts;
	struct variant variants[VARIANTS_MOST];
	size_t count;
	bool done;
	struct failure failure;
};

static struct wire_job job;
static struct noise noise;

static bool keep_facts(void *context, const struct wire_facts *facts, struct failure *failure)
{
	(void)failure;
	((struct outcome *)context)->facts = *facts;
	return true;
}

static bool keep_variant(void *context, const struct wire_variant *about, const void *bytes, struct failure *failure)
{
	struct outcome *outcome = context;
	struct variant *variant = &outcome->variants[outcome->count++];

	(void)failure;
	assert_true(outcome->count <= VARIANTS_MOST);
	variant->about = *about;
	if (about->format == FORMAT_AVIF)
		grading_decode_avif(bytes, about->bytes, &variant->pixels);
	else
		assert_true(picture_decode(bytes, about->bytes, &variant->pixels));
	return true;
}

static void run_path(const struct decode_path *path, const void *bytes, size_t length, struct outcome *ret_outcome)
{
	const struct sink sink = { .context = ret_outcome, .facts = keep_facts, .variant = keep_variant };
	struct wire_done times;

	*ret_outcome = (struct outcome){ 0 };
	ret_outcome->done = session_run_by(&path, 1, &job, bytes, length, &sink, &times, &ret_outcome->failure);
}

static void free_outcome(struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->count; i++)
		free(outcome->variants[i].pixels.rgba);
}

// ---- comparing ----

static const struct preset_step *find_step(const char *name)
{
	for (unsigned i = 0; i < job.step_count; i++) {
		if (strcmp(job.steps[i].name, name) == 0)
			return &job.steps[i];
	}
	fail_msg("no step %s", name);
	return NULL;
}

static void keep_larger(double *worst, double value)
{
	if (value > *worst)
		*worst = value;
}

static void compare_cuts(const char *name, const struct variant *planar, const struct variant *general,
                         const struct picture_pixels *reference, struct noise *worst)
{
	double ours = grading_cut_difference(&planar->pixels, reference),
	       theirs = grading_cut_difference(&general->pixels, reference);

	keep_larger(&worst->cut, ours - theirs);
	if (ours > theirs + noise.cut)
		fail_msg("%s %s: %.2f levels from the reference, the general path's %.2f", name, planar->about.name,
		         ours, theirs);
}

static void compare_variant(const char *name, const void *bytes, size_t length, const struct wire_facts *original,
                            const struct variant *planar, const struct variant *general, struct noise *worst)
{
	const struct noise *allowed = &noise;
	struct preset_size whole;
	struct picture_pixels reference;
	struct score ours, theirs;

	assert_string_equal(planar->about.name, general->about.name);
	assert_int_equal(planar->about.format, general->about.format);
	assert_int_equal(planar->about.width, general->about.width);
	assert_int_equal(planar->about.height, general->about.height);
	assert_int_equal(planar->pixels.width, planar->about.width);
	assert_int_equal(planar->pixels.height, planar->about.height);
	whole = picture_whole_size(
	        &(struct wire_planned){ find_step(planar->about.name), { planar->about.width, planar->about.height } },
	        original->width, original->height);
	grading_make_reference(bytes, length, whole.width, whole.height, &reference);
	if (whole.width != planar->about.width || whole.height != planar->about.height) {
		if (planar->about.width >= CUT_LEAST && planar->about.height >= CUT_LEAST)
			compare_cuts(name, planar, general, &reference, worst);
		free(reference.rgba);
		return;
	}
	ours = grading_score(&planar->pixels, &reference);
	theirs = grading_score(&general->pixels, &reference);
	free(reference.rgba);
	keep_larger(&worst->ssim, theirs.ssim - ours.ssim);
	keep_larger(&worst->chroma, ours.chroma - theirs.chroma);
	if (planar->about.width < TINY || planar->about.height < TINY)
		allowed = &tiny_noise;
	if (ours.ssim < theirs.ssim - allowed->ssim || ours.chroma > theirs.chroma + allowed->chroma)
		fail_msg("%s %s format %d: SSIM %.4f and chroma %.2f, of the general path %.4f and %.2f", name,
		         planar->about.name, (int)planar->about.format, ours.ssim, ours.chroma, theirs.ssim,
		         theirs.chroma);
}

// The ThumbHash's first fields, mean luma and colour in six bits each, against the picture's own.
static void check_hash(const char *name, const void *bytes, size_t length, const struct wire_facts *facts)
{
	struct preset_size size = { facts->width < 64 ? facts->width : 64, 0 };
	struct picture_pixels reference;
	double means[3] = { 0 };
	int head = facts->thumbhash[0] | facts->thumbhash[1] << 8 | facts->thumbhash[2] << 16;
	int expected[3];

	size.height = (facts->height * size.width + facts->width - 1) / facts->width;
	grading_make_reference(bytes, length, size.width, size.height, &reference);
	for (size_t i = 0; i < 4 * (size_t)size.width * size.height; i++) {
		if (i % 4 < 3)
			means[i % 4] += reference.rgba[i] / (255.0 * size.width * size.height);
	}
	free(reference.rgba);
	expected[0] = (int)lrint(63 * (means[0] + means[1] + means[2]) / 3);
	expected[1] = (int)lrint(31.5 + 31.5 * ((means[0] + means[1]) / 2 - means[2]));
	expected[2] = (int)lrint(31.5 + 31.5 * (means[0] - means[1]));
	for (unsigned i = 0; i < 3; i++) {
		int found = head >> (6 * i) & 63;

		if (abs(found - expected[i]) > noise.hash)
			fail_msg("%s: field %u of its ThumbHash is %d, expected is %d", name, i, found, expected[i]);
	}
}

// (The dominant colour is the fullest bin of a histogram, which may be one of two alike.)
static void compare_facts(const struct wire_facts *planar, const struct wire_facts *general)
{
	assert_int_equal(planar->width, general->width);
	assert_int_equal(planar->height, general->height);
	assert_int_equal(planar->orientation, general->orientation);
	assert_int_equal(planar->source, general->source);
	assert_int_equal(planar->frames, general->frames);
	assert_int_equal(planar->pages, general->pages);
	assert_int_equal(planar->has_alpha, general->has_alpha);
	assert_int_equal(planar->thumbhash_length, general->thumbhash_length);
}

static void compare_paths(const char *name, const void *bytes, size_t length, struct noise *worst)
{
	CLEANUP(free_outcome) struct outcome planar, general;

	run_path(&decode_path_planar, bytes, length, &planar);
	run_path(&decode_path_general, bytes, length, &general);
	if (!planar.done || !general.done)
		fail_msg("%s: %s / %s", name, planar.failure.detail, general.failure.detail);
	compare_facts(&planar.facts, &general.facts);
	check_hash(name, bytes, length, &planar.facts);
	assert_int_equal(planar.count, general.count);
	for (size_t i = 0; i < planar.count; i++)
		compare_variant(name, bytes, length, &planar.facts, &planar.variants[i], &general.variants[i], worst);
}

static void compare_file(const char *folder, const char *name, struct noise *worst)
{
	CLEANUP(free_pointer) uint8_t *bytes = NULL;
	size_t length;

	if (!rig_read(folder, name, &bytes, &length))
		fail_msg("cannot read %s/%s", folder, name);
	compare_paths(name, bytes, length, worst);
}

static void print_worst(const char *what, const struct noise *worst)
{
	print_message("%s: at most %.4f of SSIM %.2f levels of chroma and cuts %.2f levels worse\n", what, worst->ssim,
	              worst->chroma, worst->cut);
}

// ---- photos ----

static const char *const phones[] = {
	"Apple_iPhone_4S.jpg", "Apple_iPhone_6_plus.jpg",         "Nokia_Lumia_800.jpg",
	"Oppo_R7_Plus.jpg",    "Samsung_GT-I9100_Galaxy_SII.jpg", "Sony_D5403_Xperia_Z2.jpg"
};
static const char *const samples[] = { "ridges.jpg", "tide.jpg", "ember.jpg", "dunes-exif6.jpg" };

// The default preset's job.
static int set_default_job(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	job = rig.job;
	noise = photo_noise;
	return 0;
}

static void test_phone_photos(void **state)
{
	struct noise worst = { -1, -255, 0, 0 };

	(void)state;
	if (rig_skip_without_data())
		skip();
	for (size_t i = 0; i < LENGTH_OF(phones); i++)
		compare_file(RIG_DATA "/phones", phones[i], &worst);
	print_worst("phones", &worst);
}

static void test_sample_photos(void **state)
{
	struct noise worst = { -1, -255, 0, 0 };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(samples); i++)
		compare_file(RIG_SAMPLES, samples[i], &worst);
	print_worst("samples", &worst);
}

static void test_orientation_set(void **state)
{
	struct noise worst = { -1, -255, 0, 0 };
	char name[32];

	(void)state;
	if (rig_skip_without_data())
		skip();
	job.step_count = 3; // up to 640: the turn is the same in all sizes and formats
	job.encoding_count = 1;
	for (unsigned i = 0; i <= 8; i++) {
		(void)snprintf(name, sizeof(name), "Landscape_%u.jpg", i);
		compare_file(RIG_DATA "/orientation", name, &worst);
		(void)snprintf(name, sizeof(name), "Portrait_%u.jpg", i);
		compare_file(RIG_DATA "/orientation", name, &worst);
	}
	print_worst("orientations", &worst);
}

static void test_avif(void **state)
{
	struct noise worst = { -1, -255, 0, 0 };

	(void)state;
	job.encoding_count = 1;
	job.encodings[0] = (struct wire_encoding){ FORMAT_AVIF, 60, 3 };
	job.step_count = 4;
	compare_file(RIG_SAMPLES, "ember.jpg", &worst);
	compare_file(RIG_SAMPLES, "dunes-exif6.jpg", &worst);
	print_worst("AVIF", &worst);
}

// ---- made pictures ----

static const struct {
	const char *name;
	int subsampling;
	int flags;
} kinds[] = {
	{ "4:4:4", TJSAMP_444, 0 },
	{ "4:2:2", TJSAMP_422, 0 },
	{ "4:2:0", TJSAMP_420, 0 },
	{ "4:4:0", TJSAMP_440, 0 },
	{ "4:1:1", TJSAMP_411, 0 },
	{ "grey", TJSAMP_GRAY, 0 },
	{ "progressive 4:2:0", TJSAMP_420, TJFLAG_PROGRESSIVE },
	{ "progressive 4:4:4", TJSAMP_444, TJFLAG_PROGRESSIVE },
};

// Steps that small pictures are resized for, and one at their own size.
static void set_small_job(void)
{
	static const unsigned widths[] = { 5, 8, 13, 64 };

	job.step_count = 0;
	for (size_t i = 0; i < LENGTH_OF(widths); i++) {
		struct preset_step *step = &job.steps[job.step_count++];

		*step = (struct preset_step){ .width = widths[i], .fit = PRESET_INSIDE };
		(void)snprintf(step->name, sizeof(step->name), "w%u", widths[i]);
	}
	job.steps[job.step_count++] =
	        (struct preset_step){ .name = "square", .width = 4, .height = 4, .fit = PRESET_COVER };
	job.encodings[0].quality = 89;
	job.encodings[1].quality = 95;
	noise = made_noise;
}

static void compare_made(unsigned width, unsigned height, size_t kind, unsigned orientation, struct noise *worst)
{
	struct buffer jpeg;
	char name[64];

	buffer_init(&jpeg, 1u << 20);
	picture_make_ramp(width, height, kinds[kind].subsampling, kinds[kind].flags, orientation, &jpeg);
	(void)snprintf(name, sizeof(name), "%s %u x %u orientation %u", kinds[kind].name, width, height, orientation);
	compare_paths(name, jpeg.data, jpeg.length, worst);
	buffer_done(&jpeg);
}

static void test_made_sizes(void **state)
{
	static const unsigned widths[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17 };
	static const unsigned heights[] = { 1, 2, 5, 8, 9, 16, 17, 31, 33 };
	struct noise worst = { -1, -255, 0, 0 };
	unsigned orientation = 0;

	(void)state;
	set_small_job();
	for (size_t kind = 0; kind < LENGTH_OF(kinds); kind++) {
		for (size_t i = 0; i < LENGTH_OF(widths); i++) {
			for (size_t j = 0; j < LENGTH_OF(heights); j++)
				compare_made(widths[i], heights[j], kind, orientation++ % 8 + 1, &worst);
		}
	}
	print_worst("made sizes", &worst);
}

static void test_made_orientations(void **state)
{
	struct noise worst = { -1, -255, 0, 0 };

	(void)state;
	set_small_job();
	for (size_t kind = 0; kind < LENGTH_OF(kinds); kind++) {
		for (unsigned orientation = 1; orientation <= 8; orientation++) {
			compare_made(17, 33, kind, orientation, &worst);
			compare_made(61, 47, kind, orientation, &worst);
		}
	}
	print_worst("made orientations", &worst);
}

// ---- what is left to the general path, and failures ----

static bool is_accepted(const char *path)
{
	CLEANUP(free_pointer) uint8_t *bytes = NULL;
	CLEANUP(free_outcome) struct outcome outcome;
	size_t length;

	assert_true(rig_read(RIG_SAMPLES, path, &bytes, &length));
	run_path(&decode_path_planar, bytes, length, &outcome);
	return outcome.done;
}

static void test_only_what_it_can(void **state)
{
	(void)state;
	job.step_count = 1;
	assert_true(is_accepted("ember.jpg"));
	assert_false(is_accepted("iris.png"));
	assert_false(is_accepted("aurora.webp"));
	job.encodings[0].quality = 90; // whole chroma
	assert_false(is_accepted("ember.jpg"));
}

// A JPEG of that picture with a foreign profile, CMYK, or RGB inside.
static void assert_left(const char *what, VipsImage *image)
{
	CLEANUP(free_outcome) struct outcome outcome;
	void *bytes = NULL;
	size_t length;

	assert_int_equal(vips_jpegsave_buffer(image, &bytes, &length, NULL), 0);
	run_path(&decode_path_planar, bytes, length, &outcome);
	if (outcome.done)
		fail_msg("%s: taken by the planar path", what);
	g_free(bytes);
}

static void test_colours_are_left(void **state)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;
	CLEANUP(picture_unref) VipsImage *wide = NULL;
	CLEANUP(picture_unref) VipsImage *cmyk = NULL;

	(void)state;
	assert_int_equal(vips_jpegload(RIG_SAMPLES "/ember.jpg", &image, NULL), 0);
	assert_true(picture_hold(&image, &(struct failure){ 0 }));
	assert_int_equal(vips_icc_transform(image, &wide, "p3", "input_profile", "srgb", NULL), 0);
	assert_int_equal(vips_icc_transform(image, &cmyk, "cmyk", "input_profile", "srgb", NULL), 0);
	assert_left("Display P3", wide);
	assert_left("CMYK", cmyk);
}

// Cut anywhere, both paths come to the same end.
static void test_truncated(void **state)
{
	static const char *const files[] = { "ember.jpg", "tide.jpg" }; // baseline, progressive

	(void)state;
	job.step_count = 1;
	for (size_t i = 0; i < LENGTH_OF(files); i++) {
		CLEANUP(free_pointer) uint8_t *bytes = NULL;
		size_t length;

		assert_true(rig_read(RIG_SAMPLES, files[i], &bytes, &length));
		for (unsigned percent = 5; percent < 100; percent += 6) {
			CLEANUP(free_outcome) struct outcome planar, general;

			run_path(&decode_path_planar, bytes, length * percent / 100, &planar);
			run_path(&decode_path_general, bytes, length * percent / 100, &general);
			assert_int_equal(planar.done, general.done);
			assert_int_equal(planar.failure.reason, general.failure.reason);
			assert_int_equal(planar.failure.reason, REASON_TRUNCATED);
		}
	}
}

static int start_codecs(void **state)
{
	struct failure failure = { 0 };

	(void)state;
	if (!codecs_start(&profile_photo, &failure))
		fail_msg("%s", failure.detail);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_phone_photos, set_default_job),
		cmocka_unit_test_setup(test_sample_photos, set_default_job),
		cmocka_unit_test_setup(test_orientation_set, set_default_job),
		cmocka_unit_test_setup(test_avif, set_default_job),
		cmocka_unit_test_setup(test_made_sizes, set_default_job),
		cmocka_unit_test_setup(test_made_orientations, set_default_job),
		cmocka_unit_test_setup(test_only_what_it_can, set_default_job),
		cmocka_unit_test_setup(test_colours_are_left, set_default_job),
		cmocka_unit_test_setup(test_truncated, set_default_job),
	};

	return cmocka_run_group_tests(tests, start_codecs, NULL);
}
