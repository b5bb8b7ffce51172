// Other clients (boto3, aws-cli, curl, urllib) use what lib/store made: presigned URLs, forms, objects, configuration.
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/settings.h"
#include "store/store_admin.h"
#include "store/store_presign.h"
#include "tests/integration/support/peer.h"
#include "tests/integration/support/store_bench.h"
#include "tests/unit/cmocka_all.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ODD_KEY "peers/\xc3\xa9 \xe6\x97\xa5+%2F&.jpg"

// Hands the facts (consumed) to the peer and judges its answer.
static void run_peer(const char *check, json_t *facts)
{
	int status = test_peer_run("tests/integration/store_peers.py", check, NULL, facts, NULL);
	if (status == TEST_PEER_MISSING) {
		(void)fprintf(stderr, "SKIPPED: python3 with boto3, curl or aws-cli is missing: nobody checked %s\n",
		              check);
		skip();
	}
	assert_int_equal(status, 0);
}

static json_t *facts_with_credentials(const struct store_bench *bench)
{
	json_t *facts = json_pack("{s:s, s:s, s:s, s:s}", "endpoint", bench->settings->store_endpoint, "bucket",
	                          bench->bucket, "access_key", "admin", "secret_key", bench->secret);
	assert_non_null(facts);
	return facts;
}

static json_t *headers_to_json(const struct store_signed_request *request)
{
	json_t *headers = json_object();
	for (size_t i = 0; i < request->header_count; i++)
		assert_int_equal(
		        json_object_set_new(headers, request->headers[i].name, json_string(request->headers[i].value)),
		        0);
	return headers;
}

static const struct store_pair UPLOAD_HEADERS[] = { { "content-length", "1000" },
	                                            { "content-type", "image/jpeg" },
	                                            { "if-none-match", "*" } };

static struct store_signed_request presign_upload(const struct store_bench *bench, const char *key)
{
	struct store_presign presign = { .method = "PUT",
		                         .bucket = bench->bucket,
		                         .key = key,
		                         .headers = UPLOAD_HEADERS,
		                         .header_count = COUNT(UPLOAD_HEADERS),
		                         .seconds = 600 };
	struct store_signed_request request;
	struct err err = { 0 };
	store_bench_assert_ok(store_presign_request(bench->store, &presign, &request, &err), &err);
	int64_t life_us = request.expires_us - clock_now_us();
	assert_true(life_us > 590 * 1000000LL && life_us <= 600 * 1000000LL);
	return request;
}

static void presigned_puts_bind_the_client(struct store_bench *bench)
{
	struct store_signed_request request = presign_upload(bench, ODD_KEY);
	run_peer("presigned-put", json_pack("{s:s, s:o}", "url", request.url, "headers", headers_to_json(&request)));
	store_signed_request_done(&request);
	struct store_target target = store_bench_target(bench, ODD_KEY);
	struct store_object object;
	struct err err = { 0 };
	store_bench_assert_ok(store_head(bench->store, &target, &object, &err), &err);
	assert_int_equal(object.size, 1000);
	assert_string_equal(object.content_type, "image/jpeg");
	store_object_done(&object);

	request = presign_upload(bench, "by-curl");
	run_peer("presigned-curl", json_pack("{s:s, s:o}", "url", request.url, "headers", headers_to_json(&request)));
	store_signed_request_done(&request);
}

static void presigned_gets_are_served(struct store_bench *bench)
{
	const char *key = bench->is_sigv4 ? ODD_KEY : "peers/\xc3\xa9+%2F&.jpg";
	store_bench_put_text(bench, key, "shown to the client");
	struct store_presign presign = { .method = "GET", .bucket = bench->bucket, .key = key, .seconds = 60 };
	struct store_signed_request request;
	struct err err = { 0 };
	store_bench_assert_ok(store_presign_request(bench->store, &presign, &request, &err), &err);
	run_peer("presigned-get",
	         json_pack("{s:s, s:{}, s:s}", "url", request.url, "headers", "content", "shown to the client"));
	store_signed_request_done(&request);

	presign.now_us = clock_now_us() - 61 * 1000000LL;
	store_bench_assert_ok(store_presign_request(bench->store, &presign, &request, &err), &err);
	run_peer("presigned-expired", json_pack("{s:s}", "url", request.url));
	store_signed_request_done(&request);
	if (!bench->is_sigv4)
		return;
	static const struct store_pair query[] = { { "response-content-disposition",
		                                     "attachment; filename=\"a b.jpg\"" } };
	presign.now_us = 0;
	presign.query = query;
	presign.query_count = 1;
	store_bench_assert_ok(store_presign_request(bench->store, &presign, &request, &err), &err);
	run_peer("presigned-get", json_pack("{s:s, s:{}, s:s, s:s}", "url", request.url, "headers", "content",
	                                    "shown to the client", "disposition", query[0].value));
	store_signed_request_done(&request);
}

static void forms_bind_the_client(struct store_bench *bench)
{
	static const struct store_pair fields[] = { { "success_action_status", "201" }, { "x-amz-meta-owner", "me" } };
	struct store_form_options options = { .bucket = bench->bucket,
		                              .key = "form/\xc3\xa9 a.jpg",
		                              .least_bytes = 10,
		                              .most_bytes = 2000,
		                              .content_type = "image/jpeg",
		                              .fields = fields,
		                              .field_count = COUNT(fields),
		                              .seconds = 600 };
	struct store_form form;
	struct err err = { 0 };
	store_bench_assert_ok(store_presign_form(bench->store, &options, &form, &err), &err);
	json_t *list = json_array();
	for (size_t i = 0; i < form.field_count; i++)
		(void)json_array_append_new(list, json_pack("[s, s]", form.fields[i].name, form.fields[i].value));
	run_peer("form", json_pack("{s:s, s:o, s:i, s:i}", "url", form.url, "fields", list, "least", 10, "most", 2000));
	store_form_done(&form);
	struct store_target target = store_bench_target(bench, options.key);
	struct store_object object;
	store_bench_assert_ok(store_head(bench->store, &target, &object, &err), &err);
	assert_int_equal(object.size, 10);
	assert_string_equal(object.content_type, "image/jpeg");
	assert_string_equal(store_object_metadata(&object, "owner"), "me");
	store_object_done(&object);
	options.least_bytes = 3000;
	assert_int_equal(store_presign_form(bench->store, &options, &form, &err), RC_INVALID);
}

static void objects_are_read_by_others(struct store_bench *bench)
{
	static const struct store_pair metadata[] = { { "source-sha256", "abc" }, { "note", "two words" } };
	struct store_put_options options = { .content_type = "image/avif",
		                             .cache_control = "public, max-age=31536000, immutable",
		                             .metadata = metadata,
		                             .metadata_count = COUNT(metadata) };
	const char *content = "sch\xc3\xb6n";
	struct store_target target = store_bench_target(bench, ODD_KEY);
	struct store_body body = { .data = content, .length = strlen(content) };
	char etag[STORE_ETAG_SIZE];
	struct err err = { 0 };
	store_bench_assert_ok(store_put(bench->store, &target, &body, &options, etag, &err), &err);
	json_t *facts = facts_with_credentials(bench);
	json_t *more =
	        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}}", "key", ODD_KEY, "their_key",
	                  "theirs/\xc3\xbc +.png", "content", content, "content_type", "image/avif", "cache_control",
	                  options.cache_control, "etag", etag, "metadata", "source-sha256", "abc", "note", "two words");
	assert_int_equal(json_object_update(facts, more), 0);
	json_decref(more);
	run_peer("object", facts);
	store_bench_assert_content(bench, "theirs/\xc3\xbc +.png", content, strlen(content));
	target.key = "theirs/\xc3\xbc +.png";
	struct store_object object;
	store_bench_assert_ok(store_head(bench->store, &target, &object, &err), &err);
	assert_string_equal(object.content_type, "image/png");
	assert_string_equal(store_object_metadata(&object, "from"), "boto3");
	store_object_done(&object);
	// A key that XML cannot hold, though we would not write it: the list must survive it.
	struct store_list_options options_of_list = { .prefix = "theirs/", .page_size = 1 };
	struct store_page page;
	store_bench_assert_ok(store_list(bench->store, bench->bucket, &options_of_list, &page, &err), &err);
	assert_int_equal(page.count, 1);
	assert_string_equal(page.entries[0].key, "theirs/\x01\n&.png");
	assert_non_null(page.continuation);
	store_page_done(&page);
	// The bench cannot name it for deletion either.
	run_peer("delete-odd-key", facts_with_credentials(bench));
}

// ---- what `safelightctl store init` sets up
// -----------------------------------------------------------------------------

static void policies_grant_what_they_say(struct store_bench *bench)
{
	char *secret = store_bench_secret("presign");
	struct store *presign =
	        store_bench_open(bench, "sigv4", NULL, bench->settings->ingest_presign_access_key, secret);
	struct store_target target = store_bench_target(bench, "granted");
	struct store_body body = { .data = "a", .length = 1 };
	struct store_object object;
	struct err err = { 0 };
	assert_int_equal(store_put(presign, &target, &body, NULL, NULL, &err), RC_DENIED);
	char policy[1024];
	(void)snprintf(policy, sizeof policy,
	               "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":["
	               "\"arn:aws:iam:::user/presign\"]},\"Action\":[\"s3:PutObject\"],"
	               "\"Resource\":[\"arn:aws:s3:::%s/*\"]}]}",
	               bench->bucket);
	store_bench_assert_ok(store_bucket_put_policy(bench->store, bench->bucket, policy, &err), &err);
	store_bench_assert_ok(store_bucket_put_policy(bench->store, bench->bucket, policy, &err), &err);
	store_bench_assert_ok(store_put(presign, &target, &body, NULL, NULL, &err), &err);
	assert_int_equal(store_head(presign, &target, &object, &err), RC_DENIED);
	assert_int_equal(store_delete(presign, &target, &err), RC_DENIED);
	assert_int_not_equal(store_bucket_put_policy(bench->store, bench->bucket, "{\"no\":\"policy\"}", &err), RC_OK);

	static const char *const origins[] = { "https://app.example", "http://localhost:8080" };
	static const char *const methods[] = { "PUT", "POST" };
	struct store_cors cors = { .origins = origins,
		                   .origin_count = COUNT(origins),
		                   .methods = methods,
		                   .method_count = COUNT(methods),
		                   .max_age_seconds = 3600 };
	store_bench_assert_ok(store_bucket_put_cors(bench->store, bench->bucket, &cors, &err), &err);
	store_bench_assert_ok(store_bucket_put_lifecycle(bench->store, bench->bucket, 1, &err), &err);
	assert_int_equal(store_bucket_put_lifecycle(bench->store, bench->bucket, 0, &err), RC_INVALID);
	json_t *facts = facts_with_credentials(bench);
	(void)json_object_set_new(facts, "origins", json_pack("[s, s]", origins[0], origins[1]));
	(void)json_object_set_new(facts, "policy", json_string(policy));
	run_peer("configuration", facts);
	cors.origin_count = 0;
	store_bench_assert_ok(store_bucket_put_cors(bench->store, bench->bucket, &cors, &err), &err);
	run_peer("cors-removed", facts_with_credentials(bench));
	store_free(presign);
	free(secret);
}

// A port on loopback that was free a moment ago.
static unsigned find_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

static void events_are_pushed(struct store_bench *bench)
{
	unsigned port = find_port();
	char endpoint[64];
	(void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/hooks/s3", port);
	struct store_topic topic = { .name = bench->bucket, .push_endpoint = endpoint, .opaque = "secret & token+" };
	char arn[STORE_ARN_SIZE];
	struct err err = { 0 };
	for (unsigned i = 0; i < 2; i++) { // all of it may be repeated
		store_bench_assert_ok(store_topic_create(bench->store, &topic, arn, &err), &err);
		assert_non_null(strstr(arn, bench->bucket));
		store_bench_assert_ok(store_bucket_put_notification(bench->store, bench->bucket, "uploads", arn, &err),
		                      &err);
	}
	topic.name = "not a name";
	assert_int_equal(store_topic_create(bench->store, &topic, arn, &err), RC_INVALID);
	json_t *facts = facts_with_credentials(bench);
	(void)json_object_set_new(facts, "port", json_integer(port));
	(void)json_object_set_new(facts, "topic", json_string(arn));
	(void)json_object_set_new(facts, "opaque", json_string("secret & token+"));
	run_peer("event", facts);
}

int main(void)
{
	static const struct store_bench_case cases[] = {
		STORE_BENCH_SIGV4_CASE(presigned_puts_bind_the_client),
		STORE_BENCH_CASE(presigned_gets_are_served),
		STORE_BENCH_SIGV4_CASE(forms_bind_the_client),
		STORE_BENCH_SIGV4_CASE(objects_are_read_by_others),
		STORE_BENCH_SIGV4_CASE(policies_grant_what_they_say),
		STORE_BENCH_SIGV4_CASE(events_are_pushed),
	};
	return store_bench_main("store peers", cases, COUNT(cases));
}
