// PDF and SVG files for tests: harmless ones, such as reach for what is not theirs, and bombs.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "tests/hostile/bombs.h"

#define DOCUMENT_BYTES_MOST (8u * 1024 * 1024)

// Append a PDF of one page of 200 x 100 points, from its objects without their numbers: object 1 must be the catalogue.
// Lengths of streams are for the caller to say.
void document_make_pdf(const char *const *objects, size_t count, struct buffer *out);

// Append a PDF with so many empty pages.
void document_make_pages(unsigned count, struct buffer *out);

// Append a PDF whose page says something in a font: NULL: Helvetica, which it does not bring; else the TrueType file at
// this path, embedded under a name that is nowhere else. False when the font cannot be read.
bool document_make_text(const char *font_path, struct buffer *out);

// A document that refers to something outside of itself, in the place of %s: a path or an address, given as file:///…
// or http://….
struct reference {
	const char *name;
	bool is_pdf;
	const char *text; // of the whole SVG, or of the PDF's page and catalogue
};

extern const struct reference references[];
extern const size_t reference_count;

// Append the document with its reference put to that target.
void document_make_reference(const struct reference *reference, const char *target, struct buffer *out);

// The list, as in bombs.h.
extern const struct bomb document_bombs[];
extern const size_t document_bomb_count;
