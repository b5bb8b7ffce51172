// Publishers.
#include "transcoder/publish.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/retry.h"
#include "base/settings.h"
#include "bus/message.h"
#include "store/store.h"
#include "transcoder/facts.h"
#include "transcoder/pool.h"
#include "transcoder/resize.h"
#include "transcoder/settle.h"
#include "transcoder/spans.h"
#include "transcoder/transcoder.h"

#define PARALLEL_PUTS 4
#define EXIF_JSON_BYTES 2048 // far more than the subset can be
#define CACHE_CONTROL "public, max-age=31536000, immutable"

// Postgres may be restarting; afterwards the job goes back to the queue.
static const struct retry_policy DATABASE = { .attempts = 6, .base_ms = 200, .cap_ms = 3000 };

// Hash a variant's bytes where they lie. False when they cannot be mapped.
static bool hash_variant(struct task_variant *variant, struct digest_stream *stream)
{
	size_t length = (size_t)variant->info.bytes;
	void *data = mmap(NULL, length, PROT_READ, MAP_SHARED, variant->fd, 0);
	if (data == MAP_FAILED)
		return false;
	digest_stream_update(stream, data, length);
	digest_stream_finish(stream, variant->sha256);
	(void)munmap(data, length);
	return true;
}

static void name_variant(const struct task *task, struct task_variant *variant)
{
	struct object_key_variant parts = { .media_id = task->claim.media_id,
		                            .generation = task->claim.generation,
		                            .format = variant->info.format };
	memcpy(parts.variant, variant->info.name, sizeof parts.variant);
	(void)object_key_format_variant(&parts, variant->key);
}

enum rc publish_store_variants(struct transcoder *transcoder, struct task *task, size_t first, size_t end,
                               struct err *err)
{
	struct store_put_item items[TASK_VARIANTS_MAX];
	char source[SHA256_TEXT_SIZE];
	encode_hex(task->sha256, sizeof task->sha256, source);
	const struct store_pair metadata = { .name = "source-sha256", .value = source };
	struct digest_stream *stream = digest_stream_new(DIGEST_SHA256);
	enum rc rc = stream == NULL ? err_set(err, RC_NO_MEMORY, "no memory to hash") : RC_OK;
	size_t count = 0;
	for (size_t i = first; i < end && rc == RC_OK; i++) {
		struct task_variant *variant = &task->variants[i];
		if (variant->fd < 0)
			continue;
		if (!hash_variant(variant, stream))
			rc = err_set(err, RC_NO_MEMORY, "a variant cannot be mapped");
		name_variant(task, variant);
		items[count++] = (struct store_put_item){
			.target = { .bucket = transcoder->settings->store_media_bucket, .key = variant->key },
			.body = { .fd = variant->fd, .length = variant->info.bytes, .sha256 = variant->sha256 },
			.options = { .content_type = media_format_info(variant->info.format)->content_type,
			             .cache_control = CACHE_CONTROL,
			             .metadata = &metadata,
			             .metadata_count = 1,
			             .idempotent = true },
		};
	}
	digest_stream_free(stream);
	if (rc == RC_OK && count > 0)
		rc = store_put_many(transcoder->store, items, count, PARALLEL_PUTS, 0, err);
	for (size_t i = first; i < end && rc == RC_OK; i++) {
		if (task->variants[i].fd >= 0)
			(void)close(task->variants[i].fd);
		task->variants[i].fd = -1;
	}
	return rc;
}

typedef enum rc publish_function(const struct catalog *catalog, const struct catalog_call *call,
                                 const struct job_publish *publish, struct job_published *ret_published,
                                 struct err *err);

// Write the first `count` variants and the facts in one transaction; over a restart of Postgres by trying again.
static enum rc write_rows(struct transcoder *transcoder, const struct task *task, size_t count,
                          publish_function *function, struct job_published *ret_published, struct err *err)
{
	struct variant_new variants[TASK_VARIANTS_MAX];
	struct buffer exif;
	buffer_init(&exif, EXIF_JSON_BYTES);
	struct media_facts facts = facts_describe(&task->facts, task->sha256, &exif);
	for (size_t i = 0; i < count; i++) {
		const struct task_variant *variant = &task->variants[i];
		variants[i] = (struct variant_new){ .name = variant->info.name,
			                            .format = variant->info.format,
			                            .width = variant->info.width,
			                            .height = variant->info.height,
			                            .bytes = (int64_t)variant->info.bytes,
			                            .object_key = variant->key,
			                            .sha256 = variant->sha256 };
	}
	const struct job_publish publish = { .job_id = task->claim.job_id,
		                             .token = task->claim.token,
		                             .facts = task->has_facts ? &facts : NULL,
		                             .variants = variants,
		                             .variant_count = count };
	enum rc rc = buffer_ok(&exif) ? RC_INTERNAL : err_set(err, RC_NO_MEMORY, "no memory for EXIF");
	for (unsigned attempt = 1; rc != RC_NO_MEMORY && attempt <= DATABASE.attempts; attempt++) {
		struct catalog_call call = transcoder_call(task);
		rc = function(&transcoder->catalog, &call, &publish, ret_published, err);
		if ((!rc_is_transient(rc) && rc != RC_UNKNOWN) || transcoder_is_late(transcoder))
			break;
		clock_sleep_ms(retry_delay_ms(&DATABASE, attempt));
	}
	buffer_done(&exif);
	return rc;
}

// What fails here is tried again with the whole job: a preview is a courtesy.
static void publish_preview(struct transcoder *transcoder, struct task *task)
{
	struct err err = { 0 };
	struct job_published published = { 0 };
	int64_t began_us = clock_monotonic_us();
	enum rc rc = publish_store_variants(transcoder, task, 0, task->preview_count, &err);
	if (rc == RC_OK)
		rc = write_rows(transcoder, task, task->preview_count, catalog_job_publish_preview, &published, &err);
	if (rc == RC_CONFLICT || rc == RC_NOT_FOUND)
		atomic_store(&task->lost, true);
	else if (rc != RC_OK)
		LOG_FAILURE(LOG_WARNING, "preview_not_published", &err, LOG_TEXT("pool", task->claim.pool));
	else
		metric_observe_us(task->pool->metrics.preview_seconds, clock_monotonic_us() - task->began_us);
	spans_end_stage(task, "preview", began_us, rc != RC_OK);
	task_end_preview(task);
}

static void report_done(const struct task *task, const struct job_published *published)
{
	char media_id[UUID_TEXT_SIZE];
	int64_t took_us = clock_monotonic_us() - task->began_us;
	uuid_format(&task->claim.media_id, media_id);
	metric_add(task->pool->metrics.done, 1);
	metric_observe_us(task->pool->metrics.total_seconds, took_us);
	if (published->is_ready)
		metric_observe_us(task->pool->metrics.ready_seconds, took_us + task->claim.waited_ms * 1000);
	spans_end_job(task, NULL);
	LOG_EVENT(LOG_INFO, "job_done", LOG_TEXT("media_id", media_id), LOG_TEXT("pool", task->claim.pool),
	          LOG_TEXT("state", media_state_name(published->media_state)),
	          LOG_INT("variants", (int64_t)task->variant_count), LOG_INT("attempt", task->claim.attempts),
	          LOG_INT("milliseconds", took_us / 1000), LOG_TEXT("traceparent", task->traceparent));
}

static void publish_whole(struct transcoder *transcoder, struct task *task)
{
	struct err err = { 0 };
	struct job_published published = { 0 };
	if (task->resize != NULL) {
		resize_publish(transcoder, task);
		return;
	}
	task_wait_preview(task);
	int64_t began_us = clock_monotonic_us();
	enum rc rc = atomic_load(&task->lost) ? RC_CONFLICT
	                                      : publish_store_variants(transcoder, task, 0, task->variant_count, &err);
	if (rc != RC_OK && rc != RC_CONFLICT) {
		(void)settle_store_failed(transcoder, task, &err);
		return;
	}
	if (rc == RC_OK)
		rc = write_rows(transcoder, task, task->variant_count, catalog_job_finish, &published, &err);
	if (rc == RC_CONFLICT) {
		settle_lost(transcoder, task);
		return;
	}
	if (rc == RC_NOT_FOUND) {
		settle_deleted(transcoder, task);
		return;
	}
	if (rc != RC_OK) {
		LOG_FAILURE(LOG_ERROR, "job_not_finished", &err, LOG_TEXT("pool", task->claim.pool));
		settle_released(transcoder, task);
		return;
	}
	if (bus_message_ack_sync(task->message, &err) != RC_OK)
		LOG_FAILURE(LOG_INFO, "ack_lost", &err); // it comes once more and finds its job over
	spans_end_stage(task, "publish", began_us, false);
	report_done(task, &published);
	task_free(&transcoder->tasks, task);
}

void *publish_thread(void *argument)
{
	struct transcoder *transcoder = argument;
	void *item;
	(void)pthread_setname_np(pthread_self(), "publisher");
	while (queue_pop(transcoder->publications, &item, -1) == RC_OK) {
		struct publication publication = *(struct publication *)item;
		free(item);
		if (publication.is_preview)
			publish_preview(transcoder, publication.task);
		else
			publish_whole(transcoder, publication.task);
	}
	return NULL;
}
