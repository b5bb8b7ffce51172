// The edge's delivery of signed media: who gets what, what is cached and how often the store is asked. nginx is real,
// with the rendered configuration; the store is a server in the test that counts.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "store/sigv4.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

static struct edge_rig rig;

static int setup(void **state)
{
	(void)state;
	if (crypto_init(NULL) != RC_OK)
		return -1;
	edge_rig_start(&rig, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return edge_rig_stop(&rig);
}

static int fresh(void **state)
{
	(void)state;
	edge_rig_fresh_media(&rig);
	return 0;
}

static void assert_header(const struct edge_reply *reply, const char *name, const char *value)
{
	if (!edge_reply_has(reply, name, value))
		fail_msg("%s is not '%s': %s", name, value, reply->head);
}

static void test_good_url(void **state)
{
	(void)state;
	static const struct {
		enum media_format format;
		const char *content_type, *extension;
	} rows[] = {
		{ FORMAT_JPEG, "image/jpeg", "jpg" },
		{ FORMAT_WEBP, "image/webp", "webp" },
		{ FORMAT_AVIF, "image/avif", "avif" },
	};
	char media_id[UUID_TEXT_SIZE];
	uuid_format(&rig.media_id, media_id);
	for (size_t i = 0; i < 3; i++) {
		char url[DELIVERY_URL_SIZE], expected[512];
		edge_rig_sign(&rig, "w640", rows[i].format, 0, url);
		(void)snprintf(expected, sizeof(expected),
		               "store <Error>/safelight-media/%s/1/w640.%s</Error> hit %zu end", media_id,
		               rows[i].extension, i + 1);
		for (int round = 0; round < 3; round++) {
			struct edge_reply reply = edge_get(&rig, url, NULL);
			assert_int_equal(reply.status, 200);
			assert_string_equal(reply.body, expected);
			assert_header(&reply, "X-Cache", round == 0 ? "MISS" : "HIT");
			assert_header(&reply, "Content-Type", rows[i].content_type);
			assert_header(&reply, "X-Content-Type-Options", "nosniff");
			assert_header(&reply, "Content-Security-Policy", "default-src 'none'; sandbox");
			assert_header(&reply, "Cross-Origin-Resource-Policy", "cross-origin");
			assert_header(&reply, "Cache-Control", "public, max-age=31536000, immutable");
			assert_header(&reply, "Accept-Ranges", "bytes");
			assert_true(edge_reply_names(&reply, "ETag") && edge_reply_names(&reply, "Last-Modified"));
			assert_false(edge_reply_names(&reply, "Vary"));
			edge_reply_done(&reply);
		}
	}
	assert_int_equal(edge_origin_hits(&rig.store), 3);
}

// Nothing that the store sends beside the picture reaches a client.
static void test_closed_list_of_headers(void **state)
{
	(void)state;
	static const char *const hidden[] = {
		"x-amz-request-id", "x-amz-meta-source", "x-rgw-object-type", "Set-Cookie", "Vary",
		"Location",         "X-Served-By"
	};
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	for (int round = 0; round < 2; round++) {
		struct edge_reply reply = edge_get(&rig, url, NULL);
		for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
			assert_false(edge_reply_names(&reply, hidden[i]));
		assert_null(strstr(reply.head, "secret-internals"));
		edge_reply_done(&reply);
	}
}

static void test_head_and_revalidation(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	struct edge_reply reply = edge_request(rig.port, "HEAD", url, NULL);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.length, 0);
	assert_header(&reply, "Content-Type", "image/jpeg");
	edge_reply_done(&reply);
	edge_assert_cache(&rig, url, NULL, "HIT"); // HEAD filled the cache with the whole object
	reply = edge_get(&rig, url, "If-None-Match: \"tag-1\"\r\n");
	assert_int_equal(reply.status, 304);
	assert_header(&reply, "Cache-Control", "public, max-age=31536000, immutable");
	assert_header(&reply, "ETag", "\"tag-1\"");
	edge_reply_done(&reply);
	assert_int_equal(edge_origin_hits(&rig.store), 1);
}

// How long clients may keep an answer ends with the URL.
static void test_max_age_ends_with_the_url(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 100, url);
	struct edge_reply reply = edge_get(&rig, url, NULL);
	const char *value = strstr(reply.head, "max-age=");
	assert_non_null(value);
	long max_age = strtol(value + strlen("max-age="), NULL, 10);
	assert_true(max_age >= 95 && max_age <= 100);
	edge_reply_done(&reply);
}

static void assert_refused(const char *target, const char *slug)
{
	struct edge_reply reply = edge_get(&rig, target, NULL);
	if (reply.status != 403)
		fail_msg("%u for %s", reply.status, target);
	edge_assert_problem(&reply, 403, slug);
	edge_reply_done(&reply);
}

// Each character of a good and cached URL, exchanged.
static void test_each_changed_character(void **state)
{
	(void)state;
	static const enum media_format formats[] = { FORMAT_JPEG, FORMAT_NONE };
	for (size_t f = 0; f < 2; f++) {
		char url[DELIVERY_URL_SIZE];
		edge_rig_sign(&rig, "w640", formats[f], 3600, url);
		edge_assert_cache(&rig, url, NULL, f == 0 ? "MISS" : "HIT"); // without Accept: the same JPEG
		unsigned hits = edge_origin_hits(&rig.store);
		// Behind the prefix: "/n/…" is another place, which the gateway's test covers.
		for (size_t at = strlen(DELIVERY_PREFIX); url[at] != '\0'; at++) {
			char original = url[at];
			url[at] = original == 'a' ? 'b' : original == '1' ? '2' : 'a';
			assert_refused(url, "url-refused");
			url[at] = original;
		}
		edge_assert_cache(&rig, url, NULL, "HIT");
		assert_int_equal(edge_origin_hits(&rig.store), hits);
	}
}

// The shared vectors, as bytes on the wire: whatever is malformed or forged never reaches the store.
static void test_vectors(void **state)
{
	(void)state;
	json_error_t failure;
	json_t *root = json_load_file("tests/vectors/delivery.json", JSON_ALLOW_NUL, &failure);
	assert_non_null(root);
	size_t index, refused = 0;
	json_t *vector;
	json_array_foreach(json_object_get(root, "vectors"), index, vector)
	{
		const char *verdict = json_string_value(json_object_get(vector, "verdict"));
		// The clock of the vectors is not ours: what depends on it is tested below.
		if (strcmp(verdict, "ok") == 0 || strcmp(verdict, "expired") == 0)
			continue;
		struct buffer request;
		buffer_init(&request, 4096);
		buffer_append_text(&request, "GET ");
		const json_t *path = json_object_get(vector, "path");
		buffer_append(&request, json_string_value(path), json_string_length(path));
		const char *query = json_string_value(json_object_get(vector, "query"));
		buffer_append_format(&request, "%s%s", query[0] != '\0' ? "?" : "", query);
		buffer_append_text(&request, " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		struct edge_reply reply = edge_send(rig.port, request.data, request.length);
		// What is no HTTP at all is 400; what is no path of media is 404; what ends in the middle of the line
		// is HTTP/0.9, whose answer has no head.
		if (reply.status == 0 && strchr(json_string_value(path), '\n') != NULL)
			reply = edge_request(rig.port, "GET", "/m/", NULL);
		bool is_refused = reply.status == 400 || reply.status == 403 || reply.status == 404;
		if (!is_refused || !edge_reply_has(&reply, "Content-Type", "application/problem+json"))
			fail_msg("%s: %u %s", json_string_value(json_object_get(vector, "name")), reply.status,
			         reply.head);
		refused++;
		edge_reply_done(&reply);
		buffer_done(&request);
	}
	assert_true(refused > 80);
	assert_int_equal(edge_origin_hits(&rig.store), 0);
	json_decref(root);
}

// nginx would decode and normalise these to the good path.
static void test_other_spellings_of_the_path(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], target[512];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_assert_cache(&rig, url, NULL, "MISS");
	static const char *const fronts[] = { "/x/..", "/x/%2e%2e", "/%2e", "/.", "/m/.." };
	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		(void)snprintf(target, sizeof(target), "%s%s", fronts[i], url);
		assert_refused(target, "url-refused");
	}
	(void)snprintf(target, sizeof(target), "/%%6d%s", url + 2);
	assert_refused(target, "url-refused");
	(void)snprintf(target, sizeof(target), "%s#x", url);
	assert_refused(target, "url-refused");
	struct edge_reply reply = edge_get(&rig, "//m/x", NULL); // slashes are not merged: another place
	edge_assert_problem(&reply, 404, "not-found");
	edge_reply_done(&reply);
	// An absolute target is the same path.
	(void)snprintf(target, sizeof(target), "http://127.0.0.1%s", url);
	edge_assert_cache(&rig, target, NULL, "HIT");
}

static void test_expiry_also_when_cached(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], longer[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 2, url);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 60, longer);
	edge_assert_cache(&rig, url, NULL, "MISS");
	edge_assert_cache(&rig, url, NULL, "HIT");
	clock_sleep_ms(3100);
	assert_refused(url, "url-expired");
	edge_assert_cache(&rig, longer, NULL, "HIT");
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, -1, url);
	assert_refused(url, "url-expired");
}

// Signature and expiry are no part of the cache's key.
static void test_users_share_an_entry(void **state)
{
	(void)state;
	char first[DELIVERY_URL_SIZE], second[DELIVERY_URL_SIZE], forever[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 3600, first);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 7200, second);
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, forever);
	assert_string_not_equal(first, second);
	edge_assert_cache(&rig, first, NULL, "MISS");
	edge_assert_cache(&rig, second, NULL, "HIT");
	edge_assert_cache(&rig, forever, "Cookie: session=1\r\nAuthorization: Bearer x\r\n", "HIT");
	assert_int_equal(edge_origin_hits(&rig.store), 1);
}

static void assert_negotiated(const char *url, const char *accept, const char *content_type, const char *cache)
{
	struct buffer header;
	buffer_init(&header, 64 * 1024);
	if (accept != NULL)
		buffer_append_format(&header, "Accept: %s\r\n", accept);
	struct edge_reply reply = edge_get(&rig, url, buffer_text(&header));
	assert_int_equal(reply.status, 200);
	assert_header(&reply, "Content-Type", content_type);
	assert_header(&reply, "Vary", "Accept");
	assert_header(&reply, "X-Cache", cache);
	buffer_done(&header);
	edge_reply_done(&reply);
}

static void test_negotiation(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], webp[DELIVERY_URL_SIZE], garbage[9000];
	memset(garbage, 'x', sizeof(garbage));
	memcpy(garbage, "image/avif,", 11);
	garbage[sizeof(garbage) - 1] = '\0';
	edge_rig_sign(&rig, "w640", FORMAT_NONE, 0, url);
	assert_negotiated(url, "image/avif,image/webp,*/*;q=0.8", "image/avif", "MISS");
	assert_negotiated(url, "image/jpeg", "image/jpeg", "MISS");
	assert_negotiated(url, "image/webp,*/*;q=0.5", "image/webp", "MISS");
	assert_negotiated(url, "image/avif;q=0,image/webp", "image/webp", "HIT");
	assert_negotiated(url, "image/avif", "image/avif", "HIT");
	assert_negotiated(url, garbage, "image/jpeg", "HIT");
	assert_negotiated(url, "\x80\x01;;,=", "image/jpeg", "HIT");
	assert_negotiated(url, NULL, "image/jpeg", "HIT");
	// At most three classes, and each is the entry of its own format's URL.
	assert_int_equal(edge_origin_hits(&rig.store), 3);
	edge_rig_sign(&rig, "w640", FORMAT_WEBP, 0, webp);
	edge_assert_cache(&rig, webp, NULL, "HIT");
}

// What else a request carries changes neither the answer nor what is cached.
static void test_nothing_poisons_the_cache(void **state)
{
	(void)state;
	static const char headers[] = "X-Forwarded-Host: evil\r\nX-Original-URL: /m/evil\r\nX-Rewrite-URL: /evil\r\n"
	                              "X-HTTP-Method-Override: DELETE\r\nX-Amz-Acl: public-read\r\nRange: bytes=0-3\r\n"
	                              "If-Range: x\r\nX-Amz-Date: 20200101T000000Z\r\nAuthorization: evil\r\n"
	                              "Content-Length: 4\r\n\r\nevil";
	char url[DELIVERY_URL_SIZE], value[1024];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	struct edge_reply reply = edge_get(&rig, url, headers);
	assert_int_equal(reply.status, 200); // If-Range did not match, so the whole
	edge_reply_done(&reply);
	static const char *const dropped[] = { "X-Forwarded-Host", "X-Original-URL",
		                               "X-Rewrite-URL",    "X-HTTP-Method-Override",
		                               "X-Amz-Acl",        "Range",
		                               "Cookie",           "Content-Length" };
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		edge_origin_last_header(&rig.store, dropped[i], value, sizeof(value));
		if (value[0] != '\0')
			fail_msg("the store saw %s: %s", dropped[i], value);
	}
	reply = edge_get(&rig, url, NULL);
	assert_non_null(strstr(reply.body, " hit 1 end"));
	assert_header(&reply, "X-Cache", "HIT");
	edge_reply_done(&reply);
}

static void test_ranges(void **state)
{
	(void)state;
	static const struct {
		const char *range;
		unsigned status;
		const char *content_range; // up to the size
		size_t length;
	} rows[] = {
		{ "bytes=0-0", 206, "bytes 0-0/", 1 },
		{ "bytes=0-5", 206, "bytes 0-5/", 6 },
		{ "bytes=-3", 206, "bytes ", 3 },
		{ "bytes=0-1,2-3,4-5", 200, NULL, 0 }, // several: the whole, no amplification
		{ "bytes=0-,0-,0-,0-,0-,0-,0-,0-", 200, NULL, 0 },
		{ "bytes=x", 416, NULL, 0 },
		{ "bytes=100000-", 416, "bytes */", 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char url[DELIVERY_URL_SIZE], header[128], wanted[64];
		edge_rig_fresh_media(&rig);
		edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
		(void)snprintf(header, sizeof(header), "Range: %s\r\n", rows[i].range);
		for (int round = 0; round < 2; round++) { // on a MISS, then on a HIT
			struct edge_reply reply = edge_get(&rig, url, header);
			if (reply.status != rows[i].status)
				fail_msg("%s: %u", rows[i].range, reply.status);
			if (rows[i].status == 416)
				edge_assert_problem(&reply, 416, "range-not-satisfiable");
			else
				assert_header(&reply, "Content-Type", "image/jpeg");
			if (rows[i].status == 206)
				assert_int_equal(reply.length, rows[i].length);
			(void)snprintf(wanted, sizeof(wanted), "\r\nContent-Range: %s",
			               rows[i].content_range != NULL ? rows[i].content_range : "");
			assert_true((rows[i].content_range == NULL) || strstr(reply.head, wanted) != NULL);
			edge_reply_done(&reply);
		}
		// nginx drops a fetch whose answer became 416, so only that is asked for again.
		assert_int_equal(edge_origin_hits(&rig.store), rows[i].status == 416 ? 2 : 1);
		edge_assert_cache(&rig, url, NULL, rows[i].status == 416 ? "MISS" : "HIT");
	}
}

static void test_other_methods(void **state)
{
	(void)state;
	static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE" };
	char url[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct edge_reply reply = edge_request(rig.port, methods[i], url, "Content-Length: 0\r\n");
		edge_assert_problem(&reply, 405, "method-not-allowed");
		assert_header(&reply, "Allow", "GET, HEAD");
		edge_reply_done(&reply);
	}
	struct edge_reply reply = edge_request(rig.port, "POST", url, "Content-Length: 5\r\n\r\nhello");
	edge_assert_problem(&reply, 405, "method-not-allowed");
	edge_reply_done(&reply);
	assert_int_equal(edge_origin_hits(&rig.store), 0);
}

// The store is asked with a signature over exactly what is sent.
static void test_origin_signature(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], date[64], sent[SIGV4_AUTHORIZATION_SIZE], host[64], payload[64], path[256],
	        media[64];
	edge_rig_sign(&rig, "w640", FORMAT_WEBP, 0, url);
	edge_assert_cache(&rig, url, NULL, "MISS");
	edge_origin_last_header(&rig.store, "X-Amz-Date", date, sizeof(date));
	edge_origin_last_header(&rig.store, "Authorization", sent, sizeof(sent));
	edge_origin_last_header(&rig.store, "Host", host, sizeof(host));
	edge_origin_last_header(&rig.store, "X-Amz-Content-Sha256", payload, sizeof(payload));
	assert_string_equal(payload, SIGV4_UNSIGNED_PAYLOAD);
	int64_t signed_at;
	char rfc3339[32];
	assert_int_equal(strlen(date), 16);
	(void)snprintf(rfc3339, sizeof(rfc3339), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", date, date + 4, date + 6, date + 9,
	               date + 11, date + 13);
	assert_true(clock_parse_rfc3339(rfc3339, &signed_at));
	assert_true(llabs(clock_now_us() - signed_at) < 5000000);

	uuid_format(&rig.media_id, media);
	(void)snprintf(path, sizeof(path), "/safelight-media/%s/1/w640.webp", media);
	static struct sigv4_signer signer;
	assert_int_equal(sigv4_signer_init(&signer, "edge", "secret-of-the-test", NULL, "default", "s3", NULL), RC_OK);
	struct sigv4_request request = { .method = "GET", .host = host, .path = path, .payload = payload };
	char expected[SIGV4_AUTHORIZATION_SIZE];
	assert_int_equal(sigv4_sign(sigv4_signer_key(&signer, date), &request, date, expected, NULL), RC_OK);
	assert_string_equal(sent, expected);
	sigv4_signer_done(&signer);
}

// On a hit nothing is signed and nobody is asked, so nothing of it may show in time or in hits.
// With the store, ingest and metadata-api gone (there is no database and no bus near this nginx at all) hits go on.
static void test_hits_with_everything_stopped(void **state)
{
	(void)state;
	char url[DELIVERY_URL_SIZE], other[DELIVERY_URL_SIZE];
	edge_rig_sign(&rig, "w640", FORMAT_JPEG, 0, url);
	edge_rig_sign(&rig, "w320", FORMAT_JPEG, 0, other);
	edge_assert_cache(&rig, url, NULL, "MISS");
	edge_origin_stop(&rig.store);
	edge_origin_stop(&rig.ingest);
	edge_origin_stop(&rig.api);
	edge_assert_cache(&rig, url, NULL, "HIT");
	struct edge_reply reply = edge_get(&rig, other, NULL);
	edge_assert_problem(&reply, 503, "unavailable");
	assert_header(&reply, "Retry-After", "1");
	edge_reply_done(&reply);
	edge_origin_restart(&rig.store);
	edge_origin_restart(&rig.ingest);
	edge_origin_restart(&rig.api);
	edge_assert_cache(&rig, other, NULL, "MISS");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(test_good_url),
		TEST(test_closed_list_of_headers),
		TEST(test_head_and_revalidation),
		TEST(test_max_age_ends_with_the_url),
		TEST(test_each_changed_character),
		TEST(test_vectors),
		TEST(test_other_spellings_of_the_path),
		TEST(test_expiry_also_when_cached),
		TEST(test_users_share_an_entry),
		TEST(test_negotiation),
		TEST(test_nothing_poisons_the_cache),
		TEST(test_ranges),
		TEST(test_other_methods),
		TEST(test_origin_signature),
		TEST(test_hits_with_everything_stopped),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
