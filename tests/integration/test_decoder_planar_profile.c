// A wide-gamut JPEG whose profile is kept: the planar path's variants carry the very profile and the colours that the
// general path's do.
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#include "base/cleanup.h"
#include "tests/hostile/grading.h"
#include "tests/hostile/pictures.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/codecs.h"
#include "transcoder/decoder/picture.h"
#include "transcoder/decoder/session.h"

#define VARIANTS_MOST 16

struct outcome {
	struct picture_pixels pixels[VARIANTS_MOST];
	GBytes *profiles[VARIANTS_MOST];
	bool is_cut[VARIANTS_MOST]; // of which each path may choose another one
	size_t count;
};

static bool drop_facts(void *context, const struct wire_facts *facts, struct failure *failure)
{
	(void)context;
	(void)facts;
	(void)failure;
	return true;
}

// The profile in a file; NULL: none.
static GBytes *read_profile(VipsImage *image)
{
	const void *bytes;
	size_t length;

	if (vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0)
		return NULL;
	assert_int_equal(vips_image_get_blob(image, VIPS_META_ICC_NAME, &bytes, &length), 0);
	return g_bytes_new(bytes, length);
}

static bool keep_variant(void *context, const struct wire_variant *variant, const void *bytes, struct failure *failure)
{
	struct outcome *outcome = context;
	CLEANUP(picture_unref) VipsImage *image = NULL;

	(void)failure;
	assert_in_range(outcome->count, 0, VARIANTS_MOST - 1);
	assert_true(picture_decode(bytes, variant->bytes, &outcome->pixels[outcome->count]));
	image = vips_image_new_from_buffer(bytes, variant->bytes, "", NULL);
	assert_non_null(image);
	outcome->is_cut[outcome->count] = strcmp(variant->name, "square") == 0;
	outcome->profiles[outcome->count++] = read_profile(image);
	return true;
}

static void run_path(const struct decode_path *path, const struct wire_job *job, const void *bytes, size_t length,
                     struct outcome *outcome)
{
	const struct sink sink = { .context = outcome, .facts = drop_facts, .variant = keep_variant };
	struct failure failure = { 0 };
	struct wire_done times;

	if (!session_run_by(&path, 1, job, bytes, length, &sink, &times, &failure))
		fail_msg("%s: %s", path->name, failure.detail);
}

static void free_outcome(struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->count; i++) {
		free(outcome->pixels[i].rgba);
		g_clear_pointer(&outcome->profiles[i], g_bytes_unref);
	}
}

// A sample in Display P3, as a file.
static void make_wide(void **ret_bytes, size_t *ret_length)
{
	CLEANUP(picture_unref) VipsImage *image = NULL;
	CLEANUP(picture_unref) VipsImage *wide = NULL;

	assert_int_equal(vips_jpegload(RIG_SAMPLES "/ember.jpg", &image, NULL), 0);
	assert_true(picture_hold(&image, &(struct failure){ 0 }));
	assert_int_equal(vips_icc_transform(image, &wide, "p3", "input_profile", "srgb", NULL), 0);
	assert_int_equal(vips_jpegsave_buffer(wide, ret_bytes, ret_length, "Q", 90, "subsample_mode",
	                                      VIPS_FOREIGN_SUBSAMPLE_ON, NULL),
	                 0);
}

static void test_kept_profile(void **state)
{
	CLEANUP(free_outcome) struct outcome planar = { 0 }, general = { 0 };
	CLEANUP(picture_unref) VipsImage *original = NULL;
	GBytes *profile;
	void *bytes;
	size_t length;
	struct rig rig;

	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	rig.job.keep_profile = true;
	make_wide(&bytes, &length);
	original = vips_image_new_from_buffer(bytes, length, "", NULL);
	assert_non_null(original);
	profile = read_profile(original);
	assert_non_null(profile);
	run_path(&decode_path_planar, &rig.job, bytes, length, &planar);
	run_path(&decode_path_general, &rig.job, bytes, length, &general);
	assert_true(planar.count > 2);
	assert_int_equal(planar.count, general.count);
	for (size_t i = 0; i < planar.count; i++) {
		struct score score = grading_score(&planar.pixels[i], &general.pixels[i]);

		assert_non_null(planar.profiles[i]);
		assert_true(g_bytes_equal(planar.profiles[i], profile));
		assert_true(g_bytes_equal(general.profiles[i], profile));
		if (!planar.is_cut[i] && (score.ssim < 0.98 || score.chroma > 2))
			fail_msg("variant %zu: SSIM %.4f, chroma %.2f", i, score.ssim, score.chroma);
	}
	g_bytes_unref(profile);
	g_free(bytes);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kept_profile) };

	return cmocka_run_group_tests(tests, start_codecs, NULL);
}
