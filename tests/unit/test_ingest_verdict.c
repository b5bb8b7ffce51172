// What becomes of uploaded bytes: libmagic's view of them, and the written rule.
#include "ingest/sniff.c"   // NOLINT(bugprone-suspicious-include): a service's file has no archive to link
#include "ingest/verdict.c" // NOLINT(bugprone-suspicious-include)

#include "tests/unit/cmocka_all.h"

#define IMAGE_LIMIT 1000

// The beginnings of files, as short as they can be told apart.
static const char JPEG[] = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43";
static const char PNG[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\2\0\0\0\x90wS\xde";
static const char GIF[] = "GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0";
static const char WEBP[] = "RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\1\0\x9d\1\x2a\1\0\1\0";
static const char TIFF[] = "II*\0\10\0\0\0\0\0\0\0";
static const char HEIC[] = "\0\0\0\x18"
                           "ftypheic\0\0\0\0mif1heic";
static const char AVIF[] = "\0\0\0\x20"
                           "ftypavif\0\0\0\0avifmif1miafMA1B";
static const char MP4[] = "\0\0\0\x18"
                          "ftypisom\0\0\2\0isomiso2";
static const char BMP[] = "BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0";
static const char JXL[] = "\xff\x0a\xfa\x1f\x41\x91";
static const char PDF[] = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n";
static const char SVG[] = "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>";
static const char HTML[] = "<!DOCTYPE html><html><script>alert(1)</script></html>";
static const char TEXT[] = "These are words, and nothing but words.\n";
static const char JSON[] = "{\"a\": 1}";
static const char ONE[] = "x";

// A byte string and its length without the closing NUL.
#define BYTES(name) (name), sizeof(name) - 1

static void sniffs(const char *data, size_t length, char type[SNIFF_TYPE_SIZE])
{
	struct err err = { 0 };
	if (sniff_content_type(data, length, type, &err) != RC_OK)
		fail_msg("%s", err.text);
}

static struct verdict judge(const char *declared, const char *data, size_t length, int64_t size)
{
	static char type[SNIFF_TYPE_SIZE];
	sniffs(data, length, type);
	return verdict_of(&(struct verdict_facts){ .declared_type = declared,
	                                           .sniffed_type = type,
	                                           .declared_size = size,
	                                           .size = size,
	                                           .max_image_bytes = IMAGE_LIMIT });
}

static void pictures_are_what_their_bytes_are(void **state)
{
	(void)state;
	static const struct {
		const char *data;
		size_t length;
		const char *content_type;
		enum media_kind kind;
	} rows[] = {
		{ BYTES(JPEG), "image/jpeg", MEDIA_PHOTO },   { BYTES(PNG), "image/png", MEDIA_PHOTO },
		{ BYTES(GIF), "image/gif", MEDIA_ANIMATION }, { BYTES(WEBP), "image/webp", MEDIA_PHOTO },
		{ BYTES(TIFF), "image/tiff", MEDIA_PHOTO },   { BYTES(HEIC), "image/heic", MEDIA_PHOTO },
		{ BYTES(AVIF), "image/avif", MEDIA_PHOTO },
	};
	static const char *const declared[] = { "image/jpeg",          "image/png",
		                                "IMAGE/JPG",           "application/octet-stream",
		                                "text/html",           "image/x-made-up",
		                                "application/pdf; v=1" };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t j = 0; j < sizeof declared / sizeof declared[0]; j++) {
			struct verdict verdict = judge(declared[j], rows[i].data, rows[i].length, 100);
			assert_int_equal(verdict.reason, REASON_NONE);
			assert_string_equal(verdict.content_type, rows[i].content_type);
			assert_int_equal(verdict.kind, rows[i].kind);
		}
	}
}

static void false_pictures_are_rejected(void **state)
{
	(void)state;
	static const struct {
		const char *declared;
		const char *data;
		size_t length;
		enum media_reason reason;
	} rows[] = {
		{ "image/jpeg", BYTES(TEXT), REASON_TYPE_MISMATCH },
		{ "image/jpeg", BYTES(HTML), REASON_TYPE_MISMATCH },
		{ "image/png", BYTES(PDF), REASON_TYPE_MISMATCH },
		{ "image/webp", BYTES(MP4), REASON_TYPE_MISMATCH },
		{ "image/heic", BYTES(MP4), REASON_TYPE_MISMATCH },
		{ "image/jpeg", BYTES(ONE), REASON_TYPE_MISMATCH },
		{ "image/svg+xml", BYTES(HTML), REASON_TYPE_MISMATCH },
		{ "image/jpeg", BYTES(SVG), REASON_UNSUPPORTED_TYPE },
		{ "image/jpeg", BYTES(BMP), REASON_UNSUPPORTED_TYPE },
		{ "image/png", BYTES(JXL), REASON_UNSUPPORTED_TYPE },
		{ "image/bmp", BYTES(BMP), REASON_UNSUPPORTED_TYPE },
		{ "image/x-made-up", BYTES(TEXT), REASON_UNSUPPORTED_TYPE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct verdict verdict = judge(rows[i].declared, rows[i].data, rows[i].length, 100);
		if (verdict.reason != rows[i].reason)
			fail_msg("row %zu, declared %s: %s, not %s", i, rows[i].declared,
			         media_reason_name(verdict.reason), media_reason_name(rows[i].reason));
	}
}

static void other_files_are_kept(void **state)
{
	(void)state;
	static const struct {
		const char *declared;
		const char *data;
		size_t length;
		enum media_kind kind;
		const char *content_type;
	} rows[] = {
		{ "text/markdown", BYTES(TEXT), MEDIA_FILE, "text/markdown" },
		{ "application/octet-stream", BYTES(TEXT), MEDIA_FILE, "text/plain" },
		{ "APPLICATION/OCTET-STREAM; x=y", BYTES(MP4), MEDIA_FILE, "video/mp4" },
		{ "video/mp4", BYTES(MP4), MEDIA_FILE, "video/mp4" },
		{ "application/x-photoshop", BYTES(BMP), MEDIA_FILE, "application/x-photoshop" },
		{ "application/pdf", BYTES(PDF), MEDIA_DOCUMENT, "application/pdf" },
		{ "application/pdf", BYTES(TEXT), MEDIA_FILE, "application/pdf" },
		{ "text/plain", BYTES(SVG), MEDIA_DOCUMENT, "image/svg+xml" },
		{ "image/svg+xml", BYTES(SVG), MEDIA_DOCUMENT, "image/svg+xml" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct verdict verdict = judge(rows[i].declared, rows[i].data, rows[i].length, IMAGE_LIMIT + 1);
		assert_int_equal(verdict.reason, REASON_NONE);
		assert_int_equal(verdict.kind, rows[i].kind);
		assert_string_equal(verdict.content_type, rows[i].content_type);
	}
}

static void sizes_are_checked(void **state)
{
	(void)state;
	struct verdict_facts facts = { .declared_type = "image/jpeg",
		                       .sniffed_type = "image/jpeg",
		                       .declared_size = IMAGE_LIMIT,
		                       .size = IMAGE_LIMIT,
		                       .max_image_bytes = IMAGE_LIMIT };
	assert_int_equal(verdict_of(&facts).reason, REASON_NONE);
	facts.size = facts.declared_size = IMAGE_LIMIT + 1;
	assert_int_equal(verdict_of(&facts).reason, REASON_TOO_LARGE);
	// Over the limit of pictures also when it was not called one.
	facts.declared_type = "application/octet-stream";
	assert_int_equal(verdict_of(&facts).reason, REASON_TOO_LARGE);
	facts.declared_size = IMAGE_LIMIT;
	assert_int_equal(verdict_of(&facts).reason, REASON_SIZE_MISMATCH);
	facts.size = facts.declared_size = 0;
	facts.sniffed_type = "";
	assert_int_equal(verdict_of(&facts).reason, REASON_EMPTY);
	facts.declared_size = 1;
	assert_int_equal(verdict_of(&facts).reason, REASON_EMPTY);
}

// Whatever the bytes are, an answer comes, soon, and it is a content type.
static void hostile_bytes_end_in_an_answer(void **state)
{
	(void)state;
	static char data[4096];
	char type[SNIFF_TYPE_SIZE];
	uint32_t seed = 20261124;
	sniffs("", 0, type);
	assert_non_null(strchr(type, '/'));
	for (unsigned round = 0; round < 64; round++) {
		const char *const begins[] = { JPEG, PNG, HEIC, SVG, HTML, JSON, PDF, TIFF };
		for (size_t i = 0; i < sizeof data; i++) {
			seed = seed * 1664525 + 1013904223;
			data[i] = round % 2 == 0 ? (char)(seed >> 24) : "({[<#!/* \n"[(seed >> 24) % 10];
		}
		memcpy(data, begins[round % 8], 8);
		sniffs(data, sizeof data, type);
		assert_non_null(strchr(type, '/'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_are_what_their_bytes_are),
		cmocka_unit_test(false_pictures_are_rejected),
		cmocka_unit_test(other_files_are_kept),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(hostile_bytes_end_in_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
