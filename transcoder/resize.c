// Who asks for variants on demand, and what they are answered.
#include "transcoder/resize.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/settings.h"
#include "http/request.h"
#include "http/respond.h"
#include "http/route.h"
#include "media/preset_set.h"
#include "transcoder/pool.h"
#include "transcoder/resize_priv.h"
#include "transcoder/transcoder.h"

struct resizes {
	pthread_mutex_t lock;
	struct resize *first; // under way
	struct pool *pool;
	uint8_t token_digest[SHA256_SIZE];
	struct metric *joined;
	struct metric *refused;
};

enum rc resizes_new(struct transcoder *transcoder, struct resizes **ret_resizes, struct err *err)
{
	const char *token = transcoder->settings->transcoder_resize_token;
	if (token[0] == '\0')
		return err_set(err, RC_INVALID, "[pool.resize] needs [transcoder] resize_token_file");
	struct resizes *resizes = calloc(1, sizeof *resizes);
	if (resizes == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	(void)pthread_mutex_init(&resizes->lock, NULL);
	sha256_of(token, strlen(token), resizes->token_digest);
	for (size_t i = 0; i < transcoder->pool_count; i++)
		if (strcmp(transcoder->pools[i]->name, PRESET_POOL_RESIZE) == 0)
			resizes->pool = transcoder->pools[i];
	resizes->joined = metrics_add(transcoder->metrics, METRIC_COUNTER, "safelight_resize_joined_total",
	                              "Askers for a variant on demand that was being made already.", NULL);
	resizes->refused = metrics_add(transcoder->metrics, METRIC_COUNTER, "safelight_resize_refused_total",
	                               "Askers for a variant on demand turned away: too many at once.", NULL);
	*ret_resizes = resizes;
	return RC_OK;
}

void resizes_free(struct resizes *resizes)
{
	if (resizes == NULL)
		return;
	(void)pthread_mutex_destroy(&resizes->lock);
	crypto_wipe(resizes->token_digest, sizeof resizes->token_digest);
	free(resizes);
}

// Digests are compared, so neither the token's length nor its bytes show in the time taken.
static bool is_authorized(const struct resizes *resizes, const struct http_request *request)
{
	static const char SCHEME[] = "Bearer ";
	const char *header = http_request_header(request, "Authorization");
	uint8_t digest[SHA256_SIZE];
	if (header == NULL || strncasecmp(header, SCHEME, sizeof SCHEME - 1) != 0)
		return false;
	sha256_of(header + sizeof SCHEME - 1, strlen(header) - (sizeof SCHEME - 1), digest);
	return crypto_equal(digest, resizes->token_digest, sizeof digest);
}

// What the path names; false unless some preset makes such a variant on demand. No work was done for it until here.
static bool read_wanted(const struct transcoder *transcoder, const struct http_request *request,
                        struct resize *ret_resize)
{
	struct resize resize = { .count = 0 };
	int length = snprintf(resize.key, sizeof resize.key, "%s/%s/%s", http_request_parameter(request, "media"),
	                      http_request_parameter(request, "generation"), http_request_parameter(request, "file"));
	if (length < 0 || (size_t)length >= sizeof resize.key ||
	    !object_key_parse_variant(resize.key, (size_t)length, &resize.parts))
		return false;
	*ret_resize = resize;
	return preset_set_has_on_demand(transcoder->presets, resize.parts.variant, resize.parts.format);
}

static void answer_later(struct http_request *request)
{
	http_respond_retry_after(request, 1);
	http_respond_problem(request, 503, "busy", "This size cannot be made just now. Try again shortly.");
}

static void answer_missing(struct http_request *request)
{
	http_respond_problem(request, 404, "not-found", "There is no such variant on demand.");
}

static struct resize *find(const struct resizes *resizes, const char *key)
{
	struct resize *resize = resizes->first;
	while (resize != NULL && strcmp(resize->key, key) != 0)
		resize = resize->next;
	return resize;
}

static void unlink_resize(struct resizes *resizes, const struct resize *resize)
{
	struct resize **at = &resizes->first;
	while (*at != NULL && *at != resize)
		at = &(*at)->next;
	if (*at != NULL)
		*at = resize->next;
}

// A new resize on its way to a worker; false when there is no room for it. The lock is held.
static bool begin(struct transcoder *transcoder, const struct resize *wanted, struct http_request *request)
{
	struct resizes *resizes = transcoder->resizes;
	struct resize *resize = malloc(sizeof *resize);
	if (resize == NULL)
		return false;
	*resize = *wanted;
	resize->deadline = deadline_after_ms(transcoder->settings->transcoder_resize_ms);
	resize->waiting[resize->count++] = request;
	const struct job_claim none = { .media_id = wanted->parts.media_id };
	struct task *task = task_new(&transcoder->tasks, resizes->pool, NULL, &none, http_request_traceparent(request));
	if (task != NULL) {
		task->resize = resize;
		resize->next = resizes->first;
		resizes->first = resize;
		if (queue_push(resizes->pool->inputs, task, 0) == RC_OK)
			return true;
		unlink_resize(resizes, resize);
		task_free(&transcoder->tasks, task);
	}
	free(resize);
	return false;
}

static bool join(struct transcoder *transcoder, const struct resize *wanted, struct http_request *request)
{
	struct resizes *resizes = transcoder->resizes;
	bool is_taken = false;
	(void)pthread_mutex_lock(&resizes->lock);
	struct resize *resize = find(resizes, wanted->key);
	if (resize == NULL) {
		is_taken = begin(transcoder, wanted, request);
	} else if (resize->count < RESIZE_WAITING_MOST) {
		resize->waiting[resize->count++] = request;
		metric_add(resizes->joined, 1);
		is_taken = true;
	}
	(void)pthread_mutex_unlock(&resizes->lock);
	return is_taken;
}

static void handle(struct http_request *request)
{
	struct transcoder *transcoder = http_request_context(request);
	struct resizes *resizes = transcoder->resizes;
	struct resize wanted;
	if (resizes == NULL) {
		answer_missing(request);
	} else if (!is_authorized(resizes, request)) {
		http_respond_problem(request, 401, "unauthorized", "Send the resize token as a bearer token.");
	} else if (!read_wanted(transcoder, request, &wanted)) {
		answer_missing(request);
	} else {
		// From the moment it is in the list another thread may answer it.
		http_request_defer(request);
		if (!atomic_load(&transcoder->stopping) && !pool_read_live(resizes->pool).paused &&
		    join(transcoder, &wanted, request))
			return;
		metric_add(resizes->refused, 1);
		answer_later(request);
	}
}

const struct route route_resize = {
	.method = "GET",
	.path = "/resize/{media}/{generation}/{file}",
	.auth = ROUTE_PUBLIC, // the handler compares the token
	.run = ROUTE_EVENT,
	.handle = handle,
	.summary = "A variant made on demand, for the edge.",
};

// Out of the list, so that nobody joins any more, and the task freed. The caller answers who waits, and frees it.
static struct resize *end(struct transcoder *transcoder, struct task *task)
{
	struct resize *resize = task->resize;
	(void)pthread_mutex_lock(&transcoder->resizes->lock);
	unlink_resize(transcoder->resizes, resize);
	(void)pthread_mutex_unlock(&transcoder->resizes->lock);
	task_free(&transcoder->tasks, task);
	return resize;
}

void resize_end_later(struct transcoder *transcoder, struct task *task)
{
	struct resize *resize = end(transcoder, task);
	for (size_t i = 0; i < resize->count; i++)
		answer_later(resize->waiting[i]);
	free(resize);
}

void resize_end_missing(struct transcoder *transcoder, struct task *task)
{
	struct resize *resize = end(transcoder, task);
	for (size_t i = 0; i < resize->count; i++)
		answer_missing(resize->waiting[i]);
	free(resize);
}

void resize_end_failed(struct transcoder *transcoder, struct task *task, enum media_reason reason, const char *detail)
{
	metric_add(task->pool->metrics.failed, 1);
	LOG_EVENT(LOG_WARNING, "resize_failed", LOG_TEXT("key", task->resize->key),
	          LOG_TEXT("reason", media_reason_name(reason)), LOG_TEXT("detail", detail == NULL ? "" : detail));
	if (media_reason_is_retryable(reason)) {
		resize_end_later(transcoder, task);
		return;
	}
	metric_add(task->pool->metrics.ended, 1);
	struct resize *resize = end(transcoder, task);
	for (size_t i = 0; i < resize->count; i++)
		http_respond_problem(resize->waiting[i], 422, "cannot-be-made", "%s", media_reason_detail(reason));
	free(resize);
}

static void answer_made(struct http_request *request, enum media_format format, int fd, size_t bytes)
{
	struct buffer out;
	buffer_init(&out, bytes);
	if (buffer_reserve(&out, bytes)) {
		ssize_t got = 1;
		while (out.length < bytes &&
		       (got = pread(fd, out.data + out.length, bytes - out.length, (off_t)out.length)) > 0)
			out.length += (size_t)got;
		out.failed = out.length != bytes;
		out.data[out.length] = '\0';
	}
	http_respond_buffer(request, 200, media_format_info(format)->content_type, &out);
}

void resize_end_made(struct transcoder *transcoder, struct task *task, int fd, size_t bytes)
{
	metric_add(task->pool->metrics.done, 1);
	metric_observe_us(task->pool->metrics.total_seconds, clock_monotonic_us() - task->began_us);
	struct resize *resize = end(transcoder, task);
	for (size_t i = 0; i < resize->count; i++)
		answer_made(resize->waiting[i], resize->parts.format, fd, bytes);
	free(resize);
}
