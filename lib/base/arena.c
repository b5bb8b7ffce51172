// Bump allocation in a chain of blocks.
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The first blocks are as large as glibc's per-thread cache takes: most requests need no more, and longer blocks are
// searched for, and gathered, under a lock.
#define ARENA_FIRST_BYTES (1032 - sizeof(struct arena_block))
#define ARENA_FIRST_BLOCKS 2
#define ARENA_BLOCK_BYTES 8192
#define ARENA_ALIGNMENT _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) char data[];
};

struct arena {
	size_t limit;
	size_t handed_out;
	unsigned blocks;
	struct arena_block *newest;
};

static struct arena_block *block_new(size_t size)
{
	struct arena_block *block = malloc(sizeof *block + size);
	if (block != NULL)
		*block = (struct arena_block){ .size = size };
	return block;
}

struct arena *arena_new(size_t limit)
{
	struct arena *arena = malloc(sizeof *arena);
	if (arena != NULL)
		*arena = (struct arena){ .limit = limit };
	return arena;
}

static void blocks_free(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	blocks_free(arena->newest);
	free(arena);
}

void arena_clear(struct arena *arena)
{
	arena->handed_out = 0;
	if (arena->newest == NULL)
		return;
	struct arena_block *kept = arena->newest;
	blocks_free(kept->next);
	kept->next = NULL;
	kept->used = 0;
}

static bool add_block(struct arena *arena, size_t least)
{
	size_t usual = arena->blocks < ARENA_FIRST_BLOCKS && least <= ARENA_FIRST_BYTES ? ARENA_FIRST_BYTES
	                                                                                : ARENA_BLOCK_BYTES;
	struct arena_block *block = block_new(least > usual ? least : usual);
	if (block == NULL)
		return false;
	block->next = arena->newest;
	arena->newest = block;
	arena->blocks++;
	return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > arena->limit)
		return NULL;
	size_t rounded = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
	if (rounded == 0)
		rounded = ARENA_ALIGNMENT;
	if (rounded > arena->limit || arena->handed_out > arena->limit - rounded)
		return NULL;
	struct arena_block *block = arena->newest;
	if (block == NULL || block->size - block->used < rounded) {
		if (!add_block(arena, rounded))
			return NULL;
		block = arena->newest;
	}
	void *memory = block->data + block->used;
	block->used += rounded;
	arena->handed_out += rounded;
	return memset(memory, 0, rounded);
}

char *arena_copy(struct arena *arena, const char *data, size_t length)
{
	char *copy = length == SIZE_MAX ? NULL : arena_alloc(arena, length + 1);
	if (copy != NULL && length > 0)
		memcpy(copy, data, length);
	return copy;
}

char *arena_copy_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int needed = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	char *text = needed < 0 ? NULL : arena_alloc(arena, (size_t)needed + 1);
	if (text != NULL)
		(void)vsnprintf(text, (size_t)needed + 1, format, again);
	va_end(again);
	return text;
}
