// Invalidations at a stand-in that answers as CloudFront was recorded to: what is sent, what is tried again, and when
// it is given up.
#include "ingest/invalidate.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include "base/clock.h"
#include "base/crypto.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "http/client.h"
#include "tests/unit/rude_server.h"

#define KEY "0193a5e0-7c1b-7abc-8def-0123456789ab/1/w640.jpg"

static const char ACCEPTED[] = "HTTP/1.1 201 Created\r\nContent-Type: text/xml\r\n";
static const char ACCEPTED_BODY[] =
        "<?xml version=\"1.0\"?>\n<Invalidation xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">"
        "<Id>I2J0I21PCUYOIK</Id><Status>InProgress</Status></Invalidation>";
static const char THROTTLED[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/xml\r\n";
static const char THROTTLED_BODY[] =
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Error>"
        "<Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
static const char DENIED[] = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/xml\r\n";
static const char DENIED_BODY[] =
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Error>"
        "<Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";

static enum rc invalidate(const struct answer *answers, size_t count, unsigned *ret_requests, int64_t *ret_failed)
{
	struct rude_server *server = start_server(answers, count);
	char endpoint[64];
	struct settings *settings = NULL;
	struct http_client *client = NULL;
	struct invalidator *invalidator = NULL;
	struct metrics *metrics = metrics_new();
	struct err err = { 0 };
	(void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server->port);
	assert_int_equal(setenv("SAFELIGHT_CDN_CLOUDFRONT_ENDPOINT", endpoint, 1), 0);
	assert_int_equal(settings_load(NULL, &settings, NULL), RC_OK);
	assert_int_equal(http_client_new(&(struct http_client_config){ .user_agent = "test" }, &client, NULL), RC_OK);
	assert_int_equal(invalidator_new(settings, client, metrics, &invalidator, &err), RC_OK);
	assert_non_null(invalidator);
	const char *const keys[] = { KEY };
	enum rc rc = invalidate_keys(invalidator, keys, 1, deadline_after_ms(20000), &err);
	assert_true(rc == RC_OK || strstr(err.text, "CloudFront") == err.text);
	*ret_requests = atomic_load(&server->requests);
	*ret_failed = metric_value(
	        metrics_add(metrics, METRIC_COUNTER, "safelight_cdn_invalidations_total", "", "result=\"failed\""));
	invalidator_free(invalidator);
	http_client_free(client);
	metrics_free(metrics);
	settings_free(settings);
	stop_server(server);
	return rc;
}

static void accepted(void **state)
{
	(void)state;
	static const struct answer answers[] = { { ACCEPTED, ACCEPTED_BODY, END_CLOSE, false } };
	unsigned requests;
	int64_t failed;
	assert_int_equal(invalidate(answers, 1, &requests, &failed), RC_OK);
	assert_int_equal(requests, 1);
}

static void what_passes_is_tried_again(void **state)
{
	(void)state;
	static const struct answer answers[] = { { THROTTLED, THROTTLED_BODY, END_CLOSE, false },
		                                 { "HTTP/1.1 503 x\r\n", "", END_CLOSE, false },
		                                 { ACCEPTED, ACCEPTED_BODY, END_CLOSE, false } };
	unsigned requests;
	int64_t failed;
	assert_int_equal(invalidate(answers, 3, &requests, &failed), RC_OK);
	assert_int_equal(requests, 3);
}

static void and_given_up(void **state)
{
	(void)state;
	static const struct answer busy[] = { { THROTTLED, THROTTLED_BODY, END_CLOSE, false } };
	static const struct answer denied[] = { { DENIED, DENIED_BODY, END_CLOSE, false } };
	unsigned requests;
	int64_t failed;
	assert_int_equal(invalidate(busy, 1, &requests, &failed), RC_BUSY);
	assert_int_equal(requests, 3);
	assert_int_equal(invalidate(denied, 1, &requests, &failed), RC_DENIED);
	assert_int_equal(requests, 1);
}

static void nothing_is_sent_without_a_distribution(void **state)
{
	(void)state;
	struct settings *settings = NULL;
	struct invalidator *invalidator = NULL;
	struct err err = { 0 };
	const char *const keys[] = { KEY };
	assert_int_equal(setenv("SAFELIGHT_CDN_CLOUDFRONT_DISTRIBUTION", "", 1), 0);
	assert_int_equal(settings_load(NULL, &settings, NULL), RC_OK);
	assert_int_equal(invalidator_new(settings, NULL, NULL, &invalidator, &err), RC_OK);
	assert_null(invalidator);
	assert_int_equal(invalidate_keys(invalidator, keys, 1, deadline_after_ms(1), &err), RC_OK);
	settings_free(settings);
	// A distribution without its keys is a mistake that is named.
	assert_int_equal(setenv("SAFELIGHT_CDN_CLOUDFRONT_DISTRIBUTION", "EDFDVBD6EXAMPLE", 1), 0);
	assert_int_equal(setenv("SAFELIGHT_CDN_CLOUDFRONT_ACCESS_KEY", "", 1), 0);
	assert_int_equal(settings_load(NULL, &settings, NULL), RC_OK);
	assert_int_equal(invalidator_new(settings, NULL, NULL, &invalidator, &err), RC_INVALID);
	assert_non_null(strstr(err.text, "cloudfront_access_key"));
	settings_free(settings);
}

static int setup(void **state)
{
	(void)state;
	(void)setenv("SAFELIGHT_CDN_CLOUDFRONT_DISTRIBUTION", "EDFDVBD6EXAMPLE", 1);
	(void)setenv("SAFELIGHT_CDN_CLOUDFRONT_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE", 1);
	(void)setenv("SAFELIGHT_CDN_CLOUDFRONT_SECRET_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 1);
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(what_passes_is_tried_again),
		cmocka_unit_test(and_given_up),
		cmocka_unit_test(nothing_is_sent_without_a_distribution),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
