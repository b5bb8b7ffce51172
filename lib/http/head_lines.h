// Whether the lines of a request's head were all ended by CRLF and none was folded; for lib/http alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// libmicrohttpd 0.9.75 accepts bare CR or LF as line ends, folded headers (whose second half it glues to the header's
// *name*) and NULs: all smuggling tools (RFC 9112 §2.2, §5.2). It parses in place, putting one NUL over each byte of a
// line's end, so the texts it hands out show what was there: after a CRLF the next line begins two bytes behind the
// text's end, otherwise elsewhere. Later versions refuse these heads themselves and lay out memory differently.
struct head_lines {
	const char *start; // of the request line
	const char *end;   // of the line before; NULL before the first
	bool broken;
};

// True when the running libmicrohttpd is the version whose layout this knows.
bool head_lines_apply(void);

// The request line, from the method's start to the version's end (the NUL).
void head_lines_begin(struct head_lines *lines, const char *start, const char *end);

// A header line: name and value must lie in one line, with only blanks between.
void head_lines_add(struct head_lines *lines, const char *name, const char *value);

// True when all was well up to the empty line's end, size bytes behind the start.
bool head_lines_finish(const struct head_lines *lines, size_t size);
