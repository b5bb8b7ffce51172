// Means of boxes: the rows of one are added up, then the columns.
#include "transcoder/decoder/planar_shrink.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "transcoder/decoder/planar_cpu.h"

FOR_EACH_CPU static void add_row(uint16_t *restrict sums, const uint8_t *restrict row, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sums[i] = (uint16_t)(sums[i] + row[i]);
}

// One row of means from the sums of `rows` rows; the last box may be narrower than the others.
static void write_means(const uint16_t *sums, uint32_t width, unsigned rows, unsigned columns, uint8_t *out)
{
	for (uint32_t left = 0; left < width; left += columns) {
		unsigned count = width - left < columns ? width - left : columns, sum = 0;

		for (unsigned i = 0; i < count; i++)
			sum += sums[left + i];
		*out++ = (uint8_t)((sum + rows * count / 2) / (rows * count));
	}
}

// Into an initialised plane. sums: as many as the stored plane has columns.
static void shrink_plane(const struct planar_plane *stored, unsigned columns, unsigned rows, uint16_t *sums,
                         struct planar_plane *plane)
{
	for (uint32_t top = 0, y = 0; top < stored->height; top += rows, y++) {
		unsigned count = stored->height - top < rows ? stored->height - top : rows;

		memset(sums, 0, stored->width * sizeof(sums[0]));
		for (unsigned i = 0; i < count; i++)
			add_row(sums, stored->samples + (top + i) * stored->stride, stored->width);
		write_means(sums, stored->width, count, columns, plane->samples + y * plane->stride);
	}
}

// How many samples that cover so many pixels make one.
static unsigned find_factor(unsigned shrink, double cover)
{
	return shrink > cover ? (unsigned)(shrink / cover) : 1;
}

bool planar_shrink_source(const struct planar_source *source, unsigned shrink, struct planar_source *ret_source)
{
	CLEANUP(planar_source_done)
	struct planar_source made = { .width = source->width,
		                      .height = source->height,
		                      .plane_count = source->plane_count };

	for (unsigned i = 0; i < source->plane_count; i++) {
		const struct planar_plane *stored = &source->planes[i];
		unsigned columns = find_factor(shrink, source->cover_x[i]);
		unsigned rows = find_factor(shrink, source->cover_y[i]);
		CLEANUP(free_pointer) uint16_t *sums = malloc(stored->width * sizeof(*sums));

		if (sums == NULL || !planar_plane_init(&made.planes[i], (stored->width + columns - 1) / columns,
		                                       (stored->height + rows - 1) / rows))
			return false;
		made.cover_x[i] = source->cover_x[i] * columns;
		made.cover_y[i] = source->cover_y[i] * rows;
		shrink_plane(stored, columns, rows, sums, &made.planes[i]);
	}
	*ret_source = made;
	made = (struct planar_source){ 0 };
	return true;
}
