// A grid's boxes around the one picture of tests/pictures/still.avif.
#include "tests/hostile/grids.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/hostile/bytes.h"

#define TILE_FILE "tests/pictures/still.avif"
#define TILE_WIDTH 96
#define TILE_HEIGHT 64
#define GRID_ROWS 255 // an item refers to at most 65535 others
#define GRID_BYTES 12

// The tile's coded picture and the box that says how it is coded.
struct tile {
	char *file;
	const char *data, *configuration;
	size_t data_length, configuration_length;
};

// A box by its type, wherever it stands; with its head.
static const char *find_box(const char *file, size_t length, const char *type, size_t *ret_length)
{
	const uint8_t *at = memmem(file, length, type, 4);

	assert(at != NULL && at - (const uint8_t *)file >= 4);
	at -= 4;
	*ret_length = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
	assert(*ret_length <= length - (size_t)(at - (const uint8_t *)file));
	return (const char *)at;
}

static void read_tile(struct tile *ret_tile)
{
	size_t length;
	enum rc rc = file_read(TILE_FILE, 1 << 16, &ret_tile->file, &length, NULL);

	assert(rc == RC_OK);
	(void)rc;
	ret_tile->configuration = find_box(ret_tile->file, length, "av1C", &ret_tile->configuration_length);
	ret_tile->data = find_box(ret_tile->file, length, "mdat", &ret_tile->data_length) + 8;
	ret_tile->data_length -= 8;
}

static void put_items(struct buffer *out, unsigned columns)
{
	size_t box = bytes_begin_box(out, "iinf"), inner;

	bytes_put_be(out, 0, 4);
	bytes_put_be(out, 2, 2);
	for (unsigned item = 1; item <= 2; item++) {
		inner = bytes_begin_box(out, "infe");
		bytes_put_be(out, 0x02000000, 4);
		bytes_put_be(out, item, 2);
		bytes_put_be(out, 0, 2);
		bytes_put(out, item == 1 ? "grid" : "av01", 5);
		bytes_end_box(out, inner);
	}
	bytes_end_box(out, box);
	box = bytes_begin_box(out, "iref");
	bytes_put_be(out, 0, 4);
	inner = bytes_begin_box(out, "dimg");
	bytes_put_be(out, 1, 2);
	bytes_put_be(out, GRID_ROWS * columns, 2);
	for (unsigned i = 0; i < GRID_ROWS * columns; i++)
		bytes_put_be(out, 2, 2); // every tile is the same one
	bytes_end_box(out, inner);
	bytes_end_box(out, box);
}

static void put_size(struct buffer *out, uint32_t width, uint32_t height)
{
	size_t box = bytes_begin_box(out, "ispe");

	bytes_put_be(out, 0, 4);
	bytes_put_be(out, width, 4);
	bytes_put_be(out, height, 4);
	bytes_end_box(out, box);
}

static void put_properties(struct buffer *out, const struct tile *tile, uint32_t width, uint32_t height)
{
	size_t box = bytes_begin_box(out, "iprp"), inner = bytes_begin_box(out, "ipco");

	put_size(out, width, height);
	put_size(out, TILE_WIDTH, TILE_HEIGHT);
	bytes_put(out, tile->configuration, tile->configuration_length);
	bytes_end_box(out, inner);
	inner = bytes_begin_box(out, "ipma");
	bytes_put_be(out, 0, 4);
	bytes_put_be(out, 2, 4);
	BYTES_PUT(out, "\0\1\1\1\0\2\2\2\x83"); // the last is essential
	bytes_end_box(out, inner);
	bytes_end_box(out, box);
}

// Where the items lie: within idat, the grid first.
static void put_places(struct buffer *out, size_t tile_length)
{
	size_t box = bytes_begin_box(out, "iloc");

	BYTES_PUT(out, "\1\0\0\0\x44\0\0\2");
	for (unsigned item = 1; item <= 2; item++) {
		bytes_put_be(out, item, 2);
		BYTES_PUT(out, "\0\1\0\0\0\1");
		bytes_put_be(out, item == 1 ? 0 : GRID_BYTES, 4);
		bytes_put_be(out, item == 1 ? GRID_BYTES : (uint32_t)tile_length, 4);
	}
	bytes_end_box(out, box);
}

static void make_grid(struct buffer *out, unsigned columns, uint32_t width, uint32_t height, size_t tile_length)
{
	struct tile tile;
	size_t meta, box = bytes_begin_box(out, "ftyp");

	read_tile(&tile);
	if (tile_length > tile.data_length)
		tile_length = tile.data_length;
	BYTES_PUT(out, "avif\0\0\0\0mif1avif");
	bytes_end_box(out, box);
	meta = bytes_begin_box(out, "meta");
	bytes_put_be(out, 0, 4);
	box = bytes_begin_box(out, "hdlr");
	BYTES_PUT(out, "\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
	bytes_end_box(out, box);
	box = bytes_begin_box(out, "pitm");
	BYTES_PUT(out, "\0\0\0\0\0\1");
	bytes_end_box(out, box);
	put_items(out, columns);
	put_properties(out, &tile, width, height);
	put_places(out, tile_length);
	box = bytes_begin_box(out, "idat");
	BYTES_PUT(out, "\0\1"); // sizes of 32 bits
	bytes_put_be(out, GRID_ROWS - 1, 1);
	bytes_put_be(out, columns - 1, 1);
	bytes_put_be(out, width, 4);
	bytes_put_be(out, height, 4);
	bytes_put(out, tile.data, tile_length);
	bytes_end_box(out, box);
	bytes_end_box(out, meta);
	free(tile.file);
}

void grid_make_huge(struct buffer *out)
{
	make_grid(out, 170, 170 * TILE_WIDTH, GRID_ROWS * TILE_HEIGHT, SIZE_MAX);
}

void grid_make_wide(struct buffer *out)
{
	make_grid(out, 256, 256 * TILE_WIDTH, GRID_ROWS * TILE_HEIGHT, SIZE_MAX);
}

void grid_make_hidden(struct buffer *out)
{
	make_grid(out, 256, TILE_WIDTH, TILE_HEIGHT, SIZE_MAX);
}

void grid_make_empty(struct buffer *out)
{
	make_grid(out, 256, TILE_WIDTH, TILE_HEIGHT, 0);
}
