// One claimed job on its way through the stages, and the list of all of them.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/job.h"
#include "transcoder/wire/wire.h"

#define TASK_VARIANTS_MAX (WIRE_STEPS * WIRE_ENCODINGS)

struct bus_message;
struct pool;
struct resize;

struct task_variant {
	struct wire_variant info;
	int fd; // sealed memory file; -1 once it has been stored
	uint8_t sha256[32];
	char key[OBJECT_KEY_SIZE];
};

// Owned by one stage at a time (fetcher, worker, publisher); while its preview is published, the publisher reads the
// variants before preview_count only, and the worker adds behind them.
struct task {
	struct task *next; // in the list of all
	struct task *previous;
	struct pool *pool;
	struct bus_message *message; // NULL with resize
	struct resize *resize;       // whom a variant on demand is for; NULL: a job, which the claim is of
	struct job_claim claim;
	char traceparent[EVENT_TRACEPARENT_SIZE]; // of the call that caused the job; "" when it is not known
	char span[EVENT_TRACEPARENT_SIZE];        // of this attempt
	int input_fd;                             // sealed memory file; -1 once it is not needed any more
	uint8_t sha256[32];
	int64_t began_us; // claimed, on the monotonic clock
	int64_t admitted_bytes;
	bool has_facts;
	struct wire_facts facts;
	struct task_variant variants[TASK_VARIANTS_MAX];
	size_t variant_count;
	size_t preview_count; // of the first variants, published ahead; 0: none
	atomic_bool lost;     // the lease ran out: whatever is made is dropped
	pthread_mutex_t lock; // of the next two
	pthread_cond_t preview_ended;
	bool preview_under_way;
};

struct task_list {
	pthread_mutex_t lock;
	struct task *first;
	size_t count;
};

// What a publisher is handed.
struct publication {
	struct task *task;
	bool is_preview; // else the whole job
};

void task_list_init(struct task_list *list);
void task_list_done(struct task_list *list);
size_t task_list_count(struct task_list *list);

// A task for a claimed job (or, with no message, for a resize); takes the message. Put into the list. NULL without
// memory (the message stays the caller's).
struct task *task_new(struct task_list *list, struct pool *pool, struct bus_message *message,
                      const struct job_claim *claim, const char *traceparent);

// Take it out of the list, close its files, free its message (settled or not) and itself.
void task_free(struct task_list *list, struct task *task);

// Begin and end the publishing of a preview; wait until none is under way.
void task_begin_preview(struct task *task);
void task_end_preview(struct task *task);
void task_wait_preview(struct task *task);
