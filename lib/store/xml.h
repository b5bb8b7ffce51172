// XML as S3 speaks it: small documents read whole, without DTDs, entities or the network; text written escaped.
#pragma once

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer;

// A parsed document; free with xml_free. RC_CORRUPT when it is not well-formed, has a DTD, or its root element is not
// called root (NULL: any). At most XML_BYTES_MAX bytes.
#define XML_BYTES_MAX (16 * 1024 * 1024)
enum rc xml_parse(const char *text, size_t length, const char *root, xmlDoc **ret_document, struct err *err) MUST_CHECK;
void xml_free(xmlDoc **document);

// The first child element of that name, whatever its namespace; NULL when there is none (or parent is NULL).
xmlNode *xml_child(const xmlNode *parent, const char *name);
// The next sibling element of the same name.
xmlNode *xml_next(const xmlNode *node);

// The text of the first child element of that name, malloc'ed by libxml2 (xmlFree); NULL when there is none.
char *xml_child_text(const xmlNode *parent, const char *name);
// The same copied into a text of size bytes; false when there is none or it does not fit.
bool xml_child_copy(const xmlNode *parent, const char *name, char *ret_text, size_t size);
// The same as a number; false when it is none.
bool xml_child_number(const xmlNode *parent, const char *name, uint64_t *ret_number);
// True when that child says "true".
bool xml_child_is_true(const xmlNode *parent, const char *name);

// Append text escaped for element content and attributes.
void xml_append_escaped(struct buffer *out, const char *text);
// Append <name>text</name>.
void xml_append_element(struct buffer *out, const char *name, const char *text);
