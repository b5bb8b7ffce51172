// Documents that claim, loop or inflate without measure.
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "tests/hostile/documents.h"

#define SVG_OPEN "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 100'>"

// ---- SVG ----

static void make_huge_svg(struct buffer *out)
{
	buffer_append_text(out, "<svg xmlns='http://www.w3.org/2000/svg' width='1000000000' height='1000000000'>"
	                        "<rect width='1000000000' height='500000000'/></svg>");
}

static void make_long_svg(struct buffer *out)
{
	buffer_append_text(out, "<svg xmlns='http://www.w3.org/2000/svg' width='9000000' height='1'>"
	                        "<rect width='4000000' height='1'/></svg>");
}

static void make_sizeless_svg(struct buffer *out)
{
	buffer_append_text(out, "<svg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/>");
}

// An element that is drawn within itself.
static void make_looped_svg(struct buffer *out)
{
	buffer_append_text(out, SVG_OPEN "<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g></svg>");
}

// Ten times ten times ten.
static void make_used_svg(struct buffer *out)
{
	buffer_append_text(out, SVG_OPEN "<defs><g id='a0'><rect width='9' height='9'/></g>");
	for (int i = 1; i < 10; i++) {
		buffer_append_format(out, "<g id='a%d'>", i);
		for (int k = 0; k < 10; k++)
			buffer_append_format(out, "<use href='#a%d'/>", i - 1);
		buffer_append_text(out, "</g>");
	}
	buffer_append_text(out, "</defs><use href='#a9'/></svg>");
}

static void make_nested_patterns(struct buffer *out)
{
	buffer_append_text(out, SVG_OPEN "<defs><pattern id='p0' width='1' height='1'><rect width='1' height='1'/>"
	                                 "</pattern>");
	for (int i = 1; i < 12; i++)
		buffer_append_format(out,
		                     "<pattern id='p%d' width='.001' height='.001'><rect width='200' height='100' "
		                     "fill='url(#p%d)'/></pattern>",
		                     i, i - 1);
	buffer_append_text(out, "</defs><rect width='200' height='100' fill='url(#p11)'/></svg>");
}

static void make_entities(struct buffer *out)
{
	buffer_append_text(out, "<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a0 'ha'>");
	for (int i = 1; i < 12; i++)
		buffer_append_format(out, "<!ENTITY a%d '&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;&a%d;'>", i,
		                     i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	buffer_append_text(out, "]>" SVG_OPEN "<text y='50'>&a11;</text></svg>");
}

static void make_deep_svg(struct buffer *out)
{
	buffer_append_text(out, SVG_OPEN);
	for (int i = 0; i < 200000; i++)
		buffer_append_text(out, "<g>");
}

static void make_filters(struct buffer *out)
{
	buffer_append_text(out, SVG_OPEN "<filter id='f' x='0' y='0' width='1' height='1'>");
	for (int i = 0; i < 2000; i++)
		buffer_append_text(out, "<feTurbulence baseFrequency='.7' numOctaves='1000'/><feMorphology "
		                        "operator='dilate' radius='90'/>");
	buffer_append_text(out, "</filter><rect width='200' height='100' filter='url(#f)'/></svg>");
}

static void make_many_elements(struct buffer *out)
{
	buffer_append_text(out, SVG_OPEN);
	for (int i = 0; i < 150000; i++)
		buffer_append_text(out, "<circle cx='9' cy='9' r='99' opacity='.1'/>");
	buffer_append_text(out, "</svg>");
}

// A PNG of 30000 x 30000 pixels within.
static void make_inner_png(struct buffer *out)
{
	static const unsigned char header[] = { 0x89, 'P', 'N',  'G',  '\r', '\n', 0x1a, '\n', 0,    0,
		                                0,    13,  'I',  'H',  'D',  'R',  0,    0,    0x75, 0x30,
		                                0,    0,   0x75, 0x30, 8,    6,    0,    0,    0 };
	uLong sum = crc32(0, header + 12, 17);
	unsigned char file[sizeof(header) + 4];
	char text[2 * sizeof(file)];

	memcpy(file, header, sizeof(header));
	for (int i = 0; i < 4; i++)
		file[sizeof(header) + (size_t)i] = (unsigned char)(sum >> (24 - 8 * i));
	encode_base64(file, sizeof(file), text);
	buffer_append_format(out, SVG_OPEN "<image width='200' height='100' href='data:image/png;base64,%s'/></svg>",
	                     text);
}

// ---- PDF ----

#define CATALOGUE "<</Type/Catalog/Pages 2 0 R>>"
#define PAGES "<</Type/Pages/Kids[3 0 R]/Count 1>>"
#define PAGE_OF(resources) "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<<" resources ">>>>"

static void make_huge_page(struct buffer *out)
{
	static const char *const objects[] = { CATALOGUE, PAGES,
		                               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 1000000000 1000000000]>>" };

	document_make_pdf(objects, 3, out);
}

static void make_long_page(struct buffer *out)
{
	static const char *const objects[] = { CATALOGUE, PAGES,
		                               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9000000 1]>>" };

	document_make_pdf(objects, 3, out);
}

static void make_flat_page(struct buffer *out)
{
	static const char *const objects[] = { CATALOGUE, PAGES, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 0 0]>>" };

	document_make_pdf(objects, 3, out);
}

static void make_claimed_pages(struct buffer *out)
{
	static const char *const objects[] = { CATALOGUE, "<</Type/Pages/Kids[3 0 R]/Count 2000000000>>",
		                               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>" };

	document_make_pdf(objects, 3, out);
}

#define MANY_PAGES 30000

// Each an object of its own: a number that the objects do not bear out is not believed.
static void make_many_pages(struct buffer *out)
{
	buffer_append_format(out, "%%PDF-1.7\n1 0 obj\n" CATALOGUE "\nendobj\n2 0 obj\n<</Type/Pages/Count %d/Kids[",
	                     MANY_PAGES);
	for (int i = 0; i < MANY_PAGES; i++)
		buffer_append_format(out, "%d 0 R ", i + 3);
	buffer_append_text(out, "]>>\nendobj\n");
	for (int i = 0; i < MANY_PAGES; i++)
		buffer_append_format(out, "%d 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>\nendobj\n",
		                     i + 3);
	buffer_append_format(out, "trailer\n<</Size %d/Root 1 0 R>>\n%%%%EOF\n", MANY_PAGES + 3);
}

static void make_looped_pages(struct buffer *out)
{
	static const char *const objects[] = { CATALOGUE, "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>" };

	document_make_pdf(objects, 2, out);
}

static void make_looped_form(struct buffer *out)
{
	static const char *const objects[] = {
		CATALOGUE, PAGES, PAGE_OF("/XObject<</X 5 0 R>>"), "<</Length 5>>stream\n/X Do\nendstream",
		"<</Type/XObject/Subtype/Form/BBox[0 0 200 100]/Resources<</XObject<</X 5 0 R>>>>/Length 11>>stream\n"
		"/X Do /X Do\nendstream"
	};

	document_make_pdf(objects, 5, out);
}

#define FORMS 24

// Each form draws the next one ten times.
static void make_nested_forms(struct buffer *out)
{
	char forms[FORMS][320];
	const char *objects[4 + FORMS] = { CATALOGUE, PAGES, PAGE_OF("/XObject<</X 5 0 R>>"),
		                           "<</Length 5>>stream\n/X Do\nendstream" };

	for (int i = 0; i < FORMS; i++) {
		(void)snprintf(forms[i], sizeof(forms[i]),
		               "<</Type/XObject/Subtype/Form/BBox[0 0 200 100]/Resources<</XObject<</X %d 0 R>>>>"
		               "/Length 59>>stream\n"
		               "/X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do\nendstream",
		               i + 1 < FORMS ? i + 6 : 99);
		objects[4 + i] = forms[i];
	}
	document_make_pdf(objects, 4 + FORMS, out);
}

// Much drawing in a few kilobytes: compressed twice.
#define INFLATED (16u << 20)

static void make_inflating_contents(struct buffer *out)
{
	CLEANUP(free_pointer) char *text = malloc(INFLATED);
	uLongf once_length = compressBound(INFLATED), twice_length;
	CLEANUP(free_pointer) Bytef *once = malloc(once_length);
	CLEANUP(free_pointer) Bytef *twice = NULL;

	if (text == NULL || once == NULL)
		abort();
	for (size_t i = 0; i < INFLATED; i += 16)
		memcpy(text + i, "9 9 m 50 50 l S\n", 16);
	if (compress2(once, &once_length, (const Bytef *)text, INFLATED, 9) != Z_OK)
		abort();
	twice_length = compressBound(once_length);
	twice = malloc(twice_length);
	if (twice == NULL || compress2(twice, &twice_length, once, once_length, 9) != Z_OK)
		abort();
	buffer_append_text(out, "%PDF-1.7\n1 0 obj\n" CATALOGUE "\nendobj\n2 0 obj\n" PAGES
	                        "\nendobj\n3 0 obj\n" PAGE_OF("") "\nendobj\n");
	buffer_append_format(out, "4 0 obj\n<</Filter[/FlateDecode/FlateDecode]/Length %lu>>stream\n", twice_length);
	buffer_append(out, twice, twice_length);
	buffer_append_text(out, "\nendstream\nendobj\ntrailer\n<</Size 5/Root 1 0 R>>\n%%EOF\n");
}

static void make_huge_image(struct buffer *out)
{
	static const char *const objects[] = {
		CATALOGUE, PAGES, PAGE_OF("/XObject<</X 5 0 R>>"),
		"<</Length 25>>stream\n200 0 0 100 0 0 cm /X Do \nendstream",
		"<</Type/XObject/Subtype/Image/Width 60000/Height 60000/ColorSpace/DeviceRGB/BitsPerComponent 8/Length 3>>"
		"stream\nabc\nendstream"
	};

	document_make_pdf(objects, 5, out);
}

static void make_looped_table(struct buffer *out)
{
	buffer_append_text(out, "%PDF-1.4\n1 0 obj\n" CATALOGUE "\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n"
	                        "<</Size 2/Root 1 0 R/Prev 53>>\nstartxref\n53\n%%EOF\n");
}

static void make_locked(struct buffer *out)
{
	buffer_append_text(
	        out, "%PDF-1.4\n1 0 obj\n" CATALOGUE "\nendobj\n2 0 obj\n" PAGES
	             "\nendobj\n3 0 obj\n" PAGE_OF("") "\nendobj\n4 0 obj\n<</Length 0>>stream\n\nendstream\nendobj\n");
	buffer_append_text(
	        out, "trailer\n<</Size 5/Root 1 0 R/ID[<00><00>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4"
	             "/O(................................)/U(................................)>>>>\n%%EOF\n");
}

static void make_noise(struct buffer *out)
{
	unsigned value = 7;

	buffer_append_text(out, "%PDF-1.7\n");
	for (int i = 0; i < 100000; i++) {
		value = value * 1103515245 + 12345;
		buffer_append_char(out, (char)(value >> 16));
	}
}

const struct bomb document_bombs[] = {
	{ "huge.svg", make_huge_svg, REASON_NONE, true },
	{ "long.svg", make_long_svg, REASON_NONE, true },
	{ "sizeless.svg", make_sizeless_svg, REASON_DECODE_FAILED, true },
	{ "loop.svg", make_looped_svg, REASON_NONE, true },
	{ "uses.svg", make_used_svg, REASON_DECODE_FAILED, true },
	{ "patterns.svg", make_nested_patterns, REASON_NONE, true },
	{ "entities.svg", make_entities, REASON_DECODE_FAILED, false },
	{ "deep.svg", make_deep_svg, REASON_DECODE_FAILED, false },
	{ "filters.svg", make_filters, REASON_NONE, true },
	{ "many.svg", make_many_elements, REASON_NONE, true },
	{ "inner-png.svg", make_inner_png, REASON_NONE, true },
	{ "huge-page.pdf", make_huge_page, REASON_NONE, true },
	{ "long-page.pdf", make_long_page, REASON_NONE, true },
	{ "flat-page.pdf", make_flat_page, REASON_NONE, true },
	{ "claimed.pdf", make_claimed_pages, REASON_NONE, true },
	{ "many-pages.pdf", make_many_pages, REASON_TOO_MANY_PAGES, false },
	{ "page-loop.pdf", make_looped_pages, REASON_DECODE_FAILED, true },
	{ "form-loop.pdf", make_looped_form, REASON_NONE, true },
	{ "forms.pdf", make_nested_forms, REASON_DECODE_TIMEOUT, true },
	{ "inflating.pdf", make_inflating_contents, REASON_DECODE_TIMEOUT, true },
	{ "huge-image.pdf", make_huge_image, REASON_NONE, true },
	{ "table-loop.pdf", make_looped_table, REASON_DECODE_FAILED, false },
	{ "locked.pdf", make_locked, REASON_PASSWORD, false },
	{ "noise.pdf", make_noise, REASON_DECODE_FAILED, false },
};
const size_t document_bomb_count = sizeof(document_bombs) / sizeof(document_bombs[0]);
