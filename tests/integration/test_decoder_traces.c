// What files say of their owners: read where it is wanted, from every container, and in no output of any kind.
// (tests/pictures/make.sh wrote the files by exiftool.) Needs no stack, only the binary.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "tests/hostile/documents.h"
#include "tests/hostile/rig.h"
#include "tests/unit/cmocka_all.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PICTURES "tests/pictures"

static const char *const files[] = { "traces.jpg",  "traces.tiff", "traces.png",
	                             "traces.webp", "traces.heic", "traces.avif" };

static struct rig rig, documents;

static int open_rigs(void **state)
{
	(void)state;
	rig_init(&rig, "bin/safelight-decoder");
	rig.job.keep_position = true;
	rig_init(&documents, "bin/safelight-decoder");
	documents.config.profile = "document";
	return 0;
}

static int close_rigs(void **state)
{
	(void)state;
	rig_done(&rig);
	rig_done(&documents);
	return 0;
}

static void assert_done(const char *name, const struct rig_result *result)
{
	rig_assert_done(name, result);
	assert_true(result->variant_count > 0);
}

static void run(const char *name, struct rig_result *ret_result)
{
	rig_run_file(&rig, PICTURES, name, ret_result);
	assert_true(ret_result->variant_count > 0);
}

static size_t count(const struct rig_variant *variant, const void *pattern, size_t length)
{
	const uint8_t *at = variant->bytes, *end = at + variant->about.bytes;
	size_t found = 0;

	for (; (at = memmem(at, (size_t)(end - at), pattern, length)) != NULL; at++)
		found++;
	return found;
}

// No position (its seconds, in either byte order), serial number, name, comment or thumbnail; of EXIF's texts at most
// artist and copyright.
static void assert_no_traces(const char *name, const struct rig_variant *variant, bool has_copyright)
{
	size_t kept = count(variant, "CANARY-artist", 13) + count(variant, "CANARY-copyright", 16);

	if (count(variant, "CANARY", 6) != kept || (kept > 0) != has_copyright)
		fail_msg("%s %s format %d: %zu canaries, %zu of them kept", name, variant->about.name,
		         variant->about.format, count(variant, "CANARY", 6), kept);
	assert_int_equal(count(variant, "\xa3\xb8\x01\0\xc4\x09\0\0", 8), 0);
	assert_int_equal(count(variant, "\0\x01\xb8\xa3\0\0\x09\xc4", 8), 0);
	assert_int_equal(count(variant, "Lamp & Co", 9), 0);
	assert_int_equal(count(variant, "\xff\xd8\xff", 3), variant->about.format == FORMAT_JPEG ? 1 : 0);
}

static void assert_no_traces_in(const char *name, const struct rig_result *result, bool has_copyright)
{
	for (size_t i = 0; i < result->variant_count; i++)
		assert_no_traces(name, &result->variants[i], has_copyright);
}

// The files are what they are taken for: a test of what is left out needs something to leave out.
static void test_files_are_full_of_traces(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(files); i++) {
		struct rig_variant file;
		size_t length;

		assert_true(rig_read(PICTURES, files[i], &file.bytes, &length));
		file.about.bytes = length;
		assert_true(count(&file, "CANARY", 6) >= 10);
		assert_int_equal(count(&file, "\xa3\xb8\x01\0\xc4\x09\0\0", 8) +
		                         count(&file, "\0\x01\xb8\xa3\0\0\x09\xc4", 8),
		                 1);
		free(file.bytes);
	}
}

static void test_what_is_kept_comes_from_every_container(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(files); i++) {
		struct rig_result result;
		const struct wire_exif *exif = &result.facts.exif;

		run(files[i], &result);
		if (strcmp(exif->make, "Lamp & Co") != 0)
			fail_msg("%s is made by \"%s\"", files[i], exif->make);
		assert_string_equal(exif->model, "L-1");
		assert_string_equal(exif->lens, "Lens 4.25mm f/1.8");
		assert_true(exif->has_time && exif->has_offset);
		assert_int_equal(exif->local_seconds, 1782086398);
		assert_int_equal(exif->offset_minutes, -210);
		assert_int_equal(exif->exposure.below / exif->exposure.above, 50);
		assert_int_equal(10 * exif->f_number.above / exif->f_number.below, 18);
		assert_int_equal(100 * exif->focal_length.above / exif->focal_length.below, 425);
		assert_int_equal(exif->focal_length_35mm, 26);
		assert_int_equal(exif->iso, 400);
		assert_true(exif->has_position && exif->has_altitude);
		assert_in_range(exif->latitude_e6, 64145866, 64145868);
		assert_int_equal(exif->longitude_e6, -21940500);
		assert_int_equal(exif->altitude_mm, -12345);
		rig_result_done(&result);
		rig.job.keep_position = false;
		run(files[i], &result);
		assert_false(exif->has_position || exif->has_altitude);
		assert_int_equal(exif->latitude_e6, 0);
		assert_true(exif->has_time); // the rest stays
		rig_result_done(&result);
		rig.job.keep_position = true;
	}
}

// The ladder, AVIF, a size on demand (one step, one encoding, no preview), copyright kept.
static void test_no_variant_has_traces(void **state)
{
	const struct wire_job before = rig.job;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(files); i++) {
		struct rig_result result;

		run(files[i], &result);
		assert_no_traces_in(files[i], &result, false);
		rig_result_done(&result);
		rig.job.keep_copyright = true;
		run(files[i], &result);
		assert_no_traces_in(files[i], &result, true);
		rig_result_done(&result);
		rig.job = before;
		rig.job.preview_first = false;
		rig.job.step_count = rig.job.encoding_count = 1;
		rig.job.steps[0] = (struct preset_step){
			.name = "card", .width = 90, .height = 90, .fit = PRESET_CONTAIN, .background = 0xff8000
		};
		for (size_t j = 0; j < 3; j++) {
			static const enum media_format formats[] = { FORMAT_JPEG, FORMAT_WEBP, FORMAT_AVIF };

			rig.job.encodings[0] = (struct wire_encoding){ formats[j], 50, 0 };
			run(files[i], &result);
			assert_int_equal(result.variant_count, 1);
			assert_no_traces_in(files[i], &result, false);
			rig_result_done(&result);
		}
		rig.job = before;
	}
}

static void run_document(const char *name, const struct buffer *file)
{
	struct rig_result result;

	assert_true(buffer_ok(file));
	rig_run(&documents, file->data, file->length, &result);
	assert_done(name, &result);
	assert_no_traces_in(name, &result, false);
	rig_result_done(&result);
}

// A photo in a document, and what the document says of its author.
static void test_no_variant_of_a_document_has_traces(void **state)
{
	uint8_t *photo = NULL;
	size_t length;
	struct buffer text, file;

	(void)state;
	assert_true(rig_read(PICTURES, "traces.jpg", &photo, &length));
	buffer_init(&text, DOCUMENT_BYTES_MOST);
	buffer_init(&file, DOCUMENT_BYTES_MOST);
	buffer_append_format(&text,
	                     "<</Type/XObject/Subtype/Image/Width 96/Height 64/ColorSpace/DeviceRGB/BitsPerComponent 8"
	                     "/Filter[/ASCIIHexDecode/DCTDecode]/Length %zu>>stream\n",
	                     2 * length + 1);
	for (size_t i = 0; i < length; i++)
		buffer_append_format(&text, "%02x", photo[i]);
	buffer_append_text(&text, ">\nendstream");
	const char *const objects[] = {
		"<</Type/Catalog/Pages 2 0 R/Metadata 6 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>",
		"<</Length 26>>stream\n200 0 0 100 0 0 cm /I Do\n\nendstream",
		buffer_text(&text),
		"<</Type/Metadata/Subtype/XML/Length 57>>stream\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">CANARY</x:xmpmeta>\n"
		"\nendstream",
		"<</Author(CANARY-author)/Title(CANARY-title)>>",
	};
	document_make_pdf(objects, LENGTH_OF(objects), &file);
	run_document("photo.pdf", &file);

	char *base64 = malloc(BASE64_TEXT_SIZE(length));
	assert_non_null(base64);
	encode_base64(photo, length, base64);
	buffer_clear(&file);
	buffer_append_text(
	        &file, "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
	               "width=\"96\" height=\"64\"><metadata>CANARY</metadata><!-- CANARY --><desc>CANARY</desc>"
	               "<title>CANARY</title><image width=\"96\" height=\"64\" xlink:href=\"data:image/jpeg;base64,");
	buffer_append_text(&file, base64);
	buffer_append_text(&file, "\"/></svg>");
	run_document("photo.svg", &file);
	free(base64);
	free(photo);
	buffer_done(&text);
	buffer_done(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_are_full_of_traces),
		cmocka_unit_test(test_what_is_kept_comes_from_every_container),
		cmocka_unit_test(test_no_variant_has_traces),
		cmocka_unit_test(test_no_variant_of_a_document_has_traces),
	};

	return cmocka_run_group_tests(tests, open_rigs, close_rigs);
}
