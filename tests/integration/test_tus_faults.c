// tus when things break: clients that leave, a killed ingest, two writers, two instances; and how much memory it takes.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/encoding.h"
#include "base/settings.h"
#include "store/store.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/tus.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define READY_MS 60000
#define PART_BYTES (5 * 1024 * 1024)
#define FILE_BYTES (3 * PART_BYTES + 777777)
// What was sent just before a connection broke may never be read: give it time to arrive.
#define ARRIVAL_MS 400
#define OCTETS "application/octet-stream"

static struct test_account account;
static char *noise; // FILE_BYTES that repeat nowhere
static struct store *store;
static uint16_t ingest_port;

static const char *const SMALL_PARTS[] = { "SAFELIGHT_INGEST_TUS_PART_BYTES", "5242880", NULL };

static int setup(void **state)
{
	struct err err;
	if (test_stack_setup(state) != 0)
		return -1;
	const struct settings *settings = test_stack_settings();
	test_stack_restart_with("ingest", SMALL_PARTS);
	test_stack_run("wait", "ingest");
	test_account_new(&account);
	noise = malloc(FILE_BYTES);
	assert_non_null(noise);
	random_fill(noise, FILE_BYTES);
	ingest_port = (uint16_t)strtoul(strrchr(settings->ingest_listen, ':') + 1, NULL, 10);
	assert_int_equal(store_open_configured(settings, settings->ingest_access_key, settings->ingest_secret_key, NULL,
	                                       &store, &err),
	                 RC_OK);
	return 0;
}

static int teardown(void **state)
{
	store_free(store);
	free(noise);
	test_account_done(&account);
	(void)test_stack_try("restart", "ingest");
	return test_stack_teardown(state);
}

// Ready, and in the store byte for byte what was sent.
static void await_whole(const char *path)
{
	char *media_id = test_sql_text("SELECT media_id FROM uploads WHERE id = $1::uuid", path + 7, NULL);
	char *key = test_sql_text("SELECT object_key FROM uploads WHERE id = $1::uuid", path + 7, NULL);
	struct buffer bytes;
	struct err err;
	uint8_t sent[SHA256_SIZE], stored[SHA256_SIZE];
	json_decref(test_media_await(&account, media_id, "ready", READY_MS));
	buffer_init(&bytes, FILE_BYTES + 1);
	const struct store_target target = { .bucket = test_stack_settings()->store_originals_bucket, .key = key };
	if (store_get(store, &target, NULL, &bytes, NULL, &err) != RC_OK)
		fail_msg("%s", err.text);
	sha256_of(noise, FILE_BYTES, sent);
	sha256_of(buffer_text(&bytes), bytes.length, stored);
	assert_memory_equal(sent, stored, SHA256_SIZE);
	buffer_done(&bytes);
	free(key);
	free(media_id);
}

struct awaited {
	const char *path;
	int64_t offset;
};

static bool stands_at(void *context)
{
	const struct awaited *awaited = context;
	return tus_offset(&account, awaited->path) == awaited->offset;
}

static void await_offset(const char *path, int64_t offset)
{
	struct awaited awaited = { path, offset };
	test_wait(stands_at, &awaited, 15000, "the offset");
}

// Every byte that came before the client left counts, also those that filled no part.
static void keeps_what_came_before_a_client_left(void **state)
{
	(void)state;
	static const size_t LEAVES[] = { 1, 100000, PART_BYTES - 1, PART_BYTES, PART_BYTES + 3, FILE_BYTES - 2 };
	char path[64];
	size_t at = 0;
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	for (size_t i = 0; i < sizeof LEAVES / sizeof LEAVES[0]; i++) {
		int connection = tus_open_patch(&account, ingest_port, path, (int64_t)at, FILE_BYTES - at);
		assert_true(tus_send(connection, noise + at, LEAVES[i] - at));
		clock_sleep_ms(ARRIVAL_MS);
		(void)close(connection);
		at = LEAVES[i];
		await_offset(path, (int64_t)at);
	}
	tus_resume(&account, path, noise, FILE_BYTES, READY_MS);
	await_whole(path);
}

// What lay in parts survives the process; the rest the client sends again, once the dead one's lease has run out.
static void survives_kill_of_ingest(void **state)
{
	(void)state;
	char path[64];
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	int connection = tus_open_patch(&account, ingest_port, path, 0, FILE_BYTES);
	assert_true(tus_send(connection, noise, 2 * PART_BYTES + 100000));
	await_offset(path, 2 * PART_BYTES);
	test_stack_run("kill", "ingest");
	test_stack_restart_with("ingest", SMALL_PARTS);
	test_stack_run("wait", "ingest");
	(void)close(connection);
	assert_int_equal(tus_offset(&account, path), 2 * PART_BYTES);
	tus_resume(&account, path, noise, FILE_BYTES, READY_MS);
	await_whole(path);
}

// A stop, unlike a kill, keeps what is in memory too.
static void survives_a_restart_with_all_that_came(void **state)
{
	(void)state;
	char path[64];
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	int connection = tus_open_patch(&account, ingest_port, path, 0, FILE_BYTES);
	assert_true(tus_send(connection, noise, PART_BYTES + 100000));
	await_offset(path, PART_BYTES);
	clock_sleep_ms(ARRIVAL_MS);
	test_stack_restart_with("ingest", SMALL_PARTS);
	test_stack_run("wait", "ingest");
	(void)close(connection);
	assert_int_equal(tus_offset(&account, path), PART_BYTES + 100000);
	tus_resume(&account, path, noise, FILE_BYTES, READY_MS);
	await_whole(path);
}

// The newer request wins: a client that comes back on another network must not wait for its old connection to die.
static void yields_to_a_newer_writer(void **state)
{
	(void)state;
	char path[64], byte;
	int64_t offset;
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	int connection = tus_open_patch(&account, ingest_port, path, 0, FILE_BYTES);
	assert_true(tus_send(connection, noise, PART_BYTES + 100000));
	await_offset(path, PART_BYTES);
	assert_int_equal(tus_patch(&account, "", path, PART_BYTES, noise, 0, &offset), 423);
	await_offset(path, PART_BYTES + 100000);
	assert_true(recv(connection, &byte, 1, 0) <= 0); // cut off
	(void)close(connection);
	tus_resume(&account, path, noise, FILE_BYTES, READY_MS);
	await_whole(path);
}

// ---- two instances --------------------------------------------------------------------------------------------------

// Begun at one, gone on with at the other, while the first still has a client; finished by the first after the second
// was killed.
static void moves_between_instances(void **state)
{
	(void)state;
	char path[64], base[64];
	int64_t offset = -1;
	pid_t second = test_instance_start("ingest", SMALL_PARTS, base);
	uint16_t port = (uint16_t)strtoul(strrchr(base, ':') + 1, NULL, 10);
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, path);
	int connection = tus_open_patch(&account, ingest_port, path, 0, FILE_BYTES);
	assert_true(tus_send(connection, noise, PART_BYTES + 100000));
	await_offset(path, PART_BYTES);
	assert_int_equal(tus_patch(&account, base, path, PART_BYTES, noise, 0, &offset), 423);
	await_offset(path, PART_BYTES + 100000); // the first has been told, and saved
	(void)close(connection);
	assert_int_equal(
	        tus_patch(&account, base, path, PART_BYTES + 100000, noise + PART_BYTES + 100000, 300000, &offset),
	        204);
	assert_int_equal(offset, PART_BYTES + 400000);
	connection = tus_open_patch(&account, port, path, offset, FILE_BYTES - (size_t)offset);
	assert_true(tus_send(connection, noise + offset, PART_BYTES));
	await_offset(path, 2 * PART_BYTES);
	test_instance_kill(second);
	(void)close(connection);
	tus_resume(&account, path, noise, FILE_BYTES, READY_MS);
	await_whole(path);
}

// ---- memory --------------------------------------------------------------------------------------------------------

#define CLIENTS 6

struct client {
	pthread_t thread;
	char path[64];
	unsigned status;
};

static void *send_whole(void *argument)
{
	struct client *client = argument;
	int64_t offset;
	client->status = tus_patch(&account, "", client->path, 0, noise, FILE_BYTES, &offset);
	return NULL;
}

// Each upload takes two parts at most (one, and a little), however long the files are.
static void takes_two_parts_of_memory_at_most(void **state)
{
	(void)state;
	struct client clients[CLIENTS];
#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: AddressSanitizer keeps what is freed for a while\n");
	skip();
#endif
	test_stack_restart_with("ingest", SMALL_PARTS);
	test_stack_run("wait", "ingest");
	for (size_t i = 0; i < CLIENTS; i++)
		tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, clients[i].path);
	int64_t before = test_stack_memory("ingest", "VmRSS:");
	for (size_t i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&clients[i].thread, NULL, send_whole, &clients[i]), 0);
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
		assert_int_equal(clients[i].status, 204);
	}
	int64_t grown = test_stack_memory("ingest", "VmHWM:") - before;
	print_message("%d uploads of %d bytes at once: %lld bytes more at the most\n", CLIENTS, FILE_BYTES,
	              (long long)grown);
	assert_true(grown < (int64_t)CLIENTS * 2 * PART_BYTES);
}

// Beyond the memory set aside for all, a newcomer is asked to wait; whoever is alone is never refused.
static void asks_to_wait_when_memory_is_taken(void **state)
{
	(void)state;
	char first[64], second[64];
	int64_t offset;
	test_stack_restart_with("ingest",
	                        (const char *const[]){ SMALL_PARTS[0], SMALL_PARTS[1],
	                                               "SAFELIGHT_INGEST_TUS_MEMORY_BYTES", "5242880", NULL });
	test_stack_run("wait", "ingest");
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, first);
	tus_create(&account, "noise.bin", OCTETS, FILE_BYTES, second);
	int connection = tus_open_patch(&account, ingest_port, first, 0, FILE_BYTES);
	assert_true(tus_send(connection, noise, PART_BYTES + 1));
	await_offset(first, PART_BYTES);
	assert_int_equal(tus_patch(&account, "", second, 0, noise, FILE_BYTES, &offset), 503);
	(void)close(connection);
	await_offset(first, PART_BYTES + 1);
	tus_resume(&account, second, noise, FILE_BYTES, READY_MS);
	await_whole(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_came_before_a_client_left),
		cmocka_unit_test(survives_kill_of_ingest),
		cmocka_unit_test(survives_a_restart_with_all_that_came),
		cmocka_unit_test(yields_to_a_newer_writer),
		cmocka_unit_test(moves_between_instances),
		cmocka_unit_test(takes_two_parts_of_memory_at_most),
		cmocka_unit_test(asks_to_wait_when_memory_is_taken),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
