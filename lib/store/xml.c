// S3's XML, on libxml2.
#include "store/xml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum rc xml_parse(const char *text, size_t length, const char *root, struct xml_document **ret_document,
                  struct err *err)
{
	// S3 sends blanks ahead of slow answers to keep the connection alive; the XML declaration must come first.
	while (length > 0 && strchr(" \t\r\n", *text) != NULL && *text != '\0') {
		text++;
		length--;
	}
	if (length > XML_BYTES_MAX)
		return err_set(err, RC_LIMIT, "the store's answer is longer than %d bytes", XML_BYTES_MAX);
	xmlDoc *document =
	        xmlReadMemory(text, (int)length, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (document == NULL)
		return err_set(err, RC_CORRUPT, "the store's answer is no well-formed XML");
	const xmlNode *element = xmlDocGetRootElement(document);
	bool fits = document->intSubset == NULL && element != NULL &&
	            (root == NULL || strcmp((const char *)element->name, root) == 0);
	if (!fits) {
		xmlFreeDoc(document);
		return err_set(err, RC_CORRUPT, "the store's answer is no %s document", root == NULL ? "plain" : root);
	}
	*ret_document = (struct xml_document *)document;
	return RC_OK;
}

void xml_free(struct xml_document **document)
{
	if (*document != NULL)
		xmlFreeDoc((xmlDoc *)*document);
	*document = NULL;
}

const struct xml_node *xml_root(const struct xml_document *document)
{
	return (const struct xml_node *)xmlDocGetRootElement((const xmlDoc *)document);
}

static const struct xml_node *find_element(const xmlNode *node, const xmlChar *name)
{
	for (; node != NULL; node = node->next)
		if (node->type == XML_ELEMENT_NODE && xmlStrEqual(node->name, name))
			return (const struct xml_node *)node;
	return NULL;
}

const struct xml_node *xml_child(const struct xml_node *parent, const char *name)
{
	return parent == NULL ? NULL : find_element(((const xmlNode *)parent)->children, (const xmlChar *)name);
}

const struct xml_node *xml_next(const struct xml_node *node)
{
	const xmlNode *element = (const xmlNode *)node;
	return find_element(element->next, element->name);
}

char *xml_child_text(const struct xml_node *parent, const char *name)
{
	const struct xml_node *child = xml_child(parent, name);
	xmlChar *content = child == NULL ? NULL : xmlNodeGetContent((const xmlNode *)child);
	char *text = content == NULL ? NULL : strdup((const char *)content);
	xmlFree(content);
	return text;
}

bool xml_child_copy(const struct xml_node *parent, const char *name, char *ret_text, size_t size)
{
	char *text = xml_child_text(parent, name);
	bool fits = text != NULL && strlen(text) < size;
	if (fits)
		memcpy(ret_text, text, strlen(text) + 1);
	free(text);
	return fits;
}

bool xml_child_number(const struct xml_node *parent, const char *name, uint64_t *ret_number)
{
	char text[24];
	if (!xml_child_copy(parent, name, text, sizeof text) || text[0] < '0' || text[0] > '9')
		return false;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret_number = number;
	return true;
}

bool xml_child_is_true(const struct xml_node *parent, const char *name)
{
	char text[8];
	return xml_child_copy(parent, name, text, sizeof text) && strcmp(text, "true") == 0;
}

void xml_append_escaped(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			buffer_append_text(out, "&amp;");
			break;
		case '<':
			buffer_append_text(out, "&lt;");
			break;
		case '>':
			buffer_append_text(out, "&gt;");
			break;
		case '"':
			buffer_append_text(out, "&quot;");
			break;
		case '\r': // a parser would make a line feed of it
			buffer_append_text(out, "&#13;");
			break;
		default:
			buffer_append_char(out, *text);
		}
	}
}

void xml_append_element(struct buffer *out, const char *name, const char *text)
{
	buffer_append_format(out, "<%s>", name);
	xml_append_escaped(out, text);
	buffer_append_format(out, "</%s>", name);
}
