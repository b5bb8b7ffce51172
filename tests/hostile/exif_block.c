// Writing EXIF: directories one behind the other, each followed by the values that do not fit into its entries.
#include "tests/hostile/exif_block.h"

#include <string.h>

struct writer {
	struct buffer *out;
	size_t start; // of the TIFF structure
	bool big_endian;
};

static void put(struct writer *writer, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buffer_append_char(writer->out, (char)(value >> 8 * (writer->big_endian ? bytes - 1 - i : i)));
}

static unsigned size_of(enum exif_type type)
{
	return type == EXIF_BLOCK_RATIONAL ? 8 : type == EXIF_BLOCK_LONG ? 4 : type == EXIF_BLOCK_SHORT ? 2 : 1;
}

static uint32_t count_of(const struct exif_field *field)
{
	return field->type == EXIF_BLOCK_ASCII ? (uint32_t)strlen(field->text) + 1 : field->count;
}

static void put_value(struct writer *writer, const struct exif_field *field)
{
	unsigned numbers = field->type == EXIF_BLOCK_RATIONAL ? 2 * field->count : field->count;
	unsigned size = field->type == EXIF_BLOCK_RATIONAL ? 4 : size_of(field->type);

	if (field->type == EXIF_BLOCK_ASCII)
		buffer_append(writer->out, field->text, count_of(field));
	for (unsigned i = 0; field->type != EXIF_BLOCK_ASCII && i < numbers; i++)
		put(writer, field->values[i], size);
}

// Where values stand behind the entries of a directory: offset moves on by what this field takes.
static void put_entry(struct writer *writer, const struct exif_field *field, uint32_t *offset)
{
	uint32_t size = count_of(field) * size_of(field->type);

	put(writer, field->tag, 2);
	put(writer, (uint32_t)field->type, 2);
	put(writer, count_of(field), 4);
	if (size <= 4) {
		put_value(writer, field);
		for (; size < 4; size++)
			buffer_append_char(writer->out, 0);
		return;
	}
	put(writer, *offset, 4);
	*offset += size;
}

static uint32_t position(const struct writer *writer)
{
	return (uint32_t)(writer->out->length - writer->start);
}

static void put_directory(struct writer *writer, const struct exif_field *fields, size_t count)
{
	uint32_t offset = position(writer) + 2 + 12 * (uint32_t)count + 4;

	put(writer, (uint32_t)count, 2);
	for (size_t i = 0; i < count; i++)
		put_entry(writer, &fields[i], &offset);
	put(writer, 0, 4);
	for (size_t i = 0; i < count; i++) {
		if (count_of(&fields[i]) * size_of(fields[i].type) > 4)
			put_value(writer, &fields[i]);
	}
}

// Bytes of the directory with its values.
static uint32_t directory_size(const struct exif_field *fields, size_t count)
{
	uint32_t size = 2 + 12 * (uint32_t)count + 4;

	for (size_t i = 0; i < count; i++) {
		uint32_t value = count_of(&fields[i]) * size_of(fields[i].type);

		size += value > 4 ? value : 0;
	}
	return size;
}

#define MAIN_FIELDS_MOST 30

void exif_block_make(const struct exif_field *fields, size_t count, bool big_endian, struct buffer *out)
{
	struct writer writer = { .out = out, .big_endian = big_endian };
	struct exif_field main_fields[MAIN_FIELDS_MOST];
	size_t counts[EXIF_BLOCK_DIRECTORIES] = { 0 }, main_count;
	uint32_t at;

	for (size_t i = 0; i < count; i++)
		counts[fields[i].directory]++;
	main_count = counts[EXIF_BLOCK_MAIN];
	memcpy(main_fields, fields, main_count * sizeof(*fields));
	main_fields[main_count++] = (struct exif_field){ .tag = 0x8769, .type = EXIF_BLOCK_LONG, .count = 1 };
	main_fields[main_count++] = (struct exif_field){ .tag = 0x8825, .type = EXIF_BLOCK_LONG, .count = 1 };
	at = 8 + directory_size(main_fields, main_count);
	main_fields[main_count - 2].values[0] = at;
	main_fields[main_count - 1].values[0] =
	        at + directory_size(fields + counts[EXIF_BLOCK_MAIN], counts[EXIF_BLOCK_EXIF]);

	buffer_append(out, "Exif\0", 6);
	writer.start = out->length;
	buffer_append(out, big_endian ? "MM" : "II", 2);
	put(&writer, 42, 2);
	put(&writer, 8, 4);
	put_directory(&writer, main_fields, main_count);
	put_directory(&writer, fields + counts[EXIF_BLOCK_MAIN], counts[EXIF_BLOCK_EXIF]);
	put_directory(&writer, fields + counts[EXIF_BLOCK_MAIN] + counts[EXIF_BLOCK_EXIF], counts[EXIF_BLOCK_GPS]);
}
