// store/sigv4: Amazon's published examples, refusals, and the same requests signed by botocore.
#include <errno.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "store/sigv4.h"
#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// "Authenticating Requests: Using the Authorization Header" and "…: Using Query Parameters", Amazon S3 API reference.
#define EXAMPLE_ACCESS_KEY "AKIAIOSFODNN7EXAMPLE"
#define EXAMPLE_SECRET_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_TIME "20130524T000000Z"
#define EXAMPLE_HOST "examplebucket.s3.amazonaws.com"
#define WELCOME_SHA256 "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static struct sigv4_signer example_signer(void)
{
	struct sigv4_signer signer;
	assert_int_equal(
	        sigv4_signer_init(&signer, EXAMPLE_ACCESS_KEY, EXAMPLE_SECRET_KEY, NULL, "us-east-1", "s3", NULL),
	        RC_OK);
	return signer;
}

struct example {
	const char *name;
	struct sigv4_request request;
	const char *canonical_sha256;
	const char *signed_headers;
	const char *signature;
};

static const struct store_pair RANGE[] = { { "Range", "bytes=0-9" } };
static const struct store_pair PUT_HEADERS[] = { { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
	                                         { "Date", "Fri, 24 May 2013 00:00:00 GMT" } };
static const struct store_pair LIFECYCLE[] = { { "lifecycle", "" } };
static const struct store_pair LIST[] = { { "prefix", "J" }, { "max-keys", "2" } };

static const struct example EXAMPLES[] = {
	{ "GET Object",
	  { .method = "GET", .path = "/test.txt", .headers = RANGE, .header_count = 1, .payload = SIGV4_EMPTY_SHA256 },
	  "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
	  "host;range;x-amz-content-sha256;x-amz-date",
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "PUT Object",
	  { .method = "PUT",
	    .path = "/test$file.text",
	    .headers = PUT_HEADERS,
	    .header_count = 2,
	    .payload = WELCOME_SHA256 },
	  "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
	  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "GET Bucket Lifecycle",
	  { .method = "GET", .path = "/", .query = LIFECYCLE, .query_count = 1, .payload = SIGV4_EMPTY_SHA256 },
	  "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
	  "host;x-amz-content-sha256;x-amz-date",
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "GET Bucket (List Objects)",
	  { .method = "GET", .path = "/", .query = LIST, .query_count = 2, .payload = SIGV4_EMPTY_SHA256 },
	  "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
	  "host;x-amz-content-sha256;x-amz-date",
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

static void hash_hex(const struct span *text, char ret_hex[SHA256_TEXT_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	sha256_of(text->data, text->length, digest);
	encode_hex(digest, sizeof digest, ret_hex);
}

static void amazons_header_examples_hold(void **state)
{
	(void)state;
	struct sigv4_signer signer = example_signer();
	const struct sigv4_key *key = sigv4_signer_key(&signer, EXAMPLE_TIME);
	for (size_t i = 0; i < COUNT(EXAMPLES); i++) {
		print_message("  %s\n", EXAMPLES[i].name);
		struct sigv4_request request = EXAMPLES[i].request;
		request.host = EXAMPLE_HOST;
		char text[SIGV4_WORK_SIZE];
		struct span canonical;
		span_init(&canonical, text, sizeof text);
		assert_int_equal(sigv4_canonical_request(key, &request, EXAMPLE_TIME, &canonical, NULL), RC_OK);
		char hex[SHA256_TEXT_SIZE];
		hash_hex(&canonical, hex);
		assert_string_equal(hex, EXAMPLES[i].canonical_sha256);

		char authorization[SIGV4_AUTHORIZATION_SIZE];
		char expected[SIGV4_AUTHORIZATION_SIZE];
		assert_int_equal(sigv4_sign(key, &request, EXAMPLE_TIME, authorization, NULL), RC_OK);
		(void)snprintf(expected, sizeof expected,
		               "AWS4-HMAC-SHA256 Credential=" EXAMPLE_ACCESS_KEY
		               "/20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, Signature=%s",
		               EXAMPLES[i].signed_headers, EXAMPLES[i].signature);
		assert_string_equal(authorization, expected);
	}
}

static void amazons_presigned_example_holds(void **state)
{
	(void)state;
	struct sigv4_signer signer = example_signer();
	struct sigv4_request request = {
		.method = "GET", .scheme = "https", .host = EXAMPLE_HOST, .path = "/test.txt"
	};
	char text[4096];
	struct span url;
	span_init(&url, text, sizeof text);
	assert_int_equal(
	        sigv4_presign(sigv4_signer_key(&signer, EXAMPLE_TIME), &request, EXAMPLE_TIME, 86400, &url, NULL),
	        RC_OK);
	assert_string_equal(
	        text, "https://" EXAMPLE_HOST "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
	              "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
	              "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
	              "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

// "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)".
static const char EXAMPLE_POLICY[] =
        "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJz"
        "aWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJw"
        "dWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6"
        "b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2Uv"
        "Il0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRp"
        "b24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRl"
        "bnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXot"
        "YWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";

static void amazons_policy_example_holds(void **state)
{
	(void)state;
	struct sigv4_signer signer = example_signer();
	char signature[SIGV4_SIGNATURE_SIZE];
	sigv4_sign_policy(sigv4_signer_key(&signer, "20151229"), EXAMPLE_POLICY, signature);
	assert_string_equal(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
}

static void the_key_follows_the_day(void **state)
{
	(void)state;
	struct sigv4_signer signer = example_signer();
	struct sigv4_request request = {
		.method = "GET", .host = EXAMPLE_HOST, .path = "/", .payload = SIGV4_EMPTY_SHA256
	};
	char authorization[SIGV4_AUTHORIZATION_SIZE];
	char again[SIGV4_AUTHORIZATION_SIZE];
	struct sigv4_key first = *sigv4_signer_key(&signer, "20130524T235959Z");
	assert_int_equal(sigv4_sign(&first, &request, "20130524T235959Z", authorization, NULL), RC_OK);
	assert_string_equal(sigv4_signer_key(&signer, "20130525T000000Z")->scope, "20130525/us-east-1/s3/aws4_request");
	// A copy of yesterday's key still signs yesterday's time, and no other.
	assert_int_equal(sigv4_sign(&first, &request, "20130524T235959Z", again, NULL), RC_OK);
	assert_string_equal(authorization, again);
	assert_int_equal(sigv4_sign(&first, &request, "20130525T000000Z", again, NULL), RC_INVALID);
	assert_int_equal(
	        sigv4_sign(sigv4_signer_key(&signer, "20130524T000000Z"), &request, "20130524T235959Z", again, NULL),
	        RC_OK);
	assert_string_equal(authorization, again);
	assert_int_equal(sigv4_sign(&first, &request, "20130524", again, NULL), RC_INVALID);
}

struct refusal {
	const char *why;
	struct store_pair headers[2];
	size_t header_count;
	struct store_pair query[1];
	size_t query_count;
	const char *path;
	enum rc rc;
};

static const struct refusal REFUSALS[] = {
	{ "a forged header", { { "x-amz-meta-a", "b\r\nx-amz-acl: public-read" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "a lone line feed", { { "content-type", "a\n" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "a delete character", { { "content-type", "a\x7f" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "a blank in a name", { { "content type", "a" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "an empty name", { { "", "a" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "host given", { { "Host", "evil" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "date given", { { "X-AMZ-Date", "20130524T000000Z" } }, 1, { { 0 } }, 0, "/k", RC_INVALID },
	{ "twice", { { "Range", "a" }, { "range", "b" } }, 2, { { 0 } }, 0, "/k", RC_INVALID },
	{ "no slash", { { 0 } }, 0, { { 0 } }, 0, "k", RC_INVALID },
};

static void what_cannot_be_signed_is_refused(void **state)
{
	(void)state;
	struct sigv4_signer signer = example_signer();
	const struct sigv4_key *key = sigv4_signer_key(&signer, EXAMPLE_TIME);
	char authorization[SIGV4_AUTHORIZATION_SIZE] = "untouched";
	char text[4096];
	for (size_t i = 0; i < COUNT(REFUSALS); i++) {
		print_message("  %s\n", REFUSALS[i].why);
		struct sigv4_request request = { .method = "GET",
			                         .scheme = "http",
			                         .host = EXAMPLE_HOST,
			                         .path = REFUSALS[i].path,
			                         .headers = REFUSALS[i].headers,
			                         .header_count = REFUSALS[i].header_count,
			                         .query = REFUSALS[i].query,
			                         .query_count = REFUSALS[i].query_count,
			                         .payload = SIGV4_EMPTY_SHA256 };
		struct err err = { 0 };
		struct span url;
		span_init(&url, text, sizeof text);
		assert_int_equal(sigv4_sign(key, &request, EXAMPLE_TIME, authorization, &err), REFUSALS[i].rc);
		assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 60, &url, &err), REFUSALS[i].rc);
		assert_true(err.text[0] != '\0');
		assert_string_equal(authorization, "untouched");
	}
}

// botocore's presigner cannot repeat a name, so this is not among its cases.
static void equal_names_are_sorted_by_value(void **state)
{
	(void)state;
	static const struct store_pair query[] = {
		{ "a", "\xc3\xbc" }, { "a-b", "" }, { "a", "~" }, { "a", "" }, { "a", "%" }
	};
	char text[200];
	struct span out;
	span_init(&out, text, sizeof text);
	assert_int_equal(sigv4_encode_target("/k//.", query, COUNT(query), &out, NULL), RC_OK);
	assert_string_equal(text, "/k//.?a=&a=%25&a=%C3%BC&a=~&a-b=");
}

static void lifetimes_and_sizes_are_bounded(void **state)
{
	(void)state;
	struct sigv4_signer signer = example_signer();
	const struct sigv4_key *key = sigv4_signer_key(&signer, EXAMPLE_TIME);
	struct sigv4_request request = { .method = "GET", .scheme = "http", .host = EXAMPLE_HOST, .path = "/k" };
	static const int64_t refused[] = { 0, -1, 604801, INT64_MAX };
	char text[1024];
	struct span url;
	for (size_t i = 0; i < COUNT(refused); i++) {
		span_init(&url, text, sizeof text);
		assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, refused[i], &url, NULL), RC_INVALID);
	}
	span_init(&url, text, sizeof text);
	assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 604800, &url, NULL), RC_OK);
	size_t needed = url.length + 1;
	span_init(&url, text, needed - 1);
	assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 604800, &url, NULL), RC_LIMIT);
	span_init(&url, text, needed);
	assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 604800, &url, NULL), RC_OK);

	struct store_pair reserved[] = { { "X-Amz-Expires", "999999" } };
	request.query = reserved;
	request.query_count = 1;
	span_init(&url, text, sizeof text);
	assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 60, &url, NULL), RC_INVALID);

	static struct store_pair many[SIGV4_PAIRS + 7];
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct store_pair){ "a", "" };
	span_init(&url, text, sizeof text);
	assert_int_equal(sigv4_encode_target("/k", many, COUNT(many), &url, NULL), RC_INVALID);
	request.query = many;
	request.query_count = SIGV4_PAIRS + 1;
	span_init(&url, text, sizeof text);
	assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 60, &url, NULL), RC_INVALID);
	request.headers = many;
	request.header_count = SIGV4_PAIRS + 1;
	span_init(&url, text, sizeof text);
	assert_int_equal(sigv4_presign(key, &request, EXAMPLE_TIME, 60, &url, NULL), RC_LIMIT);
}

static void odd_credentials_are_refused(void **state)
{
	(void)state;
	struct sigv4_signer signer;
	char too_long[SIGV4_SECRET_KEY_SIZE + 1];
	memset(too_long, 'a', sizeof too_long - 1);
	too_long[sizeof too_long - 1] = '\0';
	assert_int_equal(sigv4_signer_init(&signer, "", "s", NULL, "r", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a/b", "s", NULL, "r", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a", "", NULL, "r", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a", "s\n", NULL, "r", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a", too_long, NULL, "r", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a", "s", "", "r", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a", "s", NULL, "", "s3", NULL), RC_INVALID);
	assert_int_equal(sigv4_signer_init(&signer, "a", "s", NULL, "r", "s 3", NULL), RC_INVALID);
	too_long[SIGV4_SECRET_KEY_SIZE - 1] = '\0';
	assert_int_equal(sigv4_signer_init(&signer, "a", too_long, NULL, "r", "s3", NULL), RC_OK);
}

// ---- botocore as the judge
// ----------------------------------------------------------------------------------------------

#define PEER "tests/integration/store_peers.py"
#define PEER_CASES 600
#define PEER_MISSING 77

static size_t read_pairs(json_t *list, struct store_pair *ret_pairs, size_t most)
{
	size_t count = json_array_size(list);
	assert_true(count <= most);
	for (size_t i = 0; i < count; i++) {
		json_t *pair = json_array_get(list, i);
		ret_pairs[i].name = json_string_value(json_array_get(pair, 0));
		ret_pairs[i].value = json_string_value(json_array_get(pair, 1));
	}
	return count;
}

static const char *text_of(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	assert_non_null(text);
	return text;
}

static const char *signature_of(const char *text, const char *before)
{
	const char *at = strstr(text, before);
	assert_non_null(at);
	return at + strlen(before);
}

static void compare_with_peer(json_t *peer)
{
	struct store_pair query[16];
	struct store_pair headers[16];
	struct sigv4_request request = { .method = text_of(peer, "method"),
		                         .scheme = text_of(peer, "scheme"),
		                         .host = text_of(peer, "host"),
		                         .path = text_of(peer, "path"),
		                         .query = query,
		                         .query_count = read_pairs(json_object_get(peer, "query"), query, COUNT(query)),
		                         .headers = headers,
		                         .header_count =
		                                 read_pairs(json_object_get(peer, "headers"), headers, COUNT(headers)),
		                         .payload = text_of(peer, "payload") };
	const char *time = text_of(peer, "time");
	const char *token = text_of(peer, "token");
	struct sigv4_signer signer;
	assert_int_equal(sigv4_signer_init(&signer, text_of(peer, "access_key"), text_of(peer, "secret_key"),
	                                   token[0] == '\0' ? NULL : token, text_of(peer, "region"),
	                                   text_of(peer, "service"), NULL),
	                 RC_OK);
	const struct sigv4_key *key = sigv4_signer_key(&signer, time);
	char text[SIGV4_WORK_SIZE];
	struct span out;
	span_init(&out, text, sizeof text);
	assert_int_equal(sigv4_canonical_request(key, &request, time, &out, NULL), RC_OK);
	assert_string_equal(text, text_of(peer, "canonical"));
	char authorization[SIGV4_AUTHORIZATION_SIZE];
	assert_int_equal(sigv4_sign(key, &request, time, authorization, NULL), RC_OK);
	assert_string_equal(authorization, text_of(peer, "authorization"));

	// botocore keeps the order of its parameters in the URL; what counts is the signature over the sorted ones.
	span_init(&out, text, sizeof text);
	assert_int_equal(
	        sigv4_presign(key, &request, time, json_integer_value(json_object_get(peer, "seconds")), &out, NULL),
	        RC_OK);
	assert_string_equal(signature_of(text, "&X-Amz-Signature="),
	                    signature_of(text_of(peer, "url"), "&X-Amz-Signature="));
	assert_int_equal(strlen(text), strlen(text_of(peer, "url")));
}

static FILE *start_peer(const char *seed, pid_t *ret_pid)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	posix_spawn_file_actions_t actions;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawn_file_actions_addclose(&actions, ends[0]), 0);
	char count[16];
	(void)snprintf(count, sizeof count, "%d", PEER_CASES);
	char *const arguments[] = { "/usr/bin/python3", PEER, "sigv4-cases", (char *)seed, count, NULL };
	int failed = posix_spawn(ret_pid, "/usr/bin/python3", &actions, NULL, arguments, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(ends[1]);
	if (failed != 0) {
		(void)close(ends[0]);
		return NULL;
	}
	FILE *stream = fdopen(ends[0], "r");
	assert_non_null(stream);
	return stream;
}

static void botocore_signs_alike(void **state)
{
	(void)state;
	const char *seed = getenv("TEST_SEED");
	char random_seed[16];
	if (seed == NULL) {
		(void)snprintf(random_seed, sizeof random_seed, "%u", random_below(1000000));
		seed = random_seed;
	}
	print_message("  TEST_SEED=%s\n", seed);
	pid_t pid = -1;
	FILE *stream = start_peer(seed, &pid);
	unsigned cases = 0;
	char *line = NULL;
	size_t size = 0;
	while (stream != NULL && getline(&line, &size, stream) > 0) {
		json_t *peer = json_loads(line, 0, NULL);
		assert_non_null(peer);
		compare_with_peer(peer);
		json_decref(peer);
		cases++;
	}
	free(line);
	int status = 0;
	if (stream != NULL) {
		(void)fclose(stream);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (stream == NULL || (WIFEXITED(status) && WEXITSTATUS(status) == PEER_MISSING)) {
		(void)fprintf(
		        stderr,
		        "SKIPPED: /usr/bin/python3 with botocore is not installed, nobody checked our signatures\n");
		skip();
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(cases, PEER_CASES);
}

int main(void)
{
	assert_int_equal(crypto_init(NULL), RC_OK);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amazons_header_examples_hold),
		cmocka_unit_test(amazons_presigned_example_holds),
		cmocka_unit_test(amazons_policy_example_holds),
		cmocka_unit_test(the_key_follows_the_day),
		cmocka_unit_test(what_cannot_be_signed_is_refused),
		cmocka_unit_test(equal_names_are_sorted_by_value),
		cmocka_unit_test(lifetimes_and_sizes_are_bounded),
		cmocka_unit_test(odd_credentials_are_refused),
		cmocka_unit_test(botocore_signs_alike),
	};
	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
