// Feeds: written from any thread, kept alive, cut when nobody takes what they bring, and five thousand of them.
#include "test_http_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "http/feed.h"

#define FEEDS 5000
#define MEMORY_MOST_BYTES (200LL * 1024 * 1024)

// The feed of the latest GET /feed, and what became of all.
static struct http_feed *feed;
static atomic_int opened, drained, ended;
static struct http_feed_options options;

static void count_drained(void *context)
{
	(void)context;
	atomic_fetch_add(&drained, 1);
}

static void count_ended(void *context)
{
	assert_ptr_equal(context, &options);
	atomic_fetch_add(&ended, 1);
}

static void open_feed(struct http_request *request)
{
	struct err err = { 0 };
	if (http_respond_feed(request, &options, &feed, &err) != RC_OK)
		http_respond_rc(request, &err);
	else
		atomic_fetch_add(&opened, 1);
}

static void open_and_leave(struct http_request *request)
{
	open_feed(request);
	http_feed_release(feed);
	feed = NULL;
}

static void *open_later(void *argument)
{
	clock_sleep_ms(20);
	open_feed(argument);
	return NULL;
}

static void open_deferred(struct http_request *request)
{
	pthread_t thread;
	http_request_defer(request);
	assert_int_equal(pthread_create(&thread, NULL, open_later, request), 0);
	(void)pthread_detach(thread);
}

static void get_quick(struct http_request *request)
{
	http_respond_empty(request, 204);
}

TEST_ROUTE(route_feed, .method = "GET", .path = "/feed", .handle = open_feed);
TEST_ROUTE(route_left, .method = "GET", .path = "/left", .handle = open_and_leave);
TEST_ROUTE(route_deferred, .method = "GET", .path = "/deferred", .handle = open_deferred);
TEST_ROUTE(route_quick, .method = "GET", .path = "/quick", .handle = get_quick);
static const struct route *const ROUTES[] = { &route_feed, &route_left, &route_deferred, &route_quick };

static int setup(void **state)
{
	(void)state;
	feed = NULL;
	atomic_store(&opened, 0);
	atomic_store(&drained, 0);
	atomic_store(&ended, 0);
	options = (struct http_feed_options){ .content_type = "text/event-stream",
		                              .buffer_bytes = 4096,
		                              .heartbeat = ":\n\n",
		                              .heartbeat_ms = 60000,
		                              .stall_ms = 60000,
		                              .drained = count_drained,
		                              .ended = count_ended,
		                              .context = &options };
	return 0;
}

static struct http_server *start(void)
{
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	config.request_ms = 1000;
	return test_start(&config);
}

static void await(atomic_int *counter, int wanted)
{
	for (int i = 0; i < 2000 && atomic_load(counter) < wanted; i++)
		clock_sleep_ms(5);
	assert_int_equal(atomic_load(counter), wanted);
}

// Ask for a feed on a connection of its own; its head is read.
static int connect_feed(const struct http_server *server, const char *path)
{
	struct raw_answer answer;
	char request[100];
	int before = atomic_load(&opened);
	int fd = raw_connect(server);
	(void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: t\r\n\r\n", path);
	assert_true(raw_send(fd, request));
	raw_read(fd, true, &answer);
	assert_int_equal(answer.status, 200);
	assert_header(&answer, "Content-Type", "text/event-stream");
	assert_header(&answer, "Transfer-Encoding", "chunked");
	assert_header(&answer, "Cache-Control", "private, no-store");
	await(&opened, before + 1);
	return fd;
}

// The payload of the next chunk; its length, 0 for the last one, -1 when the connection ends before.
static ssize_t read_chunk(int fd, char *out, size_t size)
{
	char line[20];
	size_t length = 0;
	while (length < 2 || line[length - 1] != '\n') {
		if (!raw_wait(fd, RAW_WAIT_MS) || recv(fd, &line[length], 1, 0) != 1)
			return -1;
		assert_true(++length < sizeof line);
	}
	size_t wanted = strtoul(line, NULL, 16), got = 0;
	assert_true(wanted + 3 < size);
	while (got < wanted + 2) {
		ssize_t more = recv(fd, out + got, wanted + 2 - got, 0);
		if (more <= 0)
			return -1;
		got += (size_t)more;
	}
	out[wanted] = '\0';
	return (ssize_t)wanted;
}

// Read until `wanted` bytes of payload have come.
static void read_payload(int fd, char *out, size_t wanted)
{
	size_t got = 0;
	while (got < wanted) {
		ssize_t more = read_chunk(fd, out + got, wanted - got + 4);
		assert_true(more > 0);
		got += (size_t)more;
	}
}

static void leave(int fd, struct http_server *server)
{
	(void)close(fd);
	http_feed_release(feed);
	http_server_drain(server, 2000);
}

static void what_is_written_comes_in_order(void **state)
{
	static const char *const PATHS[] = { "/feed", "/deferred" };
	char text[8192], wanted[16];
	(void)state;
	struct http_server *server = start();
	for (size_t path = 0; path < 2; path++) {
		int fd = connect_feed(server, PATHS[path]);
		for (int i = 0; i < 500; i++) {
			(void)snprintf(wanted, sizeof wanted, "[%d]", i);
			while (http_feed_write(feed, wanted, strlen(wanted)) == RC_LIMIT)
				clock_sleep_ms(1);
			read_payload(fd, text, strlen(wanted));
			assert_string_equal(text, wanted);
		}
		// It outlives the requests' deadline, and other requests are answered meanwhile.
		struct raw_answer answer;
		clock_sleep_ms(1300);
		test_ask(server, "GET", "/quick", "", NULL, &answer);
		assert_int_equal(answer.status, 204);
		assert_int_equal(http_feed_write(feed, "last", 4), RC_OK);
		http_feed_end(feed);
		assert_int_equal(http_feed_write(feed, "behind", 6), RC_NOT_FOUND);
		read_payload(fd, text, 4);
		assert_string_equal(text, "last");
		assert_int_equal(read_chunk(fd, text, sizeof text), 0);
		await(&ended, (int)path + 1);
		assert_int_equal(http_feed_write(feed, "gone", 4), RC_NOT_FOUND);
		http_feed_release(feed);
		(void)close(fd);
	}
	feed = NULL;
	assert_in_range(atomic_load(&drained), 2, 1100);
	http_server_drain(server, 2000);
}

static void an_idle_feed_beats(void **state)
{
	char text[100];
	(void)state;
	options.heartbeat_ms = 300;
	struct http_server *server = start();
	int fd = connect_feed(server, "/feed");
	for (int i = 0; i < 3; i++) {
		read_payload(fd, text, 3);
		assert_string_equal(text, ":\n\n");
	}
	assert_int_equal(atomic_load(&ended), 0);
	leave(fd, server);
}

static void a_client_that_leaves_is_noticed(void **state)
{
	(void)state;
	struct http_server *server = start();
	int fd = connect_feed(server, "/feed");
	clock_sleep_ms(100); // so that it is suspended
	(void)close(fd);
	await(&ended, 1); // no heartbeat was due
	http_feed_release(feed);
	http_server_drain(server, 2000);
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
	static char data[1024];
	(void)state;
	options.stall_ms = 1500;
	struct http_server *server = start();
	int fd = connect_feed(server, "/feed");
	enum rc rc = RC_OK;
	bool was_full = false;
	memset(data, 'x', sizeof data);
	// What the kernel takes for it is bounded, too; then the buffer is full, and then it has stalled for too long.
	for (int64_t begin = clock_monotonic_us(); rc != RC_NOT_FOUND && clock_monotonic_us() - begin < 30000000;) {
		rc = http_feed_write(feed, data, sizeof data);
		assert_in_range(http_feed_waiting(feed), 0, 4096);
		was_full |= rc == RC_LIMIT;
		if (rc == RC_LIMIT)
			clock_sleep_ms(20);
	}
	assert_true(was_full);
	assert_int_equal(rc, RC_NOT_FOUND);
	await(&ended, 1);
	assert_int_equal(http_feed_write(feed, data, 1), RC_NOT_FOUND);
	leave(fd, server);
}

static void a_feed_is_cut_at_once(void **state)
{
	char text[100];
	(void)state;
	struct http_server *server = start();
	int fd = connect_feed(server, "/feed");
	http_feed_cut(feed);
	http_feed_cut(feed);
	assert_int_equal(read_chunk(fd, text, sizeof text), -1); // no last chunk
	await(&ended, 1);
	leave(fd, server);
}

static void a_drain_ends_feeds(void **state)
{
	char text[100];
	(void)state;
	struct http_server *server = start();
	int fd = connect_feed(server, "/feed");
	struct http_feed *ours = feed; // which the next one takes the place of
	int idle = connect_feed(server, "/left");
	int64_t begin = clock_monotonic_us();
	http_server_drain(server, 20000);
	assert_in_range(clock_monotonic_us() - begin, 0, 15000000);
	assert_int_equal(read_chunk(fd, text, sizeof text), 0);
	assert_int_equal(read_chunk(idle, text, sizeof text), 0);
	assert_int_equal(atomic_load(&ended), 2);
	http_feed_release(ours);
	(void)close(fd);
	(void)close(idle);
}

static void a_drain_without_time_cuts_those_that_do_not_read(void **state)
{
	static char data[4096];
	(void)state;
	struct http_server *server = start();
	int fd = connect_feed(server, "/feed");
	for (int i = 0; i < 1000; i++)
		if (http_feed_write(feed, data, sizeof data) != RC_OK)
			clock_sleep_ms(1);
	http_server_drain(server, 0);
	assert_int_equal(atomic_load(&ended), 1);
	(void)close(fd);
	http_feed_release(feed);
}

static long long resident_bytes(void)
{
	long long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lld %lld", &pages, &resident), 2);
	(void)fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

static bool is_instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#endif
	const char *preloaded = getenv("LD_PRELOAD");
	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static void five_thousand_idle_feeds_are_cheap(void **state)
{
	static int clients[FEEDS];
	struct rlimit files;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	rlim_t needed = 2 * FEEDS + 400;
	if (is_instrumented() || files.rlim_max < needed) {
		print_message("skipped: it measures memory, and needs %d descriptors\n", (int)needed);
		skip();
	}
	files.rlim_cur = files.rlim_cur < needed ? needed : files.rlim_cur;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	struct http_server_config config = test_config(ROUTES, sizeof ROUTES / sizeof ROUTES[0]);
	config.connections = FEEDS + 100;
	options.heartbeat_ms = 2000;
	struct http_server *server = test_start(&config);
	long long before = resident_bytes();
	for (int i = 0; i < FEEDS; i++)
		clients[i] = connect_feed(server, "/left");
	clock_sleep_ms(4000); // each has beaten at least once
	long long after = resident_bytes();
	struct raw_answer answer;
	test_ask(server, "GET", "/quick", "", NULL, &answer);
	assert_int_equal(answer.status, 204);
	print_message("%d idle feeds: %.1f MB, %lld bytes each\n", FEEDS, (double)(after - before) / 1048576,
	              (after - before) / FEEDS);
	assert_in_range(after - before, 1, MEMORY_MOST_BYTES);
	assert_int_equal(atomic_load(&ended), 0);
	for (int i = 0; i < FEEDS; i++)
		(void)close(clients[i]);
	await(&ended, FEEDS);
	http_server_drain(server, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_written_comes_in_order, setup),
		cmocka_unit_test_setup(an_idle_feed_beats, setup),
		cmocka_unit_test_setup(a_client_that_leaves_is_noticed, setup),
		cmocka_unit_test_setup(a_client_that_does_not_read_is_cut_off, setup),
		cmocka_unit_test_setup(a_feed_is_cut_at_once, setup),
		cmocka_unit_test_setup(a_drain_ends_feeds, setup),
		cmocka_unit_test_setup(a_drain_without_time_cuts_those_that_do_not_read, setup),
		cmocka_unit_test_setup(five_thousand_idle_feeds_are_cheap, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
