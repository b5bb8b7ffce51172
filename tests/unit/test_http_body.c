// Reading JSON bodies: hostile syntax, unknown fields, every wrong field at once.
#include "test_http_support.h"

#include "http/body.h"
#include "http/json_scan.h"

static const char *const VISIBILITIES[] = { "private", "shared", "public", NULL };

static void write_optional(struct json_write *json, struct body *body)
{
	struct uuid id;
	int64_t time_us = 0;
	uint8_t sha256[4];
	char text[64] = "";
	if (body_uuid(body, "item_id", BODY_OPTIONAL, &id)) {
		uuid_format(&id, text);
		json_write_text(json, "item_id", text);
	}
	if (body_time(body, "captured_at", BODY_OPTIONAL, &time_us))
		json_write_int(json, "captured_at", time_us);
	if (body_hex(body, "sha", BODY_OPTIONAL, sha256, sizeof sha256))
		json_write_int(json, "sha", sha256[0]);
	const char *meta = body_json(body, "meta", BODY_OPTIONAL, 64);
	if (meta != NULL)
		json_write_raw(json, "meta", meta, strlen(meta));
}

static void write_parts(struct json_write *json, struct body *body)
{
	size_t count = body_array(body, "parts", BODY_OPTIONAL, 1, 10000);
	int64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		struct body *part = body_array_object(body, "parts", i);
		if (part == NULL)
			continue;
		sum += body_int(part, "number", BODY_REQUIRED, 1, 10000, 0);
		(void)body_text(part, "etag", BODY_REQUIRED, 1, 40);
	}
	json_write_int(json, "part_sum", sum);
	count = body_array(body, "tags", BODY_OPTIONAL, 0, 3);
	for (size_t i = 0; i < count; i++)
		(void)body_array_text(body, "tags", i, 1, 5);
	count = body_array(body, "numbers", BODY_OPTIONAL, 0, 3);
	for (size_t i = 0; i < count; i++)
		(void)body_array_int(body, "numbers", i, 1, 9);
	count = body_array(body, "ids", BODY_OPTIONAL, 0, 3);
	for (size_t i = 0; i < count; i++) {
		struct uuid id;
		(void)body_array_uuid(body, "ids", i, &id);
	}
}

// Knows fields of every kind; answers with what it read.
static void post(struct http_request *request)
{
	struct buffer out;
	struct json_write json;
	struct body *body = body_open(request);
	if (body == NULL)
		return;
	buffer_init(&out, 65536);
	json_write_init(&json, &out);
	json_write_object_begin(&json, NULL);
	json_write_text(&json, "filename", body_text(body, "filename", BODY_REQUIRED, 1, 20));
	json_write_int(&json, "size", body_int(body, "size", BODY_OPTIONAL, 1, 1000000, -1));
	json_write_float(&json, "x", body_float(body, "x", BODY_OPTIONAL, 0, 1, 0.5));
	json_write_bool(&json, "multipart", body_bool(body, "multipart", BODY_OPTIONAL, false));
	json_write_int(&json, "visibility", body_choice(body, "visibility", BODY_OPTIONAL, VISIBILITIES, -1));
	json_write_text(&json, "alt", body_text(body, "alt", BODY_NULLABLE, 0, 20));
	json_write_bool(&json, "alt_sent", body_has(body, "alt"));
	json_write_bool(&json, "alt_null", body_is_null(body, "alt"));
	write_optional(&json, body);
	write_parts(&json, body);
	struct body *focus = body_object(body, "focus", BODY_OPTIONAL);
	if (focus != NULL)
		json_write_float(&json, "focus_x", body_float(focus, "x", BODY_REQUIRED, 0, 1, 0));
	if (body_has(body, "forbidden"))
		body_error(body, "forbidden", "must not be sent in %d", 2026);
	json_write_object_end(&json);
	if (body_finish(body))
		http_respond_json(request, 200, &out);
	buffer_done(&out);
}

TEST_ROUTE(route_post, .method = "POST", .path = "/p", .handle = post, .body_limit = 1024 * 1024);
TEST_ROUTE(route_work, .method = "PUT", .path = "/p", .handle = post, .body_limit = 1000, .run = ROUTE_WORKER);
static const struct route *const ROUTES[] = { &route_post, &route_work };

static int start(void **state)
{
	struct http_server_config config = test_config(ROUTES, 2);
	*state = test_start(&config);
	return 0;
}

static int stop(void **state)
{
	http_server_drain(*state, 1000);
	return 0;
}

#define JSON_TYPE "Content-Type: application/json\r\n"

static void ask(void **state, const char *body, struct raw_answer *ret_answer)
{
	test_ask(*state, "POST", "/p", JSON_TYPE, body, ret_answer);
}

static void test_good_bodies(void **state)
{
	static const char *const rows[][2] = {
		{ "{\"filename\":\"a\"}",
		  "{\"filename\":\"a\",\"size\":-1,\"x\":0.5,\"multipart\":false,\"visibility\":-1,"
		  "\"alt\":null,\"alt_sent\":false,\"alt_null\":false,\"part_sum\":0}" },
		{ " {\"filename\" : \"ä\\u20ac\\ud83d\\ude00\\t\\n\" } \n", "\"filename\":\"ä€😀\\u0009\\n\"" },
		{ "{\"filename\":\"a\",\"size\":1000000,\"x\":1,\"multipart\":true,\"visibility\":\"public\"}",
		  "\"size\":1000000,\"x\":1,\"multipart\":true,\"visibility\":2" },
		{ "{\"filename\":\"a\",\"alt\":null}", "\"alt\":null,\"alt_sent\":true,\"alt_null\":true" },
		{ "{\"filename\":\"a\",\"alt\":\"\"}", "\"alt\":\"\",\"alt_sent\":true,\"alt_null\":false" },
		{ "{\"filename\":\"a\",\"item_id\":\"01A20C61-3596-7752-A017-FB5176D3700C\"}",
		  "\"item_id\":\"01a20c61-3596-7752-a017-fb5176d3700c\"" },
		{ "{\"filename\":\"a\",\"captured_at\":\"1970-01-01T01:00:01+01:00\"}", "\"captured_at\":1000000" },
		{ "{\"filename\":\"a\",\"sha\":\"0fABcdef\"}", "\"sha\":15" },
		{ "{\"filename\":\"a\",\"meta\":{\"any\":[1,null,{}]}}", "\"meta\":{\"any\":[1,null,{}]}" },
		{ "{\"filename\":\"a\",\"parts\":[{\"number\":1,\"etag\":\"e\"},{\"etag\":\"f\",\"number\":2}]}",
		  "\"part_sum\":3" },
		{ "{\"filename\":\"a\",\"tags\":[\"x\",\"y\"],\"numbers\":[1,9],\"ids\":[]}", "\"part_sum\":0" },
		{ "{\"filename\":\"a\",\"focus\":{\"x\":0.25}}", "\"focus_x\":0.25" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		ask(state, rows[i][0], &answer);
		if (answer.status != 200 || strstr(answer.body, rows[i][1]) == NULL)
			fail_msg("%s: %d %s", rows[i][0], answer.status, answer.body);
	}
}

static void test_wrong_fields(void **state)
{
	static const char *const rows[][2] = {
		{ "{}", "{\"pointer\":\"/filename\",\"detail\":\"is missing\"}" },
		{ "{\"filename\":null}", "{\"pointer\":\"/filename\",\"detail\":\"must not be null\"}" },
		{ "{\"filename\":7}", "\"detail\":\"must be a text of 1 to 20 bytes\"" },
		{ "{\"filename\":\"\"}", "\"detail\":\"must be a text of 1 to 20 bytes\"" },
		{ "{\"filename\":\"123456789012345678901\"}", "\"detail\":\"must be a text of 1 to 20 bytes\"" },
		{ "{\"filename\":\"a\\u001bb\"}", "\"detail\":\"must not have control characters\"" },
		{ "{\"filename\":\"a\\u007f\"}", "\"detail\":\"must not have control characters\"" },
		{ "{\"filename\":\"a\",\"size\":0}", "\"detail\":\"must be a whole number from 1 to 1000000\"" },
		{ "{\"filename\":\"a\",\"size\":1000001}", "{\"pointer\":\"/size\"" },
		{ "{\"filename\":\"a\",\"size\":1.0}", "{\"pointer\":\"/size\"" },
		{ "{\"filename\":\"a\",\"size\":\"1\"}", "{\"pointer\":\"/size\"" },
		{ "{\"filename\":\"a\",\"size\":null}", "\"detail\":\"must not be null\"" },
		{ "{\"filename\":\"a\",\"x\":1.01}", "\"detail\":\"must be a number from 0 to 1\"" },
		{ "{\"filename\":\"a\",\"x\":true}", "{\"pointer\":\"/x\"" },
		{ "{\"filename\":\"a\",\"multipart\":1}", "\"detail\":\"must be true or false\"" },
		{ "{\"filename\":\"a\",\"visibility\":\"Public\"}",
		  "\"detail\":\"must be one of private, shared, public\"" },
		{ "{\"filename\":\"a\",\"visibility\":2}", "{\"pointer\":\"/visibility\"" },
		{ "{\"filename\":\"a\",\"item_id\":\"7\"}", "\"detail\":\"must be a UUID\"" },
		{ "{\"filename\":\"a\",\"captured_at\":\"yesterday\"}", "\"detail\":\"must be a time of RFC 3339" },
		{ "{\"filename\":\"a\",\"sha\":\"0fABcde\"}", "\"detail\":\"must be 8 hex digits\"" },
		{ "{\"filename\":\"a\",\"meta\":\"12345678901234567890123456789012345678901234567890123456789012345\"}",
		  "\"detail\":\"must be at most 64 bytes of JSON\"" },
		{ "{\"filename\":\"a\",\"parts\":[]}", "\"detail\":\"must be an array of 1 to 10000 values\"" },
		{ "{\"filename\":\"a\",\"parts\":{}}", "{\"pointer\":\"/parts\"" },
		{ "{\"filename\":\"a\",\"parts\":[{\"number\":1,\"etag\":\"e\"},{\"number\":0,\"etag\":\"e\"}]}",
		  "{\"pointer\":\"/parts/1/number\"" },
		{ "{\"filename\":\"a\",\"parts\":[7]}", "{\"pointer\":\"/parts/0\",\"detail\":\"must be an object\"}" },
		{ "{\"filename\":\"a\",\"tags\":[\"x\",7]}", "{\"pointer\":\"/tags/1\"" },
		{ "{\"filename\":\"a\",\"numbers\":[0]}", "{\"pointer\":\"/numbers/0\"" },
		{ "{\"filename\":\"a\",\"ids\":[\"7\"]}", "{\"pointer\":\"/ids/0\",\"detail\":\"must be a UUID\"}" },
		{ "{\"filename\":\"a\",\"focus\":[]}", "{\"pointer\":\"/focus\",\"detail\":\"must be an object\"}" },
		{ "{\"filename\":\"a\",\"focus\":{}}", "{\"pointer\":\"/focus/x\",\"detail\":\"is missing\"}" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		ask(state, rows[i][0], &answer);
		if (answer.status != 422 || strstr(answer.body, rows[i][1]) == NULL)
			fail_msg("%s: %d %s", rows[i][0], answer.status, answer.body);
		assert_holds(answer.body, "/problems/invalid-field");
	}
}

static void test_all_errors_come_together(void **state)
{
	struct raw_answer answer;
	ask(state, "{\"size\":0,\"x\":2,\"multipart\":null}", &answer);
	assert_int_equal(answer.status, 422);
	assert_holds(answer.body, "\"errors\":[{\"pointer\":\"/filename\"");
	assert_holds(answer.body, "{\"pointer\":\"/size\"");
	assert_holds(answer.body, "{\"pointer\":\"/x\"");
	assert_holds(answer.body, "{\"pointer\":\"/multipart\"");
}

static void test_unknown_fields(void **state)
{
	static const char *const rows[][2] = {
		{ "{\"filename\":\"a\",\"owner_id\":1}",
		  "{\"pointer\":\"/owner_id\",\"detail\":\"is not known here\"}" },
		{ "{\"filename\":\"a\",\"state\":null}", "{\"pointer\":\"/state\"" },
		{ "{\"filename\":\"a\",\"Filename\":\"b\"}", "{\"pointer\":\"/Filename\"" },
		{ "{\"filename\":\"a\",\"a/b~c\":1}", "{\"pointer\":\"/a~1b~0c\"" },
		{ "{\"filename\":\"a\",\"\":1}", "{\"pointer\":\"/\"" },
		{ "{\"filename\":\"a\",\"focus\":{\"x\":1,\"y\":1}}", "{\"pointer\":\"/focus/y\"" },
		{ "{\"filename\":\"a\",\"parts\":[{\"number\":1,\"etag\":\"e\",\"size\":1}]}",
		  "{\"pointer\":\"/parts/0/size\"" },
		{ "{\"filename\":\"a\",\"size\":0,\"more\":1}", "{\"pointer\":\"/more\"" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		ask(state, rows[i][0], &answer);
		if (answer.status != 400 || strstr(answer.body, rows[i][1]) == NULL)
			fail_msg("%s: %d %s", rows[i][0], answer.status, answer.body);
		assert_holds(answer.body, "/problems/unknown-field");
	}
}

static void test_own_checks(void **state)
{
	struct raw_answer answer;
	ask(state, "{\"filename\":\"a\",\"forbidden\":1}", &answer);
	assert_holds(answer.body, "{\"pointer\":\"/forbidden\",\"detail\":\"must not be sent in 2026\"}");
}

static void test_hostile_json(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"null",
		"7",
		"\"a\"",
		"[]",
		"[{\"filename\":\"a\"}]",
		"{\"filename\":\"a\"",
		"{\"filename\":\"a\"}}",
		"{\"filename\":\"a\"} x",
		"{\"filename\":\"a\"}{\"filename\":\"b\"}",
		"{\"filename\":\"a\",}",
		"{'filename':'a'}",
		"{filename:\"a\"}",
		"{\"filename\":\"a\",\"filename\":\"b\"}",
		"{\"filename\":\"a\",\"\\u0066ilename\":\"b\"}",
		"{\"filename\":\"a\",\"focus\":{\"x\":0,\"x\":1}}",
		"{\"filename\":\"a\",\"x\":1e400}",
		"{\"filename\":\"a\",\"x\":-1e400}",
		"{\"filename\":\"a\",\"size\":99999999999999999999}",
		"{\"filename\":\"a\",\"x\":NaN}",
		"{\"filename\":\"a\",\"x\":Infinity}",
		"{\"filename\":\"a\",\"x\":01}",
		"{\"filename\":\"a\",\"x\":.5}",
		"{\"filename\":\"\\ud800\"}",
		"{\"filename\":\"\\udc00\"}",
		"{\"filename\":\"\\ud800\\u0041\"}",
		"{\"filename\":\"\\u0000\"}",
		"{\"file\\u0000name\":\"a\"}",
		"{\"filename\":\"a\nb\"}",
		"{\"filename\":\"\xff\"}",
		"{\"filename\":\"\xc0\xaf\"}",
		"{\"filename\":\"\xed\xa0\x80\"}",
		"{\"filename\":\"a\"/* c */}",
		"\xef\xbb\xbf{\"filename\":\"a\"}",
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		ask(state, rows[i], &answer);
		if (answer.status != 400 || strstr(answer.body, "/problems/invalid-json") == NULL)
			fail_msg("%s: %d %s", rows[i], answer.status, answer.body);
	}
}

static void repeat(struct buffer *out, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		buffer_append_text(out, text);
}

static void test_deep_json(void **state)
{
	static const struct {
		int depth, status;
	} rows[] = { { 60, 422 }, { 63, 422 }, { 64, 400 }, { 10000, 400 }, { 400000, 400 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		struct buffer body;
		buffer_init(&body, 2 * 1024 * 1024);
		buffer_append_text(&body, "{\"meta\":");
		repeat(&body, "[", rows[i].depth);
		repeat(&body, "]", rows[i].depth);
		buffer_append_text(&body, "}");
		ask(state, buffer_text(&body), &answer);
		if (answer.status != rows[i].status)
			fail_msg("depth %d: %d %s", rows[i].depth, answer.status, answer.body);
		buffer_done(&body);
	}
	struct raw_answer answer;
	ask(state, "{\"filename\":\"[[[[[[[[[[\\\"[[[[[\"}", &answer); // brackets in texts do not count
	assert_int_equal(answer.status, 200);
}

static void test_many_values(void **state)
{
	struct raw_answer answer;
	struct buffer body;
	buffer_init(&body, 2 * 1024 * 1024);
	buffer_append_text(&body, "{\"filename\":\"a\",\"parts\":[");
	for (int i = 1; i <= 10000; i++)
		buffer_append_format(&body, "%s{\"number\":%d,\"etag\":\"0123456789abcdef0123456789abcdef\"}",
		                     i == 1 ? "" : ",", i);
	buffer_append_text(&body, "]}");
	ask(state, buffer_text(&body), &answer);
	assert_int_equal(answer.status, 200);
	assert_holds(answer.body, "\"part_sum\":50005000");
	buffer_clear(&body);
	buffer_append_text(&body, "{\"filename\":\"a\",\"meta\":[[]");
	repeat(&body, ",[]", JSON_SCAN_MAX_VALUES);
	buffer_append_text(&body, "]}");
	ask(state, buffer_text(&body), &answer);
	assert_int_equal(answer.status, 400);
	assert_holds(answer.body, "more than 65536 values");
	buffer_done(&body);
}

static void test_many_errors(void **state)
{
	struct raw_answer answer;
	struct buffer body;
	buffer_init(&body, 1024 * 1024);
	buffer_append_text(&body, "{\"filename\":\"a\"");
	for (int i = 0; i < 5000; i++)
		buffer_append_format(&body, ",\"unknown%d\":1", i);
	buffer_append_text(&body, "}");
	ask(state, buffer_text(&body), &answer);
	assert_int_equal(answer.status, 400);
	assert_in_range(answer.body_length, 1000, 8000); // no more than 32 of them are told
	buffer_done(&body);
}

static void test_content_types(void **state)
{
	static const struct {
		const char *header;
		int status;
	} rows[] = {
		{ "Content-Type: application/json\r\n", 200 },
		{ "Content-Type: Application/JSON\r\n", 200 },
		{ "Content-Type: application/json; charset=utf-8\r\n", 200 },
		{ "Content-Type: application/json ;charset=\"UTF-8\"\r\n", 200 },
		{ "", 415 },
		{ "Content-Type:\r\n", 415 },
		{ "Content-Type: text/plain\r\n", 415 },
		{ "Content-Type: application/jsonp\r\n", 415 },
		{ "Content-Type: application/json; charset=latin1\r\n", 415 },
		{ "Content-Type: application/json; version=1\r\n", 415 },
		{ "Content-Type: application/x-www-form-urlencoded\r\n", 415 },
		{ "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", 415 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		test_ask(*state, i % 2 == 0 ? "POST" : "PUT", "/p", rows[i].header, "{\"filename\":\"a\"}", &answer);
		if (answer.status != rows[i].status)
			fail_msg("%s: %d", rows[i].header, answer.status);
	}
}

static void test_nul_byte_in_body(void **state)
{
	static const char request[] =
	        "POST /p HTTP/1.1\r\nHost: t\r\n" JSON_TYPE "Content-Length: 18\r\n\r\n{\"filename\":\"a\"}\0x";
	struct raw_answer answer;
	int fd = raw_connect(*state);
	assert_true(raw_send_bytes(fd, request, sizeof request - 1));
	raw_read(fd, false, &answer);
	assert_int_equal(answer.status, 400);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_bodies),
		cmocka_unit_test(test_wrong_fields),
		cmocka_unit_test(test_all_errors_come_together),
		cmocka_unit_test(test_unknown_fields),
		cmocka_unit_test(test_own_checks),
		cmocka_unit_test(test_hostile_json),
		cmocka_unit_test(test_deep_json),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_content_types),
		cmocka_unit_test(test_nul_byte_in_body),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
