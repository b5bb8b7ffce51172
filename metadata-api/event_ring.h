// The latest events of the bus, of everybody, each as what it is about: enough to find again what a client has missed.
//
// Not locked: its owner sees to that.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "media/event.h"

struct event_ring;

struct event_note {
	uint64_t sequence; // in the stream
	struct uuid owner_id;
	struct uuid object_id; // of the media or item
	bool is_item;
	uint8_t verb; // enum event_item_verb or event_media_verb
};

// Keeps the latest `capacity` (>= 1). RC_NO_MEMORY. Free accepts NULL.
enum rc event_ring_new(size_t capacity, struct event_ring **ret_ring, struct err *err) MUST_CHECK;
void event_ring_free(struct event_ring *ring);

// Forget everything; what follows has sequences from next_sequence on.
void event_ring_clear(struct event_ring *ring, uint64_t next_sequence);

// sequence must be at least event_ring_next(). The oldest one gives way.
void event_ring_add(struct event_ring *ring, const struct event_note *note);

// From which sequence on nothing has been forgotten, and the one that follows the latest.
uint64_t event_ring_first(const struct event_ring *ring);
uint64_t event_ring_next(const struct event_ring *ring);

// Take the owner's notes from sequence `from` on, oldest first, at most `most` of them. *ret_next: the sequence to go
// on from: event_ring_next() when there are no more.
size_t event_ring_find(const struct event_ring *ring, const struct uuid *owner_id, uint64_t from,
                       struct event_note *ret_notes, size_t most, uint64_t *ret_next);
