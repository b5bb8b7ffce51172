// The decoder's look at a file's bytes: no read beyond them (a copy of exactly their length, for the sanitizer).
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transcoder/decoder/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);
	assert(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	enum media_format format = sniff_format(copy, size);
	assert(format == FORMAT_NONE || media_format_info(format)->is_input);
	(void)sniff_frames(copy, size);
	(void)sniff_is_cut(copy, size);
	free(copy);
	return 0;
}
