// Stores' notifications: real envelopes of each source, their key encodings, and what is refused.
#include "ingest/s3_event.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include "tests/unit/cmocka_all.h"

static struct arena *arena;

static int make_arena(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	return arena == NULL ? -1 : 0;
}

static int drop_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static enum rc parse(const char *json, struct s3_events *ret_events)
{
	struct err err = { 0 };
	return s3_events_parse(json, strlen(json), arena, ret_events, &err);
}

static const struct s3_event *parse_one(const char *json)
{
	struct s3_events events = { 0 };
	assert_int_equal(parse(json, &events), RC_OK);
	assert_int_equal(events.count, 1);
	return &events.items[0];
}

// As Ceph 16.2 posts it.
static void reads_ceph(void **state)
{
	(void)state;
	const struct s3_event *event = parse_one(
	        "{\"Records\":[{\"eventVersion\":\"2.2\",\"eventSource\":\"ceph:s3\",\"awsRegion\":\"default\","
	        "\"eventTime\":\"2026-11-24T06:35:01.123456Z\",\"eventName\":\"ObjectCreated:Put\","
	        "\"userIdentity\":{\"principalId\":\"presign\"},\"requestParameters\":{\"sourceIPAddress\":\"\"},"
	        "\"responseElements\":{\"x-amz-request-id\":\"r\",\"x-amz-id-2\":\"i\"},"
	        "\"s3\":{\"s3SchemaVersion\":\"1.0\",\"configurationId\":\"c\",\"bucket\":{\"name\":\"originals\","
	        "\"ownerIdentity\":{\"principalId\":\"admin\"},\"arn\":\"a\",\"id\":\"b\"},"
	        "\"object\":{\"key\":\"a b/c+d%2Fe.jpg\",\"size\":100,\"eTag\":\"0f\",\"versionId\":\"\","
	        "\"sequencer\":\"AA\",\"metadata\":[],\"tags\":[]}},\"eventId\":\"1\",\"opaqueData\":\"tok\"}]}");
	assert_true(event->is_created);
	assert_string_equal(event->bucket, "originals");
	// Raw: plus and percent stand for themselves.
	assert_string_equal(event->key, "a b/c+d%2Fe.jpg");
	assert_string_equal(event->opaque, "tok");
}

static void reads_aws(void **state)
{
	(void)state;
	const struct s3_event *event = parse_one(
	        "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:"
	        "CompleteMultipartUpload\",\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":"
	        "\"a+b/c%2Bd/%C3%A4.jpg\",\"size\":1,\"eTag\":\"e-2\",\"sequencer\":\"0\"}}}]}");
	assert_true(event->is_created);
	assert_string_equal(event->key, "a b/c+d/\xc3\xa4.jpg");
	assert_null(event->opaque);
}

static void reads_minio(void **state)
{
	(void)state;
	const struct s3_event *event =
	        parse_one("{\"EventName\":\"s3:ObjectCreated:Put\",\"Key\":\"b/a/c d\",\"Records\":[{\"eventVersion\":"
	                  "\"2.0\",\"eventSource\":\"minio:s3\",\"eventName\":\"s3:ObjectCreated:Put\",\"s3\":{"
	                  "\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"a%2Fc+d\",\"eTag\":\"e\"}}}]}");
	assert_true(event->is_created);
	assert_string_equal(event->bucket, "b");
	assert_string_equal(event->key, "a/c d");
}

static void reads_eventbridge(void **state)
{
	(void)state;
	const struct s3_event *event =
	        parse_one("{\"version\":\"0\",\"id\":\"1\",\"detail-type\":\"Object Created\",\"source\":\"aws.s3\","
	                  "\"detail\":{\"version\":\"0\",\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"a+b%20c\","
	                  "\"size\":5,\"etag\":\"e\",\"sequencer\":\"0\"},\"reason\":\"PutObject\"}}");
	assert_true(event->is_created);
	assert_string_equal(event->key, "a+b%20c");
	event = parse_one("{\"detail-type\":\"Object Deleted\",\"source\":\"aws.s3\",\"detail\":{}}");
	assert_false(event->is_created);
}

static void tells_creations_from_the_rest(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool is_created;
	} rows[] = {
		{ "ObjectCreated:Put", true },
		{ "s3:ObjectCreated:Post", true },
		{ "ObjectCreated:Copy", true },
		{ "ObjectCreated:CompleteMultipartUpload", true },
		{ "ObjectCreated:PutX", false },
		{ "ObjectCreated:", false },
		{ "ObjectRemoved:Delete", false },
		{ "s3:ObjectAccessed:Get", false },
		{ "", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char json[512];
		(void)snprintf(json, sizeof json,
		               "{\"Records\":[{\"eventSource\":\"aws:s3\",\"eventName\":\"%s\",\"s3\":{\"bucket\":"
		               "{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}}]}",
		               rows[i].name);
		assert_int_equal(parse_one(json)->is_created, rows[i].is_created);
	}
}

static void takes_the_test_message(void **state)
{
	(void)state;
	struct s3_events events = { .count = 9 };
	assert_int_equal(parse("{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"b\"}", &events),
	                 RC_OK);
	assert_int_equal(events.count, 0);
	assert_int_equal(parse("{\"Records\":[]}", &events), RC_OK);
	assert_int_equal(events.count, 0);
}

static void refuses_what_is_no_event(void **state)
{
	(void)state;
#define RECORD(members) "{\"Records\":[{" members "}]}"
	static const char *const rows[] = {
		"",
		"[]",
		"{}",
		"null",
		"{\"Records\":{}}",
		"{\"Records\":[1]}",
		"{\"Records\":[{}]}",
		RECORD("\"eventSource\":\"other:s3\",\"eventName\":\"ObjectCreated:Put\""),
		RECORD("\"eventSource\":\"aws:s3\""),
		RECORD("\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\""),
		RECORD("\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"eventVersion\":\"3.0\",\"s3\":{"
		       "\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}"),
		RECORD("\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
		       "\"object\":{\"key\":\"%zz\"}}"),
		RECORD("\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
		       "\"object\":{\"key\":\"a%00b\"}}"),
		RECORD("\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":7},"
		       "\"object\":{\"key\":\"k\"}}"),
		RECORD("\"eventSource\":\"ceph:s3\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectRemoved:Delete\""),
		"{\"source\":\"aws.s3\",\"detail-type\":\"Object Created\"}",
		"{\"source\":\"aws.ec2\",\"detail-type\":\"Object Created\",\"detail\":{}}",
	};
	struct s3_events events;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (parse(rows[i], &events) != RC_INVALID)
			fail_msg("taken: %s", rows[i]);
}

static void bounds_records_and_depth(void **state)
{
	(void)state;
	struct s3_events events;
	struct buffer json;
	buffer_init(&json, 1024 * 1024);
	buffer_append_text(&json, "{\"Records\":[{}");
	for (int i = 0; i < S3_EVENTS_MAX; i++)
		buffer_append_text(&json, ",{}");
	buffer_append_text(&json, "]}");
	assert_int_equal(parse(buffer_text(&json), &events), RC_INVALID);
	buffer_clear(&json);
	for (int i = 0; i < 200000; i++)
		buffer_append_char(&json, '[');
	assert_int_equal(parse(buffer_text(&json), &events), RC_INVALID);
	buffer_done(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_ceph),
		cmocka_unit_test(reads_aws),
		cmocka_unit_test(reads_minio),
		cmocka_unit_test(reads_eventbridge),
		cmocka_unit_test(tells_creations_from_the_rest),
		cmocka_unit_test(takes_the_test_message),
		cmocka_unit_test(refuses_what_is_no_event),
		cmocka_unit_test(bounds_records_and_depth),
	};
	return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
