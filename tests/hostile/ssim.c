// SSIM: five blurred planes (both, their squares, their product), then the formula at each pixel.
#include "tests/hostile/ssim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 11
#define SIGMA 1.5
#define C1 (0.01 * 255 * 0.01 * 255)
#define C2 (0.03 * 255 * 0.03 * 255)

static void fill_window(float *ret_weights, unsigned taps)
{
	double sum = 0, weights[WINDOW];

	for (unsigned i = 0; i < taps; i++) {
		double distance = i - (taps - 1) / 2.0;

		weights[i] = exp(-distance * distance / (2 * SIGMA * SIGMA));
		sum += weights[i];
	}
	for (unsigned i = 0; i < taps; i++)
		ret_weights[i] = (float)(weights[i] / sum);
}

static void add_weighed(float *restrict sums, const float *restrict values, float weight, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sums[i] += weight * values[i];
}

// Blur in place where the window of across x down fits; room is another plane. What is valid afterwards is smaller by
// it.
static void blur(float *plane, float *room, unsigned width, unsigned height, unsigned across, unsigned down)
{
	float weights[WINDOW];
	size_t narrow = width - across + 1, low = height - down + 1;

	fill_window(weights, across);
	memset(room, 0, narrow * height * sizeof(*room));
	for (size_t y = 0; y < height; y++) {
		for (unsigned i = 0; i < across; i++)
			add_weighed(room + y * narrow, plane + y * width + i, weights[i], narrow);
	}
	fill_window(weights, down);
	memset(plane, 0, narrow * low * sizeof(*plane));
	for (size_t y = 0; y < low; y++) {
		for (unsigned i = 0; i < down; i++)
			add_weighed(plane + y * narrow, room + (y + i) * narrow, weights[i], narrow);
	}
}

enum { MEAN_A, MEAN_B, SQUARE_A, SQUARE_B, PRODUCT, ROOM, PLANES };

static double mean_of(float *const planes[PLANES], size_t pixels)
{
	double sum = 0;

	for (size_t i = 0; i < pixels; i++) {
		double a = planes[MEAN_A][i], b = planes[MEAN_B][i];
		double variance_a = planes[SQUARE_A][i] - a * a, variance_b = planes[SQUARE_B][i] - b * b;
		double covariance = planes[PRODUCT][i] - a * b;

		sum += (2 * a * b + C1) * (2 * covariance + C2) /
		       ((a * a + b * b + C1) * (variance_a + variance_b + C2));
	}
	return sum / (double)pixels;
}

void ssim_split(const uint8_t *pixels, unsigned bands, size_t count, uint8_t *const ret_planes[3])
{
	for (size_t i = 0; i < count; i++, pixels += bands) {
		double luma = 0.299 * pixels[0] + 0.587 * pixels[1] + 0.114 * pixels[2];

		ret_planes[0][i] = (uint8_t)lround(luma);
		ret_planes[1][i] = (uint8_t)fmin(round(128 + 0.564 * (pixels[2] - luma)), 255);
		ret_planes[2][i] = (uint8_t)fmin(round(128 + 0.713 * (pixels[0] - luma)), 255);
	}
}

double ssim_mean(const uint8_t *a, const uint8_t *b, unsigned width, unsigned height)
{
	unsigned across = width < WINDOW ? width : WINDOW, down = height < WINDOW ? height : WINDOW;
	size_t pixels = (size_t)width * height;
	float *room = malloc(PLANES * pixels * sizeof(*room)), *planes[PLANES];
	double mean;

	if (room == NULL)
		return -1;
	for (size_t i = 0; i < PLANES; i++)
		planes[i] = room + i * pixels;
	for (size_t i = 0; i < pixels; i++) {
		planes[MEAN_A][i] = a[i];
		planes[MEAN_B][i] = b[i];
		planes[SQUARE_A][i] = (float)a[i] * a[i];
		planes[SQUARE_B][i] = (float)b[i] * b[i];
		planes[PRODUCT][i] = (float)a[i] * b[i];
	}
	for (size_t i = 0; i < ROOM; i++)
		blur(planes[i], planes[ROOM], width, height, across, down);
	mean = mean_of(planes, (size_t)(width - across + 1) * (height - down + 1));
	free(room);
	return mean;
}
