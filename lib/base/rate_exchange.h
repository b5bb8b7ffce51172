// What processes that limit rates together tell each other: what lib/http asks for and lib/cache gives, so that neither
// knows the other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Units that one process has taken of a bucket since it last told.
struct rate_taken {
	uint64_t key[2]; // the bucket's, the same in all processes
	int64_t unit_us; // time in which one unit comes back
	unsigned quota;  // of the bucket
	unsigned units;
	bool is_forgotten; // the bucket was filled up before these
};

// debt_us: until the bucket is full again, counted from asked_at_us (of the caller's), by all processes' units.
typedef void rate_learned(void *context, const struct rate_taken *taken, int64_t asked_at_us, int64_t debt_us);

struct rate_exchange {
	void *context;
	// Under which keys of buckets are MACed, so that they tell nothing, and are the same in all processes.
	uint8_t secret[32];
	// Tell what was taken, and say what then stands for all: learned is called once, soon, on another thread; or
	// never. Never blocks. NULL: this process limits alone.
	void (*tell)(void *context, const struct rate_taken *taken, int64_t asked_at_us, rate_learned *learned,
	             void *learned_context);
};
