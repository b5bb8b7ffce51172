// Embedded colour profiles: nothing beyond the bytes is looked at, and what is called sRGB says so in what it holds.
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transcoder/decoder/icc.h"

#define TAGS_AT 132 // after the header and the number of tags
#define TAG_ENTRY 12
#define TAGS_NEEDED 6 // three primaries, three curves

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!icc_is_srgb(data, size))
		return 0;
	assert(size >= TAGS_AT + TAGS_NEEDED * TAG_ENTRY && memcmp(data + 16, "RGB XYZ ", 8) == 0 &&
	       memcmp(data + 36, "acsp", 4) == 0);
	// The same with another space of connection, or cut within its list of tags, is not.
	copy = malloc(size);
	assert(copy != NULL);
	memcpy(copy, data, size);
	assert(icc_is_srgb(copy, size));
	copy[20] = 'L';
	assert(!icc_is_srgb(copy, size));
	free(copy);
	assert(!icc_is_srgb(data, TAGS_AT + (TAGS_NEEDED - 1) * TAG_ENTRY));
	return 0;
}
