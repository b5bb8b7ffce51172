// Opening a store, and what all its calls share: checks, attempts with pauses, counting.
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "store/store_driver.h"

static const char *const CALL_NAMES[] = {
	[STORE_CALL_PUT] = "put",
	[STORE_CALL_HEAD] = "head",
	[STORE_CALL_GET] = "get",
	[STORE_CALL_DELETE] = "delete",
	[STORE_CALL_LIST] = "list",
	[STORE_CALL_COPY] = "copy",
	[STORE_CALL_UPLOAD_CREATE] = "upload_create",
	[STORE_CALL_UPLOAD_PUT_PART] = "upload_put_part",
	[STORE_CALL_UPLOAD_LIST_PARTS] = "upload_list_parts",
	[STORE_CALL_UPLOAD_COMPLETE] = "upload_complete",
	[STORE_CALL_UPLOAD_ABORT] = "upload_abort",
	[STORE_CALL_UPLOAD_LIST] = "upload_list",
	[STORE_CALL_ADMIN] = "admin",
};
_Static_assert(sizeof CALL_NAMES / sizeof CALL_NAMES[0] == STORE_CALL_COUNT, "each call has a name");

#define RETRY_CAP_MS 2000

static void register_metrics(struct store *store, struct metrics *metrics)
{
	for (int call = 0; call < STORE_CALL_COUNT; call++) {
		char labels[64];
		(void)snprintf(labels, sizeof labels, "call=\"%s\"", CALL_NAMES[call]);
		store->seconds[call] = metrics_add(metrics, METRIC_HISTOGRAM, "safelight_store_call_seconds",
		                                   "Time of calls to the object store, retries included.", labels);
		store->failures[call] =
		        metrics_add(metrics, METRIC_COUNTER, "safelight_store_failures_total",
		                    "Attempts that the object store refused, broke off or never answered.", labels);
		store->retries[call] = metrics_add(metrics, METRIC_COUNTER, "safelight_store_retries_total",
		                                   "Attempts beyond the first of calls to the object store.", labels);
	}
}

static enum rc open_driver(struct store *store, const struct store_options *options, struct err *err)
{
	if (strcmp(options->driver, "sigv4") == 0) {
		store->driver = &store_sigv4_driver;
		return store_sigv4_open(options, &store->self, err);
	}
	if (strcmp(options->driver, "libs3") == 0) {
		store->driver = &store_libs3_driver;
		return store_libs3_open(options, &store->self, err);
	}
	return err_set(err, RC_INVALID, "there is no store driver \"%.40s\"; use sigv4 or libs3", options->driver);
}

enum rc store_open(const struct store_options *options, struct store **ret_store, struct err *err)
{
	if (options->timeout_ms <= 0)
		return err_set(err, RC_INVALID, "the store's deadline must be positive");
	struct store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for a store");
	store->timeout_ms = options->timeout_ms;
	store->retry = (struct retry_policy){ .attempts = options->attempts > 0 ? options->attempts : 3,
		                              .base_ms = options->retry_base_ms > 0 ? options->retry_base_ms : 100,
		                              .cap_ms = RETRY_CAP_MS };
	enum rc rc = open_driver(store, options, err);
	if (rc != RC_OK) {
		free(store);
		return rc;
	}
	if (options->metrics != NULL)
		register_metrics(store, options->metrics);
	*ret_store = store;
	return RC_OK;
}

enum rc store_open_configured(const struct settings *settings, const char *access_key, const char *secret_key,
                              struct metrics *metrics, struct store **ret_store, struct err *err)
{
	struct store_options options = { .driver = settings->store_driver,
		                         .endpoint = settings->store_endpoint,
		                         .public_endpoint = settings->store_public_endpoint,
		                         .region = settings->store_region,
		                         .access_key = access_key,
		                         .secret_key = secret_key,
		                         .timeout_ms = settings->store_timeout_ms,
		                         .metrics = metrics };
	return store_open(&options, ret_store, err);
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	store->driver->free(store->self);
	free(store);
}

int64_t store_clock_skew_ms(const struct store *store)
{
	return store->driver->clock_skew_ms == NULL ? 0 : store->driver->clock_skew_ms(store->self);
}

// Amazon's rules for buckets (S3 user guide, "Bucket naming rules"), which keep the path of a request unambiguous.
static bool is_bucket_name(const char *bucket)
{
	size_t length = strlen(bucket);
	if (length < 3 || length > 63)
		return false;
	for (size_t i = 0; i < length; i++) {
		char character = bucket[i];
		bool alphanumeric = (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
		bool inside = i > 0 && i + 1 < length;
		if (!alphanumeric && !(inside && (character == '-' || character == '.')))
			return false;
	}
	return strstr(bucket, "..") == NULL;
}

static bool has_control_character(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

enum rc store_check_names(const char *bucket, const char *key, struct err *err)
{
	if (bucket == NULL || !is_bucket_name(bucket))
		return err_set(err, RC_INVALID, "\"%.80s\" is no bucket name", bucket == NULL ? "" : bucket);
	if (key == NULL)
		return RC_OK;
	size_t length = strlen(key);
	if (length == 0 || length > LIMIT_OBJECT_KEY_BYTES)
		return err_set(err, RC_INVALID, "an object key has 1 to %d bytes, not %zu", LIMIT_OBJECT_KEY_BYTES,
		               length);
	if (!utf8_is_valid(key, length) || has_control_character(key))
		return err_set(err, RC_INVALID, "an object key is UTF-8 without control characters");
	return RC_OK;
}

enum rc store_cannot(const struct store *store, const char *what, struct err *err)
{
	return err_set(err, RC_INVALID, "the %s driver of the object store cannot %s", store->driver->name, what);
}

// Answers like "not found" are the store's proper work; these are not.
static bool is_trouble(enum rc rc)
{
	return rc == RC_UNAVAILABLE || rc == RC_TIMEOUT || rc == RC_UNKNOWN || rc == RC_CORRUPT || rc == RC_DENIED;
}

static bool may_repeat(enum rc rc, enum store_repeat repeat)
{
	return rc == RC_UNAVAILABLE || (rc == RC_UNKNOWN && repeat == STORE_REPEAT_ANY);
}

// Drivers' timers and ours do not agree to the millisecond.
static bool is_over(struct deadline deadline)
{
	return deadline_left_ms(deadline) <= 10;
}

// Whoever may repeat the call himself needs not look first: for him an unknown outcome is a plain failure.
static enum rc soften_unknown(enum rc rc, enum store_repeat repeat, struct deadline deadline, struct err *err)
{
	if (rc != RC_UNKNOWN || repeat != STORE_REPEAT_ANY)
		return rc;
	rc = is_over(deadline) ? RC_TIMEOUT : RC_UNAVAILABLE;
	if (err != NULL)
		err->rc = rc;
	return rc;
}

enum rc store_run(struct store *store, enum store_call call, enum store_repeat repeat, int64_t timeout_ms,
                  store_attempt *attempt, void *context, struct err *err)
{
	int64_t begun_us = clock_monotonic_us();
	struct deadline deadline = deadline_after_ms(timeout_ms > 0 ? timeout_ms : store->timeout_ms);
	enum rc rc = RC_OK;
	for (unsigned number = 1;; number++) {
		rc = attempt(store, context, deadline, err);
		if (rc == RC_OK)
			break;
		if (is_trouble(rc))
			metric_add(store->failures[call], 1);
		int64_t pause_ms = retry_delay_ms(&store->retry, number);
		if (!may_repeat(rc, repeat) || number >= store->retry.attempts ||
		    pause_ms >= deadline_left_ms(deadline))
			break;
		clock_sleep_ms(pause_ms);
		metric_add(store->retries[call], 1);
	}
	metric_observe_us(store->seconds[call], clock_monotonic_us() - begun_us);
	return soften_unknown(rc, repeat, deadline, err);
}
