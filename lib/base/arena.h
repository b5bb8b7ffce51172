// A request's memory: bump allocation with a hard cap, freed all at once. One thread at a time.
#pragma once

#include <stddef.h>

struct arena;

// An arena that hands out at most limit bytes in total. NULL when there is no memory.
struct arena *arena_new(size_t limit);

// Frees everything ever allocated from it. Accepts NULL.
void arena_free(struct arena *arena);

// Forget everything but keep the first block for reuse.
void arena_clear(struct arena *arena);

// size bytes, aligned for any type, zeroed; NULL over the cap or without memory (callers answer RC_NO_MEMORY).
void *arena_alloc(struct arena *arena, size_t size);

// A NUL-terminated copy of length bytes / of text / of the formatted text; NULL like arena_alloc.
char *arena_copy(struct arena *arena, const char *data, size_t length);
char *arena_copy_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
