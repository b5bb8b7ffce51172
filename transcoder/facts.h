// What the decoder found, as the catalog takes it.
#pragma once

#include "catalog/job.h"
#include "transcoder/wire/wire.h"

struct buffer;

// The facts of wire as a media row takes them. sha256 (32 bytes) and wire are borrowed, and the EXIF subset is written
// into exif, an initialised buffer: all must outlive the result. The buffer's failure (no memory) is the caller's to
// see.
struct media_facts facts_describe(const struct wire_facts *wire, const uint8_t *sha256, struct buffer *exif);
