// pHash: the signs, about their median, of the 8 x 8 lowest cosine terms of a 32 x 32 grey copy.
//
// Terms of frequency 0 are left out in both directions (as phash.org does): they hold brightness and plain gradients.
// Bit 8 * (row - 1) + column - 1, least significant first, says whether the term lies clearly above the median of all
// 64.
#include "transcoder/decoder/likeness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 32
#define LOW 8
#define TERMS (LOW * LOW)
// Steps of grey that compression may change in a term: one must stand out by more, or the many near-zero terms of
// symmetric pictures would be dice.
#define NOISE 0.05

static double grey_of(const uint8_t *pixel)
{
	double grey = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2], alpha = pixel[3] / 255.0;

	return grey * alpha + 255 * (1 - alpha);
}

// How much of the source pixel `index` of `length` lies in cell `cell` of SIDE.
static double overlap(unsigned index, unsigned length, unsigned cell)
{
	double least = fmax((double)index / length, (double)cell / SIDE);
	double most = fmin((double)(index + 1) / length, (double)(cell + 1) / SIDE);

	return most > least ? (most - least) * SIDE : 0;
}

// The mean grey of one cell of SIDE x SIDE: each source pixel counts by its share of the cell.
static double cell_mean(unsigned width, unsigned height, const uint8_t *rgba, unsigned column, unsigned row)
{
	double sum = 0;

	for (unsigned y = row * height / SIDE; y < height && y * SIDE < (row + 1) * height; y++) {
		double down = overlap(y, height, row);

		for (unsigned x = column * width / SIDE; x < width && x * SIDE < (column + 1) * width; x++)
			sum += down * overlap(x, width, column) * grey_of(rgba + 4 * ((size_t)y * width + x));
	}
	return sum;
}

static void transform(double grey[SIDE][SIDE], double ret_terms[TERMS])
{
	double cosines[LOW][SIDE], rows[SIDE][LOW] = { { 0 } };

	for (unsigned i = 0; i < LOW; i++) {
		for (unsigned x = 0; x < SIDE; x++)
			cosines[i][x] = cos(M_PI / SIDE * (i + 1) * (x + 0.5));
	}
	for (unsigned y = 0; y < SIDE; y++) {
		for (unsigned i = 0; i < LOW; i++) {
			for (unsigned x = 0; x < SIDE; x++)
				rows[y][i] += grey[y][x] * cosines[i][x];
		}
	}
	for (unsigned j = 0; j < LOW; j++) {
		for (unsigned i = 0; i < LOW; i++) {
			double sum = 0;

			for (unsigned y = 0; y < SIDE; y++)
				sum += rows[y][i] * cosines[j][y];
			ret_terms[j * LOW + i] = 2 * sum / (SIDE * SIDE);
		}
	}
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double median_of(const double terms[TERMS])
{
	double sorted[TERMS];

	memcpy(sorted, terms, sizeof(sorted));
	qsort(sorted, TERMS, sizeof(sorted[0]), compare);
	return (sorted[TERMS / 2 - 1] + sorted[TERMS / 2]) / 2;
}

bool likeness_hash(unsigned width, unsigned height, const uint8_t *rgba, uint64_t *ret_hash)
{
	double grey[SIDE][SIDE], terms[TERMS], median, largest = 0;
	uint64_t hash = 0;

	for (unsigned row = 0; row < SIDE; row++) {
		for (unsigned column = 0; column < SIDE; column++)
			grey[row][column] = cell_mean(width, height, rgba, column, row);
	}
	transform(grey, terms);
	for (size_t i = 0; i < TERMS; i++)
		largest = fmax(largest, fabs(terms[i]));
	if (largest < 10 * NOISE)
		return false;
	median = median_of(terms);
	for (size_t i = 0; i < TERMS; i++)
		hash |= (uint64_t)(terms[i] > median + NOISE) << i;
	*ret_hash = hash;
	return true;
}
