// Hostile picture files, made here so that none has to be kept: small files that claim, loop or inflate without
// measure.
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "media/reason.h"

struct bomb {
	const char *name; // with the extension it would be uploaded under
	void (*make)(struct buffer *out);
	// How the job must end. REASON_NONE: variants are made and the trap is ignored. Where several ends are right
	// (what a codec makes of nonsense), any_end is set: then it must only end in time, within memory, with a reason
	// that is ours.
	enum media_reason reason;
	bool any_end;
};

// The list; each bomb's file is at most BOMB_BYTES_MOST long.
extern const struct bomb bombs[];
extern const size_t bomb_count;

#define BOMB_BYTES_MOST (8u * 1024 * 1024)
