// What operators do by hand: looking at the system, dead letters, one media's life, a smoke test.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/instances.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define REDIS_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define POOL "fast"
// A pool that is being paused may have asked for a last job before, and take it when it comes within this time.
#define LAST_FETCH_MS 700

// ---- looking ------------------------------------------------------------------------------------------------------

static void test_status_has_every_part(void **state)
{
	(void)state;
	static const char *const PARTS[] = {
		"time",
		"services.0.url",
		"edge.ok",
		"database.version",
		"database.oldest_transaction_ms",
		"bus.streams.0.messages",
		"bus.consumers",
		"store.clock_skew_ms",
		"outbox.waiting",
		"outbox.oldest_ms",
		"jobs.queued",
		"jobs.last_day.done",
		"media_last_day.ready",
		"dead_letters",
		"unsettled",
		"error_budget.errors.used_percent",
		"error_budget.slow_reads.events",
		"error_budget.slow_ready.allowed_share",
		"problems",
	};
	struct control status;
	control_run(&status, "status", "--json", NULL);
	control_expect(&status, 0);
	assert_true(json_is_true(test_json_at(status.json, "healthy")));
	for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
		if (test_json_at(status.json, PARTS[i]) == NULL)
			fail_msg("no %s in %s", PARTS[i], status.out);
	assert_int_equal(json_array_size(test_json_at(status.json, "services")), 3);
	control_done(&status);
	control_run(&status, "status", NULL);
	control_expect(&status, 0);
	control_assert_has(status.out, "transcoder  ok");
	control_assert_has(status.out, "dead letters");
	control_assert_has(status.out, "error budget used");
	control_done(&status);
}

static void test_status_is_1_without_a_transcoder(void **state)
{
	(void)state;
	struct control status;
	test_stack_run("kill", "transcoder");
	control_run(&status, "status", "--json", NULL);
	test_stack_run("restart", "transcoder");
	control_expect(&status, 1);
	assert_true(json_is_false(test_json_at(status.json, "healthy")));
	control_assert_has(test_json_text(status.json, "problems.0"), "transcoder");
	control_assert_has(status.err, "transcoder: nobody answers");
	// The others are shown all the same.
	assert_true(json_is_true(test_json_at(status.json, "database.ok")));
	control_done(&status);
	control_run(&status, "status", NULL);
	control_expect(&status, 0);
	control_done(&status);
}

static void test_doctor(void **state)
{
	(void)state;
	struct control doctor;
	control_run(&doctor, "doctor", "--json", NULL);
	control_expect(&doctor, 0);
	assert_true(json_array_size(test_json_at(doctor.json, "checks")) > 30);
	control_done(&doctor);
	// The presign key, with a right that it must not have, is found out: the owner's is given in its place.
	assert_int_equal(setenv("SAFELIGHT_INGEST_PRESIGN_ACCESS_KEY", "admin", 1), 0);
	assert_int_equal(setenv("SAFELIGHT_INGEST_PRESIGN_SECRET_KEY", test_stack_settings()->admin_secret_key, 1), 0);
	control_run(&doctor, "doctor", NULL);
	(void)unsetenv("SAFELIGHT_INGEST_PRESIGN_ACCESS_KEY");
	(void)unsetenv("SAFELIGHT_INGEST_PRESIGN_SECRET_KEY");
	control_expect(&doctor, 1);
	control_assert_has(doctor.out, "FAIL store: presign key");
	control_assert_has(doctor.out, "to mend it: run safelightctl store init");
	control_done(&doctor);
}

static void doctor_with_redis(struct control *doctor, const char *url, const char *password)
{
	assert_int_equal(setenv("SAFELIGHT_REDIS_URL", url, 1), 0);
	assert_int_equal(setenv("SAFELIGHT_REDIS_PASSWORD", password, 1), 0);
	assert_int_equal(setenv("SAFELIGHT_REDIS_KEY", REDIS_KEY, 1), 0);
	control_run(doctor, "doctor", NULL);
	(void)unsetenv("SAFELIGHT_REDIS_URL");
	(void)unsetenv("SAFELIGHT_REDIS_PASSWORD");
	(void)unsetenv("SAFELIGHT_REDIS_KEY");
}

static void test_doctor_looks_at_redis(void **state)
{
	(void)state;
	struct control doctor;
	char url[64];
	uint16_t port = test_free_port();
	(void)snprintf(url, sizeof url, "redis://127.0.0.1:%u", port);
	doctor_with_redis(&doctor, url, "");
	control_expect(&doctor, 1);
	control_assert_has(doctor.out, "does not: each instance limits by itself");
	control_assert_has(doctor.out, "to mend it: start redis-server");
	control_done(&doctor);
	// One as it comes: open, and without a limit.
	pid_t redis = test_redis_start(port, NULL);
	doctor_with_redis(&doctor, url, "");
	control_expect(&doctor, 1);
	control_assert_has(doctor.out, "FAIL redis: memory              no limit");
	control_assert_has(doctor.out, "FAIL redis: password            anybody may connect");
	control_done(&doctor);
	test_instance_kill(redis);
	redis = test_redis_start(port, "a password");
	doctor_with_redis(&doctor, url, "a password");
	control_assert_has(doctor.out, "ok   redis: password            a stranger is turned away");
	control_done(&doctor);
	doctor_with_redis(&doctor, url, "another password");
	control_assert_has(doctor.out, "to mend it: start redis-server; check [redis] url, user and password");
	control_done(&doctor);
	test_instance_kill(redis);
}

static void test_top(void **state)
{
	(void)state;
	struct control top;
	control_run(&top, "top", "--count", "2", "--interval", "1", NULL);
	control_expect(&top, 0);
	assert_null(strchr(top.out, '\033')); // not a terminal: plain lines
	control_assert_has(top.out, "DONE/S");
	assert_non_null(strstr(strstr(top.out, " " POOL " ") + 1, " " POOL " "));
	control_done(&top);
	control_run(&top, "top", "--count=1", "--json", NULL);
	control_expect(&top, 0);
	assert_non_null(test_json_at(top.json, "pools.0.workers_running"));
	assert_non_null(test_json_at(top.json, "outbox_waiting"));
	control_done(&top);
}

// ---- arguments ----------------------------------------------------------------------------------------------------

static void test_wrong_arguments(void **state)
{
	(void)state;
	static const char *const CALLS[][6] = {
		{ "nonsense" },
		{ "pool" },
		{ "pool", "nonsense" },
		{ "pool", "set" },
		{ "pool", "set", POOL },
		{ "pool", "set", POOL, "--workers" },
		{ "pool", "set", POOL, "--workers", "0" },
		{ "pool", "set", POOL, "--workers", "2x" },
		{ "pool", "set", POOL, "--nice", "20" },
		{ "pool", "show", POOL, "slow" },
		{ "pool", "list", "--frobnicate" },
		{ "dead", "redrive" },
		{ "dead", "redrive", "--all", "01a20ca8-1180-7243-b65c-1dee9be55c5b" },
		{ "dead", "show", "no-uuid" },
		{ "media", "trace", "no-uuid" },
		{ "upload" },
		{ "migrate", "now" },
	};
	struct control call;
	for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
		control_start(&call, CALLS[i]);
		control_finish(&call);
		control_expect(&call, 64);
		control_assert_has(call.err, "usage: safelightctl");
		assert_string_equal(call.out, "");
		control_done(&call);
	}
	control_run(&call, "pool", "set", "--help", NULL);
	control_expect(&call, 0);
	control_assert_has(call.out, "--if-revision N");
	control_done(&call);
}

static void test_other_exit_statuses(void **state)
{
	(void)state;
	struct control call;
	control_run(&call, "--config", "/nonexistent/safelight.conf", "pool", "list", NULL);
	control_expect(&call, 78);
	control_done(&call);
	assert_int_equal(setenv("SAFELIGHT_BUS_URL", "nats://127.0.0.1:1", 1), 0);
	assert_int_equal(setenv("SAFELIGHT_BUS_TIMEOUT_MS", "500", 1), 0);
	control_run(&call, "pool", "list", NULL);
	(void)unsetenv("SAFELIGHT_BUS_URL");
	(void)unsetenv("SAFELIGHT_BUS_TIMEOUT_MS");
	control_expect(&call, 69);
	control_assert_has(call.err, "NATS is not reachable at nats://127.0.0.1:1");
	control_done(&call);
	control_run(&call, "pool", "show", "nope", NULL);
	control_expect(&call, 1);
	control_assert_has(call.err, "there is no pool 'nope'; there are: " POOL);
	control_done(&call);
	control_run(&call, "pool", "set", "nope", "--workers", "2", NULL);
	control_expect(&call, 1);
	control_assert_has(call.err, "there is no pool 'nope'");
	control_done(&call);
}

// ---- media and dead letters ---------------------------------------------------------------------------------------

static void test_upload_becomes_ready(void **state)
{
	(void)state;
	struct control upload;
	control_run(&upload, "upload", "samples/photos/ridges.jpg", "samples/photos/dunes-exif6.jpg",
	            "samples/photos/iris.png", "samples/photos/aurora.webp", "--json", NULL);
	control_expect(&upload, 0);
	assert_int_equal(json_array_size(upload.json), 4);
	size_t index = 0;
	json_t *file = NULL;
	json_array_foreach(upload.json, index, file)
	{
		assert_string_equal(test_json_text(file, "state"), "ready");
		assert_int_equal(test_json_int(file, "delivered"), 200);
		assert_true(test_json_int(file, "uploaded_ms") <= test_json_int(file, "preview_ms"));
		assert_true(test_json_int(file, "preview_ms") <= test_json_int(file, "ready_ms"));
		// Nothing of a smoke test stays.
		assert_true(json_is_true(test_json_at(file, "removed")));
		test_sql_await(0, 20000, "SELECT count(*) FROM media WHERE id = $1::uuid AND state <> 'deleted'",
		               test_json_text(file, "media_id"), NULL);
	}
	control_done(&upload);
}

static void test_media_show_and_trace(void **state)
{
	(void)state;
	static const char *const STEPS[] = { "begun", "uploaded",    "job claimed", "preview published",
		                             "ready", "message sent" };
	struct control upload, show, trace;
	control_run(&upload, "upload", "--keep", "samples/photos/ember.jpg", "--json", NULL);
	control_expect(&upload, 0);
	const char *media_id = test_json_text(upload.json, "0.media_id");
	control_run(&show, "media", "show", media_id, "--json", NULL);
	control_expect(&show, 0);
	assert_string_equal(test_json_text(show.json, "state"), "ready");
	assert_true(json_array_size(test_json_at(show.json, "variants")) >= 8);
	assert_string_equal(test_json_text(show.json, "jobs.0.state"), "done");
	assert_string_equal(test_json_text(show.json, "history.0.to"), "uploaded");
	control_done(&show);
	test_sql_await(0, 5000,
	               "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND payload::text LIKE '%' || $1 || '%'",
	               media_id, NULL);
	control_run(&trace, "media", "trace", media_id, NULL);
	control_expect(&trace, 0);
	const char *at = trace.out;
	for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) { // in this order
		const char *step = strstr(at, STEPS[i]);
		if (step == NULL)
			fail_msg("no '%s' in the rest of %s", STEPS[i], trace.out);
		at = step;
	}
	control_done(&trace);
	control_done(&upload);
	control_run(&show, "media", "show", "00000000-0000-7000-8000-000000000000", NULL);
	control_expect(&show, 1);
	control_assert_has(show.err, "there is no media");
	control_done(&show);
}

// The id of the open dead letter of a media; malloc'ed.
static char *open_letter(const char *media_id)
{
	test_sql_await(1, 20000,
	               "SELECT count(*) FROM dead_letters WHERE media_id = $1::uuid AND redriven_at IS NULL "
	               "AND dropped_at IS NULL",
	               media_id, NULL);
	return test_sql_text("SELECT id FROM dead_letters WHERE media_id = $1::uuid AND redriven_at IS NULL "
	                     "AND dropped_at IS NULL",
	                     media_id, NULL);
}

static bool lists_letter(const char *id)
{
	struct control list;
	size_t index = 0;
	json_t *letter = NULL;
	bool is_there = false;
	control_run(&list, "dead", "list", "--limit", "1000", "--json", NULL);
	control_expect(&list, 0);
	json_array_foreach(list.json, index, letter) is_there |= strcmp(test_json_text(letter, "id"), id) == 0;
	control_done(&list);
	return is_there;
}

// A file that ends too early fails for good, and again after a redrive; then the letter is put away.
static void test_dead_letter_of_a_broken_file(void **state)
{
	(void)state;
	struct test_account account = { 0 };
	struct control call;
	char media_id[37];
	size_t length;
	test_account_new(&account);
	char *data = test_file_read("samples/photos/ember.jpg", &length);
	test_upload_whole(&account, &(struct test_file){ "cut.jpg", "image/jpeg", data, length / 3 }, media_id);
	free(data);
	char *first = open_letter(media_id);
	assert_true(lists_letter(first));
	control_run(&call, "dead", "show", first, "--json", NULL);
	control_expect(&call, 0);
	assert_string_equal(test_json_text(call.json, "code"), "truncated");
	assert_string_equal(test_json_text(call.json, "media.state"), "failed");
	control_done(&call);

	control_run(&call, "dead", "redrive", first, NULL);
	control_expect(&call, 0);
	control_done(&call);
	char *second = open_letter(media_id);
	assert_string_not_equal(first, second);
	json_decref(test_media_await(&account, media_id, "failed", 10000));
	assert_false(lists_letter(first));
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE action = 'dead_letter.redriven' "
	                              "AND subject_id = $1::uuid AND detail->>'by' LIKE '%@%'",
	                              first, NULL),
	                 1);

	control_run(&call, "dead", "drop", second, first, "--json", NULL);
	control_expect(&call, 1); // the first one was redriven before: said of it, and the other is dropped
	assert_true(json_is_true(test_json_at(call.json, "0.done")));
	assert_true(json_is_false(test_json_at(call.json, "1.done")));
	control_assert_has(call.err, "1 of 2");
	control_done(&call);
	assert_false(lists_letter(second));
	free(first);
	free(second);
	test_account_done(&account);
}

// Where the fault was ours and is mended, a redrive brings the media to ready: here its failure is written by hand.
static void test_dead_letter_becomes_ready(void **state)
{
	(void)state;
	struct test_account account = { 0 };
	struct control call;
	char media_id[37];
	size_t length;
	test_account_new(&account);
	char *data = test_file_read("samples/photos/tide.jpg", &length);
	control_run(&call, "pool", "pause", POOL, NULL);
	control_expect(&call, 0);
	control_done(&call);
	clock_sleep_ms(LAST_FETCH_MS);
	test_upload_whole(&account, &(struct test_file){ "tide.jpg", "image/jpeg", data, length }, media_id);
	free(data);
	test_job_fail_by_hand(media_id);
	control_run(&call, "pool", "resume", POOL, NULL);
	control_expect(&call, 0);
	control_done(&call);
	char *letter = open_letter(media_id);
	assert_true(lists_letter(letter));
	control_run(&call, "dead", "redrive", "--all", NULL);
	control_assert_has(call.out, letter);
	control_done(&call);
	json_decref(test_media_await(&account, media_id, "ready", 20000));
	assert_false(lists_letter(letter));
	// Nothing is left to redrive: a second time says so.
	control_run(&call, "dead", "redrive", letter, NULL);
	control_expect(&call, 1);
	control_assert_has(call.out, "redriven or dropped before");
	control_done(&call);
	free(letter);
	test_account_done(&account);
}

// ---- people, paper ------------------------------------------------------------------------------------------------

static void test_make_admin(void **state)
{
	(void)state;
	struct test_account account = { 0 };
	struct control call;
	test_account_new(&account);
	control_run(&call, "user", "make-admin", account.email, NULL);
	control_expect(&call, 0);
	control_done(&call);
	assert_int_equal(test_sql_int("SELECT is_admin::int FROM users WHERE id = $1::uuid", account.user_id, NULL), 1);
	control_run(&call, "user", "list", "--admins", "--json", NULL);
	control_expect(&call, 0);
	control_assert_has(call.out, account.email);
	control_done(&call);
	control_run(&call, "user", "make-admin", account.email, "--revoke", NULL);
	control_expect(&call, 0);
	control_done(&call);
	assert_int_equal(test_sql_int("SELECT is_admin::int FROM users WHERE id = $1::uuid", account.user_id, NULL), 0);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE subject_id = $1::uuid "
	                              "AND action IN ('user.admin_granted', 'user.admin_revoked')",
	                              account.user_id, NULL),
	                 2);
	control_run(&call, "user", "make-admin", "nobody@example.org", NULL);
	control_expect(&call, 1);
	control_assert_has(call.err, "nobody has the address");
	control_done(&call);
	test_account_done(&account);
}

// The completion that is installed is the one that the table makes, and the manual has every command.
static void test_completion_and_manual(void **state)
{
	(void)state;
	struct control call, help;
	size_t length;
	control_run(&call, "completion", "bash", NULL);
	control_expect(&call, 0);
	char *installed = test_file_read("deploy/completion/safelightctl.bash", &length);
	assert_string_equal(call.out, installed);
	free(installed);
	control_done(&call);
	char *manual = test_file_read("docs/man/safelightctl.1", &length);
	size_t count = 0;
	control_run(&help, "--help", NULL);
	control_expect(&help, 0);
	// "  pool set NAME                  turn …", from the table.
	for (char *line = strstr(help.out, "\n  "); line != NULL; line = strstr(line + 1, "\n  ")) {
		char entry[64];
		size_t name_length = strcspn(line + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\n");
		const char *gap = strstr(line + 3, "  ");
		if (gap != NULL && (size_t)(gap - line - 3) < name_length)
			name_length = (size_t)(gap - line - 3);
		if (line[3] == '-')
			continue; // an option
		(void)snprintf(entry, sizeof entry, ".It Cm %.*s", (int)name_length, line + 3);
		entry[strcspn(entry, "\n")] = '\0';
		while (entry[strlen(entry) - 1] == ' ')
			entry[strlen(entry) - 1] = '\0';
		control_assert_has(manual, entry);
		count++;
	}
	assert_true(count >= 20);
	free(manual);
	control_done(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_has_every_part),
		cmocka_unit_test(test_wrong_arguments),
		cmocka_unit_test(test_other_exit_statuses),
		cmocka_unit_test(test_doctor),
		cmocka_unit_test(test_doctor_looks_at_redis),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_upload_becomes_ready),
		cmocka_unit_test(test_media_show_and_trace),
		cmocka_unit_test(test_dead_letter_of_a_broken_file),
		cmocka_unit_test(test_dead_letter_becomes_ready),
		cmocka_unit_test(test_make_admin),
		cmocka_unit_test(test_completion_and_manual),
		cmocka_unit_test(test_status_is_1_without_a_transcoder),
	};
	return cmocka_run_group_tests_name("ctl", tests, test_stack_setup, test_stack_teardown);
}
