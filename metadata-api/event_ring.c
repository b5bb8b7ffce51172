// The ring itself.
#include "metadata-api/event_ring.h"

#include <assert.h>
#include <stdlib.h>

struct event_ring {
	size_t capacity;
	size_t begin; // place of the oldest
	size_t count;
	uint64_t first;
	uint64_t next;
	struct event_note notes[];
};

enum rc event_ring_new(size_t capacity, struct event_ring **ret_ring, struct err *err)
{
	struct event_ring *ring = calloc(1, sizeof *ring + capacity * sizeof ring->notes[0]);
	if (ring == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for %zu events", capacity);
	ring->capacity = capacity;
	event_ring_clear(ring, 1);
	*ret_ring = ring;
	return RC_OK;
}

void event_ring_free(struct event_ring *ring)
{
	free(ring);
}

void event_ring_clear(struct event_ring *ring, uint64_t next_sequence)
{
	ring->begin = ring->count = 0;
	ring->first = ring->next = next_sequence;
}

static const struct event_note *at(const struct event_ring *ring, size_t index)
{
	return &ring->notes[(ring->begin + index) % ring->capacity];
}

void event_ring_add(struct event_ring *ring, const struct event_note *note)
{
	assert(note->sequence >= ring->next);
	if (ring->count == ring->capacity) {
		ring->first = at(ring, 0)->sequence + 1;
		ring->begin = (ring->begin + 1) % ring->capacity;
		ring->count--;
	}
	ring->notes[(ring->begin + ring->count++) % ring->capacity] = *note;
	ring->next = note->sequence + 1;
}

uint64_t event_ring_first(const struct event_ring *ring)
{
	return ring->first;
}

uint64_t event_ring_next(const struct event_ring *ring)
{
	return ring->next;
}

// Index of the first note with at least that sequence.
static size_t find_place(const struct event_ring *ring, uint64_t sequence)
{
	size_t low = 0, high = ring->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (at(ring, middle)->sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t event_ring_find(const struct event_ring *ring, const struct uuid *owner_id, uint64_t from,
                       struct event_note *ret_notes, size_t most, uint64_t *ret_next)
{
	size_t found = 0;
	for (size_t index = find_place(ring, from); index < ring->count; index++) {
		const struct event_note *note = at(ring, index);
		if (!uuid_equal(&note->owner_id, owner_id))
			continue;
		if (found == most) {
			*ret_next = note->sequence;
			return found;
		}
		ret_notes[found++] = *note;
	}
	*ret_next = ring->next > from ? ring->next : from;
	return found;
}
