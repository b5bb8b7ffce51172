// The written rule for what becomes of uploaded bytes: the declared type is a wish, the bytes decide.
//
//   the store's object                                     becomes
//   no bytes                                               rejected: empty
//   another size than declared                             rejected: size_mismatch
//   a picture in one of our input formats                  photo or animation of that format, whatever was declared,
//                                                          unless over the image limit: rejected: too_large
//   declared image/svg+xml and is SVG; or declared other
//     than image/… and is PDF or SVG                       document
//   declared as a picture of ours, but is no picture       rejected: type_mismatch
//   declared image/… otherwise                             rejected: unsupported_type
//   anything else                                          file, kept as it is under its declared type (under what the
//                                                          bytes look like when that was application/octet-stream)
//
// A document gets jobs only where the operator runs a document pool, a file never; both are ready at once without.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/reason.h"
#include "media/state.h"

struct verdict_facts {
	const char *declared_type; // valid
	const char *sniffed_type;  // ignored when there are no bytes
	int64_t declared_size;
	int64_t size; // of the store's object
	int64_t max_image_bytes;
};

struct verdict {
	enum media_reason reason; // REASON_NONE: accepted
	enum media_kind kind;     // accepted only, as the following
	const char *content_type; // static, or one of the facts'
};

// Pure. Any thread.
struct verdict verdict_of(const struct verdict_facts *facts);
