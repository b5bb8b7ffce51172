// The bomb maker. Each function writes one file; the table at the end says how it must end.
#include "tests/hostile/bombs.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "tests/hostile/bytes.h"
#include "tests/hostile/grids.h"
#include "tests/hostile/pictures.h"

// ---- JPEG ----

static void put_segment(struct buffer *out, uint8_t marker, const void *payload, size_t length)
{
	buffer_append_char(out, (char)0xff);
	buffer_append_char(out, (char)marker);
	bytes_put_be(out, (uint32_t)length + 2, 2);
	bytes_put(out, payload, length);
}

static void put_tables(struct buffer *out)
{
	uint8_t quantisation[65] = { 0 };
	// One code of one bit: symbol 0 (no difference / end of block).
	static const uint8_t huffman_dc[] = { 0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t huffman_ac[] = { 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

	memset(quantisation + 1, 1, 64);
	put_segment(out, 0xdb, quantisation, sizeof(quantisation));
	put_segment(out, 0xc4, huffman_dc, sizeof(huffman_dc));
	put_segment(out, 0xc4, huffman_ac, sizeof(huffman_ac));
}

// Frame header of grey pixels; marker 0xc0 is baseline, 0xc2 progressive.
static void put_frame(struct buffer *out, uint8_t marker, unsigned width, unsigned height)
{
	uint8_t frame[] = {
		8, (uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8), (uint8_t)width, 1, 1, 0x11, 0
	};

	put_segment(out, marker, frame, sizeof(frame));
}

static void put_scan(struct buffer *out, uint8_t first, uint8_t last, uint8_t bits)
{
	uint8_t scan[] = { 1, 1, 0x00, first, last, bits };

	put_segment(out, 0xda, scan, sizeof(scan));
}

static void make_jpeg_65500(struct buffer *out)
{
	BYTES_PUT(out, "\xff\xd8");
	put_tables(out);
	put_frame(out, 0xc0, 65500, 65500);
	put_scan(out, 0, 63, 0);
	BYTES_PUT(out, "\x00\x00\x00\x00\xff\xd9");
}

// Scan after scan of almost nothing, each of which visits every block of the picture.
static void make_jpeg_scans(struct buffer *out)
{
	BYTES_PUT(out, "\xff\xd8");
	put_tables(out);
	put_frame(out, 0xc2, 4000, 4000);
	put_scan(out, 0, 0, 0);
	BYTES_PUT(out, "\x00\x00");
	for (int i = 0; i < 500; i++) {
		put_scan(out, 1, 63, 0);
		BYTES_PUT(out, "\x00\x00");
	}
	BYTES_PUT(out, "\xff\xd9");
}

static void make_jpeg_segments(struct buffer *out)
{
	struct buffer jpeg;

	buffer_init(&jpeg, BOMB_BYTES_MOST);
	picture_make_jpeg(400, 300, &jpeg);
	bytes_put(out, jpeg.data, 2);
	for (int i = 0; i < 65000; i++)
		put_segment(out, 0xe9, "", 0);
	bytes_put(out, jpeg.data + 2, jpeg.length - 2);
	buffer_done(&jpeg);
}

static void make_jpeg_with(struct buffer *out, uint8_t marker, const void *payload, size_t length)
{
	struct buffer jpeg;

	buffer_init(&jpeg, BOMB_BYTES_MOST);
	picture_make_jpeg(400, 300, &jpeg);
	bytes_put(out, jpeg.data, 2);
	put_segment(out, marker, payload, length);
	bytes_put(out, jpeg.data + 2, jpeg.length - 2);
	buffer_done(&jpeg);
}

// An EXIF directory that follows itself, with a sub-directory that is itself again.
static void make_exif_loop(struct buffer *out)
{
	static const char exif[] = "Exif\0\0II*\0\x08\0\0\0\x02\0"
	                           "\x69\x87\x04\0\x01\0\0\0\x08\0\0\0"
	                           "\x25\x88\x04\0\x01\0\0\0\x08\0\0\0"
	                           "\x08\0\0\0";

	make_jpeg_with(out, 0xe1, exif, sizeof(exif) - 1);
}

static void make_icc_of_4_gb(struct buffer *out)
{
	uint8_t icc[14 + 132] = "ICC_PROFILE\0\x01\x01\xff\xff\xff\xff";

	memcpy(icc + 14 + 16, "RGB XYZ ", 8);
	memcpy(icc + 14 + 36, "acsp", 4);
	memset(icc + 14 + 128, 0xff, 4); // tags without number
	make_jpeg_with(out, 0xe2, icc, sizeof(icc));
}

// ---- PNG ----

static void put_chunk(struct buffer *out, const char *type, const void *data, size_t length)
{
	size_t start = out->length + 4;

	bytes_put_be(out, (uint32_t)length, 4);
	bytes_put(out, type, 4);
	bytes_put(out, data, length);
	bytes_put_be(out, (uint32_t)crc32(0, (const uint8_t *)out->data + start, (unsigned)(out->length - start)), 4);
}

static void put_png_start(struct buffer *out, uint32_t width, uint32_t height, uint8_t depth, uint8_t colour)
{
	struct buffer header;

	BYTES_PUT(out, "\x89PNG\r\n\x1a\n");
	buffer_init(&header, 64);
	bytes_put_be(&header, width, 4);
	bytes_put_be(&header, height, 4);
	buffer_append_char(&header, (char)depth);
	buffer_append_char(&header, (char)colour);
	bytes_put(&header, "\0\0\0", 3);
	put_chunk(out, "IHDR", header.data, header.length);
	buffer_done(&header);
}

// So many zero bytes, deflated: about a thousandth.
static void put_deflated_zeros(struct buffer *out, size_t length)
{
	static const uint8_t zeros[65536];
	uint8_t packed[65536];
	z_stream stream = { 0 };
	int result;

	result = deflateInit(&stream, 9);
	assert(result == Z_OK);
	do {
		size_t part = length < sizeof(zeros) ? length : sizeof(zeros);

		stream.next_in = (uint8_t *)zeros;
		stream.avail_in = (unsigned)part;
		length -= part;
		do {
			stream.next_out = packed;
			stream.avail_out = sizeof(packed);
			result = deflate(&stream, length == 0 ? Z_FINISH : Z_NO_FLUSH);
			bytes_put(out, packed, sizeof(packed) - stream.avail_out);
		} while (stream.avail_out == 0);
	} while (length > 0);
	(void)deflateEnd(&stream);
}

static void put_png_pixels(struct buffer *out, size_t bytes)
{
	struct buffer pixels;

	buffer_init(&pixels, BOMB_BYTES_MOST);
	put_deflated_zeros(&pixels, bytes);
	put_chunk(out, "IDAT", pixels.data, pixels.length);
	put_chunk(out, "IEND", "", 0);
	buffer_done(&pixels);
}

static void make_png_225000(struct buffer *out)
{
	put_png_start(out, 225000, 225000, 1, 0);
	put_png_pixels(out, 100000);
}

// A chunk whose text or profile inflates to 200 MB.
static void make_png_chunk(struct buffer *out, const char *type, const char *prefix, size_t prefix_length)
{
	struct buffer chunk;

	put_png_start(out, 64, 64, 8, 0);
	buffer_init(&chunk, BOMB_BYTES_MOST);
	bytes_put(&chunk, prefix, prefix_length);
	put_deflated_zeros(&chunk, 200u * 1024 * 1024);
	put_chunk(out, type, chunk.data, chunk.length);
	buffer_done(&chunk);
	put_png_pixels(out, 65 * 64);
}

static void make_png_text(struct buffer *out)
{
	make_png_chunk(out, "zTXt", "Comment\0", 9);
}

static void make_png_profile(struct buffer *out)
{
	make_png_chunk(out, "iCCP", "icc\0", 5);
}

static void make_apng_frames(struct buffer *out)
{
	put_png_start(out, 64, 64, 8, 0);
	put_chunk(out, "acTL", "\x00\x01\x86\xa0\0\0\0\0", 8); // 100,000 frames
	put_png_pixels(out, 65 * 64);
}

// ---- GIF, WebP, TIFF, HEIF ----

static void put_gif_start(struct buffer *out, unsigned width, unsigned height)
{
	BYTES_PUT(out, "GIF89a");
	bytes_put_le(out, width, 2);
	bytes_put_le(out, height, 2);
	BYTES_PUT(out, "\x80\0\0\0\0\0\xff\xff\xff");
}

static void put_gif_frame(struct buffer *out, unsigned width, unsigned height)
{
	BYTES_PUT(out, "\x2c\0\0\0\0");
	bytes_put_le(out, width, 2);
	bytes_put_le(out, height, 2);
	BYTES_PUT(out, "\0\x02\x02\x44\x01\0");
}

static void make_gif_65535(struct buffer *out)
{
	put_gif_start(out, 65535, 65535);
	put_gif_frame(out, 65535, 65535);
	BYTES_PUT(out, "\x3b");
}

static void make_gif_frames(struct buffer *out)
{
	put_gif_start(out, 1, 1);
	for (int i = 0; i < 100000; i++)
		put_gif_frame(out, 1, 1);
	BYTES_PUT(out, "\x3b");
}

// A lossy frame header of 16383 x 16383 and nothing behind it.
static void make_webp_16383(struct buffer *out)
{
	BYTES_PUT(out, "RIFF");
	bytes_put_le(out, 4 + 8 + 64, 4);
	BYTES_PUT(out, "WEBPVP8 ");
	bytes_put_le(out, 64, 4);
	BYTES_PUT(out, "\x10\x02\0\x9d\x01\x2a\xff\x3f\xff\x3f");
	for (int i = 0; i < 54; i++)
		buffer_append_char(out, 0);
}

static void put_tiff_entry(struct buffer *out, unsigned tag, unsigned type, uint32_t count, uint32_t value)
{
	bytes_put_le(out, tag, 2);
	bytes_put_le(out, type, 2);
	bytes_put_le(out, count, 4);
	bytes_put_le(out, value, 4);
}

#define TIFF_ENTRIES 9

// A grey TIFF whose strips are one row each and all the same bytes; the directory is followed by the one at next.
static void put_tiff(struct buffer *out, uint32_t width, uint32_t height, uint32_t next)
{
	uint32_t arrays = 8 + 2 + 12 * TIFF_ENTRIES + 4, pixels = arrays + 8 * height;

	BYTES_PUT(out, "II*\0\x08\0\0\0");
	bytes_put_le(out, TIFF_ENTRIES, 2);
	put_tiff_entry(out, 256, 4, 1, width);
	put_tiff_entry(out, 257, 4, 1, height);
	put_tiff_entry(out, 258, 3, 1, 8);
	put_tiff_entry(out, 259, 3, 1, 1);
	put_tiff_entry(out, 262, 3, 1, 1);
	put_tiff_entry(out, 273, 4, height, height == 1 ? pixels : arrays);
	put_tiff_entry(out, 277, 3, 1, 1);
	put_tiff_entry(out, 278, 4, 1, 1);
	put_tiff_entry(out, 279, 4, height, height == 1 ? width : arrays + 4 * height);
	bytes_put_le(out, next, 4);
	for (uint32_t i = 0; i < height; i++)
		bytes_put_le(out, pixels, 4);
	for (uint32_t i = 0; i < height; i++)
		bytes_put_le(out, width, 4);
	for (uint32_t i = 0; i < width; i++)
		buffer_append_char(out, (char)i);
}

static void make_tiff_cycle(struct buffer *out)
{
	put_tiff(out, 64, 64, 8); // the first directory is its own successor
}

static void make_tiff_strips(struct buffer *out)
{
	put_tiff(out, 8, 1000000, 0);
}

// Boxes of a HEIF: two derived pictures, each made of the other.
static void make_heif_cycle(struct buffer *out)
{
	BYTES_PUT(out, "\0\0\0\x18"
	               "ftypheic\0\0\0\0mif1heic");
	BYTES_PUT(out, "\0\0\0\xb9"
	               "meta\0\0\0\0"
	               "\0\0\0\x21"
	               "hdlr\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"
	               "\0\0\0\x0e"
	               "pitm\0\0\0\0\0\x01"
	               "\0\0\0\x38"
	               "iinf\0\0\0\0\0\x02"
	               "\0\0\0\x15"
	               "infe\x02\0\0\0\0\x01\0\0grid\0"
	               "\0\0\0\x15"
	               "infe\x02\0\0\0\0\x02\0\0grid\0"
	               "\0\0\0\x28"
	               "iref\0\0\0\0"
	               "\0\0\0\x0e"
	               "dimg\0\x01\0\x01\0\x02"
	               "\0\0\0\x0e"
	               "dimg\0\x02\0\x01\0\x01"
	               "\0\0\0\x1e"
	               "iloc\0\0\0\0\x44\0\0\x01\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x08");
}

// An animation: its canvas, and so many frames of one pixel.
static void put_webp_animation(struct buffer *out, uint32_t side, unsigned frames)
{
	BYTES_PUT(out, "RIFF");
	bytes_put_le(out, 4 + 18 + 14 + 46 * frames, 4);
	BYTES_PUT(out, "WEBPVP8X\x0a\0\0\0\2\0\0\0");
	bytes_put_le(out, side - 1, 3);
	bytes_put_le(out, side - 1, 3);
	BYTES_PUT(out, "ANIM\6\0\0\0\0\0\0\0\0\0");
	for (unsigned i = 0; i < frames; i++) {
		BYTES_PUT(out, "ANMF\x26\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\0\0");
		BYTES_PUT(out, "VP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0");
	}
}

static void make_webp_frames(struct buffer *out)
{
	put_webp_animation(out, 1, 100000);
}

static void make_webp_canvas(struct buffer *out)
{
	put_webp_animation(out, 1u << 24, 2);
}

// A thousand entries of EXIF, each of which says that it is 4 GB long.
static void make_exif_counts(struct buffer *out)
{
	struct buffer block;

	buffer_init(&block, 1u << 16);
	BYTES_PUT(&block, "Exif\0\0II*\0\x08\0\0\0");
	bytes_put_le(&block, 1000, 2);
	for (unsigned i = 0; i < 1000; i++)
		put_tiff_entry(&block, 0x010f + i, 1 + i % 12, 0xfffffff0u + i % 16, 8);
	bytes_put_le(&block, 0, 4);
	make_jpeg_with(out, 0xe1, block.data, block.length);
	buffer_done(&block);
}

const struct bomb bombs[] = {
	{ "65500.jpg", make_jpeg_65500, REASON_TOO_MANY_PIXELS, false },
	{ "scans.jpg", make_jpeg_scans, REASON_NONE, true },
	{ "segments.jpg", make_jpeg_segments, REASON_NONE, false },
	{ "exif-loop.jpg", make_exif_loop, REASON_NONE, false },
	{ "icc-4-gb.jpg", make_icc_of_4_gb, REASON_NONE, false },
	{ "225000.png", make_png_225000, REASON_TOO_MANY_PIXELS, false },
	{ "text.png", make_png_text, REASON_NONE, false },
	{ "profile.png", make_png_profile, REASON_NONE, false },
	{ "frames.png", make_apng_frames, REASON_TOO_MANY_FRAMES, false },
	{ "65535.gif", make_gif_65535, REASON_TOO_MANY_PIXELS, false },
	{ "frames.gif", make_gif_frames, REASON_TOO_MANY_FRAMES, false },
	{ "16383.webp", make_webp_16383, REASON_TOO_MANY_PIXELS, false },
	{ "cycle.tif", make_tiff_cycle, REASON_NONE, true },
	{ "strips.tif", make_tiff_strips, REASON_TOO_LARGE_SIDE, false },
	{ "cycle.heic", make_heif_cycle, REASON_NONE, true },
	{ "grid.avif", grid_make_huge, REASON_TOO_MANY_PIXELS, false },
	{ "grid-wide.avif", grid_make_wide, REASON_TOO_LARGE_SIDE, false },
	{ "grid-hidden.avif", grid_make_hidden, REASON_NONE, true },
	{ "grid-empty.avif", grid_make_empty, REASON_NONE, true },
	{ "frames.webp", make_webp_frames, REASON_TOO_MANY_FRAMES, false },
	{ "canvas.webp", make_webp_canvas, REASON_NONE, true },
	{ "exif-counts.jpg", make_exif_counts, REASON_NONE, false },
};
const size_t bomb_count = sizeof(bombs) / sizeof(bombs[0]);
