// What a TIFF file says about its making, as a block that exif_read takes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

#define TIFF_EXIF_BYTES_MOST 16384

// Append the entries of a whole TIFF file (TIFF 6.0, Adobe 1992, §2) that exif.c looks for, of its first
// directory and of the EXIF and GPS directories which that names, as a TIFF structure of at most TIFF_EXIF_BYTES_MOST
// bytes. The file's pixels stand among its entries and may be anywhere, so it is never read as a whole. Nothing is
// appended when it is no TIFF (BigTIFF included); entries that lead out of the file are left out. Never fails.
void tiff_exif_append(const uint8_t *bytes, size_t length, struct buffer *out);

// A text of the first directory, cut at size - 1 bytes; false when there is none.
bool tiff_exif_read_text(const uint8_t *bytes, size_t length, uint16_t tag, char *ret_text, size_t size);
