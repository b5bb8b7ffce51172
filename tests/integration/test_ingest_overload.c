// Uploads begin while others make the service work hard, or hold thousands of connections and send nothing.
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define CALLERS 32
#define BEGINS 40
#define HASHES 20
#define SLOW 2000
// Of ingest's memory, for each slow client: what libmicrohttpd and we keep of a connection, not all that it may have.
#define SLOW_BYTES (24 * 1024)
// Far above what a call takes, far below what it would wait behind a queue of password hashes or a client's silence.
#define CALL_MS 4000
// A caller that waited for the others' hashes would wait for more than a second.
#define PROMPT_MS 700
// What a busy machine adds to a call of a few milliseconds now and then.
#define NOISE_US 50000
// The first headers may take 10 s, a body the time of a request.
#define CUT_MS 45000

static struct test_account account;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	return 0;
}

static int teardown(void **state)
{
	test_stack_run("restart", "ingest");
	test_account_done(&account);
	return test_stack_teardown(state);
}

// Make a call; fails when it takes too long.
static void call_in_time(const char *method, const char *path, const char *json, unsigned status)
{
	struct test_reply reply;
	int64_t begun_us = clock_monotonic_us();
	test_http_json(method, path, account.access_token, json, &reply);
	test_assert_status(&reply, status);
	test_reply_done(&reply);
	assert_in_range((clock_monotonic_us() - begun_us) / 1000, 0, CALL_MS);
}

static void begin_in_time(void)
{
	call_in_time("POST", "/v1/uploads", "{\"filename\":\"a.txt\",\"content_type\":\"text/plain\",\"size\":3}", 201);
}

// ---- passwords ------------------------------------------------------------------------------------------------------

struct crowd {
	atomic_bool is_over;
	atomic_uint hashed;  // 401: a password was hashed and compared
	atomic_uint refused; // 429 or 503: too many at once
	atomic_uint other;
};

// Wrong passwords for one address after another: each costs a whole argon2.
static void *guess(void *argument)
{
	struct crowd *crowd = argument;
	for (unsigned i = 0; !atomic_load(&crowd->is_over); i++) {
		struct test_reply reply;
		char json[160];
		(void)snprintf(json, sizeof json,
		               "{\"email\":\"%lx-%u@guess.example\",\"password\":\"not the right one\"}",
		               (unsigned long)pthread_self(), i);
		test_http_json("POST", "/v1/auth/login", NULL, json, &reply);
		if (reply.status == 401)
			(void)atomic_fetch_add(&crowd->hashed, 1);
		else if (reply.status == 429 || reply.status == 503)
			(void)atomic_fetch_add(&crowd->refused, 1);
		else
			(void)atomic_fetch_add(&crowd->other, 1);
		test_reply_done(&reply);
	}
	return NULL;
}

static void guessed_passwords_block_nobody(void **state)
{
	(void)state;
	struct crowd crowd = { 0 };
	pthread_t threads[CALLERS];
	for (size_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, guess, &crowd), 0);
	struct deadline deadline = deadline_after_ms(CUT_MS);
	unsigned calls = 0, prompt = 0;
	while ((calls < BEGINS || atomic_load(&crowd.hashed) < HASHES) && !deadline_passed(deadline)) {
		begin_in_time();
		int64_t begun_us = clock_monotonic_us();
		call_in_time("GET", "/v1/me", NULL, 200); // in the process that hashes
		prompt += clock_monotonic_us() - begun_us < PROMPT_MS * 1000;
		calls++;
	}
	atomic_store(&crowd.is_over, true);
	for (size_t i = 0; i < CALLERS; i++)
		(void)pthread_join(threads[i], NULL);
	print_message("%u passwords were hashed meanwhile, %u guesses refused\n", atomic_load(&crowd.hashed),
	              atomic_load(&crowd.refused));
	assert_true(atomic_load(&crowd.hashed) >= HASHES);
	assert_true(prompt > calls / 2);
	assert_int_equal(atomic_load(&crowd.other), 0);
}

static int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

// The time that 95 of 100 begins stay below, in microseconds.
static int64_t measure_begins(void)
{
	int64_t times[BEGINS];
	for (size_t i = 0; i < BEGINS; i++) {
		int64_t begun_us = clock_monotonic_us();
		begin_in_time();
		times[i] = clock_monotonic_us() - begun_us;
	}
	qsort(times, BEGINS, sizeof times[0], compare_times);
	return times[BEGINS * 95 / 100];
}

// ---- slow clients ---------------------------------------------------------------------------------------------------

static int connect_to(uint16_t port)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
		                             .sin_port = htons(port),
		                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(connection >= 0);
	assert_int_equal(connect(connection, (const struct sockaddr *)&address, sizeof address), 0);
	return connection;
}

static void allow_descriptors(void)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_max > SLOW + 100);
}

// Every second one stops within its head, the others behind it, with a body to come. All are ingest's own connections:
// the edge would not even pass them on.
static void open_slow(int connections[SLOW])
{
	char whole[2048];
	static const char HALF[] = "POST /v1/uploads HTTP/1.1\r\nHost: slow.example\r\nX-";
	const char *port = strrchr(test_stack_settings()->ingest_listen, ':');
	assert_non_null(port);
	int length = snprintf(whole, sizeof whole,
	                      "POST /v1/uploads HTTP/1.1\r\nHost: slow.example\r\nAuthorization: Bearer %s\r\n"
	                      "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	                      account.access_token);
	assert_in_range(length, 1, sizeof whole - 1);
	for (size_t i = 0; i < SLOW; i++) {
		connections[i] = connect_to((uint16_t)strtoul(port + 1, NULL, 10));
		if (i % 2 == 0)
			assert_int_equal(send(connections[i], HALF, sizeof HALF - 1, MSG_NOSIGNAL), sizeof HALF - 1);
		else
			assert_int_equal(send(connections[i], whole, (size_t)length, MSG_NOSIGNAL), length);
	}
}

// Those that are still open: nothing came, and nobody has closed them.
static size_t count_open(const int connections[SLOW])
{
	size_t count = 0;
	for (size_t i = 0; i < SLOW; i++) {
		struct pollfd look = { .fd = connections[i], .events = POLLIN };
		count += poll(&look, 1, 0) == 0;
	}
	return count;
}

static void slow_clients_do_not_hold_the_service(void **state)
{
	(void)state;
	static int connections[SLOW];
	static const char *const SHORT_REQUESTS[] = { "SAFELIGHT_HTTP_REQUEST_MS", "10000", NULL };
	allow_descriptors();
	test_stack_restart_with("ingest", SHORT_REQUESTS);
	test_stack_run("wait", "ingest");
	begin_in_time();
	int64_t alone_us = measure_begins();
	int64_t before = test_stack_memory("ingest", "VmRSS:");
	open_slow(connections);
	assert_in_range(count_open(connections), SLOW / 2, SLOW);
	int64_t crowded_us = measure_begins();
	int64_t grown = test_stack_memory("ingest", "VmRSS:") - before;
	print_message("%d slow clients: %lld bytes more; 95 %% of begins within %lld us, %lld without them\n", SLOW,
	              (long long)grown, (long long)crowded_us, (long long)alone_us);
	assert_true(crowded_us < 2 * alone_us + NOISE_US);
	assert_true(grown < (int64_t)SLOW * SLOW_BYTES);
	struct deadline deadline = deadline_after_ms(CUT_MS);
	size_t open = SLOW;
	while ((open = count_open(connections)) > 0 && !deadline_passed(deadline))
		clock_sleep_ms(200);
	for (size_t i = 0; i < SLOW; i++)
		(void)close(connections[i]);
	assert_int_equal(open, 0);
	begin_in_time();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guessed_passwords_block_nobody),
		cmocka_unit_test(slow_clients_do_not_hold_the_service),
	};
	return cmocka_run_group_tests_name("ingest overload", tests, setup, teardown);
}
