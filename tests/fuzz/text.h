// Inputs as texts, for targets whose parsers take those.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A copy that a NUL closes, of its own size, so that a sanitizer sees each byte read beyond it. NULL: no memory. The
// caller frees.
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (text == NULL)
		return NULL;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}
