// Work that a process does for itself, on a thread of its own: again and again, with pauses.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct background;

// One piece of work, on the thread; bounded in time, for background_free() waits for it. True: there is more to do at
// once; false: pause.
typedef bool background_work(void *context);

// Starts the thread, which works at once. name: at most 15 bytes. RC_NO_MEMORY, RC_UNAVAILABLE (no thread).
enum rc background_new(const char *name, int64_t pause_ms, background_work *work, void *context,
                       struct background **ret_background, struct err *err) MUST_CHECK;

// End the present pause. Accepts NULL. Any thread.
void background_wake(struct background *background);

// Ends the thread after its present piece of work. Accepts NULL.
void background_free(struct background *background);
