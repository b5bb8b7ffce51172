// How an upload is cut into parts: all of one length but the last, numbered from 1. Pure arithmetic.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// S3: at most 10,000 parts, each of at least 5 MiB but the last, each of at most 5 GiB.
#define PART_LAYOUT_PARTS_MAX 10000
#define PART_LAYOUT_BYTES_MIN (5 * INT64_C(1024) * 1024)
#define PART_LAYOUT_BYTES_MAX (5 * INT64_C(1024) * 1024 * 1024)

struct part_layout {
	int64_t size;      // bytes of the whole
	int64_t part_size; // bytes of each part but the last
	unsigned count;    // parts; an empty upload has one, empty
};

// The layout of size bytes in parts of about wanted bytes: longer ones (by whole MiB) when there would be too many.
// False when size is negative or too long for any layout.
bool part_layout_choose(int64_t size, int64_t wanted, struct part_layout *ret_layout);

// The layout again from what was stored of it; false when the two do not fit together.
bool part_layout_read(int64_t size, int64_t part_size, struct part_layout *ret_layout);

// Bytes of a part; number is 1 to count (asserted).
int64_t part_layout_length(const struct part_layout *layout, unsigned number);
