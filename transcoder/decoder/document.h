// Documents: vectors, which are drawn at a size of our choosing.
//
// A page has no pixels. It is taken for a picture of its own proportions whose longer side has DOCUMENT_SIDE pixels (or
// the job's largest side, when that is less): what that gives are its width and height, and no variant is larger.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vips/vips.h>

#include "transcoder/decoder/source.h"

#define DOCUMENT_SIDE 2048

// Have the loaders of documents known to libvips.
bool document_start(struct failure *failure);

// The header of the first page: sizes, pages and scale into source, whose bytes, length and format stand. 0, or -1 with
// libvips's error set.
int document_read_header(struct source *source, uint32_t max_side);

// The first page as a lazy picture of source's size or a pixel beside it; PDF on white, SVG on nothing. 0 or -1.
int document_load(const struct source *source, VipsImage **ret_image);
