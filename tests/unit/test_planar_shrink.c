// Means of boxes of stored planes, with what is narrower at the edges, and of chroma that is coarser already.
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/planar_shrink.h"

static void make_plane(struct planar_plane *plane, uint32_t width, uint32_t height)
{
	assert_true(planar_plane_init(plane, width, height));
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++)
			plane->samples[y * plane->stride + x] = (uint8_t)(x * 7 + y * 13);
	}
}

// A photo of 4:2:0 of odd sides.
static void make_source(struct planar_source *source)
{
	*source = (struct planar_source){
		.width = 61, .height = 43, .plane_count = 3, .cover_x = { 1, 2, 2 }, .cover_y = { 1, 2, 2 }
	};
	make_plane(&source->planes[0], 61, 43);
	make_plane(&source->planes[1], 31, 22);
	make_plane(&source->planes[2], 31, 22);
}

static unsigned mean_of_box(const struct planar_plane *plane, uint32_t left, uint32_t top, uint32_t side)
{
	unsigned sum = 0, count = 0;

	for (uint32_t y = top; y < top + side && y < plane->height; y++) {
		for (uint32_t x = left; x < left + side && x < plane->width; x++, count++)
			sum += plane->samples[y * plane->stride + x];
	}
	return (sum + count / 2) / count;
}

static void check_plane(const struct planar_plane *stored, const struct planar_plane *plane, uint32_t factor)
{
	assert_int_equal(plane->width, (stored->width + factor - 1) / factor);
	assert_int_equal(plane->height, (stored->height + factor - 1) / factor);
	for (uint32_t y = 0; y < plane->height; y++) {
		for (uint32_t x = 0; x < plane->width; x++)
			assert_int_equal(plane->samples[y * plane->stride + x],
			                 mean_of_box(stored, x * factor, y * factor, factor));
	}
}

static void test_means(void **state)
{
	struct planar_source source, means;

	(void)state;
	make_source(&source);
	for (unsigned shrink = 1; shrink <= 8; shrink *= 2) {
		unsigned of_chroma = shrink < 2 ? 1 : shrink / 2;

		assert_true(planar_shrink_source(&source, shrink, &means));
		assert_int_equal(means.width, 61);
		assert_int_equal(means.height, 43);
		check_plane(&source.planes[0], &means.planes[0], shrink);
		check_plane(&source.planes[1], &means.planes[1], of_chroma);
		check_plane(&source.planes[2], &means.planes[2], of_chroma);
		assert_true(means.cover_x[0] == shrink && means.cover_y[0] == shrink);
		assert_true(means.cover_x[1] == 2 * of_chroma && means.cover_y[2] == 2 * of_chroma);
		planar_source_done(&means);
	}
	planar_source_done(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_means) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
