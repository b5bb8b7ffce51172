// Dealing out and posting.
#include "metadata-api/webhook_sender.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "base/work_pool.h"
#include "db/result.h"
#include "http/client.h"
#include "http/trace.h"
#include "metadata-api/api.h"
#include "metadata-api/webhook_queue.h"
#include "metadata-api/webhook_secret.h"

#define PAUSE_MS 500
#define ANSWER_BYTES (64 * 1024)
// How long an endpoint may ask to be left alone.
#define RETRY_AFTER_MAX_SECONDS 3600
#define ENDPOINT_PAUSE_MS 5000
#define ENDPOINT_PAUSE_MAX_MS (5 * 60 * 1000)

// After the n-th failure of a delivery; behind the last there is no other try.
static const int64_t SCHEDULE_SECONDS[] = { 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400 };
#define SCHEDULE_COUNT (sizeof SCHEDULE_SECONDS / sizeof SCHEDULE_SECONDS[0])

struct webhook_sender {
	struct api *api;
	struct http_client *client;
	struct work_pool *threads;
	struct background *dealer;
	size_t limit;         // posts at once
	size_t failing_limit; // of them, to endpoints that failed last time
	atomic_size_t at_work;
	atomic_size_t failing_at_work;
	atomic_size_t alive; // posts that may still wake the dealer
	atomic_bool stops;
	struct metric *sent;
	struct metric *failed;
	struct metric *seconds;
};

// One post.
struct post {
	struct webhook_sender *sender;
	struct webhook_claim claim; // its texts are the post's own
	char *url;
	char *payload;
	char cause[TRACE_PARENT_SIZE]; // of the call that caused the event; "" when it is not known
	char span[TRACE_PARENT_SIZE];  // of this post; the endpoint is told it
	uint8_t secrets[2][WEBHOOK_SEALED_BYTES];
	size_t secret_count;
};

// ---- posting --------------------------------------------------------------------------------------------------------

// "v1,… v1,…". False when no secret can be read.
static bool sign(const struct post *post, const char *id, int64_t timestamp, char *ret_text, size_t size)
{
	size_t length = 0;
	ret_text[0] = '\0';
	for (size_t i = 0; i < post->secret_count; i++) {
		uint8_t key[WEBHOOK_KEY_BYTES];
		char signature[WEBHOOK_SIGNATURE_SIZE];
		if (secret_box_open(&post->sender->api->webhook_box, post->secrets[i], WEBHOOK_SEALED_BYTES, key,
		                    NULL) != RC_OK)
			continue;
		webhook_sign(key, sizeof key, id, timestamp, post->payload, signature);
		crypto_wipe(key, sizeof key);
		length += (size_t)snprintf(ret_text + length, size - length, "%s%s", length == 0 ? "" : " ", signature);
	}
	return length > 0;
}

static enum rc call(const struct post *post, struct http_reply *ret_reply, struct err *err)
{
	char uuid[UUID_TEXT_SIZE], id[50], id_line[80], time_line[60], signature[120], signature_line[160],
	        trace_line[TRACE_PARENT_SIZE + 16];
	int64_t timestamp = clock_now_us() / 1000000;
	uuid_format(&post->claim.delivery_id, uuid);
	(void)snprintf(id, sizeof id, "msg_%s", uuid);
	if (!sign(post, id, timestamp, signature, sizeof signature))
		return err_set(err, RC_CORRUPT, "its secret cannot be read: was webhook.key replaced?");
	(void)snprintf(id_line, sizeof id_line, "webhook-id: %s", id);
	(void)snprintf(time_line, sizeof time_line, "webhook-timestamp: %" PRId64, timestamp);
	(void)snprintf(signature_line, sizeof signature_line, "webhook-signature: %s", signature);
	(void)snprintf(trace_line, sizeof trace_line, "traceparent: %s", post->span);
	const char *const headers[] = {
		"Content-Type: application/json", id_line, time_line, signature_line, trace_line, NULL
	};
	const struct http_call one = { .method = "POST",
		                       .url = post->url,
		                       .headers = headers,
		                       .body = post->payload,
		                       .body_length = strlen(post->payload),
		                       .timeout_ms = post->sender->api->settings->webhook_timeout_ms,
		                       .response_limit = ANSWER_BYTES,
		                       .want_header = "Retry-After" };
	return http_client_call(post->sender->client, &one, ret_reply, err);
}

// Between three quarters and all of it, so that those that failed together do not come back together.
static int64_t jitter(int64_t milliseconds)
{
	return milliseconds - (int64_t)random_below((uint32_t)(milliseconds / 4) + 1);
}

static int64_t retry_ms(unsigned attempts)
{
	return attempts < SCHEDULE_COUNT ? jitter(SCHEDULE_SECONDS[attempts] * 1000) : -1;
}

// How long an endpoint that did not answer, or asked for it, is left alone. Dates are taken for "a while".
static int64_t endpoint_pause_ms(const struct post *post, const char *retry_after)
{
	int64_t pause = ENDPOINT_PAUSE_MS;
	long seconds = strtol(retry_after, NULL, 10);
	for (unsigned i = 0; i < post->claim.failures && pause < ENDPOINT_PAUSE_MAX_MS; i++)
		pause *= 2;
	pause = jitter(pause < ENDPOINT_PAUSE_MAX_MS ? pause : ENDPOINT_PAUSE_MAX_MS);
	if (seconds > RETRY_AFTER_MAX_SECONDS)
		seconds = RETRY_AFTER_MAX_SECONDS;
	return seconds * 1000 > pause ? seconds * 1000 : pause;
}

static void judge(const struct post *post, enum rc rc, const struct http_reply *reply, struct webhook_report *report)
{
	bool is_throttled = reply->status == 429 || reply->status == 502 || reply->status == 504;
	report->status = reply->status;
	report->retry_ms = retry_ms(post->claim.attempts);
	report->outcome = WEBHOOK_FAILED;
	if (rc != RC_OK || is_throttled)
		report->pause_ms = endpoint_pause_ms(post, rc == RC_OK ? reply->header : "");
	else if (reply->status == 410)
		report->outcome = WEBHOOK_GONE;
	else if (reply->status >= 200 && reply->status < 300)
		report->outcome = WEBHOOK_SENT;
	if (report->retry_ms >= 0 && report->retry_ms < report->pause_ms)
		report->retry_ms = report->pause_ms;
}

// What its owner may read: libcurl's own words, without addresses.
static const char *error_text(enum rc rc, const struct http_reply *reply, const struct err *err, char *text,
                              size_t size)
{
	if (rc == RC_DENIED)
		return "the URL leads to an address that is not public";
	if (rc == RC_LIMIT)
		return "the answer is too long";
	if (rc != RC_OK)
		return err->text;
	if (reply->status >= 200 && reply->status < 300)
		return NULL;
	(void)snprintf(text, size,
	               reply->status >= 300 && reply->status < 400 ? "status %u: redirects are not followed"
	                                                           : "status %u",
	               reply->status);
	return text;
}

static void record_span(const struct post *post, const struct webhook_report *report, int64_t took_us)
{
	int64_t now_us = clock_now_us();
	trace_record(post->sender->api->trace,
	             &(struct trace_span){ .name = "POST webhook",
	                                   .traceparent = post->span,
	                                   .parent = post->cause,
	                                   .kind = TRACE_CLIENT,
	                                   .started_us = now_us - took_us,
	                                   .ended_us = now_us,
	                                   .failed = report->outcome != WEBHOOK_SENT,
	                                   .failure = report->error,
	                                   .attributes = { { "http.response.status_code", NULL, report->status },
	                                                   { "safelight.attempt", NULL, post->claim.attempts + 1 } } });
}

static void run_post(struct post *post)
{
	struct webhook_sender *sender = post->sender;
	struct err err = { 0 };
	struct http_reply reply = { .status = 0 };
	char text[60];
	struct webhook_report report = { .webhook_id = post->claim.webhook_id,
		                         .lease = post->claim.lease,
		                         .delivery_id = post->claim.delivery_id };
	int64_t begun_us = clock_monotonic_us();
	enum rc rc = call(post, &reply, &err);
	int64_t took_us = clock_monotonic_us() - begun_us;
	if (rc != RC_OK && atomic_load(&sender->stops))
		return;
	judge(post, rc, &reply, &report);
	report.error = error_text(rc, &reply, &err, text, sizeof text);
	report.took_ms = took_us / 1000;
	metric_add(report.outcome == WEBHOOK_SENT ? sender->sent : sender->failed, 1);
	metric_observe_us(sender->seconds, took_us);
	record_span(post, &report, took_us);
	if (webhook_queue_report(sender->api, &report, &err) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "webhook_not_reported", &err);
	if (rc == RC_OK)
		http_reply_done(&reply);
}

static void post_free(struct post *post)
{
	free(post->url);
	free(post->payload);
	free(post);
}

static void work(void *argument)
{
	struct post *post = argument;
	struct webhook_sender *sender = post->sender;
	bool was_failing = post->claim.failures > 0;
	if (!atomic_load(&sender->stops))
		run_post(post);
	post_free(post);
	if (was_failing)
		atomic_fetch_sub(&sender->failing_at_work, 1);
	atomic_fetch_sub(&sender->at_work, 1);
	if (!atomic_load(&sender->stops))
		background_wake(sender->dealer);
	atomic_fetch_sub(&sender->alive, 1);
}

// ---- dealing out ----------------------------------------------------------------------------------------------------

static struct post *post_new(struct webhook_sender *sender, const struct webhook_claim *claim)
{
	struct post *post = calloc(1, sizeof *post);
	if (post == NULL)
		return NULL;
	post->sender = sender;
	post->claim = *claim;
	post->url = strdup(claim->url);
	post->payload = strdup(claim->payload);
	if (claim->traceparent != NULL)
		(void)snprintf(post->cause, sizeof post->cause, "%s", claim->traceparent);
	trace_new_span(post->cause, post->span);
	if (claim->secret_length == WEBHOOK_SEALED_BYTES)
		memcpy(post->secrets[post->secret_count++], claim->secret, WEBHOOK_SEALED_BYTES);
	if (claim->previous_secret_length == WEBHOOK_SEALED_BYTES)
		memcpy(post->secrets[post->secret_count++], claim->previous_secret, WEBHOOK_SEALED_BYTES);
	if (post->url == NULL || post->payload == NULL) {
		post_free(post);
		return NULL;
	}
	return post;
}

// What cannot be begun for lack of memory waits for its lease to end.
static void begin(struct webhook_sender *sender, const struct webhook_claim *claim)
{
	struct post *post = post_new(sender, claim);
	if (post == NULL)
		return;
	atomic_fetch_add(&sender->alive, 1);
	atomic_fetch_add(&sender->at_work, 1);
	if (claim->failures > 0)
		atomic_fetch_add(&sender->failing_at_work, 1);
	if (work_pool_submit(sender->threads, work, post) == RC_OK)
		return;
	if (claim->failures > 0)
		atomic_fetch_sub(&sender->failing_at_work, 1);
	atomic_fetch_sub(&sender->at_work, 1);
	atomic_fetch_sub(&sender->alive, 1);
	post_free(post);
}

// How many were begun.
static size_t deal(struct webhook_sender *sender, bool is_failing)
{
	struct err err = { 0 };
	struct db_result *result = NULL;
	size_t free_threads = sender->limit - atomic_load(&sender->at_work);
	size_t failing = atomic_load(&sender->failing_at_work);
	if (is_failing && failing + free_threads > sender->failing_limit)
		free_threads = failing < sender->failing_limit ? sender->failing_limit - failing : 0;
	if (free_threads == 0)
		return 0;
	if (webhook_queue_claim(sender->api, free_threads, is_failing, &result, &err) != RC_OK) {
		LOG_FAILURE(LOG_WARNING, "webhooks_not_claimed", &err);
		return 0;
	}
	size_t count = db_result_rows(result);
	for (size_t row = 0; row < count; row++) {
		struct webhook_claim claim;
		webhook_queue_read(result, row, &claim);
		begin(sender, &claim);
	}
	db_result_free(result);
	return count;
}

static bool deal_all(void *context)
{
	struct webhook_sender *sender = context;
	if (!atomic_load(&sender->stops)) {
		(void)deal(sender, false);
		(void)deal(sender, true);
	}
	return false; // a post that ends wakes us
}

// ---- life -----------------------------------------------------------------------------------------------------------

static enum rc start(struct webhook_sender *sender, struct err *err)
{
	struct api *api = sender->api;
	const struct http_client_config config = { .connections = (unsigned)sender->limit,
		                                   .connect_ms = api->settings->webhook_timeout_ms / 3,
		                                   .public_only = true,
		                                   .allowed_networks = api->settings->webhook_private_networks,
		                                   .user_agent = "safelight-webhooks/1" };
	sender->sent = metrics_add(api->metrics, METRIC_COUNTER, "safelight_webhook_posts_total",
	                           "Posts to webhooks by outcome.", "outcome=\"sent\"");
	sender->failed = metrics_add(api->metrics, METRIC_COUNTER, "safelight_webhook_posts_total",
	                             "Posts to webhooks by outcome.", "outcome=\"failed\"");
	sender->seconds = metrics_add(api->metrics, METRIC_HISTOGRAM, "safelight_webhook_seconds",
	                              "Time that an endpoint took.", NULL);
	enum rc rc = http_client_new(&config, &sender->client, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "[webhook] private_networks");
	sender->threads = work_pool_new("webhooks", (unsigned)sender->limit, sender->limit, err);
	if (sender->threads == NULL)
		return RC_UNAVAILABLE;
	return background_new("webhook-dealer", PAUSE_MS, deal_all, sender, &sender->dealer, err);
}

enum rc webhook_sender_new(struct api *api, struct webhook_sender **ret_sender, struct err *err)
{
	struct webhook_sender *sender = calloc(1, sizeof *sender);
	if (sender == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for webhooks");
	sender->api = api;
	sender->limit = (size_t)api->settings->webhook_threads;
	sender->failing_limit = (sender->limit + 3) / 4;
	enum rc rc = start(sender, err);
	if (rc != RC_OK) {
		webhook_sender_free(sender);
		return rc;
	}
	*ret_sender = sender;
	return RC_OK;
}

void webhook_sender_wake(struct webhook_sender *sender)
{
	if (sender != NULL)
		background_wake(sender->dealer);
}

void webhook_sender_free(struct webhook_sender *sender)
{
	if (sender == NULL)
		return;
	atomic_store(&sender->stops, true);
	if (sender->client != NULL)
		http_client_abort(sender->client);
	while (atomic_load(&sender->alive) > 0)
		clock_sleep_ms(5);
	background_free(sender->dealer); // what it begins from here on does nothing, and wakes nobody
	work_pool_free(sender->threads);
	http_client_free(sender->client);
	free(sender);
}
