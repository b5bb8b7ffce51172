// Fetching and keeping a provider's keys.
#include "metadata-api/external_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/background.h"
#include "base/log.h"
#include "base/settings.h"
#include "http/client.h"

#define FETCH_MS 3000
#define SET_BYTES (256 * 1024)

struct external_keys {
	const struct settings *settings;
	struct http_client *client;
	struct background *fetcher;
	pthread_mutex_t fetching; // held by the one that fetches; guards fetched_at_us
	int64_t fetched_at_us;    // monotonic: when a fetch last began; 0: never
	pthread_rwlock_t lock;    // guards jwks
	struct jwks *jwks;        // NULL before the first good fetch
};

// With `fetching` held.
static enum rc fetch(struct external_keys *keys, int64_t timeout_ms, struct err *err)
{
	static const char *const HEADERS[] = { "Accept: application/json", NULL };
	const struct http_call call = { .method = "GET",
		                        .url = keys->settings->auth_jwks_url,
		                        .headers = HEADERS,
		                        .timeout_ms = timeout_ms,
		                        .response_limit = SET_BYTES };
	struct http_reply reply = { .status = 0 };
	struct jwks *jwks = NULL;
	keys->fetched_at_us = clock_monotonic_us();
	enum rc rc = http_client_call(keys->client, &call, &reply, err);
	if (rc != RC_OK)
		return err_prefix(err, rc, "jwks_url");
	if (reply.status != 200)
		rc = err_set(err, RC_UNAVAILABLE, "jwks_url answered %u", reply.status);
	else
		rc = jwks_parse(buffer_text(&reply.body), reply.body.length, &jwks, err);
	http_reply_done(&reply);
	if (rc != RC_OK)
		return rc;
	(void)pthread_rwlock_wrlock(&keys->lock);
	struct jwks *old = keys->jwks;
	keys->jwks = jwks;
	(void)pthread_rwlock_unlock(&keys->lock);
	jwks_free(old);
	return RC_OK;
}

static bool fetch_in_background(void *context)
{
	struct external_keys *keys = context;
	struct err err = { 0 };
	(void)pthread_mutex_lock(&keys->fetching);
	if (fetch(keys, FETCH_MS, &err) != RC_OK)
		LOG_FAILURE(LOG_WARNING, "external_keys_not_fetched", &err);
	(void)pthread_mutex_unlock(&keys->fetching);
	return false;
}

// Fetch because a key is missing, unless that was done a moment ago or is being done. True when there is a new set.
static bool fetch_again(struct external_keys *keys, struct deadline deadline)
{
	struct err err = { 0 };
	int64_t pause_us = keys->settings->auth_jwks_pause_seconds * 1000000;
	int64_t left_ms = deadline_left_ms(deadline);
	if (left_ms == 0 || pthread_mutex_trylock(&keys->fetching) != 0)
		return false;
	bool is_due = keys->fetched_at_us == 0 || clock_monotonic_us() - keys->fetched_at_us >= pause_us;
	bool fetched = is_due && fetch(keys, left_ms < FETCH_MS ? left_ms : FETCH_MS, &err) == RC_OK;
	(void)pthread_mutex_unlock(&keys->fetching);
	if (is_due && !fetched)
		LOG_FAILURE(LOG_WARNING, "external_keys_not_fetched", &err);
	return fetched;
}

static enum rc verify(struct external_keys *keys, const char *token, struct jwks_claims *ret_claims, struct err *err)
{
	const struct settings *settings = keys->settings;
	(void)pthread_rwlock_rdlock(&keys->lock);
	enum rc rc = keys->jwks == NULL
	                     ? err_set(err, RC_UNAVAILABLE, "there is no key set yet")
	                     : jwks_verify(keys->jwks, token, settings->auth_external_issuer,
	                                   settings->auth_external_audience, clock_now_us() / 1000000, ret_claims, err);
	(void)pthread_rwlock_unlock(&keys->lock);
	return rc;
}

enum rc external_keys_verify(struct external_keys *keys, const char *token, struct deadline deadline,
                             struct jwks_claims *ret_claims, struct err *err)
{
	enum rc rc = verify(keys, token, ret_claims, err);
	if ((rc == RC_NOT_FOUND || rc == RC_UNAVAILABLE) && fetch_again(keys, deadline))
		rc = verify(keys, token, ret_claims, err);
	return rc == RC_NOT_FOUND ? err_set(err, RC_DENIED, "external token: its key is unknown") : rc;
}

enum rc external_keys_new(const struct settings *settings, struct external_keys **ret_keys, struct err *err)
{
	if (settings->auth_jwks_url[0] == '\0') {
		*ret_keys = NULL;
		return RC_OK;
	}
	if (settings->auth_external_issuer[0] == '\0' || settings->auth_external_audience[0] == '\0')
		return err_set(err, RC_INVALID, "[auth] jwks_url needs external_issuer and external_audience");
	struct external_keys *keys = calloc(1, sizeof *keys);
	if (keys == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for external keys");
	keys->settings = settings;
	(void)pthread_mutex_init(&keys->fetching, NULL);
	(void)pthread_rwlock_init(&keys->lock, NULL);
	const struct http_client_config config = { .connections = 1 };
	enum rc rc = http_client_new(&config, &keys->client, err);
	if (rc == RC_OK)
		rc = background_new("external-keys", settings->auth_jwks_seconds * 1000, fetch_in_background, keys,
		                    &keys->fetcher, err);
	if (rc != RC_OK) {
		external_keys_free(keys);
		return rc;
	}
	*ret_keys = keys;
	return RC_OK;
}

void external_keys_free(struct external_keys *keys)
{
	if (keys == NULL)
		return;
	background_free(keys->fetcher);
	http_client_free(keys->client);
	jwks_free(keys->jwks);
	(void)pthread_mutex_destroy(&keys->fetching);
	(void)pthread_rwlock_destroy(&keys->lock);
	free(keys);
}
