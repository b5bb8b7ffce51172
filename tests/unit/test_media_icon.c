// Icon classes of content types: as IANA, libmagic and clients write them.
#include "media/icon.h"

#include <string.h>

#include "media/format.h"
#include "tests/unit/cmocka_all.h"

static void types_have_their_class(void **state)
{
	static const struct {
		const char *type, *icon;
	} rows[] = {
		{ "video/mp4", "video" },
		{ "VIDEO/QuickTime", "video" },
		{ "audio/mpeg", "audio" },
		{ "application/ogg", "audio" },
		{ "font/woff2", "font" },
		{ "application/vnd.ms-opentype", "font" },
		{ "text/plain; charset=utf-8", "text" },
		{ "text/markdown\t", "text" },
		{ "text/html", "code" },
		{ "text/x-shellscript", "code" },
		{ "application/json", "code" },
		{ "application/geo+json", "code" },
		{ "application/atom+XML;type=feed", "code" },
		{ "text/csv", "spreadsheet" },
		{ "application/vnd.ms-excel", "spreadsheet" },
		{ "application/vnd.ms-excel.sheet.macroEnabled.12", "spreadsheet" },
		{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "spreadsheet" },
		{ "application/vnd.oasis.opendocument.spreadsheet", "spreadsheet" },
		{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document" },
		{ "application/vnd.oasis.opendocument.text-template", "document" },
		{ "application/msword", "document" },
		{ "application/epub+zip", "document" },
		{ "application/pdf", "document" },
		{ "text/rtf", "document" },
		{ "application/vnd.oasis.opendocument.presentation", "presentation" },
		{ "application/vnd.ms-powerpoint", "presentation" },
		{ "application/zip", "archive" },
		{ "application/gzip", "archive" },
		{ "application/x-7z-compressed", "archive" },
		{ "application/vnd.example+zip", "archive" },
		{ "application/vnd.sqlite3", "database" },
		{ "image/vnd.adobe.photoshop", "image" },
		{ "application/octet-stream", "file" },
		{ "application/pdfx", "file" },
		{ "application/pd", "file" },
		{ "xapplication/zip", "file" },
		{ "json", "file" },
		{ "+json", "code" },
		{ "", "file" },
		{ NULL, "file" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(media_icon_name(rows[i].type), rows[i].icon) != 0)
			fail_msg("%s is %s", rows[i].type, media_icon_name(rows[i].type));
}

// What is shown by its variants has a class all the same, for while they are not there.
static void formats_of_ours_are_images_and_documents(void **state)
{
	(void)state;
	for (unsigned i = FORMAT_NONE + 1; i < MEDIA_FORMAT_COUNT; i++) {
		const struct media_format_info *info = media_format_info((enum media_format)i);
		assert_string_equal(media_icon_name(info->content_type), i == FORMAT_PDF ? "document" : "image");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(types_have_their_class),
		                            cmocka_unit_test(formats_of_ours_are_images_and_documents) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
