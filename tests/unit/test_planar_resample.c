// The resizer of planes against the same filter in double precision.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/planar_resample.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

static void make_plane(struct planar_plane *plane, uint32_t width, uint32_t height, unsigned seed)
{
	uint32_t state = 12345 + seed;

	assert_true(planar_plane_init(plane, width, height));
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			state = state * 1664525 + 1013904223;
			plane->samples[y * plane->stride + x] = (uint8_t)(x * 3 + y * 5 + (state >> 28));
		}
	}
}

static double kernel(double x)
{
	if (x == 0)
		return 1;
	return fabs(x) >= 3 ? 0 : 3 * sin(M_PI * x) * sin(M_PI * x / 3) / (M_PI * M_PI * x * x);
}

// One resized value along one axis of `count` samples that lie `stride` apart.
static double resize_one(const double *samples, size_t stride, uint32_t count, double centre, double step)
{
	double scale = step > 1 ? step : 1, sum = 0, total = 0;

	for (int64_t at = (int64_t)ceil(centre - 3 * scale); at <= (int64_t)floor(centre + 3 * scale); at++) {
		int64_t held = at < 0 ? 0 : at >= (int64_t)count ? (int64_t)count - 1 : at;
		double weight = kernel(((double)at - centre) / scale);

		sum += weight * samples[(size_t)held * stride];
		total += weight;
	}
	return sum / total;
}

static double clamped(double value)
{
	return value < 0 ? 0 : value > 255 ? 255 : value;
}

// The expected plane, row by row; width x height is its size before a transposition.
static double *expect(const struct planar_plane *input, uint32_t width, uint32_t height, bool mirrored_x,
                      bool mirrored_y)
{
	double step_x = (double)input->width / width, step_y = (double)input->height / height;
	double *source = malloc(sizeof(double) * input->width * input->height);
	double *down = malloc(sizeof(double) * input->width * height);
	double *result = malloc(sizeof(double) * width * height);

	assert_true(source != NULL && down != NULL && result != NULL);
	for (uint32_t y = 0; y < input->height; y++) {
		for (uint32_t x = 0; x < input->width; x++)
			source[y * input->width + x] = input->samples[y * input->stride + x];
	}
	for (uint32_t y = 0; y < height; y++) {
		double centre = (y + 0.5) * step_y;

		centre = (mirrored_y ? input->height - centre : centre) - 0.5;
		for (uint32_t x = 0; x < input->width; x++)
			down[y * input->width + x] =
			        clamped(resize_one(source + x, input->width, input->height, centre, step_y));
	}
	for (uint32_t x = 0; x < width; x++) {
		double centre = (x + 0.5) * step_x;

		centre = (mirrored_x ? input->width - centre : centre) - 0.5;
		for (uint32_t y = 0; y < height; y++)
			result[y * width + x] =
			        clamped(resize_one(down + (size_t)y * input->width, 1, input->width, centre, step_x));
	}
	free(source);
	free(down);
	return result;
}

static void check(uint32_t from_width, uint32_t from_height, uint32_t width, uint32_t height, unsigned turn)
{
	bool mirrored_x = (turn & 1) != 0, mirrored_y = (turn & 2) != 0, transposed = (turn & 4) != 0;
	struct planar_plane input, output;
	struct resample_axis across, down;
	double *expected, worst = 0;

	make_plane(&input, from_width, from_height, turn);
	assert_true(planar_plane_init(&output, transposed ? height : width, transposed ? width : height));
	assert_true(resample_axis_init(&across, from_width, width, (double)from_width / width, from_width, mirrored_x));
	assert_true(
	        resample_axis_init(&down, from_height, height, (double)from_height / height, from_height, mirrored_y));
	assert_true(resample_plane(&input, &across, &down, transposed, &output));
	expected = expect(&input, width, height, mirrored_x, mirrored_y);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint8_t found = transposed ? output.samples[x * output.stride + y]
			                           : output.samples[y * output.stride + x];

			worst = fmax(worst, fabs(found - expected[y * width + x]));
		}
	}
	if (worst > 1.3) // half a level of rounding in each pass, and what 16 bits lose
		fail_msg("%u x %u to %u x %u, turn %u: %.2f levels off", from_width, from_height, width, height, turn,
		         worst);
	free(expected);
	resample_axis_done(&across);
	resample_axis_done(&down);
	planar_plane_done(&input);
	planar_plane_done(&output);
}

static void test_against_doubles(void **state)
{
	static const uint32_t sizes[][4] = {
		{ 1, 1, 1, 1 },          { 2, 3, 1, 1 },      { 1, 7, 1, 3 },         { 5, 4, 9, 11 },
		{ 17, 33, 8, 16 },       { 100, 80, 99, 7 },  { 333, 257, 160, 129 }, { 64, 64, 64, 64 },
		{ 1500, 130, 201, 130 }, { 40, 900, 40, 31 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
		for (unsigned turn = 0; turn < 8; turn++)
			check(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], turn);
	}
}

// What is one colour stays exactly that colour, at the ends of the range too.
static void test_flat(void **state)
{
	static const uint8_t levels[] = { 0, 1, 127, 128, 200, 254, 255 };

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(levels); i++) {
		struct planar_plane input, output;
		struct resample_axis across, down;

		make_plane(&input, 301, 203, 0);
		memset(input.samples, levels[i], input.stride * input.height);
		assert_true(planar_plane_init(&output, 97, 60));
		assert_true(resample_axis_init(&across, 301, 97, 301.0 / 97, 301, false));
		assert_true(resample_axis_init(&down, 203, 60, 203.0 / 60, 203, false));
		assert_true(resample_plane(&input, &across, &down, false, &output));
		for (uint32_t y = 0; y < output.height; y++) {
			for (uint32_t x = 0; x < output.width; x++)
				assert_int_equal(output.samples[y * output.stride + x], levels[i]);
		}
		resample_axis_done(&across);
		resample_axis_done(&down);
		planar_plane_done(&input);
		planar_plane_done(&output);
	}
}

// Chroma of an odd side: the last sample lies half outside, and mirroring keeps each sample over its pixels.
static void test_odd_extent(void **state)
{
	struct resample_axis axis;

	(void)state;
	// 21 pixels, 11 samples of 2 pixels each, mirrored: output sample 5 covers pixels 9 to 11 from the other end,
	// which are input 4.5 to 5.5 less a half: half way between samples 4 and 5.
	assert_true(resample_axis_init(&axis, 11, 11, 1, 10.5, true));
	assert_false(axis.is_identity);
	assert_int_equal(axis.first[5], 2);
	assert_int_equal(axis.weights[5 * axis.taps + 2], axis.weights[5 * axis.taps + 3]);
	assert_true(axis.weights[5 * axis.taps + 2] > 16384);
	resample_axis_done(&axis);
	assert_true(resample_axis_init(&axis, 11, 11, 1, 10.5, false));
	assert_true(axis.is_identity);
	resample_axis_done(&axis);
}

static void test_no_memory_for_the_impossible(void **state)
{
	struct planar_plane plane;

	(void)state;
	assert_false(planar_plane_init(&plane, 0, 1));
	assert_false(planar_plane_init(&plane, 1, 70000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_doubles),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_odd_extent),
		cmocka_unit_test(test_no_memory_for_the_impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
