// The decoder children of one worker: the one at work, and a spare that warms up meanwhile. One thread's, for the
// kernel kills children when the thread that started them ends.
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct child;
struct worker;

struct children {
	struct worker *worker;
	struct child *present; // NULL: none
	struct child *spare;   // warming up or warm; NULL: none
	unsigned failures;     // to start or warm up, in a row
};

// A warm child that may hold this owner's bytes (transcoder.isolation), or NULL: nothing can be started now, or the
// pool is being stopped (err says which); the caller may try again at once: pauses between tries are made in here.
struct child *children_take(struct children *children, const char *owner, struct err *err);

// After a job: replace the child when it is dead, worn or swollen, and see that a spare is warming up.
void children_renew(struct children *children, bool is_usable);

void children_done(struct children *children);

// The sandbox profile of a pool's children, by the pool's name: "document" for documents, "photo" for all others.
const char *children_profile(const char *pool);
