// Events as clients read them: server-sent events with the media or item as it is now.
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/uuid.h"
#include "metadata-api/event_ring.h"

struct api;
struct buffer;

// Most events of one call of event_text_load.
#define EVENT_TEXT_BATCH 20

// Read what the owner's events are about, and put each event as "event: …\nid: …\ndata: …\n\n" into texts[i]
// (initialised by the caller, who frees it also after a failure). What is gone, or somebody else's, is {"id",
// "state":"deleted"}. identity is of the stream. Blocks. Failures as of a database.
enum rc event_text_load(struct api *api, const struct uuid *owner_id, const struct event_note *notes, size_t count,
                        uint32_t identity, struct buffer *texts, struct err *err) MUST_CHECK;

// "id: <sequence>-<identity>\n", without an end.
void event_text_write_id(struct buffer *out, uint64_t sequence, uint32_t identity);

// Read such an id; the identity may be missing (0 then). False when it is none.
bool event_text_parse_id(const char *text, uint64_t *ret_sequence, uint32_t *ret_identity);
