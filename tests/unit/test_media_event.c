// Tests of events: each kind comes back as it was sent, and what has not exactly its shape is refused on both sides.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "media/event.h"
#include "tests/unit/cmocka_all.h"

#define EVENT_ID "0193a5e0-7c1b-7abc-8def-000000000001"
#define JOB_ID "0193a5e0-7c1b-7abc-8def-000000000002"
#define MEDIA_ID "0193a5e0-7c1b-7abc-8def-000000000003"
#define OWNER_ID "0193a5e0-7c1b-7abc-8def-000000000004"
#define ITEM_ID "0193a5e0-7c1b-7abc-8def-000000000005"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct uuid uuid_of(const char *text)
{
	struct uuid id;
	assert_true(uuid_parse(text, &id));
	return id;
}

static struct event event_of(enum event_kind kind)
{
	struct event event = { .id = uuid_of(EVENT_ID), .time_us = 1795502101123000, .source = "/safelight/ingest" };
	event.kind = kind;
	if (kind == EVENT_JOB)
		event.job = (struct event_job){ .job_id = uuid_of(JOB_ID),
			                        .media_id = uuid_of(MEDIA_ID),
			                        .generation = 3,
			                        .pool = "fast",
			                        .lane = LANE_BULK };
	else if (kind == EVENT_MEDIA)
		event.media = (struct event_media){ .verb = MEDIA_VERB_READY,
			                            .media_id = uuid_of(MEDIA_ID),
			                            .owner_id = uuid_of(OWNER_ID),
			                            .state = MEDIA_READY,
			                            .generation = 1 };
	else
		event.item = (struct event_item){ .verb = ITEM_VERB_UPDATED,
			                          .item_id = uuid_of(ITEM_ID),
			                          .owner_id = uuid_of(OWNER_ID),
			                          .version = 7 };
	return event;
}

static void assert_round_trip(const struct event *event)
{
	struct buffer first, second;
	buffer_init(&first, LIMIT_EVENT_BYTES);
	buffer_init(&second, LIMIT_EVENT_BYTES);
	struct err err = { 0 };
	struct event decoded;
	memset(&decoded, 0xee, sizeof(decoded));
	if (event_encode(event, &first, &err) != RC_OK ||
	    event_decode(first.data, first.length, &decoded, &err) != RC_OK)
		fail_msg("%s: %s", err.text, buffer_text(&first));
	assert_int_equal(decoded.kind, event->kind);
	assert_true(decoded.time_us == event->time_us);
	// The text says all: what was read writes the same again.
	assert_int_equal(event_encode(&decoded, &second, &err), RC_OK);
	assert_string_equal(buffer_text(&first), buffer_text(&second));
	buffer_done(&first);
	buffer_done(&second);
}

static void test_round_trips(void **state)
{
	(void)state;
	struct event event = event_of(EVENT_JOB);
	assert_round_trip(&event);
	(void)snprintf(event.traceparent, sizeof(event.traceparent), "%s", TRACE);
	event.job.lane = LANE_INTERACTIVE;
	assert_round_trip(&event);
	event = event_of(EVENT_ITEM);
	for (unsigned i = 0; i < EVENT_ITEM_VERB_COUNT; i++) {
		event.item.verb = (enum event_item_verb)i;
		assert_round_trip(&event);
	}
	static const struct {
		enum event_media_verb verb;
		enum media_state state;
		enum media_reason reason;
	} rows[] = {
		{ MEDIA_VERB_UPLOADED, MEDIA_UPLOADED, REASON_NONE },
		{ MEDIA_VERB_PREVIEW, MEDIA_PROCESSING, REASON_NONE },
		{ MEDIA_VERB_PREVIEW, MEDIA_READY, REASON_NONE },
		{ MEDIA_VERB_READY, MEDIA_READY, REASON_NONE },
		{ MEDIA_VERB_UPDATED, MEDIA_READY, REASON_NONE },
		{ MEDIA_VERB_UPDATED, MEDIA_FAILED, REASON_INTERNAL },
		{ MEDIA_VERB_FAILED, MEDIA_FAILED, REASON_TRUNCATED },
		{ MEDIA_VERB_REJECTED, MEDIA_REJECTED, REASON_TYPE_MISMATCH },
		{ MEDIA_VERB_EXPIRED, MEDIA_EXPIRED, REASON_NONE },
		{ MEDIA_VERB_DELETED, MEDIA_DELETED, REASON_NONE },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event = event_of(EVENT_MEDIA);
		event.media.verb = rows[i].verb;
		event.media.state = rows[i].state;
		event.media.reason = rows[i].reason;
		assert_round_trip(&event);
		event.media.has_item = true;
		event.media.item_id = uuid_of(ITEM_ID);
		assert_round_trip(&event);
	}
}

static void test_wire_form(void **state)
{
	(void)state;
	struct event event = event_of(EVENT_JOB);
	(void)snprintf(event.traceparent, sizeof(event.traceparent), "%s", TRACE);
	struct buffer out;
	buffer_init(&out, LIMIT_EVENT_BYTES);
	assert_int_equal(event_encode(&event, &out, NULL), RC_OK);
	assert_string_equal(
	        buffer_text(&out),
	        "{\"specversion\":\"1.0\",\"id\":\"" EVENT_ID "\",\"source\":\"/safelight/ingest\","
	        "\"type\":\"safelight.job.v1\",\"subject\":\"" MEDIA_ID "\",\"time\":\"2026-11-24T06:35:01.123Z\","
	        "\"datacontenttype\":\"application/json\",\"traceparent\":\"" TRACE "\",\"data\":{"
	        "\"job_id\":\"" JOB_ID "\",\"media_id\":\"" MEDIA_ID "\",\"generation\":3,\"pool\":\"fast\","
	        "\"lane\":\"bulk\"}}");
	char subject[EVENT_SUBJECT_SIZE];
	event_format_subject(&event, subject);
	assert_string_equal(subject, "jobs.fast.bulk");
	event = event_of(EVENT_MEDIA);
	event_format_subject(&event, subject);
	assert_string_equal(subject, "events.media.ready");
	event = event_of(EVENT_ITEM);
	event_format_subject(&event, subject);
	assert_string_equal(subject, "events.item.updated");
	buffer_done(&out);
}

static enum rc encode(const struct event *event)
{
	struct buffer out;
	buffer_init(&out, LIMIT_EVENT_BYTES);
	enum rc rc = event_encode(event, &out, NULL);
	// What is refused leaves nothing behind.
	assert_true(rc == RC_OK || out.length == 0);
	buffer_done(&out);
	return rc;
}

static void test_encoding_refuses(void **state)
{
	(void)state;
	struct event event = event_of(EVENT_JOB);
	(void)snprintf(event.job.pool, sizeof(event.job.pool), "a.b");
	assert_int_equal(encode(&event), RC_INVALID);
	event = event_of(EVENT_JOB);
	event.job.generation = 0;
	assert_int_equal(encode(&event), RC_INVALID);
	event = event_of(EVENT_JOB);
	event.source[0] = '\0';
	assert_int_equal(encode(&event), RC_INVALID);
	event = event_of(EVENT_JOB);
	(void)snprintf(event.traceparent, sizeof(event.traceparent), "00-1");
	assert_int_equal(encode(&event), RC_INVALID);
	event = event_of(EVENT_MEDIA);
	event.media.state = MEDIA_PROCESSING; // media.ready
	assert_int_equal(encode(&event), RC_INVALID);
	event = event_of(EVENT_MEDIA);
	event.media.reason = REASON_INTERNAL; // ready has none
	assert_int_equal(encode(&event), RC_INVALID);
	event.media.verb = MEDIA_VERB_REJECTED;
	event.media.state = MEDIA_REJECTED; // internal is no reason to reject
	assert_int_equal(encode(&event), RC_INVALID);
	event.media.reason = REASON_NONE; // and rejecting needs one
	assert_int_equal(encode(&event), RC_INVALID);
	event = event_of(EVENT_ITEM);
	event.item.version = 0;
	assert_int_equal(encode(&event), RC_INVALID);
	struct buffer small;
	buffer_init(&small, 100);
	event = event_of(EVENT_ITEM);
	assert_int_equal(event_encode(&event, &small, NULL), RC_NO_MEMORY);
	buffer_done(&small);
}

// A good event of each kind, as parsed JSON, to be bent.
static json_t *good_json(enum event_kind kind)
{
	struct event event = event_of(kind);
	struct buffer out;
	buffer_init(&out, LIMIT_EVENT_BYTES);
	assert_int_equal(event_encode(&event, &out, NULL), RC_OK);
	json_t *root = json_loadb(out.data, out.length, 0, NULL);
	assert_non_null(root);
	buffer_done(&out);
	return root;
}

static enum rc decode_json(json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT);
	assert_non_null(text);
	struct event event;
	enum rc rc = event_decode(text, strlen(text), &event, NULL);
	free(text);
	return rc;
}

// Put value (JSON text; NULL: remove) in place of one member; data's members are named with a leading '.'.
static void assert_bent(enum event_kind kind, const char *name, const char *value, enum rc expected)
{
	json_t *root = good_json(kind);
	json_t *object = name[0] == '.' ? json_object_get(root, "data") : root;
	const char *member = name + (name[0] == '.');
	if (value == NULL)
		assert_int_equal(json_object_del(object, member), 0);
	else
		assert_int_equal(json_object_set_new(object, member, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
	enum rc rc = decode_json(root);
	if (rc != expected)
		fail_msg("kind %d, %s = %s: %s", kind, name, value != NULL ? value : "(removed)", rc_name(rc));
	json_decref(root);
}

static void test_decoding_refuses(void **state)
{
	(void)state;
	static const struct {
		enum event_kind kind;
		const char *name, *value;
		enum rc expected;
	} rows[] = {
		{ EVENT_JOB, "type", "\"safelight.job.v1\"", RC_OK },
		{ EVENT_JOB, "type", "\"safelight.job.v2\"", RC_INVALID },
		{ EVENT_JOB, "type", "\"safelight.job\"", RC_INVALID },
		{ EVENT_JOB, "type", "\"safelight.media.ready.v1\"", RC_INVALID },
		{ EVENT_MEDIA, "type", "\"safelight.media.ready.v2\"", RC_INVALID },
		{ EVENT_MEDIA, "type", "\"safelight.media.failed.v1\"", RC_INVALID },
		{ EVENT_MEDIA, "type", "\"safelight.media.dancing.v1\"", RC_INVALID },
		{ EVENT_JOB, "specversion", "\"0.3\"", RC_INVALID },
		{ EVENT_JOB, "specversion", "1.0", RC_INVALID },
		{ EVENT_JOB, "datacontenttype", "\"text/xml\"", RC_INVALID },
		{ EVENT_JOB, "id", "\"1\"", RC_INVALID },
		{ EVENT_JOB, "source", "\"\"", RC_INVALID },
		{ EVENT_JOB, "source", "\"/0123456789012345678901234567890123456789012345678901234567890123\"",
		  RC_INVALID },
		{ EVENT_JOB, "subject", "\"" JOB_ID "\"", RC_INVALID },
		{ EVENT_JOB, "time", "\"yesterday\"", RC_INVALID },
		{ EVENT_JOB, "traceparent", "\"" TRACE "\"", RC_OK },
		{ EVENT_JOB, "traceparent", "\"" TRACE "0\"", RC_INVALID },
		{ EVENT_JOB, "traceparent", "null", RC_INVALID },
		{ EVENT_JOB, "extension", "\"of somebody\"", RC_OK },
		{ EVENT_JOB, "data", "[]", RC_INVALID },
		{ EVENT_JOB, "data", "\"{}\"", RC_INVALID },
		{ EVENT_JOB, ".extra", "1", RC_INVALID },
		{ EVENT_MEDIA, ".extra", "null", RC_INVALID },
		{ EVENT_ITEM, ".extra", "1", RC_INVALID },
		{ EVENT_JOB, ".job_id", "7", RC_INVALID },
		{ EVENT_JOB, ".generation", "\"3\"", RC_INVALID },
		{ EVENT_JOB, ".generation", "3.0", RC_INVALID },
		{ EVENT_JOB, ".generation", "0", RC_INVALID },
		{ EVENT_JOB, ".generation", "-1", RC_INVALID },
		{ EVENT_JOB, ".generation", "1000000000", RC_INVALID },
		{ EVENT_JOB, ".generation", "999999999", RC_OK },
		{ EVENT_JOB, ".pool", "\"fast.interactive\"", RC_INVALID },
		{ EVENT_JOB, ".pool", "\"*\"", RC_INVALID },
		{ EVENT_JOB, ".pool", "\"\"", RC_INVALID },
		{ EVENT_JOB, ".pool", "\"abcdefghijklmnopqrstuvwxyz0123456\"", RC_INVALID },
		{ EVENT_JOB, ".lane", "\"fast\"", RC_INVALID },
		{ EVENT_MEDIA, ".state", "\"processing\"", RC_INVALID },
		{ EVENT_MEDIA, ".state", "\"READY\"", RC_INVALID },
		{ EVENT_MEDIA, ".reason", "\"none\"", RC_INVALID },
		{ EVENT_MEDIA, ".reason", "\"internal\"", RC_INVALID },
		{ EVENT_MEDIA, ".item_id", "\"" ITEM_ID "\"", RC_OK },
		{ EVENT_MEDIA, ".item_id", "null", RC_INVALID },
		{ EVENT_ITEM, ".version", "0", RC_INVALID },
		{ EVENT_ITEM, ".version", "9223372036854775807", RC_OK },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_bent(rows[i].kind, rows[i].name, rows[i].value, rows[i].expected);
}

static void test_missing_members(void **state)
{
	(void)state;
	static const enum event_kind kinds[] = { EVENT_JOB, EVENT_MEDIA, EVENT_ITEM };
	for (size_t k = 0; k < 3; k++) {
		json_t *root = good_json(kinds[k]);
		const char *name;
		json_t *value;
		json_object_foreach(root, name, value) assert_bent(kinds[k], name, NULL, RC_INVALID);
		json_object_foreach(json_object_get(root, "data"), name, value)
		{
			char member[64];
			(void)snprintf(member, sizeof(member), ".%s", name);
			assert_bent(kinds[k], member, NULL, RC_INVALID);
		}
		json_decref(root);
	}
}

static void test_not_json(void **state)
{
	(void)state;
	static const char *const rows[] = { "",        "{", "[]", "null", "\"x\"", "{}", "{\"id\":\"a\",\"id\":\"a\"}",
		                            "\xff\xfe" };
	struct event event;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(event_decode(rows[i], strlen(rows[i]), &event, NULL), RC_INVALID);
	struct buffer out;
	buffer_init(&out, 2 * LIMIT_EVENT_BYTES);
	event = event_of(EVENT_ITEM);
	assert_int_equal(event_encode(&event, &out, NULL), RC_OK);
	assert_int_equal(event_decode(out.data, out.length - 1, &event, NULL), RC_INVALID);
	buffer_append_char(&out, 'x');
	assert_int_equal(event_decode(out.data, out.length, &event, NULL), RC_INVALID);
	out.data[out.length - 1] = ' ';
	assert_int_equal(event_decode(out.data, out.length, &event, NULL), RC_OK);
	while (out.length <= LIMIT_EVENT_BYTES)
		buffer_append_char(&out, ' ');
	assert_int_equal(event_decode(out.data, out.length, &event, NULL), RC_INVALID);
	assert_int_equal(event_decode(out.data, LIMIT_EVENT_BYTES, &event, NULL), RC_OK);
	buffer_done(&out);
}

// A doubled member would let two readers see two events.
static void test_doubled_members(void **state)
{
	(void)state;
	static const char *const members[] = { "\"specversion\":\"1.0\",", "\"generation\":3,", "\"lane\":\"bulk\"" };
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct event event = event_of(EVENT_JOB);
		struct buffer out, doubled;
		buffer_init(&out, LIMIT_EVENT_BYTES);
		buffer_init(&doubled, LIMIT_EVENT_BYTES);
		assert_int_equal(event_encode(&event, &out, NULL), RC_OK);
		const char *at = strstr(buffer_text(&out), members[i]);
		assert_non_null(at);
		bool is_last = at[strlen(members[i])] == '}';
		buffer_append(&doubled, out.data, (size_t)(at - out.data));
		buffer_append_format(&doubled, "%s%s%s", members[i], is_last ? "," : "", at);
		assert_int_equal(event_decode(doubled.data, doubled.length, &event, NULL), RC_INVALID);
		buffer_done(&out);
		buffer_done(&doubled);
	}
}

static void test_names(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_valid;
	} traces[] = {
		{ TRACE, true },
		{ "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
		{ "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false },
		{ "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", false },
		{ "", false },
	};
	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
		assert_int_equal(event_traceparent_is_valid(traces[i].text), traces[i].is_valid);
	assert_true(event_pool_is_valid("0abcdefghijklmnopqrstuvwxyz_0123"));
	static const char *const pools[] = { "", "a-b", "A", "a.b", "a b", "a>", "0abcdefghijklmnopqrstuvwxyz_01234" };
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		assert_false(event_pool_is_valid(pools[i]));
	enum event_lane lane;
	assert_true(event_lane_parse("interactive", &lane) && lane == LANE_INTERACTIVE);
	assert_false(event_lane_parse("", &lane));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),      cmocka_unit_test(test_wire_form),
		cmocka_unit_test(test_encoding_refuses), cmocka_unit_test(test_decoding_refuses),
		cmocka_unit_test(test_missing_members),  cmocka_unit_test(test_not_json),
		cmocka_unit_test(test_doubled_members),  cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
