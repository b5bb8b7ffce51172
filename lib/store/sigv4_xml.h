// Reading the values of S3's lists into an arena. Private to the sigv4_*.c files.
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "store/store.h"
#include "store/xml.h"

// The text of a child element, percent-decoded when the store encoded it (Amazon writes a blank as '+' then).
// RC_CORRUPT when it is missing or broken, RC_NO_MEMORY.
enum rc sigv4_xml_text(const struct xml_node *parent, const char *name, bool encoded, struct arena *memory,
                       const char **ret_text, struct err *err) MUST_CHECK;

// An RFC 3339 time, in microseconds since the epoch; 0 when there is none.
int64_t sigv4_xml_time(const struct xml_node *parent, const char *name);

// An ETag without its quotes; "" when there is none.
void sigv4_xml_etag(const struct xml_node *parent, const char *name, char ret_etag[STORE_ETAG_SIZE]);
