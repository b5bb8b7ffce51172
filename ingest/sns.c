// Certificates fetched and kept; signatures checked; subscriptions confirmed.
#include "ingest/sns.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"
#include "base/signature.h"
#include "http/client.h"

#define CERTIFICATES 8
#define URL_SIZE 512
#define CERTIFICATE_BYTES (32 * 1024)
#define CALL_MS 5000

struct certificate {
	char url[URL_SIZE]; // "": a free place
	char *text;
	size_t length;
};

struct sns {
	const char *topics;
	const char *origin; // believed instead of Amazon's hosts
	struct http_client *client;
	pthread_mutex_t lock; // guards what follows
	struct certificate certificates[CERTIFICATES];
	size_t next; // the place that is taken next
};

enum rc sns_new(const struct settings *settings, struct sns **ret_sns, struct err *err)
{
	struct sns *sns = calloc(1, sizeof *sns);
	if (sns == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for SNS");
	sns->topics = settings->ingest_sns_topics;
	sns->origin = settings->ingest_sns_origin;
	(void)pthread_mutex_init(&sns->lock, NULL);
	// A message names the URL: nothing of ours must be reachable by it, unless a test's stand-in was configured.
	const struct http_client_config config = { .connections = 2,
		                                   .public_only = sns->origin[0] == '\0',
		                                   .user_agent = "safelight-ingest" };
	enum rc rc = http_client_new(&config, &sns->client, err);
	if (rc != RC_OK) {
		sns_free(sns);
		return rc;
	}
	*ret_sns = sns;
	return RC_OK;
}

void sns_free(struct sns *sns)
{
	if (sns == NULL)
		return;
	for (size_t i = 0; i < CERTIFICATES; i++)
		free(sns->certificates[i].text);
	http_client_free(sns->client);
	(void)pthread_mutex_destroy(&sns->lock);
	free(sns);
}

static enum rc get(struct sns *sns, const char *url, struct deadline deadline, struct http_reply *ret_reply,
                   struct err *err)
{
	int64_t left_ms = deadline_left_ms(deadline);
	const struct http_call call = { .method = "GET",
		                        .url = url,
		                        .timeout_ms = left_ms < CALL_MS ? left_ms + 1 : CALL_MS,
		                        .response_limit = CERTIFICATE_BYTES };
	enum rc rc = http_client_call(sns->client, &call, ret_reply, err);
	if (rc == RC_OK && ret_reply->status != 200) {
		rc = err_set(err, RC_UNAVAILABLE, "SNS answered %u", ret_reply->status);
		http_reply_done(ret_reply);
	}
	return rc;
}

// A copy that the caller frees; NULL: not kept, or no memory.
static char *find_kept(struct sns *sns, const char *url, size_t *ret_length)
{
	char *copy = NULL;
	(void)pthread_mutex_lock(&sns->lock);
	for (size_t i = 0; i < CERTIFICATES && copy == NULL; i++) {
		const struct certificate *certificate = &sns->certificates[i];
		if (strcmp(certificate->url, url) != 0)
			continue;
		copy = strndup(certificate->text, certificate->length);
		*ret_length = certificate->length;
	}
	(void)pthread_mutex_unlock(&sns->lock);
	return copy;
}

static void keep(struct sns *sns, const char *url, const char *text, size_t length)
{
	char *copy = strndup(text, length);
	if (copy == NULL)
		return;
	(void)pthread_mutex_lock(&sns->lock);
	struct certificate *certificate = &sns->certificates[sns->next++ % CERTIFICATES];
	free(certificate->text);
	certificate->text = copy;
	certificate->length = length;
	(void)snprintf(certificate->url, sizeof certificate->url, "%s", url);
	(void)pthread_mutex_unlock(&sns->lock);
}

static enum rc verify(const struct sns_envelope *envelope, const char *certificate, size_t length, struct err *err)
{
	struct buffer signed_text;
	buffer_init(&signed_text, 1024 * 1024);
	sns_envelope_append_signed(envelope, &signed_text);
	enum rc rc = err_set(err, RC_NO_MEMORY, "no memory for a message");
	if (buffer_ok(&signed_text))
		rc = signature_verify(certificate, length, envelope->is_sha256 ? SIGNATURE_SHA256 : SIGNATURE_SHA1,
		                      buffer_text(&signed_text), signed_text.length, envelope->signature,
		                      envelope->signature_length, err);
	buffer_done(&signed_text);
	return rc;
}

// One that verified something is kept.
static enum rc fetch_and_verify(struct sns *sns, const struct sns_envelope *envelope, struct deadline deadline,
                                struct err *err)
{
	struct http_reply reply;
	enum rc rc = get(sns, envelope->certificate_url, deadline, &reply, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "certificate");
	rc = verify(envelope, buffer_text(&reply.body), reply.body.length, err);
	if (rc == RC_OK)
		keep(sns, envelope->certificate_url, buffer_text(&reply.body), reply.body.length);
	http_reply_done(&reply);
	return rc;
}

static enum rc check(struct sns *sns, const struct sns_envelope *envelope, struct deadline deadline, struct err *err)
{
	size_t length = 0;
	if (!sns_topic_is_listed(envelope->topic, sns->topics))
		return err_set(err, RC_DENIED, "the topic is not configured");
	if (strlen(envelope->certificate_url) >= URL_SIZE ||
	    !sns_url_is_trusted(envelope->certificate_url, sns->origin) ||
	    (envelope->kind != SNS_NOTIFICATION && !sns_url_is_trusted(envelope->subscribe_url, sns->origin)))
		return err_set(err, RC_DENIED, "a URL is not Amazon SNS'");
	char *kept = find_kept(sns, envelope->certificate_url, &length);
	if (kept == NULL)
		return fetch_and_verify(sns, envelope, deadline, err);
	enum rc rc = verify(envelope, kept, length, err);
	free(kept);
	return rc;
}

static enum rc confirm(struct sns *sns, const struct sns_envelope *envelope, struct deadline deadline, struct err *err)
{
	struct http_reply reply;
	enum rc rc = get(sns, envelope->subscribe_url, deadline, &reply, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "confirmation");
	http_reply_done(&reply);
	LOG_EVENT(LOG_INFO, "sns_subscribed", LOG_TEXT("topic", envelope->topic));
	return RC_OK;
}

enum rc sns_receive(struct sns *sns, const char *data, size_t length, struct arena *arena, struct deadline deadline,
                    struct sns_envelope *ret_envelope, struct err *err)
{
	struct sns_envelope envelope;
	enum rc rc = sns_envelope_read(data, length, arena, &envelope, err);
	if (rc == RC_OK)
		rc = check(sns, &envelope, deadline, err);
	if (rc == RC_OK && envelope.kind == SNS_SUBSCRIPTION)
		rc = confirm(sns, &envelope, deadline, err);
	if (rc == RC_OK && envelope.kind == SNS_UNSUBSCRIPTION)
		LOG_EVENT(LOG_WARNING, "sns_unsubscribed", LOG_TEXT("topic", envelope.topic));
	if (rc == RC_OK)
		*ret_envelope = envelope;
	return rc;
}
