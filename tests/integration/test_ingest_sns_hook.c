// SNS at ingest's hook: a signed notification ends an upload, a forged one does not.
#include "ingest/sns_envelope.c" // NOLINT(bugprone-suspicious-include): a service's file has no archive to link

#include "tests/unit/sns_stand_in.h"

#include "base/settings.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"

#define TEXT "Words that came by an event.\n"

static struct sns_stand_in stand_in;
static struct test_account account;

static int setup(void **state)
{
	if (test_stack_setup(state) != 0)
		return -1;
	sns_stand_in_start(&stand_in);
	// Neither the store's own events nor the reconciler are to be faster.
	test_stack_restart_with("ingest", (const char *const[]){ "SAFELIGHT_INGEST_SNS_TOPICS", SNS_TOPIC,
	                                                         "SAFELIGHT_INGEST_SNS_ORIGIN", stand_in.origin,
	                                                         "SAFELIGHT_INGEST_OVERDUE_MS", "3600000",
	                                                         "SAFELIGHT_INGEST_HOOK_TOKEN",
	                                                         "another than the store has", NULL });
	test_stack_run("wait", "ingest");
	test_account_new(&account);
	return 0;
}

static int teardown(void **state)
{
	test_account_done(&account);
	sns_stand_in_stop(&stand_in);
	(void)test_stack_try("restart", "ingest");
	return test_stack_teardown(state);
}

static unsigned post(const char *kind, const char *text)
{
	struct test_reply reply;
	char line[96];
	(void)snprintf(line, sizeof line, "x-amz-sns-message-type: %s", kind);
	test_http(&(struct test_call){ .method = "POST",
	                               .url = "/hooks/s3",
	                               .body = text,
	                               .length = strlen(text),
	                               .headers = (const char *const[]){ "Content-Type: text/plain; charset=UTF-8",
	                                                                 line, NULL } },
	          &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

static void confirms(void **state)
{
	(void)state;
	char *text =
	        sns_make_message(&stand_in, (struct sns_envelope){ .kind = SNS_SUBSCRIPTION, .message = "Confirm." });
	assert_int_equal(post("SubscriptionConfirmation", text), 204);
	assert_int_equal(stand_in.subscribed, 1);
	free(text);
}

static void ends_an_upload(void **state)
{
	(void)state;
	const struct test_file file = { "words.txt", "text/plain", TEXT, sizeof TEXT - 1 };
	struct test_upload upload;
	char event[1024];
	test_upload_request(&account, &file, &upload);
	assert_int_equal(test_upload_put(&upload, TEXT, sizeof TEXT - 1), 200);
	char *key = test_sql_text("SELECT object_key FROM uploads WHERE id = $1::uuid", upload.upload_id, NULL);
	(void)snprintf(
	        event, sizeof event,
	        "{\"Records\":[{\"eventVersion\":\"2.6\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\","
	        "\"s3\":{\"bucket\":{\"name\":\"%s\"},\"object\":{\"key\":\"%s\",\"sequencer\":\"1\"}}}]}",
	        test_stack_settings()->store_originals_bucket, key);
	char *text = sns_make_message(&stand_in, (struct sns_envelope){ .message = event, .is_sha256 = true });
	char *forged = strdup(text);
	*(strstr(forged, "\"Timestamp\":\"") + strlen("\"Timestamp\":\"")) = '3';
	assert_int_equal(post("Notification", forged), 401);
	assert_int_equal(test_sql_int("SELECT count(*) FROM uploads WHERE id = $1::uuid AND completed_at IS NULL",
	                              upload.upload_id, NULL),
	                 1);
	assert_int_equal(post("Notification", text), 204);
	assert_int_equal(post("Notification", text), 204); // told twice
	json_decref(test_media_await(&account, upload.media_id, "ready", 20000));
	free(forged);
	free(text);
	free(key);
	test_upload_done(&upload);
}

// Amazon's first message, and messages whose topic is not ours.
static void takes_test_events_and_no_others(void **state)
{
	(void)state;
	char *text = sns_make_message(
	        &stand_in,
	        (struct sns_envelope){ .message = "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\"}" });
	assert_int_equal(post("Notification", text), 204);
	free(text);
	text = sns_make_message(&stand_in, (struct sns_envelope){ .message = "{}", .topic = "arn:aws:sns:x:1:theirs" });
	assert_int_equal(post("Notification", text), 401);
	free(text);
	text = sns_make_message(&stand_in, (struct sns_envelope){ .message = "not events" });
	assert_int_equal(post("Notification", text), 400);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(confirms),
		cmocka_unit_test(ends_an_upload),
		cmocka_unit_test(takes_test_events_and_no_others),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
