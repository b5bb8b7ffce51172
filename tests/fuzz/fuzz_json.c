// JSON from outside: request bodies' scan and parse stay within their bounds of depth and number.
#include <jansson.h>
#include <stdint.h>

#include "base/limits.h"
#include "http/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	if (json_scan(text, size, LIMIT_JSON_DEPTH, JSON_SCAN_MAX_VALUES) != JSON_SCAN_GOOD)
		return 0;
	json_error_t error;
	json_decref(json_loadb(text, size, JSON_REJECT_DUPLICATES, &error));
	return 0;
}
