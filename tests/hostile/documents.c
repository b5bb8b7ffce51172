// Documents of every kind that tests need.
#include "tests/hostile/documents.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define OBJECTS_MOST 64

void document_make_pdf(const char *const *objects, size_t count, struct buffer *out)
{
	size_t offsets[OBJECTS_MOST], begin = out->length, table;

	assert(count <= OBJECTS_MOST);
	buffer_append_text(out, "%PDF-1.7\n");
	for (size_t i = 0; i < count; i++) {
		offsets[i] = out->length - begin;
		buffer_append_format(out, "%zu 0 obj\n", i + 1);
		buffer_append_text(out, objects[i]);
		buffer_append_text(out, "\nendobj\n");
	}
	table = out->length - begin;
	buffer_append_format(out, "xref\n0 %zu\n0000000000 65535 f \n", count + 1);
	for (size_t i = 0; i < count; i++)
		buffer_append_format(out, "%010zu 00000 n \n", offsets[i]);
	buffer_append_format(out, "trailer\n<</Size %zu/Root 1 0 R>>\nstartxref\n%zu\n%%%%EOF\n", count + 1, table);
}

void document_make_pages(unsigned count, struct buffer *out)
{
	struct buffer kids;
	char *pages = NULL;

	buffer_init(&kids, DOCUMENT_BYTES_MOST);
	buffer_append_format(&kids, "<</Type/Pages/Count %u/MediaBox[0 0 200 100]/Kids[", count);
	for (unsigned i = 0; i < count; i++)
		buffer_append_text(&kids, "3 0 R ");
	buffer_append_text(&kids, "]>>");
	pages = buffer_take(&kids, NULL);
	const char *const objects[] = { "<</Type/Catalog/Pages 2 0 R>>", pages, "<</Type/Page/Parent 2 0 R>>" };
	document_make_pdf(objects, 3, out);
	free(pages);
}

static bool read_file(const char *path, struct buffer *out)
{
	CLEANUP(close_stream) FILE *stream = fopen(path, "re");
	char block[4096];
	size_t length;

	while (stream != NULL && (length = fread(block, 1, sizeof(block), stream)) > 0)
		buffer_append(out, block, length);
	return stream != NULL && out->length > 0;
}

#define PAGE_OF_TEXT "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
#define TEXT "BT /F 60 Tf 10 30 Td (Hxgl) Tj ET"

bool document_make_text(const char *font_path, struct buffer *out)
{
	const char *objects[] = { "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE_OF_TEXT,
		                  "<</Length 33>>stream\n" TEXT "\nendstream",
		                  "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>" };
	struct buffer font;
	bool done;

	if (font_path == NULL) {
		document_make_pdf(objects, 5, out);
		return true;
	}
	// Its bytes may hold any, so the file ends without a table, and poppler looks for the objects itself.
	buffer_init(&font, DOCUMENT_BYTES_MOST);
	done = read_file(font_path, &font);
	buffer_append_text(out, "%PDF-1.7\n");
	for (size_t i = 0; i < 4; i++)
		buffer_append_format(out, "%zu 0 obj\n%s\nendobj\n", i + 1, objects[i]);
	buffer_append_text(out,
	                   "5 0 obj\n<</Type/Font/Subtype/TrueType/BaseFont/ABCDEF+Nowhere/FirstChar 32/LastChar 33"
	                   "/Encoding/WinAnsiEncoding/FontDescriptor 6 0 R>>\nendobj\n"
	                   "6 0 obj\n<</Type/FontDescriptor/FontName/ABCDEF+Nowhere/Flags 32/FontFile2 7 0 R>>\n"
	                   "endobj\n7 0 obj\n");
	buffer_append_format(out, "<</Length %zu/Length1 %zu>>stream\n", font.length, font.length);
	buffer_append(out, font.data, font.length);
	buffer_append_text(out, "\nendstream\nendobj\ntrailer\n<</Size 8/Root 1 0 R>>\n%%EOF\n");
	buffer_done(&font);
	return done;
}

// ---- what reaches out ----

#define SVG_OPEN                                                                              \
	"<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' " \
	"viewBox='0 0 200 100'><rect width='200' height='100' fill='#8ac'/>"

const struct reference references[] = {
	{ "svg image", false, SVG_OPEN "<image width='200' height='100' href='%s'/></svg>" },
	{ "svg xlink image", false, SVG_OPEN "<image width='200' height='100' xlink:href='%s'/></svg>" },
	{ "svg feImage", false,
	  SVG_OPEN "<filter id='f'><feImage href='%s'/></filter><rect width='9' height='9' filter='url(#f)'/></svg>" },
	{ "svg use", false, SVG_OPEN "<use href='%s#a'/></svg>" },
	{ "svg css import", false,
	  SVG_OPEN "<style>@import url('%s');</style><rect id='a' width='100' height='50'/></svg>" },
	{ "svg font face", false,
	  SVG_OPEN
	  "<style>@font-face{font-family:a;src:url('%s')}</style><text y='50' font-family='a'>a</text></svg>" },
	{ "svg style sheet", false,
	  "<?xml version='1.0'?><?xml-stylesheet type='text/css' href='%s'?>" SVG_OPEN "</svg>" },
	{ "svg fill", false, SVG_OPEN "<rect width='100' height='50' fill='url(%s#a)'/></svg>" },
	{ "svg entity", false,
	  "<!DOCTYPE svg [<!ENTITY a SYSTEM '%s'>]>" SVG_OPEN "<text y='50' font-size='40'>&a;</text></svg>" },
	{ "svg parameter entity", false,
	  "<!DOCTYPE svg [<!ENTITY %% a SYSTEM '%s'> %%a;]>" SVG_OPEN "<text y='50'>b</text></svg>" },
	{ "svg document type", false, "<!DOCTYPE svg SYSTEM '%s'>" SVG_OPEN "</svg>" },
	{ "svg include", false,
	  SVG_OPEN "<text y='50'><xi:include xmlns:xi='http://www.w3.org/2001/XInclude' parse='text' href='%s'/>"
	           "</text></svg>" },
	{ "svg script", false,
	  SVG_OPEN "<script href='%s'/><script>document.location='%s'</script><foreignObject><iframe "
	           "xmlns='http://www.w3.org/1999/xhtml' src='%s'/></foreignObject></svg>" },
	{ "pdf launch", true, "/OpenAction<</S/Launch/F(%s)/Win<</F(%s)>>>>" },
	{ "pdf uri", true, "/OpenAction<</S/URI/URI(%s)>>" },
	{ "pdf javascript", true, "/OpenAction<</S/JavaScript/JS(app.launchURL\\('%s'\\))>>" },
	{ "pdf remote page", true, "/OpenAction<</S/GoToR/F(%s)/D[0/Fit]>>" },
	{ "pdf submit", true, "/AA<</WC<</S/SubmitForm/F(%s)>>>>/OpenAction<</S/SubmitForm/F<</FS/URL/F(%s)>>>>" },
	{ "pdf outside stream", true, "/Metadata 5 0 R" },
};
const size_t reference_count = sizeof(references) / sizeof(references[0]);

// The text with each %s replaced by the target, and each %% by a %.
static void append_with(struct buffer *out, const char *text, const char *target)
{
	for (; *text != '\0'; text++) {
		if (*text != '%') {
			buffer_append_char(out, *text);
			continue;
		}
		text++;
		if (*text == 's')
			buffer_append_text(out, target);
		else
			buffer_append_char(out, *text);
	}
}

void document_make_reference(const struct reference *reference, const char *target, struct buffer *out)
{
	// The page draws a picture whose bytes are said to stand in another file.
	static const char page[] = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources"
	                           "<</XObject<</X 5 0 R>>>>>>";
	static const char contents[] = "<</Length 54>>stream\n.5 .7 .8 rg 0 0 200 100 re f q 50 0 0 50 0 0 cm /X Do Q\n"
	                               "endstream";
	struct buffer catalogue, stream;

	if (!reference->is_pdf) {
		append_with(out, reference->text, target);
		return;
	}
	buffer_init(&catalogue, 4096);
	buffer_init(&stream, 4096);
	buffer_append_text(&catalogue, "<</Type/Catalog/Pages 2 0 R");
	append_with(&catalogue, reference->text, target);
	buffer_append_text(&catalogue, ">>");
	append_with(&stream,
	            "<</Type/XObject/Subtype/Image/Width 2/Height 2/ColorSpace/DeviceRGB/BitsPerComponent 8"
	            "/F(%s)/Length 12>>stream\n\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\nendstream",
	            target);
	const char *const objects[] = { buffer_text(&catalogue), "<</Type/Pages/Kids[3 0 R]/Count 1>>", page, contents,
		                        buffer_text(&stream) };
	document_make_pdf(objects, 5, out);
	buffer_done(&catalogue);
	buffer_done(&stream);
}
