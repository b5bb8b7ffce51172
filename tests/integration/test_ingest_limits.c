// What an account may begin at ingest, and how often it may ask: quotas under fire, classes of accounts, rates, ended
// sessions.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

#define CALLERS 50
#define SIZE 100
#define FIT 10
#define NOTICE_MS 10000

static off_t config_length;

static int setup(void **state)
{
	return test_stack_setup(state);
}

static int teardown(void **state)
{
	test_stack_run("restart", "ingest");
	return test_stack_teardown(state);
}

static unsigned begin_typed(const struct test_account *account, const char *type, int64_t size,
                            struct test_reply *ret_reply)
{
	char json[160];
	(void)snprintf(json, sizeof json, "{\"filename\":\"a\",\"content_type\":\"%s\",\"size\":%lld}", type,
	               (long long)size);
	test_http_json("POST", "/v1/uploads", account->access_token, json, ret_reply);
	return ret_reply->status;
}

static unsigned begin(const struct test_account *account, int64_t size)
{
	struct test_reply reply;
	unsigned status = begin_typed(account, "text/plain", size, &reply);
	test_reply_done(&reply);
	return status;
}

// ---- quotas -------------------------------------------------------------------------------------------------------

struct crowd {
	struct test_account account;
	atomic_uint begun;
	atomic_uint refused;
};

static void *begin_one(void *argument)
{
	struct crowd *crowd = argument;
	unsigned status = begin(&crowd->account, SIZE);
	crowd->begun += status == 201;
	crowd->refused += status == 507;
	return NULL;
}

static int64_t reserved(const struct test_account *account)
{
	return test_sql_int("SELECT reserved_bytes FROM usage WHERE owner_id = $1::uuid", account->user_id, NULL);
}

static void rush(struct crowd *crowd)
{
	pthread_t threads[CALLERS];
	crowd->begun = crowd->refused = 0;
	for (size_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, begin_one, crowd), 0);
	for (size_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

// What is held by one that was begun is free again when it ends, whichever way.
static void fifty_begins_at_once_never_exceed_the_quota(void **state)
{
	(void)state;
	static const char *const with[] = { "SAFELIGHT_CLASS_STANDARD_QUOTA_BYTES", "1000",
		                            "SAFELIGHT_INGEST_RECONCILE_MS", "200", NULL };
	struct crowd crowd = { .begun = 0 };
	test_stack_restart_with("ingest", with);
	test_account_new(&crowd.account);
	rush(&crowd);
	assert_int_equal(crowd.begun, FIT);
	assert_int_equal(crowd.refused, CALLERS - FIT);
	assert_int_equal(reserved(&crowd.account), FIT * SIZE);
	free(test_sql_text("UPDATE uploads SET expires_at = now() - interval '1 day' WHERE owner_id = $1::uuid",
	                   crowd.account.user_id, NULL));
	test_sql_await(0, NOTICE_MS, "SELECT reserved_bytes FROM usage WHERE owner_id = $1::uuid",
	               crowd.account.user_id, NULL);
	rush(&crowd);
	assert_int_equal(crowd.begun, FIT);
	assert_int_equal(reserved(&crowd.account), FIT * SIZE);
	test_account_done(&crowd.account);
}

static void limits_open_uploads_and_each_day(void **state)
{
	(void)state;
	static const char *const with[] = { "SAFELIGHT_CLASS_STANDARD_OPEN_UPLOADS", "2",
		                            "SAFELIGHT_CLASS_STANDARD_DAY_BYTES", "500", NULL };
	struct test_account account;
	struct test_reply reply;
	char path[96];
	test_stack_restart_with("ingest", with);
	test_account_new(&account);
	assert_int_equal(begin(&account, 501), 507);
	assert_int_equal(begin_typed(&account, "text/plain", 300, &reply), 201);
	(void)snprintf(path, sizeof path, "/v1/uploads/%s", test_json_text(reply.json, "upload_id"));
	test_reply_done(&reply);
	assert_int_equal(begin(&account, 1), 201);
	assert_int_equal(begin_typed(&account, "text/plain", 1, &reply), 507);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/quota-exceeded");
	test_reply_done(&reply);
	test_http_json("DELETE", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	// One less is open, but what was begun today counts until tomorrow.
	assert_int_equal(begin(&account, 200), 507);
	assert_int_equal(begin(&account, 199), 201);
	free(test_sql_text("UPDATE usage SET day = day - 1 WHERE owner_id = $1::uuid", account.user_id, NULL));
	free(test_sql_text("UPDATE usage SET reserved_files = 0 WHERE owner_id = $1::uuid", account.user_id, NULL));
	assert_int_equal(begin(&account, 500), 201);
	test_account_done(&account);
}

// ---- classes ------------------------------------------------------------------------------------------------------

static int add_class(void **state)
{
	(void)state;
	static const char TEXT[] =
	        "\n[class.trial]\nmax_upload_bytes = 1000\nquota_files = 1\ntypes = image/*, text/plain\n";
	char *path = test_stack_path("safelight.conf");
	FILE *file = fopen(path, "ae");
	free(path);
	assert_non_null(file);
	config_length = ftello(file);
	assert_true(fputs(TEXT, file) >= 0);
	assert_int_equal(fclose(file), 0);
	test_stack_run("restart", "ingest");
	return 0;
}

static int drop_class(void **state)
{
	(void)state;
	char *path = test_stack_path("safelight.conf");
	int result = truncate(path, config_length);
	free(path);
	test_stack_run("restart", "ingest");
	return result;
}

static void each_class_has_its_own_limits(void **state)
{
	(void)state;
	struct test_account trial, other;
	struct test_reply reply;
	test_account_new(&trial);
	test_account_new(&other);
	free(test_sql_text("UPDATE users SET account_class = 'trial' WHERE id = $1::uuid", trial.user_id, NULL));
	// A class that is not configured counts as standard.
	free(test_sql_text("UPDATE users SET account_class = 'unheard_of' WHERE id = $1::uuid", other.user_id, NULL));
	assert_int_equal(begin_typed(&trial, "video/mp4", 1, &reply), 415);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/type-not-allowed");
	test_reply_done(&reply);
	assert_int_equal(begin(&trial, 1001), 413);
	assert_int_equal(test_sql_int("SELECT count(*) FROM uploads WHERE owner_id = $1::uuid", trial.user_id, NULL),
	                 0);
	assert_int_equal(begin_typed(&trial, "image/png", 1000, &reply), 201);
	test_reply_done(&reply);
	assert_int_equal(begin(&trial, 1), 507);
	assert_int_equal(begin_typed(&other, "video/mp4", 2000, &reply), 201);
	test_reply_done(&reply);
	assert_int_equal(begin(&other, 1), 201);
	test_account_done(&trial);
	test_account_done(&other);
}

// ---- calls --------------------------------------------------------------------------------------------------------

static void tells_and_limits_the_rate_of_calls(void **state)
{
	(void)state;
	static const char *const with[] = { "SAFELIGHT_HTTP_ACCOUNT_CALLS", "3", NULL };
	struct test_account eager, calm;
	struct test_reply reply;
	char header[128];
	test_stack_restart_with("ingest", with);
	test_account_new(&eager);
	test_account_new(&calm);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(begin_typed(&eager, "text/plain", 1, &reply), i < 3 ? 201 : 429);
		test_reply_header(&reply, "RateLimit-Policy", header, sizeof header);
		assert_non_null(strstr(header, "\"account\";q=3;w=60"));
		test_reply_header(&reply, "RateLimit", header, sizeof header);
		assert_non_null(strstr(header, "\"account\";r="));
		test_reply_header(&reply, "Retry-After", header, sizeof header);
		assert_int_equal(strtol(header, NULL, 10) > 0, i == 3);
		test_reply_done(&reply);
	}
	assert_int_equal(begin(&calm, 1), 201);
	test_account_done(&eager);
	test_account_done(&calm);
}

static bool is_refused(void *account)
{
	return begin(account, 1) == 401;
}

static void an_ended_session_begins_nothing(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char json[512];
	test_stack_run("restart", "ingest");
	test_account_new(&account);
	assert_int_equal(begin(&account, 1), 201);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", account.refresh_token);
	test_http_json("POST", "/v1/auth/logout", NULL, json, &reply);
	test_assert_status(&reply, 204);
	test_reply_done(&reply);
	test_wait(is_refused, &account, NOTICE_MS, "an ended session still begins uploads");
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifty_begins_at_once_never_exceed_the_quota),
		cmocka_unit_test(limits_open_uploads_and_each_day),
		cmocka_unit_test_setup_teardown(each_class_has_its_own_limits, add_class, drop_class),
		cmocka_unit_test(tells_and_limits_the_rate_of_calls),
		cmocka_unit_test(an_ended_session_begins_nothing),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
