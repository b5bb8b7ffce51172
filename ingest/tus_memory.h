// The memory in which parts of uploads by tus become whole: all sessions share a bounded amount of it.
//
// A page had from the kernel costs as much CPU time as a copy of what it will hold, or more, so the buffers of a few
// sessions that have ended are kept for those that come, and given back once nobody has come for a while.
#pragma once

#include <pthread.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct metric;
struct settings;

// Most buffers kept.
#define TUS_MEMORY_SPARES 4
// Kept for as many calls of tus_memory_trim() without a tus_memory_take() between.
#define TUS_MEMORY_TRIMS 40

struct tus_memory {
	size_t most;          // bytes: [ingest] tus_memory_bytes
	size_t part_bytes;    // buffers that hold as much are kept
	struct metric *gauge; // of what is reserved; may be NULL
	pthread_mutex_t lock; // guards what follows
	size_t reserved;      // by sessions
	struct buffer spares[TUS_MEMORY_SPARES];
	size_t spare_count;
	unsigned trims; // since a session came
};

void tus_memory_init(struct tus_memory *memory, const struct settings *settings, struct metric *gauge);
// Every buffer must have been given back.
void tus_memory_done(struct tus_memory *memory);

// An empty buffer with room for so many bytes, its limit. RC_LIMIT: others have taken too much; RC_NO_MEMORY. Any
// thread.
enum rc tus_memory_take(struct tus_memory *memory, size_t room, struct buffer *ret_buffer, struct err *err) MUST_CHECK;
// Give it back, and leave it zeroed. Accepts a zeroed one. Any thread.
void tus_memory_give(struct tus_memory *memory, struct buffer *buffer);

// Called now and then, so that memory which nobody uses goes back to the system.
void tus_memory_trim(struct tus_memory *memory);
