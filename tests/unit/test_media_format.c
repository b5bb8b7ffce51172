// Tests of the format table and of content types.
#include <string.h>

#include "media/format.h"
#include "tests/unit/cmocka_all.h"

static void test_table(void **state)
{
	(void)state;
	unsigned outputs = 0;
	for (unsigned i = FORMAT_NONE + 1; i < MEDIA_FORMAT_COUNT; i++) {
		enum media_format format = (enum media_format)i;
		const struct media_format_info *info = media_format_info(format);
		assert_int_equal(media_format_by_name(info->name, strlen(info->name)), format);
		assert_int_equal(media_format_by_extension(info->extension, strlen(info->extension)), format);
		assert_int_equal(media_format_by_content_type(info->content_type), format);
		assert_true(media_content_type_is_valid(info->content_type));
		assert_int_equal(info->is_image, info->kind == MEDIA_PHOTO || info->kind == MEDIA_ANIMATION);
		if (info->is_output)
			outputs |= FORMAT_BIT(format);
	}
	assert_int_equal(outputs, FORMAT_SET_DELIVERY);
	assert_int_equal(media_format_info(FORMAT_NONE)->kind, MEDIA_FILE);
	assert_int_equal(media_format_by_name("none", 4), FORMAT_NONE);
	assert_int_equal(media_format_by_extension("jpgx", 3), FORMAT_JPEG);
	assert_int_equal(media_format_by_extension("jp", 2), FORMAT_NONE);
	assert_int_equal(media_format_by_extension("", 0), FORMAT_NONE);
}

static void test_content_types(void **state)
{
	(void)state;
	static const struct {
		const char *content_type;
		enum media_format format;
		bool is_image, is_valid;
	} rows[] = {
		{ "image/jpeg", FORMAT_JPEG, true, true },
		{ "IMAGE/JPEG", FORMAT_JPEG, true, true },
		{ "image/jpg", FORMAT_JPEG, true, true },
		{ "image/jpeg; charset=utf-8", FORMAT_JPEG, true, true },
		{ "image/jpeg;q=\"a \\\" b\"", FORMAT_JPEG, true, true },
		{ "image/heif", FORMAT_HEIF, true, true },
		{ "image/jpegx", FORMAT_NONE, true, true },
		{ "image/x-canon-cr2", FORMAT_NONE, true, true },
		{ "application/pdf", FORMAT_PDF, false, true },
		{ "text/plain", FORMAT_NONE, false, true },
		{ "application/octet-stream", FORMAT_NONE, false, true },
		{ "", FORMAT_NONE, false, false },
		{ "image/", FORMAT_NONE, true, false },
		{ "/jpeg", FORMAT_NONE, false, false },
		{ "image", FORMAT_NONE, false, false },
		{ " image/jpeg", FORMAT_NONE, false, false },
		{ "image/jpeg ", FORMAT_JPEG, true, false },
		{ "image/jpeg\r\nX-Evil: 1", FORMAT_NONE, true, false },
		{ "image/jpeg;", FORMAT_JPEG, true, false },
		{ "image/jpeg; charset", FORMAT_JPEG, true, false },
		{ "image/jpeg; charset=", FORMAT_JPEG, true, false },
		{ "image/jpeg; charset=\"open", FORMAT_JPEG, true, false },
		{ "image/jpeg; charset=\"a\\", FORMAT_JPEG, true, false },
		{ "image/jpeg, image/png", FORMAT_NONE, true, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *type = rows[i].content_type;
		if (media_format_by_content_type(type) != rows[i].format ||
		    media_content_type_is_image(type) != rows[i].is_image ||
		    media_content_type_is_valid(type) != rows[i].is_valid)
			fail_msg("row %zu: '%s'", i, type);
	}
	assert_int_equal(media_format_by_content_type(NULL), FORMAT_NONE);
	assert_false(media_content_type_is_image(NULL));
	assert_false(media_content_type_is_valid(NULL));
}

static void test_content_type_length(void **state)
{
	(void)state;
	char text[200] = "a/";
	memset(text + 2, 'b', 125);
	assert_int_equal(strlen(text), 127);
	assert_true(media_content_type_is_valid(text));
	text[127] = 'b';
	assert_false(media_content_type_is_valid(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_content_types),
		cmocka_unit_test(test_content_type_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
