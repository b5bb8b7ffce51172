// EXIF blocks for tests, field by field: right ones, and ones that no camera writes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum exif_directory { EXIF_BLOCK_MAIN, EXIF_BLOCK_EXIF, EXIF_BLOCK_GPS, EXIF_BLOCK_DIRECTORIES };
enum exif_type {
	EXIF_BLOCK_BYTE = 1,
	EXIF_BLOCK_ASCII = 2,
	EXIF_BLOCK_SHORT = 3,
	EXIF_BLOCK_LONG = 4,
	EXIF_BLOCK_RATIONAL = 5
};

struct exif_field {
	enum exif_directory directory;
	uint16_t tag;
	enum exif_type type;
	const char *text;   // ASCII: with its NUL it is the value
	uint32_t values[6]; // the others: numbers, of RATIONAL in pairs
	uint32_t count;     // of them; pairs count as one
};

// Append "Exif\0\0" and a TIFF structure with these fields, which stand in the order of their directories.
void exif_block_make(const struct exif_field *fields, size_t count, bool big_endian, struct buffer *out);
