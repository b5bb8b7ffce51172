// Stores that misbehave: silent, slow, broken, lying. A small server answers each request of a row as the row says, and
// counts them; both drivers must end in time with the right code.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/metrics.h"
#include "store/store.h"
#include "store/store_multipart.h"
#include "tests/unit/rude_server.h"

static struct store *open_store(const char *driver, const struct rude_server *server, int64_t timeout_ms)
{
	char endpoint[64];
	(void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server->port);
	struct store_options options = { .driver = driver,
		                         .endpoint = endpoint,
		                         .region = "default",
		                         .access_key = "key",
		                         .secret_key = "secret",
		                         .timeout_ms = timeout_ms,
		                         .stall_seconds = 1,
		                         .retry_base_ms = 10 };
	struct store *store = NULL;
	assert_int_equal(store_open(&options, &store, NULL), RC_OK);
	return store;
}

// ---- the calls of the rows
// -------------------------------------------------------------------------------------------------

static const struct store_target TARGET = { .bucket = "bucket", .key = "key" };

static enum rc do_get(struct store *store, struct err *err)
{
	struct buffer out;
	buffer_init(&out, 1000);
	enum rc rc = store_get(store, &TARGET, NULL, &out, NULL, err);
	if (rc == RC_OK)
		assert_string_equal(buffer_text(&out), "hello");
	buffer_done(&out);
	return rc;
}

static enum rc do_ranged_get(struct store *store, struct err *err)
{
	struct buffer out;
	buffer_init(&out, 1000);
	struct store_get_options options = { .first = 1, .length = 2 };
	enum rc rc = store_get(store, &TARGET, &options, &out, NULL, err);
	buffer_done(&out);
	return rc;
}

static enum rc put(struct store *store, const struct store_put_options *options, size_t length, struct err *err)
{
	char *data = calloc(1, length);
	assert_non_null(data);
	struct store_body body = { .data = data, .length = length };
	enum rc rc = store_put(store, &TARGET, &body, options, NULL, err);
	free(data);
	return rc;
}

static enum rc do_put(struct store *store, struct err *err)
{
	return put(store, NULL, 10, err);
}

static enum rc do_safe_put(struct store *store, struct err *err)
{
	return put(store, &(struct store_put_options){ .idempotent = true }, 10, err);
}

static enum rc do_big_conditional_put(struct store *store, struct err *err)
{
	return put(store, &(struct store_put_options){ .only_if_absent = true }, 8 * 1024 * 1024, err);
}

static enum rc do_put_many(struct store *store, struct err *err)
{
	struct store_put_item item = { .target = TARGET, .body = { .data = "a", .length = 1 } };
	enum rc rc = store_put_many(store, &item, 1, 2, 0, err);
	assert_int_equal(item.rc, rc);
	return rc;
}

static enum rc do_list(struct store *store, struct err *err)
{
	struct store_page page;
	enum rc rc = store_list(store, "bucket", NULL, &page, err);
	if (rc == RC_OK)
		store_page_done(&page);
	return rc;
}

static enum rc do_copy(struct store *store, struct err *err)
{
	return store_copy(store, &TARGET, NULL, &TARGET, NULL, err);
}

static enum rc do_complete(struct store *store, struct err *err)
{
	struct store_part part = { .number = 1, .etag = "5d41402abc4b2a76b9719d911017c592" };
	return store_upload_complete(store, &TARGET, "upload", &part, 1, NULL, err);
}

// ---- the rows
// -----------------------------------------------------------------------------------------------------------------

#define OK "HTTP/1.1 200 OK\r\n"
#define HELLO                                \
	{                                    \
		OK, "hello", END_KEEP, false \
	}
#define STORED                                              \
	{                                                   \
		OK "ETag: \"abc\"\r\n", "", END_KEEP, false \
	}
#define SLOW_DOWN                                                                                     \
	{                                                                                             \
		"HTTP/1.1 503 Slow Down\r\n", "<Error><Code>SlowDown</Code></Error>", END_KEEP, false \
	}
#define BROKEN                                               \
	{                                                    \
		"HTTP/1.1 500 Oops\r\n", "", END_KEEP, false \
	}
#define ERROR_IN_200                                                                  \
	{                                                                             \
		OK, " \n<Error><Code>InternalError</Code></Error>\n", END_KEEP, false \
	}
#define SILENCE                             \
	{                                   \
		NULL, NULL, END_HOLD, false \
	}
#define HANG_UP                              \
	{                                    \
		NULL, NULL, END_CLOSE, false \
	}
#define CUT                                                                 \
	{                                                                   \
		OK "Content-Length: 9\r\n\r\nhello", NULL, END_CLOSE, false \
	}
#define STALL                                                           \
	{                                                               \
		OK "Content-Length: 5\r\n\r\nhe", NULL, END_HOLD, false \
	}
#define NO_LENGTH                                                           \
	{                                                                   \
		OK "Connection: close\r\n\r\nhello", NULL, END_CLOSE, false \
	}
#define TOO_MUCH                                                              \
	{                                                                     \
		OK "Content-Length: 1001\r\n\r\nhello", NULL, END_HOLD, false \
	}
#define EARLY_REFUSAL                                                           \
	{                                                                       \
		"HTTP/1.1 412 No\r\nConnection: close\r\n", "", END_CLOSE, true \
	}
#define REDIRECT                                                                               \
	{                                                                                      \
		"HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:9/\r\n", "", END_KEEP, false \
	}
#define EMPTY_LIST                                                                                           \
	{                                                                                                    \
		OK, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>", END_KEEP, false \
	}
#define LAUGHS                                                                                              \
	{                                                                                                   \
		OK,                                                                                         \
		        "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbbbbbbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;\">]>\n" \
		        "<ListBucketResult><IsTruncated>false</IsTruncated><a>&c;</a></ListBucketResult>",  \
		        END_KEEP, false                                                                     \
	}
#define OTHER_PROTOCOL                                            \
	{                                                         \
		"SSH-2.0-OpenSSH_9.2\r\n", NULL, END_CLOSE, false \
	}

struct row {
	const char *name;
	const char *driver;
	enum rc (*call)(struct store *store, struct err *err);
	struct answer answers[3];
	size_t answer_count;
	enum rc expected;
	unsigned requests; // that must have come; 0: any number
	int64_t timeout_ms;
};

// clang-format off: a table
static const struct row ROWS[] = {
	{ "well behaved", "sigv4", do_get, { HELLO }, 1, RC_OK, 1, 5000 },
	{ "silent", "sigv4", do_get, { SILENCE }, 1, RC_TIMEOUT, 1, 300 },
	{ "silent to a put", "sigv4", do_put, { SILENCE }, 1, RC_UNKNOWN, 1, 300 },
	{ "silent to a safe put", "sigv4", do_safe_put, { SILENCE }, 1, RC_TIMEOUT, 1, 300 },
	{ "silent to many", "sigv4", do_put_many, { SILENCE }, 1, RC_UNKNOWN, 1, 300 },
	{ "stalls, then well", "sigv4", do_get, { STALL, HELLO }, 2, RC_OK, 2, 8000 },
	{ "hangs up", "sigv4", do_get, { HANG_UP }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "hangs up on a put", "sigv4", do_put, { HANG_UP }, 1, RC_UNKNOWN, 1, 5000 },
	{ "hangs up on a safe put", "sigv4", do_safe_put, { HANG_UP }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "hangs up once on a safe put", "sigv4", do_safe_put, { HANG_UP, STORED }, 2, RC_OK, 2, 5000 },
	{ "cuts the body", "sigv4", do_get, { CUT }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "names no length", "sigv4", do_get, { NO_LENGTH }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "announces too much", "sigv4", do_get, { TOO_MUCH }, 1, RC_LIMIT, 1, 5000 },
	{ "ignores the range", "sigv4", do_ranged_get, { HELLO }, 1, RC_CORRUPT, 1, 5000 },
	{ "overloaded twice", "sigv4", do_put, { SLOW_DOWN, SLOW_DOWN, STORED }, 3, RC_OK, 3, 5000 },
	{ "overloaded", "sigv4", do_put, { SLOW_DOWN }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "overloaded for many", "sigv4", do_put_many, { SLOW_DOWN }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "broken", "sigv4", do_get, { BROKEN }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "broken for a put", "sigv4", do_put, { BROKEN }, 1, RC_UNKNOWN, 1, 5000 },
	{ "broken for a safe put", "sigv4", do_safe_put, { BROKEN }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "error inside a copy's 200", "sigv4", do_copy, { ERROR_IN_200 }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "error inside a completion's 200", "sigv4", do_complete, { ERROR_IN_200 }, 1, RC_UNAVAILABLE, 6, 5000 },
	{ "refuses before the body", "sigv4", do_big_conditional_put, { EARLY_REFUSAL }, 1, RC_EXISTS, 1, 5000 },
	{ "redirects", "sigv4", do_get, { REDIRECT }, 1, RC_INVALID, 1, 5000 },
	{ "lists nothing", "sigv4", do_list, { EMPTY_LIST }, 1, RC_OK, 1, 5000 },
	{ "answers a list with nonsense", "sigv4", do_list, { HELLO }, 1, RC_CORRUPT, 1, 5000 },
	{ "answers a list with entities", "sigv4", do_list, { LAUGHS }, 1, RC_CORRUPT, 1, 5000 },
	{ "speaks another protocol", "sigv4", do_get, { OTHER_PROTOCOL }, 1, RC_UNAVAILABLE, 0, 5000 },
	{ "silent", "libs3", do_get, { SILENCE }, 1, RC_TIMEOUT, 1, 300 },
	{ "silent to a put", "libs3", do_put, { SILENCE }, 1, RC_UNKNOWN, 1, 300 },
	{ "hangs up on a put", "libs3", do_put, { HANG_UP }, 1, RC_UNKNOWN, 1, 5000 },
	{ "cuts the body", "libs3", do_get, { CUT }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "overloaded", "libs3", do_put, { SLOW_DOWN }, 1, RC_UNAVAILABLE, 3, 5000 },
	{ "fails a put without a word", "libs3", do_put, { BROKEN }, 1, RC_UNKNOWN, 2, 5000 },
	{ "fails it, and has another object", "libs3", do_put, { BROKEN, STORED }, 2, RC_UNKNOWN, 2, 5000 },
};
// clang-format on

static void rude_stores_are_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct row *row = &ROWS[i];
		print_message("  %s: %s\n", row->driver, row->name);
		struct rude_server *server = start_server(row->answers, row->answer_count);
		struct store *store = open_store(row->driver, server, row->timeout_ms);
		struct err err = { 0 };
		int64_t begun_us = clock_monotonic_us();
		enum rc rc = row->call(store, &err);
		int64_t took_us = clock_monotonic_us() - begun_us;
		if (rc != row->expected)
			fail_msg("%s instead of %s: %s", rc_name(rc), rc_name(row->expected), err.text);
		assert_int_equal(rc == RC_OK ? RC_OK : err.rc, row->expected);
		assert_true(rc == RC_OK || err.text[0] != '\0');
		assert_true(took_us < (row->timeout_ms + 500) * 1000);
		if (row->requests > 0)
			assert_int_equal(atomic_load(&server->requests), row->requests);
		store_free(store);
		stop_server(server);
	}
}

static void endless_answers_are_cut(void **state)
{
	(void)state;
	enum { LENGTH = 17 * 1024 * 1024 };
	char *text = malloc(LENGTH + 1);
	assert_non_null(text);
	memset(text, ' ', LENGTH);
	text[LENGTH] = '\0';
	struct answer answers[] = { { OK, text, END_CLOSE, false } };
	struct rude_server *server = start_server(answers, 1);
	struct store *store = open_store("sigv4", server, 10000);
	struct err err = { 0 };
	assert_int_equal(do_list(store, &err), RC_LIMIT);
	store_free(store);
	stop_server(server);
	free(text);
}

static void the_stores_clock_is_compared(void **state)
{
	(void)state;
	char text[200];
	char date[64];
	time_t then = time(NULL) + 120;
	struct tm parts;
	assert_non_null(gmtime_r(&then, &parts));
	assert_true(strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
	(void)snprintf(text, sizeof text, "HTTP/1.1 403 Forbidden\r\nDate: %s\r\n", date);
	struct answer answers[] = { { text, "", END_KEEP, false } };
	struct rude_server *server = start_server(answers, 1);
	struct store *store = open_store("sigv4", server, 5000);
	struct err err = { 0 };
	assert_int_equal(store_clock_skew_ms(store), 0);
	assert_int_equal(do_get(store, &err), RC_DENIED);
	assert_true(store_clock_skew_ms(store) > 117000 && store_clock_skew_ms(store) <= 120000);
	store_free(store);
	stop_server(server);
}

static void texts_of_the_store_are_made_harmless(void **state)
{
	(void)state;
	static const char body[] = "<Error><Code>Bad&#10;Code</Code><Message>line&#10;forged \x1b</Message></Error>";
	static const char good[] = "<Error><Code>Bad&#10;Code</Code><Message>line&#10;forged</Message></Error>";
	const char *bodies[] = { body, good };
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct answer answers[] = { { "HTTP/1.1 400 Bad\r\n", bodies[i], END_KEEP, false } };
		struct rude_server *server = start_server(answers, 1);
		struct store *store = open_store("sigv4", server, 5000);
		struct err err = { 0 };
		assert_int_equal(do_get(store, &err), RC_INVALID);
		for (const char *at = err.text; *at != '\0'; at++)
			assert_true((unsigned char)*at >= ' ');
		assert_non_null(strstr(err.text, "400"));
		store_free(store);
		stop_server(server);
	}
}

static void attempts_are_counted(void **state)
{
	(void)state;
	struct answer answers[] = { SLOW_DOWN, HELLO };
	struct rude_server *server = start_server(answers, 2);
	struct metrics *metrics = metrics_new();
	char endpoint[64];
	(void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server->port);
	struct store_options options = { .driver = "sigv4",
		                         .endpoint = endpoint,
		                         .region = "default",
		                         .access_key = "key",
		                         .secret_key = "secret",
		                         .timeout_ms = 5000,
		                         .retry_base_ms = 10,
		                         .metrics = metrics };
	struct store *store = NULL;
	struct err err = { 0 };
	assert_int_equal(store_open(&options, &store, &err), RC_OK);
	assert_int_equal(do_get(store, &err), RC_OK);
	const char *label = "call=\"get\"";
	assert_int_equal(metric_value(metrics_add(metrics, METRIC_COUNTER, "safelight_store_retries_total", "", label)),
	                 1);
	assert_int_equal(
	        metric_value(metrics_add(metrics, METRIC_COUNTER, "safelight_store_failures_total", "", label)), 1);
	assert_int_equal(
	        metric_value(metrics_add(metrics, METRIC_HISTOGRAM, "safelight_store_call_seconds", "", label)), 1);
	store_free(store);
	metrics_free(metrics);
	stop_server(server);
}

static void wrong_options_are_refused(void **state)
{
	(void)state;
	struct store_options good = { .driver = "sigv4",
		                      .endpoint = "http://127.0.0.1:9",
		                      .region = "default",
		                      .access_key = "key",
		                      .secret_key = "secret",
		                      .timeout_ms = 1000 };
	struct store *store = NULL;
	struct err err = { 0 };
	struct store_options bad[6] = { good, good, good, good, good, good };
	bad[0].driver = "memory";
	bad[1].endpoint = "127.0.0.1:9";
	bad[2].public_endpoint = "ftp://127.0.0.1";
	bad[3].secret_key = "";
	bad[4].timeout_ms = 0;
	bad[5].region = "no region";
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(store_open(&bad[i], &store, &err), RC_INVALID);
		assert_null(store);
	}
	good.driver = "libs3";
	good.access_key = "";
	assert_int_equal(store_open(&good, &store, &err), RC_INVALID);
	store_free(NULL);
}

int main(void)
{
	assert_int_equal(crypto_init(NULL), RC_OK);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rude_stores_are_survived),     cmocka_unit_test(endless_answers_are_cut),
		cmocka_unit_test(the_stores_clock_is_compared), cmocka_unit_test(texts_of_the_store_are_made_harmless),
		cmocka_unit_test(attempts_are_counted),         cmocka_unit_test(wrong_options_are_refused),
	};
	return cmocka_run_group_tests_name("store faults", tests, NULL, NULL);
}
