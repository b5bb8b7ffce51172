// SNS' messages: whose are believed, against a stand-in with a certificate of its own.
#include "ingest/sns.c"          // NOLINT(bugprone-suspicious-include): a service's file has no archive to link
#include "ingest/sns_envelope.c" // NOLINT(bugprone-suspicious-include)

#include "tests/unit/sns_stand_in.h"

static struct sns_stand_in stand_in;
static struct settings settings;
static struct sns *sns;

static int setup(void **state)
{
	struct err err = { 0 };
	(void)state;
	sns_stand_in_start(&stand_in);
	settings.ingest_sns_topics = "arn:aws:sns:us-east-1:1:other, " SNS_TOPIC;
	settings.ingest_sns_origin = stand_in.origin;
	return sns_new(&settings, &sns, &err) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	sns_free(sns);
	sns_stand_in_stop(&stand_in);
	return 0;
}

static enum rc receive(const char *text)
{
	struct arena *arena = arena_new(1 << 20);
	struct sns_envelope envelope;
	struct err err = { 0 };
	enum rc rc = sns_receive(sns, text, strlen(text), arena, deadline_after_ms(5000), &envelope, &err);
	arena_free(arena);
	return rc;
}

static enum rc receive_made(struct sns_envelope envelope)
{
	char *text = sns_make_message(&stand_in, envelope);
	enum rc rc = receive(text);
	free(text);
	return rc;
}

static void believes_both_versions(void **state)
{
	(void)state;
	assert_int_equal(receive_made((struct sns_envelope){ .message = "{}" }), RC_OK);
	assert_int_equal(receive_made((struct sns_envelope){ .message = "a\nb", .subject = "S", .is_sha256 = true }),
	                 RC_OK);
	assert_int_equal(stand_in.fetched, 1); // kept
}

static void confirms_subscriptions(void **state)
{
	(void)state;
	int before = stand_in.subscribed;
	assert_int_equal(
	        receive_made((struct sns_envelope){ .kind = SNS_SUBSCRIPTION, .message = "m", .is_sha256 = true }),
	        RC_OK);
	assert_int_equal(stand_in.subscribed, before + 1);
	assert_int_equal(receive_made((struct sns_envelope){ .kind = SNS_UNSUBSCRIPTION, .message = "m" }), RC_OK);
	assert_int_equal(stand_in.subscribed, before + 1);
	// Not to topics of others, and not wherever a message says.
	assert_int_equal(
	        receive_made((struct sns_envelope){ .kind = SNS_SUBSCRIPTION, .message = "m", .topic = "arn:x" }),
	        RC_DENIED);
	assert_int_equal(receive_made((struct sns_envelope){
	                         .kind = SNS_SUBSCRIPTION, .message = "m", .subscribe_url = "https://example.org/" }),
	                 RC_DENIED);
	assert_int_equal(stand_in.subscribed, before + 1);
}

// One character changed anywhere that counts.
static void refuses_forgeries(void **state)
{
	(void)state;
	static const char *const CHANGED[] = { "\"Message\":\"m", "\"Timestamp\":\"2", "\"MessageId\":\"2",
		                               "\"Subject\":\"s", "\"Signature\":\"" };
	for (size_t i = 0; i < sizeof CHANGED / sizeof CHANGED[0]; i++) {
		char *text = sns_make_message(&stand_in, (struct sns_envelope){ .message = "mmm", .subject = "sss" });
		char *at = strstr(text, CHANGED[i]);
		assert_non_null(at);
		at += strlen(CHANGED[i]);
		*at = *at == 'A' ? 'B' : 'A';
		assert_int_equal(receive(text), RC_DENIED);
		free(text);
	}
	// The other hash than the version says.
	char *text = sns_make_message(&stand_in, (struct sns_envelope){ .message = "mmm", .is_sha256 = true });
	*(strstr(text, "\"SignatureVersion\":\"2") + strlen("\"SignatureVersion\":\"")) = '1';
	assert_int_equal(receive(text), RC_DENIED);
	free(text);
}

static void refuses_certificates_of_others(void **state)
{
	(void)state;
	static const char *const URLS[] = {
		"http://sns.eu-central-1.amazonaws.com/a.pem",
		"https://sns.eu-central-1.amazonaws.com.example.org/a.pem",
		"https://sns.evil.example.org/.amazonaws.com/a.pem",
		"https://evil.example.org/sns.eu-central-1.amazonaws.com/a.pem",
		"https://sns.eu-central-1.amazonaws.com:444/a.pem",
		"https://sns.eu-central-1.amazonaws.com@evil.example.org/a.pem",
		"https://sns.eu-central-1.amazonaws.com\\@evil.example.org/a.pem",
		"https://sns.eu.central.amazonaws.com/a.pem",
		"https://sns..amazonaws.com/a.pem",
		"https://sns.EU.amazonaws.com/a.pem",
		"https://sns.eu-central-1.amazonaws.com",
		"file:///etc/passwd",
		"",
	};
	for (size_t i = 0; i < sizeof URLS / sizeof URLS[0]; i++) {
		if (sns_url_is_trusted(URLS[i], ""))
			fail_msg("trusted: %s", URLS[i]);
		assert_int_equal(receive_made((struct sns_envelope){ .message = "m", .certificate_url = URLS[i] }),
		                 RC_DENIED);
	}
	assert_true(sns_url_is_trusted("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem", ""));
	assert_true(sns_url_is_trusted("https://sns.cn-north-1.amazonaws.com.cn/x.pem", ""));
	assert_false(sns_url_is_trusted("http://127.0.0.1:80/x.pem", ""));
	assert_false(sns_url_is_trusted("http://127.0.0.1:8000/x.pem", "http://127.0.0.1:80"));
	assert_true(sns_url_is_trusted("http://127.0.0.1:80/x.pem", "http://127.0.0.1:80"));
}

// Without the seam of tests the guard stands: a certificate's host that is not public is not asked.
static void asks_public_hosts_only(void **state)
{
	struct settings plain = settings;
	struct sns *guarded = NULL;
	struct http_reply reply;
	struct err err = { 0 };
	char url[128];
	(void)state;
	plain.ingest_sns_origin = "";
	assert_int_equal(sns_new(&plain, &guarded, &err), RC_OK);
	(void)snprintf(url, sizeof url, "%s/certificate.pem", stand_in.origin);
	assert_int_equal(get(guarded, url, deadline_after_ms(2000), &reply, &err), RC_DENIED);
	sns_free(guarded);
}

static void refuses_what_is_no_message(void **state)
{
	(void)state;
	assert_int_equal(receive("no json"), RC_INVALID);
	assert_int_equal(receive("{}"), RC_INVALID);
	assert_int_equal(receive("{\"Type\":\"Notification\",\"SignatureVersion\":\"3\",\"Signature\":\"AAAA\"}"),
	                 RC_INVALID);
	assert_int_equal(receive("{\"Type\":\"Notification\",\"SignatureVersion\":\"1\",\"Signature\":\"AAAA\"}"),
	                 RC_INVALID);
	assert_int_equal(receive("[\"Notification\"]"), RC_INVALID);
}

// The last one: it changes the certificate.
static void refuses_certificates_out_of_time(void **state)
{
	(void)state;
	char url[128];
	(void)snprintf(url, sizeof url, "%s/certificate.pem?2", stand_in.origin);
	sns_make_certificate(&stand_in, -1000);
	assert_int_equal(receive_made((struct sns_envelope){ .message = "m", .certificate_url = url }), RC_DENIED);
	(void)snprintf(stand_in.certificate, sizeof stand_in.certificate, "no certificate");
	assert_int_equal(receive_made((struct sns_envelope){ .message = "m", .certificate_url = url }), RC_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(believes_both_versions),
		cmocka_unit_test(confirms_subscriptions),
		cmocka_unit_test(refuses_forgeries),
		cmocka_unit_test(refuses_certificates_of_others),
		cmocka_unit_test(asks_public_hosts_only),
		cmocka_unit_test(refuses_what_is_no_message),
		cmocka_unit_test(refuses_certificates_out_of_time),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
