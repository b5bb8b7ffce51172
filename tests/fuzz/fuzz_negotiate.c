// Accept headers: never an answer outside of what was offered.
#include <assert.h>
#include <stdint.h>

#include "media/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned SETS[] = { FORMAT_SET_DELIVERY, FORMAT_BIT(FORMAT_JPEG),
		                         FORMAT_BIT(FORMAT_JPEG) | FORMAT_BIT(FORMAT_WEBP) };
	for (size_t i = 0; i < sizeof SETS / sizeof SETS[0]; i++)
		assert((FORMAT_BIT(negotiate_format((const char *)data, size, SETS[i])) & SETS[i]) != 0);
	return 0;
}
