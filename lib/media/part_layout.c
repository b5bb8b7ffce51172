// Cutting uploads into parts.
#include "media/part_layout.h"

#include <assert.h>

#define MEBIBYTE (INT64_C(1024) * 1024)

static int64_t divide_up(int64_t dividend, int64_t divisor)
{
	return dividend / divisor + (dividend % divisor != 0);
}

bool part_layout_read(int64_t size, int64_t part_size, struct part_layout *ret_layout)
{
	if (size < 0 || part_size <= 0)
		return false;
	int64_t count = size == 0 ? 1 : divide_up(size, part_size);
	if (count > PART_LAYOUT_PARTS_MAX)
		return false;
	*ret_layout = (struct part_layout){ .size = size, .part_size = part_size, .count = (unsigned)count };
	return true;
}

bool part_layout_choose(int64_t size, int64_t wanted, struct part_layout *ret_layout)
{
	if (size < 0)
		return false;
	int64_t least = divide_up(divide_up(size, PART_LAYOUT_PARTS_MAX), MEBIBYTE) * MEBIBYTE;
	int64_t part_size = wanted < PART_LAYOUT_BYTES_MIN ? PART_LAYOUT_BYTES_MIN : wanted;
	part_size = part_size < least ? least : part_size;
	return part_size <= PART_LAYOUT_BYTES_MAX && part_layout_read(size, part_size, ret_layout);
}

int64_t part_layout_length(const struct part_layout *layout, unsigned number)
{
	assert(number >= 1 && number <= layout->count);
	return number < layout->count ? layout->part_size
	                              : layout->size - layout->part_size * (int64_t)(layout->count - 1);
}
