// Starting, replacing and isolating decoder children.
#include "transcoder/children.h"

#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "base/settings.h"
#include "media/preset.h"
#include "transcoder/child.h"
#include "transcoder/pool.h"
#include "transcoder/transcoder.h"

#define READY_MS 20000
// A child that stays larger than this between jobs is replaced: fragmentation, not need.
#define RESIDENT_BYTES_MOST (256u * 1024 * 1024)

static const struct retry_policy STARTING = { .attempts = 10, .base_ms = 100, .cap_ms = 5000 };

const char *children_profile(const char *pool)
{
	return strcmp(pool, PRESET_POOL_DOCUMENT) == 0 ? "document" : "photo";
}

static struct child *start_child(struct children *children, struct err *err)
{
	struct pool *pool = children->worker->pool;
	const struct settings *settings = pool->transcoder->settings;
	const struct child_config config = {
		.decoder = pool->transcoder->decoder,
		.profile = children_profile(pool->name),
		.uid = (uint32_t)settings->transcoder_decoder_uid,
		.nice = (int)pool_read_live(pool).nice,
		.memory_bytes = (uint64_t)settings->transcoder_decode_memory_bytes,
		.max_output_bytes = (uint64_t)settings->transcoder_max_output_bytes,
		.cpu_seconds = (uint32_t)(pool_decode_ms(pool) / 1000 + 1),
		.sandbox_required = strcmp(settings->transcoder_sandbox, "required") == 0,
	};
	struct child *child = NULL;
	if (child_spawn(&config, &child, err) != RC_OK)
		return NULL;
	metric_add(pool->metrics.children_started, 1);
	return child;
}

// Take the spare, or start one; wait until it is warm.
static struct child *next_child(struct children *children, struct err *err)
{
	struct child *child = children->spare;
	children->spare = NULL;
	if (child == NULL)
		child = start_child(children, err);
	if (child != NULL && child_wait_ready(child, deadline_after_ms(READY_MS), err) != RC_OK) {
		child_free(child);
		child = NULL;
	}
	return child;
}

static void report_failure(struct children *children, const struct err *err)
{
	children->failures++;
	pool_count_death(children->worker->pool);
	// Not at each try: a pool that cannot start children says so and keeps quiet in between.
	if (children->failures == 1 || children->failures % 10 == 0)
		LOG_FAILURE(LOG_ERROR, "decoder_does_not_start", err, LOG_TEXT("pool", children->worker->pool->name),
		            LOG_INT("failures", children->failures));
	clock_sleep_ms(retry_delay_ms(&STARTING, children->failures));
}

static bool may_serve(const struct children *children, const char *owner)
{
	const struct settings *settings = children->worker->pool->transcoder->settings;
	const char *held = child_owner(children->present);
	return held[0] == '\0' || strcmp(settings->transcoder_isolation, "pool") == 0 || strcmp(held, owner) == 0;
}

struct child *children_take(struct children *children, const char *owner, struct err *err)
{
	if (children->present != NULL && (!child_is_alive(children->present) || !may_serve(children, owner))) {
		child_free(children->present);
		children->present = NULL;
	}
	if (children->present == NULL)
		children->present = next_child(children, err);
	if (children->present == NULL) {
		report_failure(children, err);
		return NULL;
	}
	children->failures = 0;
	child_set_owner(children->present, owner);
	atomic_store(&children->worker->child_pid, (int)child_pid(children->present));
	return children->present;
}

void children_renew(struct children *children, bool is_usable)
{
	const struct settings *settings = children->worker->pool->transcoder->settings;
	struct err err = { 0 };
	atomic_store(&children->worker->child_pid, 0);
	if (children->present != NULL &&
	    (!is_usable || child_job_count(children->present) >= settings->transcoder_child_jobs ||
	     child_resident_bytes(children->present) > RESIDENT_BYTES_MOST)) {
		child_free(children->present);
		children->present = NULL;
	}
	// When this fails children_take tries again, and complains.
	if (children->spare == NULL)
		children->spare = start_child(children, &err);
}

void children_done(struct children *children)
{
	atomic_store(&children->worker->child_pid, 0);
	child_free(children->present);
	child_free(children->spare);
	*children = (struct children){ .worker = children->worker };
}
