// Counting what is taken, and keeping what may be used again.
#include "ingest/tus_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/metrics.h"
#include "base/settings.h"

// A huge page of x86-64, and of arm64 with pages of 4 KiB. Copying through small ones takes longer, for each has to be
// looked up.
#define HUGE_BYTES ((size_t)2 * 1024 * 1024)

void tus_memory_init(struct tus_memory *memory, const struct settings *settings, struct metric *gauge)
{
	*memory = (struct tus_memory){ .most = (size_t)settings->ingest_tus_memory_bytes,
		                       .part_bytes = (size_t)settings->ingest_tus_part_bytes,
		                       .gauge = gauge };
	(void)pthread_mutex_init(&memory->lock, NULL);
}

static void free_spares(struct tus_memory *memory)
{
	while (memory->spare_count > 0)
		buffer_done(&memory->spares[--memory->spare_count]);
}

void tus_memory_done(struct tus_memory *memory)
{
	assert(memory->reserved == 0);
	free_spares(memory);
	(void)pthread_mutex_destroy(&memory->lock);
}

// Under the lock. False when others have taken too much.
static bool reserve(struct tus_memory *memory, size_t size)
{
	// One alone always fits: a limit below a part would refuse everybody for ever.
	if (memory->reserved > 0 && (size > memory->most || memory->reserved > memory->most - size))
		return false;
	memory->reserved += size;
	return true;
}

static void release(struct tus_memory *memory, size_t size)
{
	(void)pthread_mutex_lock(&memory->lock);
	memory->reserved -= size;
	(void)pthread_mutex_unlock(&memory->lock);
	metric_add(memory->gauge, -(int64_t)size);
}

// What a buffer of so much room takes: with its NUL, and in whole huge pages when it is large.
static size_t size_for(size_t room)
{
	size_t size = room + 1;
	return size < HUGE_BYTES ? size : (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

static bool allocate(size_t size, struct buffer *buffer)
{
	if (size < HUGE_BYTES) {
		buffer->data = malloc(size);
	} else {
		buffer->data = aligned_alloc(HUGE_BYTES, size);
		if (buffer->data != NULL)
			(void)madvise(buffer->data, size, MADV_HUGEPAGE); // better, not needed
	}
	buffer->capacity = size;
	return buffer->data != NULL;
}

enum rc tus_memory_take(struct tus_memory *memory, size_t room, struct buffer *ret_buffer, struct err *err)
{
	size_t size = size_for(room);
	struct buffer buffer = { 0 };
	(void)pthread_mutex_lock(&memory->lock);
	bool fits = reserve(memory, size);
	memory->trims = 0;
	if (fits && memory->spare_count > 0 && memory->spares[memory->spare_count - 1].capacity >= size)
		buffer = memory->spares[--memory->spare_count];
	(void)pthread_mutex_unlock(&memory->lock);
	if (!fits)
		return err_set(err, RC_LIMIT, "too many uploads at once");
	metric_add(memory->gauge, (int64_t)size);
	if (buffer.data == NULL && !allocate(size, &buffer)) {
		release(memory, size);
		return err_set(err, RC_NO_MEMORY, "no memory for a part");
	}
	buffer.limit = room;
	buffer_clear(&buffer);
	*ret_buffer = buffer;
	return RC_OK;
}

void tus_memory_give(struct tus_memory *memory, struct buffer *buffer)
{
	if (buffer->data == NULL)
		return;
	struct buffer given = *buffer;
	*buffer = (struct buffer){ 0 };
	(void)pthread_mutex_lock(&memory->lock);
	size_t kept = (memory->spare_count + 1) * memory->part_bytes;
	bool keeps =
	        given.capacity >= memory->part_bytes && memory->spare_count < TUS_MEMORY_SPARES && kept <= memory->most;
	if (keeps)
		memory->spares[memory->spare_count++] = given;
	(void)pthread_mutex_unlock(&memory->lock);
	release(memory, size_for(given.limit));
	if (!keeps)
		buffer_done(&given);
}

void tus_memory_trim(struct tus_memory *memory)
{
	(void)pthread_mutex_lock(&memory->lock);
	if (memory->trims < TUS_MEMORY_TRIMS && ++memory->trims == TUS_MEMORY_TRIMS)
		free_spares(memory);
	(void)pthread_mutex_unlock(&memory->lock);
}
