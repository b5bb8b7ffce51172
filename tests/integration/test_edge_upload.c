// Presigned uploads through the edge: what was signed passes as it was sent, preflights are answered for listed
// origins, and the originals can be neither read nor deleted this way.
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "tests/integration/support/edge_rig.h"
#include "tests/unit/cmocka_all.h"

#define UPLOAD "/safelight-originals/0193a5e0-7c1b-7abc-8def-0123456789ab/00112233445566778899aabbccddeeff"
#define UPLOAD_QUERY "?X-Amz-Signature=ab%2Fc&X-Amz-SignedHeaders=content-length%3Bhost"

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
	edge_origin_reset(&rig.store);
	return 0;
}

static void assert_seen(const char *name, const char *expected)
{
	char value[512];
	edge_origin_last_header(&rig.store, name, value, sizeof(value));
	if (strcmp(value, expected) != 0)
		fail_msg("the store saw %s: '%s' instead of '%s'", name, value, expected);
}

// Path, query, Host, headers, bytes. Twice: nothing is kept.
static void test_what_was_signed_passes(void **state)
{
	(void)state;
	static const char headers[] =
	        "If-None-Match: *\r\nContent-Type: image/jpeg\r\nContent-MD5: abc\r\n"
	        "X-Amz-Meta-A: b\r\nOrigin: https://app.example\r\nContent-Length: 5\r\n\r\nhello";
	for (unsigned round = 1; round <= 2; round++) {
		struct edge_reply reply = edge_request(rig.port, "PUT", UPLOAD UPLOAD_QUERY, headers);
		assert_int_equal(reply.status, 200);
		assert_non_null(strstr(reply.body, UPLOAD UPLOAD_QUERY));
		assert_false(edge_reply_names(&reply, "X-Cache"));
		edge_reply_done(&reply);
		assert_int_equal(edge_origin_hits(&rig.store), round);
	}
	assert_seen("Host", "127.0.0.1");
	assert_seen("If-None-Match", "*");
	assert_seen("Content-Type", "image/jpeg");
	assert_seen("Content-MD5", "abc");
	assert_seen("Content-Length", "5");
	assert_seen("X-Amz-Meta-A", "b");
}

static void test_large_bodies_stream(void **state)
{
	(void)state;
	const size_t length = 3 * 1024 * 1024;
	char declared[16];
	struct buffer request;
	buffer_init(&request, 2 * length);
	buffer_append_format(&request, "PUT %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
	                     UPLOAD UPLOAD_QUERY, length);
	assert_true(buffer_reserve(&request, length));
	memset(request.data + request.length, '0', length);
	request.length += length;
	struct edge_reply reply = edge_send(rig.port, request.data, request.length);
	assert_int_equal(reply.status, 200);
	(void)snprintf(declared, sizeof(declared), "%zu", length);
	assert_seen("Content-Length", declared);
	edge_reply_done(&reply);
	buffer_done(&request);
}

static void test_nothing_but_uploads(void **state)
{
	(void)state;
	static const struct {
		const char *method, *target;
	} rows[] = {
		{ "GET", UPLOAD UPLOAD_QUERY },
		{ "HEAD", UPLOAD UPLOAD_QUERY },
		{ "DELETE", UPLOAD UPLOAD_QUERY },
		{ "PATCH", UPLOAD UPLOAD_QUERY },
		{ "GET", "/safelight-originals/" },
		{ "PUT", "/safelight-media/x" },
		{ "PUT", "/" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edge_reply reply =
		        edge_request(rig.port, rows[i].method, rows[i].target, "Content-Length: 0\r\n");
		if (reply.status != 404 && reply.status != 405)
			fail_msg("%s %s: %u", rows[i].method, rows[i].target, reply.status);
		edge_reply_done(&reply);
	}
	assert_int_equal(edge_origin_hits(&rig.store), 0);
}

static void test_preflights(void **state)
{
	(void)state;
	char own_origin[64];
	(void)snprintf(own_origin, sizeof(own_origin), "http://127.0.0.1:%u", rig.port);
	const struct {
		const char *origin;
		bool is_allowed;
	} rows[] = {
		{ "https://app.example", true },   { own_origin, true },
		{ "https://evil.example", false }, { "https://app.example.evil", false },
		{ "http://app.example", false },   { "null", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char headers[256];
		(void)snprintf(headers, sizeof(headers),
		               "Origin: %s\r\nAccess-Control-Request-Method: PUT\r\n"
		               "Access-Control-Request-Headers: content-type,if-none-match\r\n",
		               rows[i].origin);
		struct edge_reply reply = edge_request(rig.port, "OPTIONS", UPLOAD UPLOAD_QUERY, headers);
		if ((reply.status == 204) != rows[i].is_allowed ||
		    edge_reply_names(&reply, "Access-Control-Allow-Origin") != rows[i].is_allowed)
			fail_msg("%s: %u %s", rows[i].origin, reply.status, reply.head);
		if (rows[i].is_allowed) {
			assert_true(edge_reply_has(&reply, "Access-Control-Allow-Origin", rows[i].origin));
			assert_true(
			        edge_reply_has(&reply, "Access-Control-Allow-Headers", "content-type,if-none-match"));
		}
		edge_reply_done(&reply);
	}
	assert_int_equal(edge_origin_hits(&rig.store), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_signed_passes),
		TEST(test_large_bodies_stream),
		TEST(test_nothing_but_uploads),
		TEST(test_preflights),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
