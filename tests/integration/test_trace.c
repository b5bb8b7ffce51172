// One upload is one trace: from the phone's calls through outbox, bus and decoder to the published variants.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/respond.h"
#include "http/server.h"
#include "http/trace.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define WAIT_MS 15000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *spans;

static void collect(struct http_request *request)
{
	size_t length = 0, index = 0;
	json_t *resource = NULL, *list = NULL, *span = NULL;
	const char *body = http_request_body(request, &length);
	json_t *document = json_loadb(body, length, 0, NULL);
	(void)pthread_mutex_lock(&lock);
	if (json_unpack(document, "{s:[{s:o, s:[{s:o}]}]}", "resourceSpans", "resource", &resource, "scopeSpans",
	                "spans", &list) == 0)
		json_array_foreach(list, index, span)(void) json_array_append(spans, span);
	(void)pthread_mutex_unlock(&lock);
	json_decref(document);
	http_respond_empty(request, 200);
}

static const struct route route_collect = { .method = "POST",
	                                    .path = "/v1/traces",
	                                    .run = ROUTE_EVENT,
	                                    .handle = collect,
	                                    .body_limit = 4 << 20,
	                                    .summary = "A collector." };

// A webhook's receiver: keeps the trace that it is told.
static char told[TRACE_PARENT_SIZE];

static void receive(struct http_request *request)
{
	const char *header = http_request_header(request, "traceparent");
	(void)pthread_mutex_lock(&lock);
	(void)snprintf(told, sizeof told, "%s", header == NULL ? "" : header);
	(void)pthread_mutex_unlock(&lock);
	http_respond_empty(request, 204);
}

static const struct route route_receive = { .method = "POST",
	                                    .path = "/hook",
	                                    .run = ROUTE_EVENT,
	                                    .handle = receive,
	                                    .body_limit = 1 << 16,
	                                    .summary = "A receiver." };
static const struct route *const ROUTES[] = { &route_collect, &route_receive };
static struct http_server *collector;

static int begin(void **state)
{
	char url[64];
	struct err err = { 0 };
	const struct http_server_config config = { .name = "collector",
		                                   .listen = "127.0.0.1:0",
		                                   .event_threads = 1,
		                                   .workers = 1,
		                                   .queue = 16,
		                                   .connections = 16,
		                                   .request_ms = 5000,
		                                   .routes = ROUTES,
		                                   .route_count = 2 };
	if (test_stack_setup(state) != 0 || http_server_start(&config, &collector, &err) != RC_OK)
		return -1;
	spans = json_array();
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", http_server_port(collector));
	const char *const with[] = { "SAFELIGHT_TRACE_OTLP_URL", url, NULL };
	test_stack_restart_with("ingest", with);
	test_stack_restart_with("transcoder", with);
	test_stack_restart_with("api", with);
	return 0;
}

static int end(void **state)
{
	test_stack_run("restart", "ingest");
	test_stack_run("restart", "transcoder");
	test_stack_run("restart", "api");
	http_server_drain(collector, 1000);
	json_decref(spans);
	return test_stack_teardown(state);
}

static const char *member(const json_t *span, const char *name)
{
	const char *text = json_string_value(json_object_get(span, name));
	return text == NULL ? "" : text;
}

// Which span is looked for: each that is not NULL must fit.
struct wanted {
	const char *name, *trace, *span, *media_id;
	json_t *found;
};

static bool has_media(const json_t *span, const char *media_id)
{
	size_t index = 0;
	json_t *entry = NULL;
	json_array_foreach(json_object_get(span, "attributes"), index, entry)
	{
		if (strcmp(member(entry, "key"), "safelight.media_id") == 0)
			return strcmp(member(json_object_get(entry, "value"), "stringValue"), media_id) == 0;
	}
	return false;
}

static bool fits(const json_t *span, const struct wanted *wanted)
{
	return (wanted->name == NULL || strcmp(member(span, "name"), wanted->name) == 0) &&
	       (wanted->trace == NULL || strcmp(member(span, "traceId"), wanted->trace) == 0) &&
	       (wanted->span == NULL || strcmp(member(span, "spanId"), wanted->span) == 0) &&
	       (wanted->media_id == NULL || has_media(span, wanted->media_id));
}

static bool find_span(void *context)
{
	struct wanted *wanted = context;
	size_t index = 0;
	json_t *span = NULL;
	(void)pthread_mutex_lock(&lock);
	json_array_foreach(spans, index, span)
	{
		if (wanted->found == NULL && fits(span, wanted))
			wanted->found = json_incref(span);
	}
	(void)pthread_mutex_unlock(&lock);
	return wanted->found != NULL;
}

static json_t *await_span(struct wanted wanted)
{
	test_wait(find_span, &wanted, WAIT_MS, wanted.name == NULL ? "the parent's span" : wanted.name);
	return wanted.found;
}

static void assert_child(const json_t *child, const json_t *parent)
{
	assert_string_equal(member(child, "traceId"), member(parent, "traceId"));
	assert_string_equal(member(child, "parentSpanId"), member(parent, "spanId"));
	// Within it, but for the clock's steps and for what goes on after an answer.
	assert_true(strtoll(member(child, "startTimeUnixNano"), NULL, 10) + 50000000 >=
	            strtoll(member(parent, "startTimeUnixNano"), NULL, 10));
}

static void test_upload_is_one_trace(void **state)
{
	(void)state;
	static const char *const STAGES[] = { "fetch", "decode", "preview", "publish" };
	struct test_account account;
	char media_id[37];
	size_t length = 0;
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	test_account_new(&account);
	char webhook[160];
	struct test_reply made;
	(void)snprintf(webhook, sizeof webhook, "{\"url\":\"http://127.0.0.1:%u/hook\",\"events\":[\"media.ready\"]}",
	               http_server_port(collector));
	test_http_json("POST", "/v1/webhooks", account.access_token, webhook, &made);
	test_assert_status(&made, 201);
	test_reply_done(&made);
	test_upload_whole(&account, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, media_id);
	json_decref(test_media_await(&account, media_id, "ready", WAIT_MS));

	json_t *job = await_span((struct wanted){ .name = "job fast", .media_id = media_id });
	const char *trace = member(job, "traceId");
	// Either the phone's complete or the store's event was first.
	json_t *cause = await_span((struct wanted){ .span = member(job, "parentSpanId") });
	if (strcmp(member(cause, "name"), "POST /v1/uploads/{id}/complete") != 0)
		assert_string_equal(member(cause, "name"), "POST /hooks/s3");
	json_t *relayed = await_span((struct wanted){ .name = "publish jobs.fast.interactive", .trace = trace });
	assert_child(relayed, cause);
	assert_child(job, cause);
	for (size_t i = 0; i < sizeof STAGES / sizeof STAGES[0]; i++) {
		json_t *stage = await_span((struct wanted){ .name = STAGES[i], .trace = trace });
		assert_child(stage, job);
		json_decref(stage);
	}
	json_decref(await_span((struct wanted){ .name = "publish events.media.ready", .trace = trace }));
	// The endpoint is told the span that the collector gets.
	json_t *posted = await_span((struct wanted){ .name = "POST webhook", .trace = trace });
	(void)pthread_mutex_lock(&lock);
	assert_memory_equal(told + 3, trace, 32);
	assert_memory_equal(told + 36, member(posted, "spanId"), 16);
	(void)pthread_mutex_unlock(&lock);
	json_decref(posted);
	json_decref(job);
	json_decref(relayed);
	json_decref(cause);
	free(data);
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upload_is_one_trace),
	};
	return cmocka_run_group_tests_name("trace", tests, begin, end);
}
