// The server: answers, who calls, CORS, built-in routes, starting.
#include "test_http_support.h"

#include <stdatomic.h>

#include "base/metrics.h"

#define USER_TOKEN "Authorization: user\r\n"
#define ADMIN_TOKEN "Authorization: admin\r\n"

// ---- the routes under test ------------------------------------------------------------------------------------------

static void get_tagged(struct http_request *request)
{
	if (http_request_if_none_match(request, "\"v7\""))
		return;
	http_respond_header(request, "Cache-Control", "private, max-age=60");
	http_respond_header(request, "X-Evil", "a\r\nSet-Cookie: b");
	http_respond_header(request, "X-Control", "a\x01");
	http_respond_header(request, "X Space", "a");
	http_respond_header(request, "X-Twice", "first");
	http_respond_header(request, "x-twice", "second");
	http_respond_empty(request, 204);
}

// /rc/{name}: an error of that name, with a text full of internals.
static void get_rc(struct http_request *request)
{
	const char *name = http_request_parameter(request, "name");
	for (int rc = RC_INVALID; rc <= RC_INTERNAL; rc++)
		if (strcmp(rc_name((enum rc)rc), name) == 0) {
			http_respond_rc(request, &(struct err){ (enum rc)rc, "SELECT secret FROM t" });
			return;
		}
	fail_msg("no such rc: %s", name);
}

static void get_too_much(struct http_request *request)
{
	struct buffer out;
	buffer_init(&out, 4);
	buffer_append_text(&out, "longer than four");
	http_respond_json(request, 200, &out);
}

// Pieces of this many bytes together, which say when they are not needed any more.
#define PIECE_BYTES 30000
static char piece_bytes[PIECE_BYTES];
static atomic_int pieces_released;

static void release_pieces(void *owner)
{
	assert_ptr_equal(owner, piece_bytes);
	atomic_fetch_add(&pieces_released, 1);
}

static void get_pieces(struct http_request *request)
{
	const struct http_piece pieces[] = { { piece_bytes, 1 },
		                             { piece_bytes + 1, 0 },
		                             { piece_bytes + 1, PIECE_BYTES - 10 },
		                             { piece_bytes + PIECE_BYTES - 9, 9 } };
	http_respond_pieces(request, 200, "text/plain", pieces, sizeof pieces / sizeof pieces[0], release_pieces,
	                    piece_bytes);
}

static void get_id(struct http_request *request)
{
	struct uuid id;
	if (http_request_parameter_uuid(request, "name", &id))
		http_respond_empty(request, 204);
}

static void get_options(struct http_request *request)
{
	http_respond_header(request, "Tus-Version", "1.0.0");
	http_respond_empty(request, 204);
}

static void forget(struct http_request *request)
{
	(void)request;
}

TEST_ROUTE(route_echo, .method = "GET", .path = "/echo", .handle = test_echo);
TEST_ROUTE(route_id, .method = "GET", .path = "/ids/{name}", .handle = get_id);
TEST_ROUTE(route_tagged, .method = "GET", .path = "/tagged", .handle = get_tagged);
TEST_ROUTE(route_rc, .method = "GET", .path = "/rc/{name}", .handle = get_rc);
TEST_ROUTE(route_too_much, .method = "GET", .path = "/too-much", .handle = get_too_much);
TEST_ROUTE(route_pieces, .method = "GET", .path = "/pieces", .handle = get_pieces);
TEST_ROUTE(route_forget, .method = "GET", .path = "/forget", .handle = forget);
TEST_ROUTE(route_forget_worker, .method = "GET", .path = "/forget-worker", .handle = forget, .run = ROUTE_WORKER);
TEST_ROUTE(route_options, .method = "OPTIONS", .path = "/tagged", .handle = get_options);
TEST_ROUTE(route_user, .method = "GET", .path = "/user", .handle = test_echo, .auth = ROUTE_USER);
TEST_ROUTE(route_admin, .method = "GET", .path = "/admin", .handle = test_echo, .auth = ROUTE_ADMIN);
TEST_ROUTE(route_optional, .method = "GET", .path = "/optional", .handle = test_echo, .auth = ROUTE_OPTIONAL);

static const struct route *const ROUTES[] = { &route_echo, &route_id,       &route_tagged,   &route_options,
	                                      &route_rc,   &route_too_much, &route_forget,   &route_forget_worker,
	                                      &route_user, &route_admin,    &route_optional, &route_pieces };
#define ROUTE_COUNT (sizeof ROUTES / sizeof ROUTES[0])

static enum rc authenticate(void *context, const struct http_request *request, bool *ret_present,
                            struct http_principal *ret_principal, struct err *err)
{
	const char *header = http_request_header(request, "Authorization");
	assert_string_equal(context, "authenticator");
	*ret_present = header != NULL;
	if (header == NULL)
		return RC_OK;
	if (strcmp(header, "user") != 0 && strcmp(header, "admin") != 0)
		return err_set(err, RC_DENIED, "no");
	*ret_principal = (struct http_principal){ .is_admin = strcmp(header, "admin") == 0 };
	return RC_OK;
}

static bool admit(void *context, struct http_request *request)
{
	assert_string_equal(context, "the context");
	if (http_request_header(request, "X-Too-Fast") == NULL)
		return true;
	http_respond_retry_after(request, 7);
	http_respond_problem(request, 429, "too-many-requests", "Slow down.");
	return false;
}

static bool database_is_up = true;

static void check_ready(void *context, struct http_ready *ready, struct deadline deadline)
{
	assert_string_equal(context, "the context");
	assert_true(deadline_left_ms(deadline) > 0);
	http_ready_add(ready, "database", database_is_up, database_is_up ? NULL : "does not answer");
	http_ready_add(ready, "bus", true, NULL);
}

static struct metrics *metrics;

static int start(void **state)
{
	struct http_server_config config = test_config(ROUTES, ROUTE_COUNT);
	metrics = metrics_new();
	config.context = (void *)(uintptr_t) "the context";
	config.authenticate = authenticate;
	config.authenticate_context = (void *)(uintptr_t) "authenticator";
	config.admit = admit;
	config.check_ready = check_ready;
	config.cors_origins = "https://app.example, http://localhost:3000";
	config.metrics = metrics;
	*state = test_start(&config);
	return 0;
}

static int stop(void **state)
{
	http_server_drain(*state, 1000);
	metrics_free(metrics);
	return 0;
}

// ---- answers --------------------------------------------------------------------------------------------------------

static void test_standard_headers(void **state)
{
	static const char *const paths[] = { "/echo", "/nothing", "/rc/internal", "/user", "/healthz", "/metrics" };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct raw_answer answer;
		char value[256];
		test_ask(*state, "GET", paths[i], "", NULL, &answer);
		assert_header(&answer, "Cache-Control", "private, no-store");
		assert_header(&answer, "X-Content-Type-Options", "nosniff");
		assert_true(raw_header(&answer, "X-Request-Id", value));
	}
}

static void test_own_headers(void **state)
{
	struct raw_answer answer;
	test_ask(*state, "GET", "/tagged", "", NULL, &answer);
	assert_int_equal(answer.status, 204);
	assert_header(&answer, "Cache-Control", "private, max-age=60");
	assert_header(&answer, "ETag", "\"v7\"");
	assert_header(&answer, "X-Twice", "second");
	assert_no_header(&answer, "X-Evil");
	assert_no_header(&answer, "X-Control");
	assert_no_header(&answer, "X Space");
	assert_no_header(&answer, "Set-Cookie");
}

static void test_if_none_match(void **state)
{
	static const struct {
		const char *header;
		int status;
	} rows[] = {
		{ "If-None-Match: \"v7\"\r\n", 304 },
		{ "If-None-Match: W/\"v7\"\r\n", 304 },
		{ "If-None-Match: \"v6\"\r\n", 204 },
		{ "If-None-Match: \"v6\", \"v7\"\r\n", 304 },
		{ "If-None-Match: *\r\n", 304 },
		{ "If-None-Match: v7\r\n", 204 },
		{ "If-None-Match: \"a,\"v7\"\r\n", 204 },
		{ "If-None-Match: \"v\"\r\n", 204 },
		{ "If-None-Match:\r\n", 204 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		test_ask(*state, "GET", "/tagged", rows[i].header, NULL, &answer);
		if (answer.status != rows[i].status)
			fail_msg("%s: %d", rows[i].header, answer.status);
		assert_header(&answer, "ETag", "\"v7\"");
	}
}

// Two answers on one connection, one to HEAD, and one to a client that has left: each lets its pieces go once.
static void test_pieces(void **state)
{
	static const char ASK[] = " /pieces HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char *const METHODS[] = { "GET", "HEAD", "GET" };
	struct raw_answer answer;
	char line[64];
	int fd = raw_connect(*state);
	for (size_t i = 0; i < sizeof piece_bytes; i++)
		piece_bytes[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
		bool is_head = strcmp(METHODS[i], "HEAD") == 0;
		(void)snprintf(line, sizeof line, "%s%s", METHODS[i], ASK);
		assert_true(raw_send(fd, line));
		raw_read(fd, is_head, &answer);
		assert_int_equal(answer.status, 200);
		assert_header(&answer, "Content-Length", "30000");
		assert_header(&answer, "Content-Type", "text/plain");
		assert_int_equal(answer.body_length, is_head ? 0 : sizeof piece_bytes);
		assert_memory_equal(answer.body, piece_bytes, answer.body_length);
	}
	(void)snprintf(line, sizeof line, "GET%s", ASK);
	assert_true(raw_send(fd, line));
	(void)close(fd);
	for (int i = 0; i < 500 && atomic_load(&pieces_released) < 4; i++)
		clock_sleep_ms(10);
	assert_int_equal(atomic_load(&pieces_released), 4);
}

static void test_errors_become_problems(void **state)
{
	static const struct {
		const char *name;
		int status;
		bool shows_text;
	} rows[] = {
		{ "invalid", 400, true },      { "denied", 403, false },
		{ "not_found", 404, false },   { "exists", 409, false },
		{ "conflict", 409, true },     { "limit", 413, true },
		{ "busy", 503, false },        { "timeout", 503, false },
		{ "unavailable", 503, false }, { "unknown_outcome", 500, false },
		{ "corrupt", 500, false },     { "no_memory", 500, false },
		{ "internal", 500, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		char path[64];
		char part[96];
		(void)snprintf(path, sizeof path, "/rc/%s", rows[i].name);
		test_ask(*state, "GET", path, "X-Request-Id: q1\r\n", NULL, &answer);
		if (answer.status != rows[i].status || (strstr(answer.body, "SELECT") != NULL) != rows[i].shows_text)
			fail_msg("%s: %d %s", path, answer.status, answer.body);
		assert_header(&answer, "Content-Type", "application/problem+json");
		(void)snprintf(part, sizeof part, "\"status\":%d", rows[i].status);
		assert_holds(answer.body, part);
		assert_holds(answer.body, "\"type\":\"/problems/");
		assert_holds(answer.body, "\"title\":\"");
		assert_holds(answer.body, "\"request_id\":\"q1\"");
		(void)snprintf(part, sizeof part, "\"instance\":\"%s\"", path);
		assert_holds(answer.body, part);
		if (rows[i].status == 503)
			assert_header(&answer, "Retry-After", "1");
		else
			assert_no_header(&answer, "Retry-After");
	}
}

static void test_unfit_answers_become_500(void **state)
{
	static const char *const paths[] = { "/too-much", "/forget", "/forget-worker" };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct raw_answer answer;
		test_ask(*state, "GET", paths[i], "", NULL, &answer);
		assert_int_equal(answer.status, 500);
		assert_holds(answer.body, "/problems/internal");
	}
}

// ---- who calls ------------------------------------------------------------------------------------------------------

static void test_authentication(void **state)
{
	static const struct {
		const char *path, *header;
		int status;
		const char *challenge;
	} rows[] = {
		{ "/user", "", 401, "Bearer" },
		{ "/user", "Authorization: wrong\r\n", 401, "Bearer error=\"invalid_token\"" },
		{ "/user", USER_TOKEN, 200, NULL },
		{ "/user", ADMIN_TOKEN, 200, NULL },
		{ "/admin", "", 401, "Bearer" },
		{ "/admin", USER_TOKEN, 403, NULL },
		{ "/admin", ADMIN_TOKEN, 200, NULL },
		{ "/optional", "", 200, NULL },
		{ "/optional", "Authorization: wrong\r\n", 401, "Bearer error=\"invalid_token\"" },
		{ "/optional", USER_TOKEN, 200, NULL },
		{ "/echo", "Authorization: wrong\r\n", 200, NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct raw_answer answer;
		test_ask(*state, "GET", rows[i].path, rows[i].header, NULL, &answer);
		if (answer.status != rows[i].status)
			fail_msg("%s %s: %d", rows[i].path, rows[i].header, answer.status);
		if (rows[i].challenge != NULL)
			assert_header(&answer, "WWW-Authenticate", rows[i].challenge);
		bool known = rows[i].status == 200 && *rows[i].header != '\0' && strcmp(rows[i].path, "/echo") != 0;
		if (rows[i].status == 200)
			assert_holds(answer.body, known ? "\"principal\":true" : "\"principal\":false");
	}
}

static void test_admission(void **state)
{
	struct raw_answer answer;
	test_ask(*state, "GET", "/echo", "X-Too-Fast: 1\r\n", NULL, &answer);
	assert_int_equal(answer.status, 429);
	assert_header(&answer, "Retry-After", "7");
	test_ask(*state, "GET", "/user", "X-Too-Fast: 1\r\n", NULL, &answer);
	assert_int_equal(answer.status, 401); // authentication comes first
}

static void test_cors(void **state)
{
	struct raw_answer answer;
	char value[256];
	const char *preflight = "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n";
	test_ask(*state, "OPTIONS", "/user", preflight, NULL, &answer);
	assert_int_equal(answer.status, 204);
	assert_header(&answer, "Access-Control-Allow-Origin", "https://app.example");
	assert_header(&answer, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
	assert_true(raw_header(&answer, "Access-Control-Allow-Headers", value));
	assert_holds(value, "Authorization");
	assert_no_header(&answer, "Access-Control-Allow-Credentials");
	test_ask(*state, "GET", "/user", "Origin: http://localhost:3000\r\n", NULL, &answer);
	assert_int_equal(answer.status, 401); // problems too can be read by the page
	assert_header(&answer, "Access-Control-Allow-Origin", "http://localhost:3000");
	assert_header(&answer, "Vary", "Origin");
	static const char *const unlisted[] = {
		"Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n",
		"Origin: https://app.example.evil\r\nAccess-Control-Request-Method: GET\r\n",
		"Origin: null\r\nAccess-Control-Request-Method: GET\r\n",
		"Origin: HTTPS://APP.EXAMPLE\r\nAccess-Control-Request-Method: GET\r\n",
		"",
	};
	for (size_t i = 0; i < sizeof unlisted / sizeof unlisted[0]; i++) {
		test_ask(*state, "OPTIONS", "/echo", unlisted[i], NULL, &answer);
		assert_int_equal(answer.status, 204);
		assert_no_header(&answer, "Access-Control-Allow-Origin");
		assert_no_header(&answer, "Access-Control-Allow-Methods");
		assert_header(&answer, "Vary", "Origin");
	}
}

static void test_options_route(void **state)
{
	struct raw_answer answer;
	test_ask(*state, "OPTIONS", "/tagged", "Origin: https://app.example\r\n", NULL, &answer);
	assert_header(&answer, "Tus-Version", "1.0.0");
	assert_header(&answer, "Access-Control-Allow-Origin", "https://app.example");
	test_ask(*state, "OPTIONS", "/tagged",
	         "Origin: https://app.example\r\nAccess-Control-Request-Method: PATCH\r\n", NULL, &answer);
	assert_int_equal(answer.status, 204);
	assert_no_header(&answer, "Tus-Version");
	assert_header(&answer, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
}

// ---- built-in routes ------------------------------------------------------------------------------------------------

static void test_health_and_readiness(void **state)
{
	struct raw_answer answer;
	test_ask(*state, "GET", "/healthz", "", NULL, &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, "{\"status\":\"ok\"}");
	test_ask(*state, "GET", "/readyz", "", NULL, &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body,
	                    "{\"checks\":[{\"name\":\"database\",\"ok\":true},{\"name\":\"bus\",\"ok\":true}],"
	                    "\"status\":\"ready\"}");
	database_is_up = false;
	test_ask(*state, "GET", "/readyz", "", NULL, &answer);
	database_is_up = true;
	assert_int_equal(answer.status, 503);
	assert_holds(answer.body, "{\"name\":\"database\",\"ok\":false,\"detail\":\"does not answer\"}");
}

static void test_metrics(void **state)
{
	struct raw_answer answer;
	const char *labels = "route=\"/ids/{name}\",method=\"GET\",status=\"4xx\"";
	struct metric *counter = metrics_add(metrics, METRIC_COUNTER, "safelight_http_requests_total", "", labels);
	int64_t before = metric_value(counter);
	for (int i = 0; i < 5; i++)
		test_ask(*state, "GET", "/ids/7", "", NULL, &answer);
	// Counted when libmicrohttpd has finished with the request, shortly after the client has its answer.
	struct deadline patience = deadline_after_ms(2000);
	while (metric_value(counter) < before + 5 && !deadline_passed(patience))
		clock_sleep_ms(1);
	assert_int_equal(metric_value(counter), before + 5);
	test_ask(*state, "GET", "/metrics", "", NULL, &answer);
	assert_int_equal(answer.status, 200);
	assert_holds(answer.body, "safelight_http_requests_total{route=\"/ids/{name}\",method=\"GET\",status=\"4xx\"}");
	assert_holds(answer.body, "safelight_http_requests_total{route=\"unmatched\",method=\"other\",status=\"4xx\"}");
	assert_holds(answer.body, "safelight_http_worker_queue_requests 0");
	assert_holds(answer.body, "safelight_http_requests_in_flight 1");
}

// ---- starting -------------------------------------------------------------------------------------------------------

static void test_start_refuses(void **state)
{
	struct http_server_config config = test_config(ROUTES, 1);
	struct http_server *server = NULL;
	struct err err = { .rc = RC_OK };
	char taken[32];
	(void)snprintf(taken, sizeof taken, "127.0.0.1:%u", http_server_port(*state));
	config.listen = taken;
	assert_int_equal(http_server_start(&config, &server, &err), RC_EXISTS);
	assert_holds(err.text, taken);
	static const char *const bad[] = {
		"", "127.0.0.1", "localhost:80", "127.0.0.1:http", "127.0.0.1:", "1.2.3.4:80"
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		config.listen = bad[i];
		assert_int_equal(http_server_start(&config, &server, &err), RC_INVALID);
	}
	config.listen = "127.0.0.1:0";
	static const char *const bad_origins[] = { "*", "https://a.example/path", "app.example", "https://*.example" };
	for (size_t i = 0; i < sizeof bad_origins / sizeof bad_origins[0]; i++) {
		config.cors_origins = bad_origins[i];
		assert_int_equal(http_server_start(&config, &server, &err), RC_INVALID);
	}
	config.cors_origins = NULL;
	config.route_count = ROUTE_COUNT; // some need an authenticate callback
	assert_int_equal(http_server_start(&config, &server, &err), RC_INVALID);
	assert_null(server);
}

static void test_listens_on_ipv6(void **state)
{
	struct http_server_config config = test_config(ROUTES, 1);
	(void)state;
	config.listen = "[::1]:0";
	config.event_threads = 2;
	struct http_server *server = test_start(&config);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
		                        .sin6_port = htons(http_server_port(server)),
		                        .sin6_addr = in6addr_loopback };
	struct raw_answer answer;
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_true(raw_send(fd, "GET /echo HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 5.5.5.5\r\n\r\n"));
	raw_read(fd, false, &answer);
	assert_holds(answer.body, "\"client\":\"5.5.5.5\"");
	(void)close(fd);
	http_server_drain(server, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard_headers),
		cmocka_unit_test(test_own_headers),
		cmocka_unit_test(test_if_none_match),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_errors_become_problems),
		cmocka_unit_test(test_unfit_answers_become_500),
		cmocka_unit_test(test_authentication),
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_cors),
		cmocka_unit_test(test_options_route),
		cmocka_unit_test(test_health_and_readiness),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_start_refuses),
		cmocka_unit_test(test_listens_on_ipv6),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
