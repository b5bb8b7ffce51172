// The line-end audit.
#include "http/head_lines.h"

#include <microhttpd.h>
#include <string.h>

bool head_lines_apply(void)
{
	return strcmp(MHD_get_version(), "0.9.75") == 0;
}

void head_lines_begin(struct head_lines *lines, const char *start, const char *end)
{
	*lines = (struct head_lines){ .start = start, .end = end };
}

void head_lines_add(struct head_lines *lines, const char *name, const char *value)
{
	if (name != lines->end + 2)
		lines->broken = true;
	const char *between = name + strlen(name) + 1; // behind the colon
	while (between < value && (*between == ' ' || *between == '\t'))
		between++;
	if (between != value)
		lines->broken = true; // folded: the name was moved behind its value
	lines->end = value + strlen(value);
}

bool head_lines_finish(const struct head_lines *lines, size_t size)
{
	return !lines->broken && lines->end + 4 == lines->start + size; // CR LF CR LF
}
