// The texts that lib/bus reads: lists of servers and the reply subjects of deliveries.
#include <string.h>

#include "bus/bus_private.h"
#include "tests/unit/cmocka_all.h"

static void reads_server_lists(void **state)
{
	(void)state;
	struct bus_server servers[BUS_SERVERS_MAX];
	struct err err = { 0 };
	size_t count = 0;
	assert_int_equal(bus_servers_parse("nats://a:1, b ,nats://[::1]:65535/,[fe80::2]", servers, &count, &err),
	                 RC_OK);
	assert_int_equal(count, 4);
	assert_string_equal(servers[0].host, "a");
	assert_string_equal(servers[0].port, "1");
	assert_string_equal(servers[1].host, "b");
	assert_string_equal(servers[1].port, "4222");
	assert_string_equal(servers[2].host, "::1");
	assert_string_equal(servers[2].port, "65535");
	assert_string_equal(servers[3].host, "fe80::2");
}

static void refuses_bad_servers(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		",",
		"tls://a:1",
		"nats://me:secret@a:1",
		"nats://secret@a:1",
		"http://a:1",
		"nats://a:0",
		"nats://:1",
		"nats://a:x",
		"nats://a:",
		"nats://[::1",
		"nats://[::1]x",
		"nats://a:70000",
		"a:1,,b:99999",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bus *bus = NULL;
		struct err err = { 0 };
		struct bus_options options = { .servers = bad[i], .timeout_ms = 100 };
		if (bus_open(&options, &bus, &err) != RC_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_null(bus);
		assert_null(strstr(err.text, "secret"));
	}
	char many[BUS_SERVERS_MAX * 2 + 3] = "a";
	for (size_t i = 0; i < BUS_SERVERS_MAX; i++)
		memcpy(many + 1 + 2 * i, ",a", 3);
	struct bus_server servers[BUS_SERVERS_MAX];
	size_t count = 0;
	assert_int_equal(bus_servers_parse(many, servers, &count, NULL), RC_INVALID);
	many[strlen(many) - 2] = '\0';
	assert_int_equal(bus_servers_parse(many, servers, &count, NULL), RC_OK);
	assert_int_equal(count, BUS_SERVERS_MAX);
}

static void refuses_bad_time_outs(void **state)
{
	(void)state;
	static const int64_t bad[] = { 0, 99, 60001, -1 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bus *bus = NULL;
		struct bus_options options = { .servers = "a", .timeout_ms = bad[i] };
		assert_int_equal(bus_open(&options, &bus, NULL), RC_INVALID);
	}
}

static void reads_deliveries(void **state)
{
	(void)state;
	static const char *const good[] = {
		"$JS.ACK.JOBS.fast-bulk.3.17.20.1795503465357364980.2",
		"$JS.ACK.hub.ACCOUNT.JOBS.fast-bulk.3.17.20.1795503465357364980.2",
		"$JS.ACK._.ACCOUNT.JOBS.fast-bulk.3.17.20.1795503465357364980.2.random",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct bus_delivery delivery = { 0 };
		assert_true(bus_delivery_parse(good[i], &delivery));
		assert_int_equal(delivery.delivered, 3);
		assert_int_equal(delivery.stream_sequence, 17);
		assert_int_equal(delivery.consumer_sequence, 20);
		assert_int_equal(delivery.time_us, 1795503465357364);
		assert_int_equal(delivery.pending, 2);
	}
}

static void refuses_other_replies(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"_INBOX.abc",
		"$JS.ACK.",
		"$JS.ACK.JOBS.fast-bulk.3.17.20.1795503465357364980",
		"$JS.ACK.JOBS.fast-bulk.3.17.20.1795503465357364980.2.3",
		"$JS.ACK.JOBS.fast-bulk.x.17.20.1795503465357364980.2",
		"$JS.ACK.JOBS.fast-bulk.3.17.20.-5.2",
		"$JS.ACK.JOBS.fast-bulk.3.17.20..2",
	};
	struct bus_delivery delivery = { 0 };
	assert_false(bus_delivery_parse(NULL, &delivery));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bus_delivery_parse(bad[i], &delivery))
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_server_lists),    cmocka_unit_test(refuses_bad_servers),
		cmocka_unit_test(refuses_bad_time_outs), cmocka_unit_test(reads_deliveries),
		cmocka_unit_test(refuses_other_replies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
