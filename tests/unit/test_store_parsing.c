// What lib/store reads and writes as text: XML, endpoints, error answers, headers, percent-encoding.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/crypto.h"
#include "store/content_md5.h"
#include "store/endpoint.h"
#include "store/s3_error.h"
#include "store/sigv4_xml.h"
#include "store/span.h"
#include "store/transport.h"
#include "store/transport_headers.h"
#include "store/xml.h"
#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct endpoint_row {
	const char *text;
	const char *origin; // NULL: refused
	const char *host;
};

static void endpoints_are_taken_apart(void **state)
{
	(void)state;
	static const struct endpoint_row rows[] = {
		{ "http://127.0.0.1:8084", "http://127.0.0.1:8084", "127.0.0.1:8084" },
		{ "http://127.0.0.1:8084/", "http://127.0.0.1:8084", "127.0.0.1:8084" },
		{ "http://store.example:80", "http://store.example", "store.example" },
		{ "https://store.example:443", "https://store.example", "store.example" },
		{ "https://store.example:80", "https://store.example:80", "store.example:80" },
		{ "https://s3.eu-central-1.amazonaws.com", "https://s3.eu-central-1.amazonaws.com",
		  "s3.eu-central-1.amazonaws.com" },
		{ "http://[::1]:8084", "http://[::1]:8084", "[::1]:8084" },
		{ "http://[::1]", "http://[::1]", "[::1]" },
		{ "", NULL, NULL },
		{ "127.0.0.1:8084", NULL, NULL },
		{ "ftp://127.0.0.1", NULL, NULL },
		{ "http://", NULL, NULL },
		{ "http://:80", NULL, NULL },
		{ "http://host:", NULL, NULL },
		{ "http://host:0", NULL, NULL },
		{ "http://host:65536", NULL, NULL },
		{ "http://host:8o", NULL, NULL },
		{ "http://user@host", NULL, NULL },
		{ "http://host/path", NULL, NULL },
		{ "http://host?query", NULL, NULL },
		{ "http://ho st", NULL, NULL },
		{ "http://host\r\nx: y", NULL, NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct endpoint endpoint;
		struct err err = { 0 };
		enum rc rc = endpoint_parse(rows[i].text, &endpoint, &err);
		if (rc != (rows[i].origin == NULL ? RC_INVALID : RC_OK))
			fail_msg("\"%s\": %s", rows[i].text, rc_name(rc));
		if (rc != RC_OK)
			continue;
		assert_string_equal(endpoint.origin, rows[i].origin);
		assert_string_equal(endpoint.host, rows[i].host);
	}
}

static void xml_is_escaped_and_read_back(void **state)
{
	(void)state;
	static const char *const texts[] = { "plain", "<&>\"'", "]]>", "\xc3\xa9 \xf0\x9f\x98\x80", "a\rb\nc\td", "" };
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buffer out;
		buffer_init(&out, 1000);
		buffer_append_text(&out, "<a>");
		xml_append_element(&out, "b", texts[i]);
		buffer_append_text(&out, "</a>");
		struct xml_document *document = NULL;
		assert_int_equal(xml_parse(out.data, out.length, "a", &document, NULL), RC_OK);
		char *text = xml_child_text(xml_root(document), "b");
		assert_string_equal(text, texts[i]);
		free(text);
		xml_free(&document);
		assert_null(document);
		buffer_done(&out);
	}
}

static void odd_xml_is_refused(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"",
		"   ",
		"not xml",
		"<a>",
		"<a></b>",
		"<b/>",
		"<a>\x01</a>",
		"<a>\xff</a>",
		"<!DOCTYPE a><a/>",
		"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
		"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
		"<a>&undefined;</a>",
		"<a/><a/>",
	};
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct xml_document *document = NULL;
		if (xml_parse(refused[i], strlen(refused[i]), "a", &document, NULL) != RC_CORRUPT)
			fail_msg("taken: %s", refused[i]);
		assert_null(document);
	}
	struct xml_document *document = NULL;
	assert_int_equal(xml_parse(" \r\n<a/>", 8, "a", &document, NULL), RC_OK); // keep-alive blanks
	xml_free(&document);
	// Nesting that would exhaust a stack.
	struct buffer deep;
	buffer_init(&deep, 4 * 1024 * 1024);
	for (unsigned i = 0; i < 100000; i++)
		buffer_append_text(&deep, "<a>");
	for (unsigned i = 0; i < 100000; i++)
		buffer_append_text(&deep, "</a>");
	assert_true(buffer_ok(&deep));
	assert_int_equal(xml_parse(deep.data, deep.length, "a", &document, NULL), RC_CORRUPT);
	buffer_done(&deep);
}

static void values_are_read_from_xml(void **state)
{
	(void)state;
	static const char text[] = "<a xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Key>a+b%2Bc%20d%C3%A9</Key>"
	                           "<Size>18446744073709551615</Size><TooBig>18446744073709551616</TooBig>"
	                           "<Negative>-1</Negative><Word>12a</Word><Yes>true</Yes><No>false</No>"
	                           "<LastModified>2026-11-24T06:35:01.123Z</LastModified><Broken>%zz</Broken>"
	                           "<ETag>&quot;abc&quot;</ETag><Bare>abc-2</Bare><Empty/></a>";
	struct xml_document *document = NULL;
	assert_int_equal(xml_parse(text, sizeof text - 1, "a", &document, NULL), RC_OK);
	const struct xml_node *root = xml_root(document);
	uint64_t number = 7;
	assert_true(xml_child_number(root, "Size", &number));
	assert_true(number == UINT64_MAX);
	assert_false(xml_child_number(root, "TooBig", &number));
	assert_false(xml_child_number(root, "Negative", &number));
	assert_false(xml_child_number(root, "Word", &number));
	assert_false(xml_child_number(root, "Empty", &number));
	assert_false(xml_child_number(root, "Missing", &number));
	assert_true(xml_child_is_true(root, "Yes"));
	assert_false(xml_child_is_true(root, "No"));
	assert_false(xml_child_is_true(root, "Missing"));

	struct arena *memory = arena_new(4096);
	const char *key = NULL;
	assert_int_equal(sigv4_xml_text(root, "Key", true, memory, &key, NULL), RC_OK);
	assert_string_equal(key, "a b+c d\xc3\xa9");
	assert_int_equal(sigv4_xml_text(root, "Key", false, memory, &key, NULL), RC_OK);
	assert_string_equal(key, "a+b%2Bc%20d%C3%A9");
	assert_int_equal(sigv4_xml_text(root, "Broken", true, memory, &key, NULL), RC_CORRUPT);
	assert_int_equal(sigv4_xml_text(root, "Missing", true, memory, &key, NULL), RC_CORRUPT);
	assert_true(sigv4_xml_time(root, "LastModified") == 1795502101123000LL);
	assert_true(sigv4_xml_time(root, "Word") == 0);
	char etag[STORE_ETAG_SIZE];
	sigv4_xml_etag(root, "ETag", etag);
	assert_string_equal(etag, "abc");
	sigv4_xml_etag(root, "Bare", etag);
	assert_string_equal(etag, "abc-2");
	sigv4_xml_etag(root, "Missing", etag);
	assert_string_equal(etag, "");
	arena_free(memory);
	xml_free(&document);
}

struct error_row {
	long status;
	const char *body;
	struct s3_expectation expectation;
	enum rc expected;
	const char *code;
};

static void errors_are_mapped(void **state)
{
	(void)state;
	static const struct s3_expectation read_only = { false, false };
	static const struct s3_expectation change = { true, false };
	static const struct s3_expectation condition = { true, true };
	const struct error_row rows[] = {
		{ 404, "", read_only, RC_NOT_FOUND, "" },
		{ 404, "<Error><Code>NoSuchKey</Code></Error>", read_only, RC_NOT_FOUND, "NoSuchKey" },
		{ 403, "<Error><Code>AccessDenied</Code></Error>", change, RC_DENIED, "AccessDenied" },
		{ 403, "<Error><Code>QuotaExceeded</Code></Error>", change, RC_LIMIT, "QuotaExceeded" },
		{ 412, "", condition, RC_EXISTS, "" },
		{ 412, "", read_only, RC_CONFLICT, "" },
		{ 409, "<Error><Code>ConditionalRequestConflict</Code></Error>", condition, RC_UNAVAILABLE,
		  "ConditionalRequestConflict" },
		{ 409, "<Error><Code>BucketAlreadyExists</Code></Error>", change, RC_EXISTS, "BucketAlreadyExists" },
		{ 409, "<Error><Code>BucketNotEmpty</Code></Error>", change, RC_CONFLICT, "BucketNotEmpty" },
		{ 400, "<Error><Code>RequestTimeout</Code></Error>", change, RC_UNAVAILABLE, "RequestTimeout" },
		{ 400, "<Error><Code>EntityTooSmall</Code></Error>", change, RC_INVALID, "EntityTooSmall" },
		{ 416, "", read_only, RC_INVALID, "" },
		{ 503, "", change, RC_UNAVAILABLE, "" },
		{ 500, "", change, RC_UNKNOWN, "" },
		{ 502, "<html><body>Bad Gateway</body></html>", change, RC_UNKNOWN, "" },
		{ 500, "", read_only, RC_UNAVAILABLE, "" },
		{ 200, "<Error><Code>InternalError</Code></Error>", change, RC_UNKNOWN, "InternalError" },
		{ 200, "<Error><Code>SlowDown</Code></Error>", change, RC_UNAVAILABLE, "SlowDown" },
		{ 301, "<Error><Code>PermanentRedirect</Code></Error>", read_only, RC_INVALID, "PermanentRedirect" },
		{ 400, "<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>", change,
		  RC_INVALID, "InvalidParameter" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char code[S3_ERROR_CODE_SIZE];
		struct err err = { 0 };
		enum rc rc = s3_error_map(rows[i].status, rows[i].body, strlen(rows[i].body), rows[i].expectation, code,
		                          &err);
		if (rc != rows[i].expected)
			fail_msg("%ld %s: %s", rows[i].status, rows[i].body, rc_name(rc));
		assert_int_equal(err.rc, rc);
		assert_string_equal(code, rows[i].code);
	}
}

static void take_lines(struct transport_exchange *exchange, const char *const *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		transport_take_header(exchange, lines[i], strlen(lines[i]));
}

static void headers_are_read(void **state)
{
	(void)state;
	static const char *const lines[] = { "HTTP/1.1 100 Continue\r\n",
		                             "ETag: \"not this one\"\r\n",
		                             "\r\n",
		                             "HTTP/1.1 206 Partial Content\r\n",
		                             "etag:\"abc-2\"\r\n",
		                             "Content-Length: 5\r\n",
		                             "Content-Range: bytes 0-4/18446744073\r\n",
		                             "Last-Modified: Tue, 24 Nov 2026 06:35:01 GMT\r\n",
		                             "X-AMZ-Meta-Source-SHA256: a: b \r\n",
		                             "Content-Type: image/png\r\n",
		                             "a line without a colon\r\n",
		                             "\r\n" };
	struct transport_exchange exchange = { .memory = arena_new(64 * 1024) };
	take_lines(&exchange, lines, COUNT(lines));
	assert_int_equal(exchange.status, 206);
	assert_string_equal(exchange.etag, "abc-2");
	assert_int_equal(exchange.content_length, 5);
	assert_true(exchange.whole_length == 18446744073LL);
	assert_true(exchange.modified_us == 1795502101000000LL);
	assert_string_equal(exchange.content_type, "image/png");
	assert_int_equal(exchange.metadata_count, 1);
	assert_string_equal(exchange.metadata[0].name, "source-sha256");
	assert_string_equal(exchange.metadata[0].value, "a: b");

	// Hostile ones: too long, too many, no numbers.
	char longest[9000];
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "ETag: ", 6);
	transport_take_header(&exchange, longest, sizeof longest);
	assert_string_equal(exchange.etag, "abc-2");
	transport_take_header(&exchange, longest, 6 + STORE_ETAG_SIZE);
	assert_string_equal(exchange.etag, "");
	static const char *const numbers[] = { "Content-Length: -1", "Content-Length: 5x",
		                               "Content-Length: ", "Content-Length: 99999999999999999999" };
	for (size_t i = 0; i < COUNT(numbers); i++) {
		exchange.content_length = 3;
		transport_take_header(&exchange, numbers[i], strlen(numbers[i]));
		assert_int_equal(exchange.content_length, -1);
	}
	for (unsigned i = 0; i < 1000; i++)
		transport_take_header(&exchange, "x-amz-meta-a: b", 15);
	assert_true(exchange.metadata_count <= 64);
	arena_free(exchange.memory);
}

static void spans_never_overrun(void **state)
{
	(void)state;
	char memory[8];
	struct span span;
	span_init(&span, memory, sizeof memory);
	span_append_text(&span, "1234567");
	assert_true(span_ok(&span));
	assert_string_equal(memory, "1234567");
	span_append_char(&span, '8');
	assert_false(span_ok(&span));
	span_append(&span, "", 0); // and nothing after it either
	assert_false(span_ok(&span));
	assert_string_equal(memory, "1234567");
	span_init(&span, memory, sizeof memory);
	span_append_percent(&span, "~/\xff ", true);
	assert_false(span_ok(&span));
	assert_string_equal(memory, "~/%FF");
	span_init(&span, memory, sizeof memory);
	span_append_number(&span, 0);
	span_append_number(&span, 123456);
	assert_string_equal(memory, "0123456");
	char big[32];
	span_init(&span, big, sizeof big);
	span_append_number(&span, 18446744073709551615ULL);
	assert_string_equal(big, "18446744073709551615");
}

// RFC 1864 and RFC 1321's test suite.
static void md5_is_md5(void **state)
{
	(void)state;
	uint8_t digest[MD5_SIZE];
	uint8_t streamed[MD5_SIZE];
	char text[CONTENT_MD5_TEXT_SIZE];
	md5_of("", 0, digest);
	content_md5_format(digest, text);
	assert_string_equal(text, "1B2M2Y8AsgTpgAmY7PhCfg==");
	md5_of("message digest", 14, digest);
	content_md5_format(digest, text);
	assert_string_equal(text, "+WtpfXy3k41SWi8xqvFh0A==");
	struct digest_stream *stream = digest_stream_new(DIGEST_MD5);
	for (unsigned i = 0; i < 2; i++) {
		digest_stream_update(stream, "message", 7);
		digest_stream_update(stream, " digest", 7);
		digest_stream_finish(stream, streamed);
		assert_memory_equal(streamed, digest, sizeof digest);
	}
	digest_stream_free(stream);
	digest_stream_free(NULL);
}

int main(void)
{
	assert_int_equal(crypto_init(NULL), RC_OK);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_taken_apart), cmocka_unit_test(xml_is_escaped_and_read_back),
		cmocka_unit_test(odd_xml_is_refused),        cmocka_unit_test(values_are_read_from_xml),
		cmocka_unit_test(errors_are_mapped),         cmocka_unit_test(headers_are_read),
		cmocka_unit_test(spans_never_overrun),       cmocka_unit_test(md5_is_md5),
	};
	return cmocka_run_group_tests_name("store parsing", tests, NULL, NULL);
}
