// Starting libvips with the few codecs of a profile, and having each of them run once before the sandbox closes.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "transcoder/decoder/failure.h"

struct profile;

// Start libvips: the profile's loaders only, no plugins but HEIF (and the documents' one), no cache, one thread a
// pipeline. Once, from the main thread.
bool codecs_start(const struct profile *profile, struct failure *failure);

// Load one plugin of libvips's, unless it is built in or loaded: the file's name, and a class that it brings. For
// codecs_start.
bool codecs_load_plugin(const char *file, const char *class_name, struct failure *failure);

// Refuse all savers but those of the formats we publish.
void codecs_block_savers(void);

// Make a small file of every format of the profile, block the savers, and run a job on each, so that whatever is
// loaded, allocated or compiled on first use is there.
bool codecs_warm_up(const struct profile *profile, struct failure *failure);

// Versions for the log: "vips 8.14.1, …".
void codecs_text(char *ret_text, size_t size);
