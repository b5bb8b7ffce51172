// A budget of memory over all pools: jobs are admitted by the bytes they are likely to need, not by their number.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct metric;

struct admission {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	int64_t budget_bytes;
	int64_t used_bytes;
	int waiting; // in admission_enter
	struct metric *gauge;
};

// gauge (may be NULL) shows the bytes in use.
void admission_init(struct admission *admission, int64_t budget_bytes, struct metric *gauge);
void admission_done(struct admission *admission);

// What decoding a file of so many bytes is likely to need at once, before anything of it has been read: the worst of
// our corpus is 40 bytes a byte of JPEG at full decode; small files get a floor, since a small file can hold a large
// picture. Never more than a child may have.
int64_t admission_estimate(int64_t file_bytes, int64_t child_limit_bytes);

// Wait until bytes fit into the budget; one job alone is always let in, however large. RC_TIMEOUT after timeout_ms.
enum rc admission_enter(struct admission *admission, int64_t bytes, int64_t timeout_ms) MUST_CHECK;
// True while somebody waits for the budget.
bool admission_is_short(struct admission *admission);
// How many of the smallest jobs the budget lets in at once; at least 1.
int64_t admission_workers_most(const struct admission *admission);
void admission_leave(struct admission *admission, int64_t bytes);
