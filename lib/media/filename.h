// Clients' file names: made harmless for storing and showing, and written into Content-Disposition.
//
// A name is data only: it never becomes part of an object key or a path.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

#define FILENAME_SIZE (LIMIT_FILENAME_BYTES + 1)

// Room for any Content-Disposition value that filename_format_disposition writes.
#define FILENAME_DISPOSITION_SIZE 1152

// Clean length bytes of a name (NUL bytes allowed within) into a NUL-terminated UTF-8 name of 1 to LIMIT_FILENAME_BYTES
// bytes:
// - only what follows the last '/' or '\';
// - broken UTF-8 becomes U+FFFD; control characters (C0, DEL, C1), line and paragraph separators and the characters
// that
//   turn or hide text (bidi marks, embeddings, overrides and isolates; zero-width; BOM) are dropped;
// - blanks and dots around the name go; what is too long is cut between characters, its extension kept;
// - when nothing is left: "file".
void filename_clean(const char *name, size_t length, char ret_name[FILENAME_SIZE]);

// The value of a Content-Disposition header (RFC 6266) for a cleaned name: the type, an ASCII fallback in quotes, and
// filename*=UTF-8''… (RFC 8187) when the name is not plain ASCII. Returns its length.
size_t filename_format_disposition(const char *name, bool attachment, char ret_value[FILENAME_DISPOSITION_SIZE]);
