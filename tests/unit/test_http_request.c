// The ownership protocol of a request, step by step: who may answer when, what is dropped, when it is freed.
#include "cmocka_all.h"

#include <microhttpd.h>

#include "http/request_priv.h"
#include "http/respond.h"
#include "http/server_priv.h"

static struct MHD_Response *make_response(void)
{
	static char text[] = "x";
	struct MHD_Response *response = MHD_create_response_from_buffer(1, text, MHD_RESPMEM_PERSISTENT);
	assert_non_null(response);
	return response;
}

static struct http_request *make_request(enum request_state state)
{
	struct http_request *request = request_new();
	static struct http_server server; // without any of what may be configured
	assert_non_null(request);
	request->server = &server;
	request->method = "POST";
	request->state = state;
	return request;
}

static void test_handler_answers_while_it_may(void **state)
{
	static const enum request_state early[] = { REQUEST_READING, REQUEST_RUNNING };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct http_request *request = make_request(early[i]);
		struct MHD_Response *response = make_response();
		assert_true(request_is_owed(request));
		request_deliver(request, response, 201, ANSWER_BY_HANDLER);
		assert_int_equal(request->state, REQUEST_ANSWERED);
		assert_ptr_equal(request->response, response);
		assert_int_equal(request->status, 201);
		assert_false(request_is_owed(request));
		assert_int_equal(atomic_load(&request->references), 1);
		request_release(request);
	}
}

static void test_late_answer_is_dropped(void **state)
{
	static const enum request_state late[] = { REQUEST_ANSWERED, REQUEST_QUEUED, REQUEST_DONE };
	(void)state;
	for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
		struct http_request *request = make_request(late[i]);
		struct MHD_Response *first = make_response();
		request->response = first;
		request->status = 503;
		assert_true(http_request_is_over(request));
		request_deliver(request, make_response(), 200, ANSWER_BY_HANDLER); // a leak of it shows under ASan
		assert_int_equal(request->state, late[i]);
		assert_ptr_equal(request->response, first);
		assert_int_equal(request->status, 503);
		assert_false(request_is_owed(request));
		request_release(request);
	}
}

static void test_reaper_answers_deferred_ones_only(void **state)
{
	(void)state;
	for (int i = REQUEST_READING; i <= REQUEST_DONE; i++) {
		if (i == REQUEST_DEFERRED)
			continue; // needs a connection to resume: test_http_deadline
		struct http_request *request = make_request((enum request_state)i);
		request_deliver(request, make_response(), 503, ANSWER_BY_REAPER);
		assert_int_equal(request->state, i);
		assert_null(request->response);
		assert_true(request_is_owed(request));
		assert_int_equal(atomic_load(&request->references), 2);
		request_abandon(request);
		request_release(request);
	}
}

static void test_answer_outlives_the_connection(void **state)
{
	// libmicrohttpd lets go first, the handler later; everything of the request stays until then.
	struct http_request *request = make_request(REQUEST_DONE);
	(void)state;
	request_release(request);
	http_respond_header(request, "X-Late", "1");
	assert_string_equal(http_request_path(request), "/");
	http_respond_problem(request, 500, "internal", "too late");
}

static void test_defer_on_a_worker_hands_on(void **state)
{
	struct http_request *request = make_request(REQUEST_DEFERRED);
	(void)state;
	http_request_defer(request);
	assert_true(request->handed_on);
	assert_false(request->was_suspended);
	assert_int_equal(request->state, REQUEST_DEFERRED);
	request_abandon(request);
	request_release(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handler_answers_while_it_may),
		cmocka_unit_test(test_late_answer_is_dropped),
		cmocka_unit_test(test_reaper_answers_deferred_ones_only),
		cmocka_unit_test(test_answer_outlives_the_connection),
		cmocka_unit_test(test_defer_on_a_worker_hands_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
