// A stand-in for Amazon SNS: signs messages with a certificate of its own, which it serves, and counts confirmations.
#pragma once

#include "tests/unit/test_http_support.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>

#include "base/encoding.h"
#include "ingest/sns_envelope.h"

#define SNS_TOPIC "arn:aws:sns:eu-central-1:123456789012:uploads"

struct sns_stand_in {
	struct http_server *server;
	char origin[64];
	EVP_PKEY *key;
	char certificate[8192];
	atomic_int fetched;
	atomic_int subscribed;
};

static inline void sns_serve_certificate(struct http_request *request)
{
	struct sns_stand_in *sns = http_request_context(request);
	struct buffer out;
	buffer_init(&out, sizeof sns->certificate);
	buffer_append_text(&out, sns->certificate);
	sns->fetched++;
	http_respond_buffer(request, 200, "application/x-pem-file", &out);
}

static inline void sns_serve_subscribe(struct http_request *request)
{
	struct sns_stand_in *sns = http_request_context(request);
	struct buffer out;
	buffer_init(&out, 64);
	buffer_append_text(&out, "<ok/>");
	sns->subscribed++;
	http_respond_buffer(request, 200, "text/xml", &out);
}

TEST_ROUTE(SNS_CERTIFICATE, .method = "GET", .path = "/certificate.pem", .handle = sns_serve_certificate);
TEST_ROUTE(SNS_SUBSCRIBE, .method = "GET", .path = "/", .handle = sns_serve_subscribe);
static const struct route *const SNS_ROUTES[] = { &SNS_CERTIFICATE, &SNS_SUBSCRIBE };

// valid_seconds: until when from now; negative: it has ended.
static inline void sns_make_certificate(struct sns_stand_in *sns, long valid_seconds)
{
	X509 *x509 = X509_new();
	BIO *memory = BIO_new(BIO_s_mem());
	EVP_PKEY_free(sns->key);
	sns->key = EVP_RSA_gen(2048);
	assert_true(x509 != NULL && memory != NULL && sns->key != NULL);
	(void)X509_gmtime_adj(X509_getm_notBefore(x509), -100000);
	(void)X509_gmtime_adj(X509_getm_notAfter(x509), valid_seconds);
	assert_int_equal(X509_set_pubkey(x509, sns->key), 1);
	assert_true(X509_sign(x509, sns->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(memory, x509), 1);
	int length = BIO_read(memory, sns->certificate, sizeof sns->certificate - 1);
	assert_true(length > 0);
	sns->certificate[length] = '\0';
	BIO_free(memory);
	X509_free(x509);
}

static inline void sns_stand_in_start(struct sns_stand_in *sns)
{
	struct http_server_config config = test_config(SNS_ROUTES, 2);
	*sns = (struct sns_stand_in){ .key = NULL };
	config.context = sns;
	sns->server = test_start(&config);
	(void)snprintf(sns->origin, sizeof sns->origin, "http://127.0.0.1:%u", http_server_port(sns->server));
	sns_make_certificate(sns, 86400);
}

static inline void sns_stand_in_stop(struct sns_stand_in *sns)
{
	http_server_drain(sns->server, 1000);
	EVP_PKEY_free(sns->key);
}

static inline void sns_append_member(struct json_write *json, const char *name, const char *value)
{
	if (value != NULL)
		json_write_text(json, name, value);
}

// The message as SNS would post it, malloc'ed; what of envelope is NULL is filled in, its signature made.
static inline char *sns_make_message(const struct sns_stand_in *sns, struct sns_envelope envelope)
{
	static const char *const NAMES[] = { "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation" };
	char certificate_url[128], subscribe_url[128], text[1024];
	unsigned char signature[512];
	size_t length = sizeof signature, out_length;
	struct buffer signed_text, out;
	struct json_write json;
	(void)snprintf(certificate_url, sizeof certificate_url, "%s/certificate.pem", sns->origin);
	(void)snprintf(subscribe_url, sizeof subscribe_url, "%s/?Action=ConfirmSubscription&Token=abc", sns->origin);
	envelope.topic = envelope.topic == NULL ? SNS_TOPIC : envelope.topic;
	envelope.message_id = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324";
	envelope.timestamp = "2026-11-24T10:00:00.000Z";
	envelope.certificate_url = envelope.certificate_url == NULL ? certificate_url : envelope.certificate_url;
	envelope.token = envelope.kind == SNS_NOTIFICATION ? NULL : "abc";
	if (envelope.kind == SNS_NOTIFICATION)
		envelope.subscribe_url = NULL;
	else if (envelope.subscribe_url == NULL)
		envelope.subscribe_url = subscribe_url;
	buffer_init(&signed_text, 65536);
	sns_envelope_append_signed(&envelope, &signed_text);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(
	        EVP_DigestSignInit(context, NULL, envelope.is_sha256 ? EVP_sha256() : EVP_sha1(), NULL, sns->key), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &length, (const unsigned char *)buffer_text(&signed_text),
	                                signed_text.length),
	                 1);
	EVP_MD_CTX_free(context);
	buffer_done(&signed_text);
	encode_base64(signature, length, text);
	buffer_init(&out, 65536);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	sns_append_member(&json, "Type", NAMES[envelope.kind]);
	sns_append_member(&json, "MessageId", envelope.message_id);
	sns_append_member(&json, "TopicArn", envelope.topic);
	sns_append_member(&json, "Subject", envelope.subject);
	sns_append_member(&json, "Message", envelope.message);
	sns_append_member(&json, "Timestamp", envelope.timestamp);
	sns_append_member(&json, "Token", envelope.token);
	sns_append_member(&json, "SubscribeURL", envelope.subscribe_url);
	sns_append_member(&json, "SignatureVersion", envelope.is_sha256 ? "2" : "1");
	sns_append_member(&json, "Signature", text);
	sns_append_member(&json, "SigningCertURL", envelope.certificate_url);
	json_write_object_end(&json);
	return buffer_take(&out, &out_length);
}
