// The resizer works down only: rows are weighed and added. For the other axis the picture is transposed, a strip of
// rows at a time, so that what is between the two passes stays in the cache.
//
// Samples count from the middle grey and times 128 (15 bits and a sign), weights have 15 bits behind the point, and a
// product keeps the upper 16 of its 31 bits, rounded: that is one instruction (vpmulhrsw) on 16 values, and loses less
// than a tenth of a level.
#include "transcoder/decoder/planar_resample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "transcoder/decoder/planar_cpu.h"

#define SUPPORT 3    // of the kernel, in units of its step
#define STRIP 128    // rows between the two passes
#define COLUMNS 1024 // summed at once: sums stay in the first-level cache
#define ONE 32768    // weight 1
#define LEVEL 128    // of a sample in sums, and the middle grey
#define GROUP 4      // weights that one pass over the sums takes
#define TILE 8       // side of what is transposed at once

// ---- weights ----

static double lanczos(double x)
{
	if (fabs(x) < 1e-9)
		return 1;
	if (fabs(x) >= SUPPORT)
		return 0;
	return SUPPORT * sin(M_PI * x) * sin(M_PI * x / SUPPORT) / (M_PI * M_PI * x * x);
}

// The weights of one output sample, from doubles that add up to total, rounded so that they add up to exactly 1.
static void round_weights(const double *exact, double total, int16_t *weights, uint32_t taps)
{
	int32_t sum = 0;
	uint32_t largest = 0;

	for (uint32_t i = 0; i < taps; i++) {
		weights[i] = (int16_t)lrint(fmin(exact[i] / total * ONE, ONE - 1));
		sum += weights[i];
		if (weights[i] > weights[largest])
			largest = i;
	}
	// A single weight of 1 does not fit into 15 bits; it stays one 32768th short.
	weights[largest] = (int16_t)(weights[largest] + ONE - sum > ONE - 1 ? ONE - 1 : weights[largest] + ONE - sum);
}

// Fill output sample index. exact has room for axis->taps.
static void weigh_sample(struct resample_axis *axis, uint32_t index, double centre, double scale, double *exact)
{
	int32_t first = (int32_t)ceil(centre - SUPPORT * scale);
	double total = 0;

	for (uint32_t i = 0; i < axis->taps; i++) {
		exact[i] = lanczos((first + (double)i - centre) / scale);
		total += exact[i];
	}
	axis->first[index] = first;
	round_weights(exact, total, axis->weights + (size_t)index * axis->taps, axis->taps);
}

bool resample_axis_init(struct resample_axis *axis, uint32_t input, uint32_t length, double step, double extent,
                        bool mirrored)
{
	double scale = step > 1 ? step : 1; // of the kernel: when enlarging it stays as it is
	struct resample_axis made = { .length = length };
	double *exact;

	made.taps = ((uint32_t)ceil(2 * SUPPORT * scale) + 1 + GROUP - 1) / GROUP * GROUP;
	made.is_identity = !mirrored && input == length && fabs(step - 1) < 1e-9;
	made.first = malloc(length * sizeof(made.first[0]));
	made.weights = malloc((size_t)length * made.taps * sizeof(made.weights[0]));
	exact = malloc(made.taps * sizeof(exact[0]));
	if (made.first == NULL || made.weights == NULL || exact == NULL) {
		free(exact);
		resample_axis_done(&made);
		return false;
	}
	for (uint32_t i = 0; i < length; i++) {
		double centre = (i + 0.5) * step;

		weigh_sample(&made, i, (mirrored ? extent - centre : centre) - 0.5, scale, exact);
	}
	free(exact);
	*axis = made;
	return true;
}

void resample_axis_done(struct resample_axis *axis)
{
	free(axis->first);
	free(axis->weights);
	*axis = (struct resample_axis){ 0 };
}

// ---- rows ----

static inline int16_t weigh(uint8_t sample, int16_t weight)
{
	int16_t centred = (int16_t)((sample - LEVEL) * LEVEL);

	return (int16_t)(((((int32_t)centred * weight) >> 14) + 1) >> 1);
}

FOR_EACH_CPU static void begin_sums(int16_t *restrict sums, const uint8_t *const rows[GROUP], const int16_t *weights,
                                    size_t count)
{
	const uint8_t *restrict a = rows[0], *restrict b = rows[1], *restrict c = rows[2], *restrict d = rows[3];
	int16_t wa = weights[0], wb = weights[1], wc = weights[2], wd = weights[3];

	for (size_t i = 0; i < count; i++)
		sums[i] = (int16_t)(LEVEL / 2 + weigh(a[i], wa) + weigh(b[i], wb) + weigh(c[i], wc) + weigh(d[i], wd));
}

FOR_EACH_CPU static void add_to_sums(int16_t *restrict sums, const uint8_t *const rows[GROUP], const int16_t *weights,
                                     size_t count)
{
	const uint8_t *restrict a = rows[0], *restrict b = rows[1], *restrict c = rows[2], *restrict d = rows[3];
	int16_t wa = weights[0], wb = weights[1], wc = weights[2], wd = weights[3];

	for (size_t i = 0; i < count; i++)
		sums[i] = (int16_t)(sums[i] + weigh(a[i], wa) + weigh(b[i], wb) + weigh(c[i], wc) + weigh(d[i], wd));
}

FOR_EACH_CPU static void finish_sums(uint8_t *restrict out, const int16_t *restrict sums, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int16_t level = (int16_t)((int16_t)(sums[i] >> 7) + LEVEL);

		level = level < 0 ? 0 : level;
		out[i] = (uint8_t)(level > 255 ? 255 : level);
	}
}

// Beyond its ends a picture goes on as it ends.
static const uint8_t *find_row(const struct planar_plane *input, int32_t y)
{
	int32_t last = (int32_t)input->height - 1;

	return input->samples + (size_t)(y < 0 ? 0 : y > last ? last : y) * input->stride;
}

// The one input row that an output row is a copy of; NULL when it is a mixture.
static const uint8_t *find_copied(const struct planar_plane *input, const struct resample_axis *axis, uint32_t index)
{
	const int16_t *weights = axis->weights + (size_t)index * axis->taps;

	for (uint32_t i = 0; i < axis->taps; i++) {
		if (weights[i] == ONE - 1)
			return find_row(input, axis->first[index] + (int32_t)i);
		if (weights[i] != 0)
			break;
	}
	return NULL;
}

// One output row of the pass downwards.
static void make_row(const struct planar_plane *input, const struct resample_axis *axis, uint32_t index, uint8_t *out)
{
	const int16_t *weights = axis->weights + (size_t)index * axis->taps;
	const uint8_t *copied = find_copied(input, axis, index);
	int16_t sums[COLUMNS];

	assert(axis->taps >= GROUP); // so that the first group begins the sums
	if (copied != NULL) {
		memcpy(out, copied, input->width);
		return;
	}
	for (uint32_t x = 0; x < input->width; x += COLUMNS) {
		size_t count = input->width - x < COLUMNS ? input->width - x : COLUMNS;

		for (uint32_t tap = 0; tap < axis->taps; tap += GROUP) {
			const uint8_t *rows[GROUP];

			for (uint32_t i = 0; i < GROUP; i++)
				rows[i] = find_row(input, axis->first[index] + (int32_t)(tap + i)) + x;
			if (tap == 0)
				begin_sums(sums, rows, weights, count);
			else
				add_to_sums(sums, rows, weights + tap, count);
		}
		finish_sums(out + x, sums, count);
	}
}

// ---- transposing ----

static uint64_t load_tile_row(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

// Exchange the bits of high that mask shows (shifted up) with those of low.
static inline void exchange(uint64_t *low, uint64_t *high, unsigned shift, uint64_t mask)
{
	uint64_t change = ((*low >> shift) ^ *high) & mask;

	*high ^= change;
	*low ^= change << shift;
}

// 8 x 8 bytes, by exchanging quarters, then quarters of those (Hacker's Delight, 7-3, for bytes).
static void transpose_tile(const uint8_t *from, size_t from_stride, uint8_t *to, size_t to_stride)
{
	uint64_t rows[TILE];

	for (size_t i = 0; i < TILE; i++)
		rows[i] = load_tile_row(from + i * from_stride);
	for (size_t i = 0; i < 4; i++)
		exchange(&rows[i], &rows[i + 4], 32, 0x00000000ffffffff);
	for (size_t i = 0; i < TILE; i += 4) {
		exchange(&rows[i], &rows[i + 2], 16, 0x0000ffff0000ffff);
		exchange(&rows[i + 1], &rows[i + 3], 16, 0x0000ffff0000ffff);
	}
	for (size_t i = 0; i < TILE; i += 2)
		exchange(&rows[i], &rows[i + 1], 8, 0x00ff00ff00ff00ff);
	for (size_t i = 0; i < TILE; i++)
		memcpy(to + i * to_stride, &rows[i], sizeof(rows[i]));
}

// width x height samples. Little-endian, like all that Debian's photo servers run on.
static void transpose(const uint8_t *from, size_t from_stride, uint32_t width, uint32_t height, uint8_t *to,
                      size_t to_stride)
{
	uint32_t whole_width = width / TILE * TILE, whole_height = height / TILE * TILE;

	for (uint32_t y = 0; y < whole_height; y += TILE) {
		for (uint32_t x = 0; x < whole_width; x += TILE)
			transpose_tile(from + y * from_stride + x, from_stride, to + x * to_stride + y, to_stride);
	}
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = y < whole_height ? whole_width : 0; x < width; x++)
			to[x * to_stride + y] = from[y * from_stride + x];
	}
}

// ---- planes ----

struct strips {
	struct planar_plane down;       // after the first pass: the input's width x STRIP
	struct planar_plane transposed; // STRIP x the input's width
	struct planar_plane across;     // after the second: STRIP x the output's width
};

static void free_strips(struct strips *strips)
{
	planar_plane_done(&strips->down);
	planar_plane_done(&strips->transposed);
	planar_plane_done(&strips->across);
}

static void copy_plane(const struct planar_plane *input, struct planar_plane *output)
{
	for (uint32_t y = 0; y < input->height; y++)
		memcpy(output->samples + y * output->stride, input->samples + y * input->stride, input->width);
}

// The output's rows from `top` on, as many as a strip holds.
static void make_strip(const struct planar_plane *input, const struct resample_axis *across,
                       const struct resample_axis *down, uint32_t top, struct strips *strips)
{
	uint32_t rows = down->length - top < STRIP ? down->length - top : STRIP;

	for (uint32_t i = 0; i < rows; i++)
		make_row(input, down, top + i, strips->down.samples + i * strips->down.stride);
	transpose(strips->down.samples, strips->down.stride, input->width, rows, strips->transposed.samples,
	          strips->transposed.stride);
	strips->transposed.width = rows;
	for (uint32_t i = 0; i < across->length; i++)
		make_row(&strips->transposed, across, i, strips->across.samples + i * strips->across.stride);
}

bool resample_plane(const struct planar_plane *input, const struct resample_axis *across,
                    const struct resample_axis *down, bool transposed, struct planar_plane *ret_output)
{
	CLEANUP(free_strips) struct strips strips = { 0 };

	if (across->is_identity && down->is_identity && !transposed) {
		copy_plane(input, ret_output);
		return true;
	}
	if (!planar_plane_init(&strips.down, input->width, STRIP) ||
	    !planar_plane_init(&strips.transposed, STRIP, input->width) ||
	    !planar_plane_init(&strips.across, STRIP, across->length))
		return false;
	for (uint32_t top = 0; top < down->length; top += STRIP) {
		uint32_t rows = down->length - top < STRIP ? down->length - top : STRIP;

		make_strip(input, across, down, top, &strips);
		if (!transposed) {
			transpose(strips.across.samples, strips.across.stride, rows, across->length,
			          ret_output->samples + top * ret_output->stride, ret_output->stride);
			continue;
		}
		for (uint32_t i = 0; i < across->length; i++)
			memcpy(ret_output->samples + i * ret_output->stride + top,
			       strips.across.samples + i * strips.across.stride, rows);
	}
	return true;
}
