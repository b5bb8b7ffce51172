// Starting libvips with the few codecs of the photo profile, and having each of them run once before the sandbox
// closes.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "transcoder/decoder/failure.h"

// Start libvips: our loaders only, no plugins but HEIF, no cache, one thread a pipeline. Once, from the main thread.
bool codecs_start(struct failure *failure);

// Refuse all savers but those of the formats we publish.
void codecs_block_savers(void);

// Make a small picture of every format, block the savers, and run a job on each picture, so that whatever is loaded,
// allocated or compiled on first use is there.
bool codecs_warm_up(struct failure *failure);

// Versions for the log: "vips 8.14.1, …".
void codecs_text(char *ret_text, size_t size);
