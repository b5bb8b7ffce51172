// What a file's first bytes say that it is, by libmagic.
//
// The name and the declared type are the uploader's words; this is evidence. Only the table of patterns is asked:
// nothing is unpacked, no structure (tar, ELF, CDF, JSON, CSV) is walked, and the work is bounded.
#pragma once

#include <stddef.h>

#include "base/error.h"

#define SNIFF_TYPE_SIZE 128

// The content type of the first length bytes (LIMIT_SNIFF_BYTES are enough); "application/octet-stream" when nothing
// matches. RC_INTERNAL when libmagic cannot work (its database is missing), RC_NO_MEMORY. Any thread; up to 25 ms for
// text.
enum rc sniff_content_type(const void *data, size_t length, char ret_type[SNIFF_TYPE_SIZE], struct err *err) MUST_CHECK;
