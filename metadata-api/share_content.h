// What a share shows: the item, its media and their delivery URLs, loaded by three statements of the pipeline.
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "metadata-api/share_store.h"

struct api;
struct share_content;

// The answer's JSON in *taken (the callee's from now on), or err (then taken is NULL; RC_NOT_FOUND: the item has gone).
// On a pipeline thread, or on the calling one before share_content_load returns.
typedef void share_content_done(void *context, struct buffer *taken, const struct err *err);

// Load and write it; done(context, …) is called exactly once. Any thread; never blocks.
void share_content_load(struct api *api, const struct share_opened *opened, share_content_done *done, void *context);
