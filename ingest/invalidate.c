// One POST to CloudFront, signed.
#include "ingest/invalidate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/metrics.h"
#include "base/retry.h"
#include "base/settings.h"
#include "http/client.h"
#include "store/cloudfront.h"

#define REPLY_BYTES (256 * 1024) // it repeats every path
#define ATTEMPT_MS 5000
#define HOUR_US (3600 * INT64_C(1000000))

static const struct retry_policy ATTEMPTS = { .attempts = 3, .base_ms = 200, .cap_ms = 1000 };

struct invalidator {
	const struct settings *settings;
	struct http_client *client;
	struct sigv4_signer signer;
	struct metric *accepted;
	struct metric *failed;
};

enum rc invalidator_new(const struct settings *settings, struct http_client *client, struct metrics *metrics,
                        struct invalidator **ret_invalidator, struct err *err)
{
	static const char NAME[] = "safelight_cdn_invalidations_total";
	static const char HELP[] = "Invalidations sent to CloudFront.";
	if (settings->cdn_cloudfront_distribution[0] == '\0') {
		*ret_invalidator = NULL;
		return RC_OK;
	}
	if (settings->cdn_cloudfront_access_key[0] == '\0' || settings->cdn_cloudfront_secret_key[0] == '\0')
		return err_set(err, RC_INVALID,
		               "[cdn] cloudfront_distribution needs cloudfront_access_key and "
		               "cloudfront_secret_key_file");
	struct invalidator *invalidator = calloc(1, sizeof *invalidator);
	if (invalidator == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory");
	enum rc rc = sigv4_signer_init(&invalidator->signer, settings->cdn_cloudfront_access_key,
	                               settings->cdn_cloudfront_secret_key, NULL, CLOUDFRONT_REGION, CLOUDFRONT_SERVICE,
	                               err);
	if (rc != RC_OK) {
		free(invalidator);
		return err_prefix(err, rc, "[cdn] cloudfront keys");
	}
	invalidator->settings = settings;
	invalidator->client = client;
	invalidator->accepted = metrics_add(metrics, METRIC_COUNTER, NAME, HELP, "result=\"accepted\"");
	invalidator->failed = metrics_add(metrics, METRIC_COUNTER, NAME, HELP, "result=\"failed\"");
	*ret_invalidator = invalidator;
	return RC_OK;
}

void invalidator_free(struct invalidator *invalidator)
{
	if (invalidator == NULL)
		return;
	sigv4_signer_done(&invalidator->signer);
	free(invalidator);
}

// The same for the same keys within an hour, so that an answer that was lost costs no second invalidation.
static void make_reference(const char *const *keys, size_t count, char ret_reference[SHA256_TEXT_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	struct buffer text;
	buffer_init(&text, CLOUDFRONT_KEYS_MAX * 256);
	buffer_append_format(&text, "%lld", (long long)(clock_now_us() / HOUR_US));
	for (size_t i = 0; i < count; i++)
		buffer_append_format(&text, "\n%s", keys[i]);
	sha256_of(buffer_text(&text), text.length, digest);
	encode_hex(digest, sizeof digest, ret_reference);
	buffer_done(&text);
}

static const char HOST[] = "Host: " CLOUDFRONT_HOST;

static enum rc send_request(struct invalidator *invalidator, const struct cloudfront_request *request,
                            struct deadline deadline, struct err *err)
{
	char url[512], date[64], payload[128], authorization[SIGV4_AUTHORIZATION_SIZE + 32], id[CLOUDFRONT_ID_SIZE];
	// The Host is signed, whatever stands behind cloudfront_endpoint.
	const char *const headers[] = { HOST, "Content-Type: text/xml", date, payload, authorization, NULL };
	int64_t left_ms = deadline_left_ms(deadline) + 1;
	(void)snprintf(url, sizeof url, "%s%s", invalidator->settings->cdn_cloudfront_endpoint, request->target);
	(void)snprintf(date, sizeof date, "X-Amz-Date: %s", request->date);
	(void)snprintf(payload, sizeof payload, "X-Amz-Content-Sha256: %s", request->payload);
	(void)snprintf(authorization, sizeof authorization, "Authorization: %s", request->authorization);
	const struct http_call call = { .method = "POST",
		                        .url = url,
		                        .headers = headers,
		                        .body = buffer_text(&request->body),
		                        .body_length = request->body.length,
		                        .timeout_ms = left_ms < ATTEMPT_MS ? left_ms : ATTEMPT_MS,
		                        .response_limit = REPLY_BYTES };
	struct http_reply reply = { 0 };
	enum rc rc = http_client_call(invalidator->client, &call, &reply, err);
	if (rc != RC_OK)
		return rc;
	rc = cloudfront_invalidation_read(reply.status, buffer_text(&reply.body), reply.body.length, id, err);
	http_reply_done(&reply);
	return rc;
}

static enum rc try_once(struct invalidator *invalidator, const struct cloudfront_invalidation *invalidation,
                        struct deadline deadline, struct err *err)
{
	char time[SIGV4_TIME_SIZE];
	struct cloudfront_request request;
	clock_format_basic(clock_now_us(), time);
	enum rc rc = cloudfront_invalidation_build(invalidation, sigv4_signer_key(&invalidator->signer, time), time,
	                                           &request, err);
	if (rc != RC_OK)
		return rc;
	rc = send_request(invalidator, &request, deadline, err);
	cloudfront_request_done(&request);
	return rc;
}

enum rc invalidate_keys(struct invalidator *invalidator, const char *const *keys, size_t count,
                        struct deadline deadline, struct err *err)
{
	char reference[SHA256_TEXT_SIZE];
	enum rc rc = RC_OK;
	if (invalidator == NULL || count == 0)
		return RC_OK;
	make_reference(keys, count, reference);
	const struct cloudfront_invalidation invalidation = {
		.distribution_id = invalidator->settings->cdn_cloudfront_distribution,
		.reference = reference,
		.keys = keys,
		.key_count = count,
	};
	for (unsigned attempt = 1; attempt <= ATTEMPTS.attempts; attempt++) {
		rc = try_once(invalidator, &invalidation, deadline, err);
		int64_t pause_ms = retry_delay_ms(&ATTEMPTS, attempt);
		if ((!rc_is_transient(rc) && rc != RC_UNKNOWN) || attempt == ATTEMPTS.attempts ||
		    deadline_left_ms(deadline) <= pause_ms)
			break;
		clock_sleep_ms(pause_ms);
	}
	metric_add(rc == RC_OK ? invalidator->accepted : invalidator->failed, 1);
	return rc == RC_OK ? RC_OK : err_prefix(err, rc, "CloudFront");
}
