// Animations as animated WebP: frame by frame, each size at once, never the whole strip in memory.
#pragma once

#include <stdbool.h>

#include "transcoder/decoder/session.h"

// True when this variant is to move: WebP of an inside step, of several frames that are not too many pixels together.
// Other variants show the first frame.
bool animation_takes(const struct session *session, const struct wire_planned *planned,
                     const struct wire_encoding *encoding);

// Decode the frames once and deliver the variants of those steps in that encoding. False: session->failure says why.
bool animation_deliver(struct session *session, const struct wire_planned *const *steps, size_t count,
                       const struct wire_encoding *encoding);
