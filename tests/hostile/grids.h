// AVIF files of tens of thousands of tiles that are all one item (ISO/IEC 23008-12, 6.6.2.3): a few bytes a tile in the
// file, a picture a tile in a decoder.
#pragma once

struct buffer;

// Says its size: 266 million pixels.
void grid_make_huge(struct buffer *out);
// Is wider than libheif takes.
void grid_make_wide(struct buffer *out);
// Says that it has the size of one tile.
void grid_make_hidden(struct buffer *out);
// Its tile has no picture in it.
void grid_make_empty(struct buffer *out);
