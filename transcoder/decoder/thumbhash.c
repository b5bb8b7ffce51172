// The encoder of ThumbHash: average colour, then a few cosine terms each of lightness, two colour differences and
// alpha.
//
// Bit layout, least significant bit first:
//   24 bits: lightness DC 6, yellow-blue DC 6, red-green DC 6, lightness scale 5, has alpha 1
//   16 bits: the smaller lightness count 3, yellow-blue scale 6, red-green scale 6, landscape 1
//    8 bits: alpha DC 4, alpha scale 4 (only with alpha)
//   then 4 bits for each AC term: lightness, yellow-blue, red-green, alpha
#include "transcoder/decoder/thumbhash.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// 7 x 7 terms under the diagonal at most (28), the DC among them.
#define TERMS_MOST 27

enum channel { LIGHTNESS, YELLOW_BLUE, RED_GREEN, ALPHA, CHANNELS };

struct planes {
	unsigned width, height;
	bool has_alpha;
	double *values[CHANNELS]; // width * height each
};

struct terms {
	double dc;
	double scale;          // largest absolute AC value
	double ac[TERMS_MOST]; // 0..1 once scaled
	size_t count;
};

// JavaScript's Math.round of the reference (half goes up), kept inside its bit field.
static unsigned quantise(double value, unsigned most)
{
	double rounded = floor(value + 0.5);

	if (rounded <= 0)
		return 0;
	return rounded >= most ? most : (unsigned)rounded;
}

static double at_least_one(double value)
{
	return value < 1 ? 1 : value;
}

// Split straight RGBA into the four planes, transparent parts filled with the average colour.
static void split_planes(const uint8_t *rgba, struct planes *planes)
{
	size_t pixels = (size_t)planes->width * planes->height;
	double average[3] = { 0 }, opacity = 0;

	for (size_t i = 0; i < pixels; i++) {
		double alpha = rgba[4 * i + 3] / 255.0;

		for (size_t band = 0; band < 3; band++)
			average[band] += alpha / 255 * rgba[4 * i + band];
		opacity += alpha;
	}
	for (size_t band = 0; band < 3 && opacity > 0; band++)
		average[band] /= opacity;
	planes->has_alpha = opacity < (double)pixels;
	for (size_t i = 0; i < pixels; i++) {
		double alpha = rgba[4 * i + 3] / 255.0;
		double colour[3];

		for (size_t band = 0; band < 3; band++)
			colour[band] = average[band] * (1 - alpha) + alpha / 255 * rgba[4 * i + band];
		planes->values[LIGHTNESS][i] = (colour[0] + colour[1] + colour[2]) / 3;
		planes->values[YELLOW_BLUE][i] = (colour[0] + colour[1]) / 2 - colour[2];
		planes->values[RED_GREEN][i] = colour[0] - colour[1];
		planes->values[ALPHA][i] = alpha;
	}
}

// One coefficient of the two-dimensional cosine transform.
static double cosine_term(const struct planes *planes, const double *values, unsigned across, unsigned down)
{
	double row[THUMBHASH_SIDE_MOST], sum = 0;

	for (unsigned x = 0; x < planes->width; x++)
		row[x] = cos(M_PI / planes->width * across * (x + 0.5));
	for (unsigned y = 0; y < planes->height; y++) {
		double column = cos(M_PI / planes->height * down * (y + 0.5));

		for (unsigned x = 0; x < planes->width; x++)
			sum += values[x + (size_t)y * planes->width] * row[x] * column;
	}
	return sum / ((double)planes->width * planes->height);
}

static struct terms transform(const struct planes *planes, enum channel channel, unsigned across, unsigned down)
{
	struct terms terms = { 0 };

	for (unsigned y = 0; y < down; y++) {
		for (unsigned x = 0; x * down < across * (down - y); x++) {
			double term = cosine_term(planes, planes->values[channel], x, y);

			if (x == 0 && y == 0) {
				terms.dc = term;
				continue;
			}
			assert(terms.count < TERMS_MOST);
			terms.ac[terms.count++] = term;
			terms.scale = fmax(terms.scale, fabs(term));
		}
	}
	for (size_t i = 0; i < terms.count && terms.scale > 0; i++)
		terms.ac[i] = 0.5 + 0.5 / terms.scale * terms.ac[i];
	return terms;
}

static size_t write_hash(const struct planes *planes, const struct terms terms[CHANNELS], unsigned smaller_count,
                         uint8_t ret_hash[THUMBHASH_BYTES])
{
	bool landscape = planes->width > planes->height;
	uint32_t header = quantise(63 * terms[LIGHTNESS].dc, 63) |
	                  quantise(31.5 + 31.5 * terms[YELLOW_BLUE].dc, 63) << 6 |
	                  quantise(31.5 + 31.5 * terms[RED_GREEN].dc, 63) << 12 |
	                  quantise(31 * terms[LIGHTNESS].scale, 31) << 18 | (planes->has_alpha ? 1u << 23 : 0);
	uint32_t second = smaller_count | quantise(63 * terms[YELLOW_BLUE].scale, 63) << 3 |
	                  quantise(63 * terms[RED_GREEN].scale, 63) << 9 | (landscape ? 1u << 15 : 0);
	size_t nibbles = 0, start = 5;

	memset(ret_hash, 0, THUMBHASH_BYTES);
	ret_hash[0] = (uint8_t)header;
	ret_hash[1] = (uint8_t)(header >> 8);
	ret_hash[2] = (uint8_t)(header >> 16);
	ret_hash[3] = (uint8_t)second;
	ret_hash[4] = (uint8_t)(second >> 8);
	if (planes->has_alpha)
		ret_hash[start++] =
		        (uint8_t)(quantise(15 * terms[ALPHA].dc, 15) | quantise(15 * terms[ALPHA].scale, 15) << 4);
	for (size_t channel = 0; channel < (planes->has_alpha ? CHANNELS : ALPHA); channel++) {
		for (size_t i = 0; i < terms[channel].count; i++, nibbles++) {
			assert(start + nibbles / 2 < THUMBHASH_BYTES);
			ret_hash[start + nibbles / 2] |=
			        (uint8_t)(quantise(15 * terms[channel].ac[i], 15) << (nibbles % 2 * 4));
		}
	}
	return start + (nibbles + 1) / 2;
}

size_t thumbhash_encode(unsigned width, unsigned height, const uint8_t *rgba, uint8_t ret_hash[THUMBHASH_BYTES])
{
	struct planes planes = { .width = width, .height = height };
	struct terms terms[CHANNELS] = { 0 };
	size_t pixels = (size_t)width * height, length;
	double limit, longest = width > height ? width : height;
	unsigned across, down;
	double *room;

	assert(width >= 1 && width <= THUMBHASH_SIDE_MOST && height >= 1 && height <= THUMBHASH_SIDE_MOST);
	room = calloc(pixels * CHANNELS, sizeof(*room));
	if (room == NULL)
		return 0;
	for (size_t channel = 0; channel < CHANNELS; channel++)
		planes.values[channel] = room + channel * pixels;
	split_planes(rgba, &planes);

	limit = planes.has_alpha ? 5 : 7; // fewer terms of lightness leave room for alpha
	across = (unsigned)at_least_one(floor(limit * width / longest + 0.5));
	down = (unsigned)at_least_one(floor(limit * height / longest + 0.5));
	terms[LIGHTNESS] = transform(&planes, LIGHTNESS, across < 3 ? 3 : across, down < 3 ? 3 : down);
	terms[YELLOW_BLUE] = transform(&planes, YELLOW_BLUE, 3, 3);
	terms[RED_GREEN] = transform(&planes, RED_GREEN, 3, 3);
	if (planes.has_alpha)
		terms[ALPHA] = transform(&planes, ALPHA, 5, 5);
	length = write_hash(&planes, terms, width > height ? down : across, ret_hash);
	free(room);
	return length;
}
