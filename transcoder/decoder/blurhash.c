// The encoder of BlurHash: a few cosine terms of linear light.
//
// Base 83, most significant digit first:
//   1 digit:  terms across - 1 + (terms down - 1) * 9
//   1 digit:  the largest AC term, 0..82 for (value + 1) / 166
//   4 digits: the average colour as 24 bits of sRGB
//   2 digits for each AC term: red, green, blue in 19 steps each, finer around 0
#include "transcoder/decoder/blurhash.h"

#include <math.h>
#include <string.h>

#define TERMS_LONG 4
#define TERMS_SHORT 3
#define TERMS (TERMS_LONG * TERMS_SHORT)

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

// Weights of one term's colours: red, green, blue.
struct term {
	double colour[3];
};

static double to_linear(double value)
{
	return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static unsigned to_srgb(double linear)
{
	double value = fmin(fmax(linear, 0), 1);

	value = value <= 0.0031308 ? value * 12.92 : 1.055 * pow(value, 1 / 2.4) - 0.055;
	return (unsigned)(value * 255 + 0.5);
}

static double clamp(double value, double least, double most)
{
	return fmin(fmax(value, least), most);
}

// Add a pixel's part to all terms; row holds the cosines across, column those down.
static void add_pixel(const double colour[3], const double *row, unsigned across, const double *column, unsigned down,
                      struct term terms[TERMS])
{
	for (unsigned y = 0; y < down; y++) {
		for (unsigned x = 0; x < across; x++) {
			double basis = row[x] * column[y];

			for (size_t band = 0; band < 3; band++)
				terms[x + y * across].colour[band] += basis * colour[band];
		}
	}
}

static void fill_cosines(unsigned position, unsigned length, unsigned count, double *ret_cosines)
{
	for (unsigned i = 0; i < count; i++)
		ret_cosines[i] = cos(M_PI * i * position / length);
}

static void transform(unsigned width, unsigned height, const uint8_t *rgba, unsigned across, unsigned down,
                      struct term ret_terms[TERMS])
{
	double linear[256], row[TERMS_LONG], column[TERMS_LONG];

	for (unsigned i = 0; i < 256; i++)
		linear[i] = to_linear(i / 255.0);
	memset(ret_terms, 0, TERMS * sizeof(*ret_terms));
	for (unsigned y = 0; y < height; y++) {
		fill_cosines(y, height, down, column);
		for (unsigned x = 0; x < width; x++) {
			const uint8_t *pixel = rgba + 4 * ((size_t)y * width + x);
			double colour[3];

			for (size_t band = 0; band < 3; band++)
				colour[band] = linear[(pixel[band] * pixel[3] + 255 * (255 - pixel[3]) + 127) / 255];
			fill_cosines(x, width, across, row);
			add_pixel(colour, row, across, column, down, ret_terms);
		}
	}
	for (size_t i = 0; i < TERMS; i++) {
		for (size_t band = 0; band < 3; band++)
			ret_terms[i].colour[band] *= (i == 0 ? 1 : 2) / ((double)width * height);
	}
}

static char *put_number(unsigned number, unsigned length, char *out)
{
	for (unsigned i = length; i-- > 0; number /= 83)
		out[i] = digits[number % 83];
	return out + length;
}

static unsigned quantise(double value)
{
	double root = copysign(sqrt(fabs(value)), value);

	return (unsigned)clamp(floor(root * 9 + 9.5), 0, 18);
}

void blurhash_encode(unsigned width, unsigned height, const uint8_t *rgba, char ret_hash[WIRE_BLURHASH_SIZE])
{
	unsigned across = width >= height ? TERMS_LONG : TERMS_SHORT, down = TERMS / across;
	double largest = 0, scale;
	unsigned step;
	struct term terms[TERMS];
	char *out = ret_hash;

	transform(width, height, rgba, across, down, terms);
	for (size_t i = 1; i < TERMS; i++) {
		for (size_t band = 0; band < 3; band++)
			largest = fmax(largest, fabs(terms[i].colour[band]));
	}
	step = (unsigned)clamp(floor(largest * 166 - 0.5), 0, 82);
	scale = (step + 1) / 166.0;
	out = put_number(across - 1 + (down - 1) * 9, 1, out);
	out = put_number(step, 1, out);
	out = put_number(to_srgb(terms[0].colour[0]) << 16 | to_srgb(terms[0].colour[1]) << 8 |
	                         to_srgb(terms[0].colour[2]),
	                 4, out);
	for (size_t i = 1; i < TERMS; i++)
		out = put_number(quantise(terms[i].colour[0] / scale) * 19 * 19 +
		                         quantise(terms[i].colour[1] / scale) * 19 +
		                         quantise(terms[i].colour[2] / scale),
		                 2, out);
	*out = '\0';
}
