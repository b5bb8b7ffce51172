// Placeholders and the perceptual hash of any pixels: two bytes of width and height, then RGBA.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "transcoder/decoder/blurhash.h"
#include "transcoder/decoder/likeness.h"
#include "transcoder/decoder/thumbhash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t rgba[4 * THUMBHASH_SIDE_MOST * THUMBHASH_SIDE_MOST];
	uint8_t thumbhash[THUMBHASH_BYTES];
	char blurhash[WIRE_BLURHASH_SIZE];
	uint64_t likeness;
	if (size < 3)
		return 0;
	unsigned width = data[0] % THUMBHASH_SIDE_MOST + 1, height = data[1] % THUMBHASH_SIDE_MOST + 1;
	for (size_t i = 0; i < (size_t)4 * width * height; i++)
		rgba[i] = data[2 + i % (size - 2)];
	size_t length = thumbhash_encode(width, height, rgba, thumbhash);
	assert(length >= 5 && length <= THUMBHASH_BYTES);
	blurhash_encode(width, height, rgba, blurhash);
	assert(strlen(blurhash) == WIRE_BLURHASH_SIZE - 1 && strpbrk(blurhash, " !\"&'()/<>\\`") == NULL);
	(void)likeness_hash(width, height, rgba, &likeness);
	return 0;
}
