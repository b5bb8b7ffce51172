// XML as S3 speaks it: small documents read whole, without DTDs, entities or the network; text written escaped.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer;
struct xml_document;
struct xml_node; // lives as long as its document

// A parsed document; free with xml_free. RC_CORRUPT when it is not well-formed, has a DTD, or its root element is not
// called root (NULL: any). At most XML_BYTES_MAX bytes.
#define XML_BYTES_MAX (16 * 1024 * 1024)
enum rc xml_parse(const char *text, size_t length, const char *root, struct xml_document **ret_document,
                  struct err *err) MUST_CHECK;
void xml_free(struct xml_document **document);

// The root element. Never NULL.
const struct xml_node *xml_root(const struct xml_document *document);

// The first child element of that name, whatever its namespace; NULL when there is none (or parent is NULL).
const struct xml_node *xml_child(const struct xml_node *parent, const char *name);
// The next sibling element of the same name.
const struct xml_node *xml_next(const struct xml_node *node);

// The text of the first child element of that name, malloc'ed; NULL when there is none or no memory.
char *xml_child_text(const struct xml_node *parent, const char *name);
// The same copied into a text of size bytes; false when there is none or it does not fit.
bool xml_child_copy(const struct xml_node *parent, const char *name, char *ret_text, size_t size);
// The same as a number; false when it is none.
bool xml_child_number(const struct xml_node *parent, const char *name, uint64_t *ret_number);
// True when that child says "true".
bool xml_child_is_true(const struct xml_node *parent, const char *name);

// Append text escaped for element content and attributes.
void xml_append_escaped(struct buffer *out, const char *text);
// Append <name>text</name>.
void xml_append_element(struct buffer *out, const char *name, const char *text);
