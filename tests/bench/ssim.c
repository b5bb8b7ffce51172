// SSIM: five blurred planes (both, their squares, their product), then the formula at each pixel.
#include "tests/bench/ssim.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW 11
#define SIGMA 1.5
#define C1 (0.01 * 255 * 0.01 * 255)
#define C2 (0.03 * 255 * 0.03 * 255)

static void fill_window(float ret_weights[WINDOW])
{
	double sum = 0, weights[WINDOW];

	for (int i = 0; i < WINDOW; i++) {
		double distance = i - WINDOW / 2;

		weights[i] = exp(-distance * distance / (2 * SIGMA * SIGMA));
		sum += weights[i];
	}
	for (int i = 0; i < WINDOW; i++)
		ret_weights[i] = (float)(weights[i] / sum);
}

// Blur in place where the window fits; room is another plane. What is valid afterwards is smaller by the window.
static void blur(float *plane, float *room, unsigned width, unsigned height)
{
	float weights[WINDOW];
	unsigned narrow = width - WINDOW + 1;

	fill_window(weights);
	for (unsigned y = 0; y < height; y++) {
		for (unsigned x = 0; x < narrow; x++) {
			float sum = 0;

			for (unsigned i = 0; i < WINDOW; i++)
				sum += weights[i] * plane[y * width + x + i];
			room[y * narrow + x] = sum;
		}
	}
	for (unsigned y = 0; y < height - WINDOW + 1; y++) {
		for (unsigned x = 0; x < narrow; x++) {
			float sum = 0;

			for (unsigned i = 0; i < WINDOW; i++)
				sum += weights[i] * room[(y + i) * narrow + x];
			plane[y * narrow + x] = sum;
		}
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

double ssim_mean(const uint8_t *a, const uint8_t *b, unsigned width, unsigned height)
{
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
		blur(planes[i], planes[ROOM], width, height);
	mean = mean_of(planes, (size_t)(width - WINDOW + 1) * (height - WINDOW + 1));
	free(room);
	return mean;
}
