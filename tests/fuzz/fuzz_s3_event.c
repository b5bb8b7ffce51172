// Notifications of object stores.
#include <assert.h>
#include <stdint.h>

#include "base/arena.h"
#include "ingest/s3_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct s3_events events = { 0 };
	struct err err = { 0 };
	struct arena *arena = arena_new(1 << 20);
	if (arena != NULL && s3_events_parse((const char *)data, size, arena, &events, &err) == RC_OK)
		for (size_t i = 0; i < events.count; i++)
			assert(events.items[i].key != NULL && events.items[i].bucket != NULL);
	arena_free(arena);
	return 0;
}
