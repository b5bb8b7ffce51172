// How a variant on demand is made: its original read before decoding, its file and row written after it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "catalog/on_demand.h"
#include "media/preset_set.h"
#include "transcoder/fetch.h"
#include "transcoder/pool.h"
#include "transcoder/publish.h"
#include "transcoder/resize_priv.h"
#include "transcoder/settle.h"
#include "transcoder/transcoder.h"

// Somebody waits: a database that is away longer is no longer waited for.
static const struct retry_policy DATABASE = { .attempts = 3, .base_ms = 100, .cap_ms = 500 };

struct deadline resize_deadline(const struct resize *resize)
{
	return resize->deadline;
}

void resize_describe(const struct resize *resize, struct wire_job *job)
{
	job->step_count = 1;
	job->steps[0] = *resize->step;
	job->encoding_count = 1;
	job->encodings[0] = (struct wire_encoding){ .format = resize->encoding->format,
		                                    .quality = resize->encoding->quality,
		                                    .effort = resize->encoding->effort };
}

static struct catalog_call call_of(const struct task *task)
{
	struct catalog_call call = transcoder_call(task);
	int64_t left_ms = deadline_left_ms(task->resize->deadline);
	if (left_ms < TRANSCODER_DATABASE_MS)
		call.deadline = task->resize->deadline;
	return call;
}

// What the media's own preset makes of an original of its kind and size; false when not what is asked for.
static bool choose(const struct transcoder *transcoder, struct resize *resize, const struct on_demand_source *source)
{
	const struct preset *preset = preset_set_choose(transcoder->presets, source->claim.preset);
	struct preset_planned plan[PRESET_STEPS_MAX];
	if (source->width == 0 || source->height == 0 || !preset_kind_has_on_demand(source->claim.kind) ||
	    (preset_on_demand_formats(preset) & FORMAT_BIT(resize->parts.format)) == 0)
		return false;
	size_t count = preset_plan_on_demand(preset, source->width, source->height, plan);
	for (size_t i = 0; i < count; i++)
		if (strcmp(plan[i].step->name, resize->parts.variant) == 0)
			resize->step = plan[i].step;
	for (size_t i = 0; i < preset->encoding_count; i++)
		if (preset->encodings[i].format == resize->parts.format)
			resize->encoding = &preset->encodings[i];
	return resize->step != NULL;
}

bool resize_prepare(struct transcoder *transcoder, struct task *task)
{
	struct resize *resize = task->resize;
	struct on_demand_source source;
	struct err err = { 0 };
	if (deadline_passed(resize->deadline)) {
		resize_end_later(transcoder, task);
		return false;
	}
	struct catalog_call call = call_of(task);
	enum rc rc = catalog_on_demand_find(&transcoder->catalog, &call, &resize->parts.media_id,
	                                    resize->parts.generation, &source, &err);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !choose(transcoder, resize, &source))) {
		resize_end_missing(transcoder, task);
		return false;
	}
	if (rc != RC_OK) {
		LOG_FAILURE(LOG_WARNING, "resize_not_looked_up", &err);
		resize_end_later(transcoder, task);
		return false;
	}
	task->claim = source.claim;
	int64_t began_us = clock_monotonic_us();
	enum media_reason reason = fetch_original(transcoder, task, &err);
	metric_observe_us(task->pool->metrics.fetch_seconds, clock_monotonic_us() - began_us);
	if (reason == REASON_STORE_FAILED)
		(void)settle_store_failed(transcoder, task, &err);
	else if (reason != REASON_NONE)
		resize_end_failed(transcoder, task, reason, err.text);
	return reason == REASON_NONE;
}

static enum rc write_row(struct transcoder *transcoder, struct task *task, struct err *err)
{
	const struct task_variant *variant = &task->variants[0];
	const struct variant_new row = { .name = variant->info.name,
		                         .format = variant->info.format,
		                         .width = variant->info.width,
		                         .height = variant->info.height,
		                         .bytes = (int64_t)variant->info.bytes,
		                         .object_key = variant->key,
		                         .sha256 = variant->sha256 };
	enum rc rc = RC_INTERNAL;
	for (unsigned attempt = 1; attempt <= DATABASE.attempts; attempt++) {
		struct catalog_call call = call_of(task);
		rc = catalog_on_demand_publish(&transcoder->catalog, &call, &task->claim.media_id,
		                               task->claim.generation, &row, err);
		if ((!rc_is_transient(rc) && rc != RC_UNKNOWN) || deadline_passed(task->resize->deadline))
			break;
		clock_sleep_ms(retry_delay_ms(&DATABASE, attempt));
	}
	return rc;
}

void resize_publish(struct transcoder *transcoder, struct task *task)
{
	struct task_variant *variant = &task->variants[0];
	struct err err = { 0 };
	// Publishing closes the file; who waits gets its bytes once it is published.
	CLEANUP(close_descriptor) int copy = fcntl(variant->fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		resize_end_failed(transcoder, task, REASON_INTERNAL, strerror(errno));
		return;
	}
	enum rc rc = publish_store_variants(transcoder, task, 0, 1, &err);
	if (rc != RC_OK) {
		(void)settle_store_failed(transcoder, task, &err);
		return;
	}
	rc = write_row(transcoder, task, &err);
	if (rc == RC_NOT_FOUND) {
		settle_deleted(transcoder, task);
	} else if (rc != RC_OK) {
		LOG_FAILURE(LOG_WARNING, "resize_not_published", &err); // an orphan, or the same object once more
		resize_end_later(transcoder, task);
	} else {
		resize_end_made(transcoder, task, copy, (size_t)variant->info.bytes);
	}
}
