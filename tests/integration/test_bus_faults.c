// lib/bus while its server dies, comes back empty, stands still, lies or is not there: on a NATS server of the test's
// own.
#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/bus_private.h"
#include "bus/health.h"
#include "bus/kv.h"
#include "tests/integration/bus_helpers.h"

#define POOL "faults"
#define TOKEN "only-for-this-test"

static char folder[64] = "";
static char url[64];
static unsigned port;
static pid_t server;
static struct err err;

// A listening socket on a free port of the loopback address.
static int listen_somewhere(unsigned *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void start_server(void)
{
	char config[128];
	(void)snprintf(config, sizeof(config), "%s/nats.conf", folder);
	server = fork();
	assert_true(server >= 0);
	if (server > 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", 1);
	(void)execlp("nats-server", "nats-server", "--config", config, (char *)NULL);
	_exit(127);
}

static void stop_server(void)
{
	if (server <= 0)
		return;
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	server = 0;
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
	(void)facts;
	(void)kind;
	(void)place;
	return remove(path);
}

static void remove_store(void)
{
	char store[96];
	(void)snprintf(store, sizeof(store), "%s/jetstream", folder);
	(void)nftw(store, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	(void)snprintf(folder, sizeof(folder), "%.32s/test_bus.XXXXXX", base != NULL ? base : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)close(listen_somewhere(&port));
	(void)snprintf(url, sizeof(url), "nats://127.0.0.1:%u", port);
	char path[96];
	(void)snprintf(path, sizeof(path), "%s/nats.conf", folder);
	FILE *config = fopen(path, "w");
	if (config == NULL)
		return -1;
	(void)fprintf(config, "listen: \"127.0.0.1:%u\"\nauthorization { token: \"%s\" }\nlog_file: \"%s/log\"\n", port,
	              TOKEN, folder);
	(void)fprintf(config, "jetstream { store_dir: \"%s\", max_file_store: 2GB }\n", folder);
	return fclose(config) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	stop_server();
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// Each test begins with a new, empty server.
static int begin(void **state)
{
	(void)state;
	stop_server();
	remove_store();
	start_server();
	return 0;
}

static struct bus *open_bus(int64_t timeout_ms, bool ensure)
{
	struct bus *bus = NULL;
	struct bus_options options = {
		.servers = url, .token = TOKEN, .name = "test_bus_faults", .timeout_ms = timeout_ms
	};
	assert_rc(bus_open(&options, &bus, &err), RC_OK);
	if (ensure) {
		assert_true(bus_wait_connected(bus, deadline_after_ms(10000)));
		assert_rc(bus_ensure_streams(bus, 1, &err), RC_OK);
	}
	return bus;
}

static struct bus_puller *open_puller(struct bus *bus)
{
	struct bus_puller *puller = NULL;
	assert_rc(bus_puller_open(bus, POOL, BUS_LANE_BULK, 10, &puller, &err), RC_OK);
	return puller;
}

// As the outbox relay does: again and again until it is taken. Gives the milliseconds it took.
static int64_t publish_stubbornly(struct bus *bus, const char *text)
{
	int64_t began_us = clock_monotonic_us();
	struct deadline deadline = deadline_after_ms(15000);
	while (try_publish(bus, POOL, BUS_LANE_BULK, text, 1000, &err) != RC_OK) {
		if (deadline_passed(deadline))
			fail_msg("not published within 15 s: %s", err.text);
		clock_sleep_ms(50);
	}
	return (clock_monotonic_us() - began_us) / 1000;
}

// Fetches like a worker until this text comes; others are acknowledged too.
static int64_t fetch_stubbornly(struct bus_puller *puller, const char *text)
{
	int64_t began_us = clock_monotonic_us();
	struct deadline deadline = deadline_after_ms(15000);
	for (bool found = false; !found;) {
		struct bus_message *message = NULL;
		if (deadline_passed(deadline))
			fail_msg("\"%s\" not fetched within 15 s: %s", text, err.text);
		if (bus_puller_fetch(puller, 2000, &message, &err) != RC_OK)
			continue;
		found = bus_message_length(message) == strlen(text) &&
		        memcmp(bus_message_data(message), text, strlen(text)) == 0;
		assert_rc(bus_message_ack_sync(message, &err), RC_OK);
		bus_message_free(message);
	}
	return (clock_monotonic_us() - began_us) / 1000;
}

static void killed_server_is_found_again(void **state)
{
	(void)state;
	struct bus *bus = open_bus(2000, true);
	struct bus_puller *puller = open_puller(bus);
	struct bus_message *held = NULL;
	(void)publish_stubbornly(bus, "held");
	assert_rc(bus_puller_fetch(puller, 2000, &held, &err), RC_OK);
	stop_server();
	int64_t began_us = clock_monotonic_us();
	assert_rc(try_publish(bus, POOL, BUS_LANE_BULK, "down", 5000, &err), RC_UNAVAILABLE);
	assert_true(clock_monotonic_us() - began_us < 1000000);
	assert_rc(bus_message_ack_sync(held, &err), RC_UNAVAILABLE);
	assert_rc(bus_message_progress(held, &err), RC_UNAVAILABLE);
	struct bus_message *none = NULL;
	int64_t cpu_before = cpu_us();
	began_us = clock_monotonic_us();
	assert_rc(bus_puller_fetch(puller, 1500, &none, &err), RC_UNAVAILABLE);
	assert_in_range(clock_monotonic_us() - began_us, 1499000, 4000000);
	assert_true(cpu_us() - cpu_before < 200000);
	assert_false(bus_is_connected(bus));
	start_server();
	int64_t publish_ms = publish_stubbornly(bus, "up again");
	int64_t fetch_ms = fetch_stubbornly(puller, "up again");
	print_message("# after the restart: published in %lld ms, fetched %lld ms later\n", (long long)publish_ms,
	              (long long)fetch_ms);
	assert_true(publish_ms + fetch_ms < 8000);
	// The message taken before is acknowledged over the new connection, and stays so.
	assert_rc(bus_message_ack_sync(held, &err), RC_OK);
	bus_message_free(held);
	struct bus_health health;
	assert_rc(bus_health_check(bus, &health, deadline_after_ms(5000), &err), RC_OK);
	assert_int_equal(health.consumer_count, 1);
	assert_int_equal(health.consumers[0].ack_pending + health.consumers[0].pending, 0);
	bus_puller_close(puller);
	bus_close(bus);
}

static void count_synced(void *context, const struct bus_kv_entry *entry)
{
	if (entry->operation == BUS_KV_SYNCED)
		(void)atomic_fetch_add((atomic_uint *)context, 1);
}

static void await_count(atomic_uint *count, unsigned wanted)
{
	for (int i = 0; i < 50 && atomic_load(count) < wanted; i++)
		clock_sleep_ms(100);
	assert_int_equal(atomic_load(count), wanted);
}

static void lost_store_is_made_anew(void **state)
{
	(void)state;
	struct bus *bus = open_bus(2000, true);
	struct bus_puller *puller = open_puller(bus);
	struct bus_kv_watch *watch = NULL;
	static atomic_uint synced;
	atomic_store(&synced, 0);
	assert_rc(bus_kv_watch_start(bus, BUS_BUCKET_POOLS, count_synced, &synced, &watch, &err), RC_OK);
	(void)publish_stubbornly(bus, "before");
	(void)fetch_stubbornly(puller, "before");
	await_count(&synced, 1);
	stop_server();
	remove_store();
	start_server();
	int64_t publish_ms = publish_stubbornly(bus, "after");
	int64_t fetch_ms = fetch_stubbornly(puller, "after");
	print_message("# after the loss: published in %lld ms, fetched %lld ms later\n", (long long)publish_ms,
	              (long long)fetch_ms);
	assert_true(publish_ms + fetch_ms < 10000);
	await_count(&synced, 2);
	assert_rc(bus_kv_put(bus, BUS_BUCKET_WORKERS, "a", "b", 1, NULL, &err), RC_OK);
	bus_kv_watch_stop(watch);
	bus_puller_close(puller);
	bus_close(bus);
}

static void *delete_consumer_soon(void *context)
{
	json_auto_t *response = NULL;
	clock_sleep_ms(300);
	if (bus_api_call(context, NULL, deadline_after_ms(2000), &response, NULL,
	                 "CONSUMER.DELETE.JOBS." POOL "-bulk") == RC_OK)
		(void)try_publish(context, POOL, BUS_LANE_BULK, "meanwhile", 2000, NULL);
	return NULL;
}

// The server ends the waiting request at once; the same fetch must go on and get what comes later.
static void fetch_outlives_its_consumer(void **state)
{
	(void)state;
	struct bus *bus = open_bus(2000, true);
	struct bus_puller *puller = open_puller(bus);
	struct bus_message *message = NULL;
	assert_rc(bus_puller_fetch(puller, 0, &message, &err), RC_TIMEOUT);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, delete_consumer_soon, bus), 0);
	enum rc rc = bus_puller_fetch(puller, 5000, &message, &err);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(rc, RC_OK);
	assert_text(message, "meanwhile");
	bus_message_free(message);
	bus_puller_close(puller);
	bus_close(bus);
}

static void missing_stream_is_no_tight_loop(void **state)
{
	(void)state;
	struct bus *bus = open_bus(2000, false);
	assert_true(bus_wait_connected(bus, deadline_after_ms(10000)));
	struct bus_puller *puller = open_puller(bus);
	struct bus_message *none = NULL;
	int64_t cpu_before = cpu_us();
	int64_t began_us = clock_monotonic_us();
	assert_rc(bus_puller_fetch(puller, 1500, &none, &err), RC_UNAVAILABLE);
	assert_in_range(clock_monotonic_us() - began_us, 1499000, 4000000);
	int64_t used_us = cpu_us() - cpu_before;
	print_message("# 1.5 s without a stream used %lld us of CPU\n", (long long)used_us);
	assert_true(used_us < 100000);
	bus_puller_close(puller);
	bus_close(bus);
}

static void deleted_parts_are_made_anew(void **state)
{
	(void)state;
	struct bus *bus = open_bus(2000, true);
	struct bus_puller *puller = open_puller(bus);
	json_auto_t *consumer = NULL;
	json_auto_t *stream = NULL;
	(void)publish_stubbornly(bus, "one");
	(void)fetch_stubbornly(puller, "one");
	assert_rc(
	        bus_api_call(bus, NULL, deadline_after_ms(2000), &consumer, &err, "CONSUMER.DELETE.JOBS." POOL "-bulk"),
	        RC_OK);
	(void)publish_stubbornly(bus, "two");
	assert_true(fetch_stubbornly(puller, "two") < 8000);
	assert_rc(bus_api_call(bus, NULL, deadline_after_ms(2000), &stream, &err, "STREAM.DELETE.JOBS"), RC_OK);
	struct bus_health health;
	assert_rc(bus_health_check(bus, &health, deadline_after_ms(2000), &err), RC_NOT_FOUND);
	assert_false(health.streams[0].present);
	assert_true(health.jetstream && health.streams[1].present);
	assert_true(publish_stubbornly(bus, "three") < 3000);
	assert_true(fetch_stubbornly(puller, "three") < 8000);
	bus_puller_close(puller);
	bus_close(bus);
}

static void absent_server_is_awaited(void **state)
{
	(void)state;
	stop_server();
	int64_t began_us = clock_monotonic_us();
	struct bus *bus = open_bus(1000, false);
	assert_in_range(clock_monotonic_us() - began_us, 999000, 4000000);
	char reason[ERR_TEXT_SIZE];
	bus_connect_error(bus, reason);
	assert_non_null(strstr(reason, "refused"));
	struct bus_kv_entry entry = { 0 };
	struct bus_health health;
	assert_rc(bus_ensure_streams(bus, 1, &err), RC_UNAVAILABLE);
	assert_rc(bus_kv_get(bus, BUS_BUCKET_POOLS, "a", &entry, &err), RC_UNAVAILABLE);
	assert_rc(bus_health_check(bus, &health, deadline_after_ms(1000), &err), RC_UNAVAILABLE);
	assert_false(health.connected || health.jetstream);
	start_server();
	began_us = clock_monotonic_us();
	// The streams asked for while it was down come by themselves, without a publish that misses them.
	for (int i = 0; i < 100 && bus_health_check(bus, &health, deadline_after_ms(1000), NULL) == RC_UNAVAILABLE; i++)
		clock_sleep_ms(100);
	for (int i = 0; i < 20 && bus_health_check(bus, &health, deadline_after_ms(1000), NULL) != RC_OK; i++)
		clock_sleep_ms(100);
	print_message("# all there %lld ms after the server's start\n",
	              (long long)(clock_monotonic_us() - began_us) / 1000);
	assert_rc(bus_health_check(bus, &health, deadline_after_ms(1000), &err), RC_OK);
	assert_true(publish_stubbornly(bus, "at last") < 2000);
	bus_close(bus);
}

static void standing_server_times_out(void **state)
{
	(void)state;
	struct bus *bus = open_bus(1000, true);
	assert_int_equal(kill(server, SIGSTOP), 0);
	assert_int_equal(waitpid(server, NULL, WUNTRACED), server); // until all its threads stand
	int64_t began_us = clock_monotonic_us();
	assert_rc(try_publish(bus, POOL, BUS_LANE_BULK, "into the void", 700, &err), RC_TIMEOUT);
	assert_in_range(clock_monotonic_us() - began_us, 690000, 3000000);
	// Two pings without an answer later the connection is given up.
	for (int i = 0; i < 200 && bus_is_connected(bus); i++)
		clock_sleep_ms(100);
	assert_false(bus_is_connected(bus));
	print_message("# a stopped server was given up after %lld ms\n",
	              (long long)(clock_monotonic_us() - began_us) / 1000);
	assert_int_equal(kill(server, SIGCONT), 0);
	assert_true(publish_stubbornly(bus, "moving") < 8000);
	bus_close(bus);
}

// Greets every caller as NATS does, and then says nothing more.
static void *greet_only(void *context)
{
	static const char greeting[] = "INFO {\"server_id\":\"X\",\"version\":\"2.9.10\",\"proto\":1,\"headers\":true,"
	                               "\"max_payload\":1048576}\r\n";
	for (;;) {
		int fd = accept(*(int *)context, NULL, NULL);
		if (fd < 0)
			return NULL;
		(void)send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL); // stays open until the end of the test
	}
}

static void silent_server_does_no_harm(void **state)
{
	(void)state;
	unsigned silent_port = 0;
	int listener = listen_somewhere(&silent_port);
	char silent_url[64];
	pthread_t thread;
	(void)snprintf(silent_url, sizeof(silent_url), "127.0.0.1:%u", silent_port);
	assert_int_equal(pthread_create(&thread, NULL, greet_only, &listener), 0);
	struct bus *bus = NULL;
	struct bus_options options = { .servers = silent_url, .token = TOKEN, .timeout_ms = 5000 };
	int64_t cpu_before = cpu_us();
	assert_rc(bus_open(&options, &bus, &err), RC_OK);
	assert_false(bus_is_connected(bus));
	assert_true(cpu_us() - cpu_before < 500000);
	char reason[ERR_TEXT_SIZE];
	bus_connect_error(bus, reason);
	assert_non_null(strstr(reason, "did not answer"));
	int64_t began_us = clock_monotonic_us();
	bus_close(bus);
	assert_true(clock_monotonic_us() - began_us < 7000000);
	assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(listener);
}

static void wrong_token_is_told(void **state)
{
	(void)state;
	struct bus *good = open_bus(2000, true);
	struct bus *bus = NULL;
	struct bus_options options = { .servers = url, .token = "wrong", .timeout_ms = 1000 };
	assert_rc(bus_open(&options, &bus, &err), RC_OK);
	char reason[ERR_TEXT_SIZE];
	bus_connect_error(bus, reason);
	assert_non_null(strstr(reason, "uthorization"));
	assert_null(strstr(reason, "wrong"));
	assert_rc(try_publish(bus, POOL, BUS_LANE_BULK, "x", 1000, &err), RC_UNAVAILABLE);
	bus_close(bus);
	// A second server in the list is found when the first does not answer.
	char both[160];
	(void)snprintf(both, sizeof(both), "nats://127.0.0.1:1,%s", url);
	options = (struct bus_options){ .servers = both, .token = TOKEN, .timeout_ms = 5000 };
	assert_rc(bus_open(&options, &bus, &err), RC_OK);
	assert_true(bus_is_connected(bus));
	bus_close(bus);
	bus_close(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(killed_server_is_found_again, begin),
		cmocka_unit_test_setup(lost_store_is_made_anew, begin),
		cmocka_unit_test_setup(fetch_outlives_its_consumer, begin),
		cmocka_unit_test_setup(missing_stream_is_no_tight_loop, begin),
		cmocka_unit_test_setup(deleted_parts_are_made_anew, begin),
		cmocka_unit_test_setup(absent_server_is_awaited, begin),
		cmocka_unit_test_setup(standing_server_times_out, begin),
		cmocka_unit_test_setup(silent_server_does_no_harm, begin),
		cmocka_unit_test_setup(wrong_token_is_told, begin),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
