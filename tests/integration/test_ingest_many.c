// Ten thousand uploads begun, of which a third never arrive, a third are told of by the store alone, and a third are
// completed by their client, while two instances of ingest sweep: all end right, each once.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "store/store.h"
#include "tests/integration/support/processes.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define BATCH 100
#define BATCHES 100
#define TOTAL (BATCH * BATCHES)
#define SENDERS 4
#define TEXT "words\n"
#define END_MS 120000

struct begun {
	char id[37];
	char media_id[37];
	char *url;
	json_t *headers;
};

static struct test_account account;
static struct begun uploads[TOTAL];
static atomic_size_t next;
static atomic_uint wrong;
static pid_t second = -1;

static const char *const QUICK[] = { "SAFELIGHT_INGEST_RECONCILE_MS",
	                             "200",
	                             "SAFELIGHT_INGEST_OVERDUE_MS",
	                             "60000",
	                             "SAFELIGHT_HTTP_ACCOUNT_CALLS",
	                             "0",
	                             "SAFELIGHT_HTTP_ADDRESS_CALLS",
	                             "0",
	                             NULL };

// Another ingest on the same stack, with a port of its own and the same settings.
static void start_second(void)
{
	char exe[64], program[4096], log[4200];
	(void)snprintf(exe, sizeof exe, "/proc/%d/exe", (int)test_stack_pid("ingest"));
	ssize_t length = readlink(exe, program, sizeof program - 1);
	assert_true(length > 0);
	program[length] = '\0';
	(void)snprintf(log, sizeof log, "%s/logs/ingest-second.log", test_stack_folder());
	for (size_t i = 0; QUICK[i] != NULL; i += 2)
		assert_int_equal(setenv(QUICK[i], QUICK[i + 1], 1), 0);
	assert_int_equal(setenv("SAFELIGHT_INGEST_LISTEN", "127.0.0.1:0", 1), 0);
	char config[] = "--config", *arguments[] = { program, config, getenv("SAFELIGHT_CONFIG"), NULL };
	posix_spawn_file_actions_t actions;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
	assert_int_equal(posix_spawn(&second, program, &actions, NULL, arguments, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; QUICK[i] != NULL; i += 2)
		(void)unsetenv(QUICK[i]);
	(void)unsetenv("SAFELIGHT_INGEST_LISTEN");
}

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	test_account_new(&account);
	test_stack_restart_with("ingest", QUICK);
	start_second();
	return 0;
}

static int teardown(void **state)
{
	int status = 0;
	bool is_good = second > 0 && kill(second, SIGTERM) == 0 && waitpid(second, &status, 0) == second &&
	               WIFEXITED(status) && WEXITSTATUS(status) == 0;
	for (size_t i = 0; i < TOTAL; i++) {
		free(uploads[i].url);
		json_decref(uploads[i].headers);
	}
	test_stack_run("restart", "ingest");
	test_account_done(&account);
	return is_good ? test_stack_teardown(state) : -1;
}

static void begin_batch(const char *json, size_t first)
{
	struct test_reply reply;
	test_http_json("POST", "/v1/uploads/batch", account.access_token, json, &reply);
	test_assert_status(&reply, 201);
	for (size_t i = 0; i < BATCH; i++) {
		json_t *one = json_array_get(test_json_at(reply.json, "uploads"), i);
		struct begun *upload = &uploads[first + i];
		(void)snprintf(upload->id, sizeof upload->id, "%s", test_json_text(one, "upload_id"));
		(void)snprintf(upload->media_id, sizeof upload->media_id, "%s", test_json_text(one, "media_id"));
		upload->url = strdup(test_json_text(one, "url"));
		upload->headers = json_incref(test_json_at(one, "headers"));
	}
	test_reply_done(&reply);
}

static void begin_all(void)
{
	struct buffer json;
	buffer_init(&json, 1024 * 1024);
	for (size_t i = 0; i < BATCH; i++)
		buffer_append_format(&json, "%s{\"filename\":\"%zu.txt\",\"content_type\":\"text/plain\",\"size\":%zu}",
		                     i == 0 ? "{\"uploads\":[" : ",", i, sizeof TEXT - 1);
	buffer_append_text(&json, "]}");
	for (size_t i = 0; i < BATCHES; i++)
		begin_batch(buffer_text(&json), i * BATCH);
	buffer_done(&json);
}

// By turns: never sent; sent, and nobody says so; sent and completed.
static void *send_some(void *argument)
{
	(void)argument;
	for (size_t at = next++; at < TOTAL; at = next++) {
		const struct test_upload upload = { .url = uploads[at].url, .headers = uploads[at].headers };
		struct test_reply reply;
		if (at % 3 == 0)
			continue;
		if (test_upload_put(&upload, TEXT, sizeof TEXT - 1) != 200)
			wrong++;
		if (at % 3 == 1)
			continue;
		test_upload_confirm(&account, uploads[at].id, &reply);
		wrong += reply.status != 202;
		test_reply_done(&reply);
	}
	return NULL;
}

static int64_t count(const char *sql)
{
	return test_sql_int(sql, account.user_id, NULL);
}

static void all_end_right(void **state)
{
	(void)state;
	pthread_t threads[SENDERS];
	int64_t missing = (TOTAL + 2) / 3, sent = TOTAL - missing;
	begin_all();
	assert_int_equal(count("SELECT count(*) FROM media WHERE owner_id = $1::uuid"), TOTAL);
	for (size_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_some, NULL), 0);
	for (size_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(wrong, 0);
	test_sql_await(sent, END_MS, "SELECT count(*) FROM media WHERE owner_id = $1::uuid AND state = 'ready'",
	               account.user_id, NULL);
	// Two hours later.
	free(test_sql_text("UPDATE uploads SET expires_at = now() - interval '2 hours' "
	                   "WHERE owner_id = $1::uuid AND completed_at IS NULL",
	                   account.user_id, NULL));
	test_sql_await(missing, END_MS, "SELECT count(*) FROM media WHERE owner_id = $1::uuid AND state = 'expired'",
	               account.user_id, NULL);
	assert_int_equal(count("SELECT reserved_bytes + reserved_files FROM usage WHERE owner_id = $1::uuid"), 0);
	assert_int_equal(count("SELECT files FROM usage WHERE owner_id = $1::uuid"), sent);
	assert_int_equal(count("SELECT bytes FROM usage WHERE owner_id = $1::uuid"), sent * (int64_t)(sizeof TEXT - 1));
	// Each ended once: one step into its last state, one event that tells of it.
	assert_int_equal(count("SELECT count(*) FROM media_history h JOIN media m ON m.id = h.media_id WHERE "
	                       "m.owner_id = $1::uuid AND h.new_state IN ('ready', 'expired')"),
	                 TOTAL);
	assert_int_equal(count("SELECT count(*) FROM outbox o JOIN media m ON m.id::text = o.payload->>'subject' WHERE "
	                       "m.owner_id = $1::uuid AND o.subject IN ('events.media.ready', 'events.media.expired')"),
	                 TOTAL);
	test_sql_await(0, END_MS, "SELECT count(*) FROM outbox WHERE sent_at IS NULL", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_end_right) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
