// The EXIF subset: what cameras write is read in either byte order, and what cannot be true is left out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/exif_block.h"
#include "tests/unit/cmocka_all.h"
#include "transcoder/decoder/exif.h"
#include "transcoder/decoder/tiff_exif.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(directory, tag, text)                               \
	{                                                        \
		directory, tag, EXIF_BLOCK_ASCII, text, { 0 }, 0 \
	}
#define NUMBER(directory, tag, type, number)              \
	{                                                 \
		directory, tag, type, NULL, { number }, 1 \
	}
#define RATIO(directory, tag, above, below)                                    \
	{                                                                      \
		directory, tag, EXIF_BLOCK_RATIONAL, NULL, { above, below }, 1 \
	}
#define ANGLE(tag, ...)                                                            \
	{                                                                          \
		EXIF_BLOCK_GPS, tag, EXIF_BLOCK_RATIONAL, NULL, { __VA_ARGS__ }, 3 \
	}

// As a phone in Reykjavik would.
static const struct exif_field whole[] = {
	TEXT(EXIF_BLOCK_MAIN, 0x010f, "  Lamp & Co  "),
	TEXT(EXIF_BLOCK_MAIN, 0x0110, "L-1"),
	NUMBER(EXIF_BLOCK_MAIN, 0x0112, EXIF_BLOCK_SHORT, 6),
	RATIO(EXIF_BLOCK_EXIF, 0x829a, 1, 50),
	RATIO(EXIF_BLOCK_EXIF, 0x829d, 18, 10),
	NUMBER(EXIF_BLOCK_EXIF, 0x8827, EXIF_BLOCK_SHORT, 400),
	TEXT(EXIF_BLOCK_EXIF, 0x9003, "2026:06:21 23:59:58"),
	TEXT(EXIF_BLOCK_EXIF, 0x9011, "-03:30"),
	RATIO(EXIF_BLOCK_EXIF, 0x920a, 425, 100),
	NUMBER(EXIF_BLOCK_EXIF, 0xa405, EXIF_BLOCK_SHORT, 26),
	TEXT(EXIF_BLOCK_EXIF, 0xa434, "Lens 4.25mm f/1.8"),
	TEXT(EXIF_BLOCK_GPS, 1, "N"),
	ANGLE(2, 64, 1, 8, 1, 4512, 100),
	TEXT(EXIF_BLOCK_GPS, 3, "W"),
	ANGLE(4, 21, 1, 56, 1, 2580, 100),
	NUMBER(EXIF_BLOCK_GPS, 5, EXIF_BLOCK_BYTE, 1),
	RATIO(EXIF_BLOCK_GPS, 6, 12345, 1000),
};

static struct wire_exif read_fields(const struct exif_field *fields, size_t count, bool big_endian, bool with_position)
{
	struct wire_exif exif;
	struct buffer block;

	buffer_init(&block, 1u << 16);
	exif_block_make(fields, count, big_endian, &block);
	assert_true(buffer_ok(&block));
	exif_read((const uint8_t *)block.data, block.length, with_position, &exif);
	buffer_done(&block);
	return exif;
}

static void assert_whole(const struct wire_exif *exif)
{
	assert_true(exif->has_time);
	assert_int_equal(exif->local_seconds, 1782086398);
	assert_true(exif->has_offset);
	assert_int_equal(exif->offset_minutes, -210);
	assert_string_equal(exif->make, "Lamp & Co");
	assert_string_equal(exif->model, "L-1");
	assert_string_equal(exif->lens, "Lens 4.25mm f/1.8");
	assert_int_equal(exif->exposure.above, 1);
	assert_int_equal(exif->exposure.below, 50);
	assert_int_equal(exif->f_number.above, 18);
	assert_int_equal(exif->f_number.below, 10);
	assert_int_equal(exif->focal_length.above, 425);
	assert_int_equal(exif->focal_length.below, 100);
	assert_int_equal(exif->focal_length_35mm, 26);
	assert_int_equal(exif->iso, 400);
}

static void test_reads_what_cameras_write(void **state)
{
	(void)state;
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct wire_exif exif = read_fields(whole, LENGTH_OF(whole), big_endian == 1, true);

		assert_whole(&exif);
		assert_true(exif.has_position);
		assert_int_equal(exif.latitude_e6, 64145867);
		assert_int_equal(exif.longitude_e6, -21940500);
		assert_true(exif.has_altitude);
		assert_int_equal(exif.altitude_mm, -12345);
	}
}

static void test_position_is_read_only_on_request(void **state)
{
	struct wire_exif exif = read_fields(whole, LENGTH_OF(whole), false, false);

	(void)state;
	assert_whole(&exif);
	assert_false(exif.has_position);
	assert_int_equal(exif.latitude_e6, 0);
	assert_int_equal(exif.longitude_e6, 0);
	assert_false(exif.has_altitude);
}

// JPEG's block begins with a header, WebP's and PNG's need not.
static void test_header_may_be_missing(void **state)
{
	struct wire_exif exif;
	struct buffer block;

	(void)state;
	buffer_init(&block, 1u << 16);
	exif_block_make(whole, LENGTH_OF(whole), true, &block);
	exif_read((const uint8_t *)block.data + 6, block.length - 6, true, &exif);
	assert_whole(&exif);
	buffer_done(&block);
}

static void read_tiff(const uint8_t *bytes, size_t length, struct wire_exif *ret_exif)
{
	struct buffer block;

	buffer_init(&block, TIFF_EXIF_BYTES_MOST);
	tiff_exif_append(bytes, length, &block);
	assert_true(buffer_ok(&block));
	exif_read((const uint8_t *)block.data, block.length, true, ret_exif);
	buffer_done(&block);
}

// A TIFF is such a block with a picture in it, which may be larger than any block is.
static void test_reads_what_a_tiff_says(void **state)
{
	(void)state;
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct wire_exif exif;
		struct buffer file;

		buffer_init(&file, 1u << 20);
		exif_block_make(whole, LENGTH_OF(whole), big_endian == 1, &file);
		for (size_t i = 0; i < 200000; i++)
			buffer_append_char(&file, (char)i);
		assert_true(buffer_ok(&file));
		read_tiff((const uint8_t *)file.data + 6, file.length - 6, &exif);
		assert_whole(&exif);
		assert_int_equal(exif.latitude_e6, 64145867);
		assert_int_equal(exif.longitude_e6, -21940500);
		assert_int_equal(exif.altitude_mm, -12345);
		buffer_done(&file);
	}
}

// Cut anywhere, and with each byte of its directories turned: what is left of it is said, or nothing.
static void test_broken_tiff(void **state)
{
	struct buffer file;
	struct wire_exif exif;

	(void)state;
	buffer_init(&file, 1u << 16);
	exif_block_make(whole, LENGTH_OF(whole), false, &file);
	assert_true(buffer_ok(&file));
	uint8_t *tiff = (uint8_t *)file.data + 6;
	size_t length = file.length - 6;
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *copy = malloc(cut + 1); // so that a sanitizer sees what reads beyond
		assert_non_null(copy);
		memcpy(copy, tiff, cut);
		read_tiff(copy, cut, &exif);
		assert_false(cut < 100 && (exif.has_time || exif.has_position));
		free(copy);
	}
	for (size_t i = 4; i < length; i++) {
		tiff[i] ^= 0xff;
		read_tiff(tiff, length, &exif);
		tiff[i] ^= 0xff;
	}
	read_tiff((const uint8_t *)"II+\0\10\0\0\0\0\0", 10, &exif); // BigTIFF
	assert_string_equal(exif.make, "");
	buffer_done(&file);
}

static void test_times(void **state)
{
	static const struct {
		const char *time, *offset;
		bool has_time, has_offset;
		int minutes;
	} cases[] = {
		{ "1970:01:01 00:00:00", "+00:00", true, true, 0 },
		{ "2024:02:29 12:00:00", "+14:00", true, true, 840 },
		{ "2023:02:29 12:00:00", "+02:00", false, false, 0 },
		{ "2026:13:01 12:00:00", "+02:00", false, false, 0 },
		{ "0000:00:00 00:00:00", "+02:00", false, false, 0 },
		{ "    :  :     :  :  ", "   :  ", false, false, 0 },
		{ "2026-06-21 23:59:58", "+02:00", false, false, 0 },
		{ "2026:06:21 23:59:58 ", "+14:30", true, false, 0 },
		{ "2026:06:21 23:59:58", "+02:60", true, false, 0 },
		{ "2026:06:21 23:59:58", "0200", true, false, 0 },
		{ "2026:06:21 23:59:58Z", "+02:00", false, false, 0 },
		{ "9999:06:21 23:59:58", "+02:00", false, false, 0 },
		{ "1799:06:21 23:59:58", "+02:00", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++) {
		const struct exif_field fields[] = { TEXT(EXIF_BLOCK_EXIF, 0x9003, cases[i].time),
			                             TEXT(EXIF_BLOCK_EXIF, 0x9011, cases[i].offset) };
		struct wire_exif exif = read_fields(fields, 2, false, true);

		if (exif.has_time != cases[i].has_time || exif.has_offset != cases[i].has_offset ||
		    exif.offset_minutes != cases[i].minutes)
			fail_msg("%s %s", cases[i].time, cases[i].offset);
	}
}

static void test_digitised_stands_in_for_original(void **state)
{
	const struct exif_field fields[] = { TEXT(EXIF_BLOCK_EXIF, 0x9003, "0000:00:00 00:00:00"),
		                             TEXT(EXIF_BLOCK_EXIF, 0x9004, "1970:01:01 00:01:00"),
		                             TEXT(EXIF_BLOCK_EXIF, 0x9012, "+01:00") };
	struct wire_exif exif = read_fields(fields, 3, false, true);

	(void)state;
	assert_true(exif.has_time);
	assert_int_equal(exif.local_seconds, 60);
	assert_int_equal(exif.offset_minutes, 60);
}

static void test_positions_that_cannot_be(void **state)
{
	static const struct exif_field cases[][4] = {
		// no fix: 0/0
		{ TEXT(EXIF_BLOCK_GPS, 1, "N"), ANGLE(2, 0, 0, 0, 0, 0, 0), TEXT(EXIF_BLOCK_GPS, 3, "E"),
		  ANGLE(4, 0, 0, 0, 0, 0, 0) },
		// beyond the pole
		{ TEXT(EXIF_BLOCK_GPS, 1, "N"), ANGLE(2, 90, 1, 0, 1, 1, 1), TEXT(EXIF_BLOCK_GPS, 3, "E"),
		  ANGLE(4, 1, 1, 0, 1, 0, 1) },
		{ TEXT(EXIF_BLOCK_GPS, 1, "N"), ANGLE(2, 0xffffffff, 1, 0, 1, 1, 1), TEXT(EXIF_BLOCK_GPS, 3, "E"),
		  ANGLE(4, 1, 1, 0, 1, 0, 1) },
		// beyond the date line
		{ TEXT(EXIF_BLOCK_GPS, 1, "S"), ANGLE(2, 9, 1, 0, 1, 1, 1), TEXT(EXIF_BLOCK_GPS, 3, "W"),
		  ANGLE(4, 180, 1, 1, 1, 0, 1) },
		// a direction that is none
		{ TEXT(EXIF_BLOCK_GPS, 1, "X"), ANGLE(2, 9, 1, 0, 1, 1, 1), TEXT(EXIF_BLOCK_GPS, 3, "W"),
		  ANGLE(4, 9, 1, 1, 1, 0, 1) },
		{ TEXT(EXIF_BLOCK_GPS, 1, ""), ANGLE(2, 9, 1, 0, 1, 1, 1), TEXT(EXIF_BLOCK_GPS, 3, "W"),
		  ANGLE(4, 9, 1, 1, 1, 0, 1) },
		// two numbers instead of three
		{ TEXT(EXIF_BLOCK_GPS, 1, "N"),
		  { EXIF_BLOCK_GPS, 2, EXIF_BLOCK_RATIONAL, NULL, { 9, 1, 9, 1 }, 2 },
		  TEXT(EXIF_BLOCK_GPS, 3, "W"),
		  ANGLE(4, 9, 1, 1, 1, 0, 1) },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++) {
		struct wire_exif exif = read_fields(cases[i], 4, i % 2 == 0, true);

		if (exif.has_position)
			fail_msg("case %zu was believed", i);
	}
}

// Values of another type or length than the tag's are not taken for it.
static void test_wrong_types(void **state)
{
	static const struct exif_field fields[] = {
		NUMBER(EXIF_BLOCK_MAIN, 0x010f, EXIF_BLOCK_LONG, 0x41414141),
		NUMBER(EXIF_BLOCK_EXIF, 0x829a, EXIF_BLOCK_SHORT, 3),
		RATIO(EXIF_BLOCK_EXIF, 0x829d, 28, 0),
		TEXT(EXIF_BLOCK_EXIF, 0x8827, "400"),
		RATIO(EXIF_BLOCK_EXIF, 0x920a, 0, 1),
	};
	struct wire_exif exif = read_fields(fields, LENGTH_OF(fields), false, true), nothing = { 0 };

	(void)state;
	assert_memory_equal(&exif, &nothing, sizeof(exif));
}

static void test_long_texts_are_cut(void **state)
{
	char text[400];
	const struct exif_field fields[] = { TEXT(EXIF_BLOCK_MAIN, 0x010f, text), TEXT(EXIF_BLOCK_MAIN, 0x0110, text),
		                             TEXT(EXIF_BLOCK_EXIF, 0xa434, text) };
	struct wire_exif exif;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	exif = read_fields(fields, 3, true, true);
	assert_int_equal(strlen(exif.make), WIRE_EXIF_MAKER_SIZE - 1);
	assert_int_equal(strlen(exif.model), WIRE_EXIF_MAKER_SIZE - 1);
	assert_int_equal(strlen(exif.lens), WIRE_EXIF_LENS_SIZE - 1);
}

// Cut anywhere, and no block at all: nothing happens that a sanitizer would mind.
static void test_cut_blocks(void **state)
{
	struct buffer block;

	(void)state;
	buffer_init(&block, 1u << 16);
	exif_block_make(whole, LENGTH_OF(whole), false, &block);
	for (size_t length = 0; length <= block.length; length++) {
		uint8_t *copy = malloc(length + 1);
		struct wire_exif exif;

		assert_non_null(copy);
		memcpy(copy, block.data, length);
		exif_read(copy, length, true, &exif);
		free(copy);
		if (length == block.length)
			assert_whole(&exif);
	}
	buffer_done(&block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_cameras_write),
		cmocka_unit_test(test_position_is_read_only_on_request),
		cmocka_unit_test(test_reads_what_a_tiff_says),
		cmocka_unit_test(test_broken_tiff),
		cmocka_unit_test(test_header_may_be_missing),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_digitised_stands_in_for_original),
		cmocka_unit_test(test_positions_that_cannot_be),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_long_texts_are_cut),
		cmocka_unit_test(test_cut_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
