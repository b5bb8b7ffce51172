// What an operator does to accounts, and what comes of it for their owners; all of it is in the audit log.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/control.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/integration/support/upload.h"
#include "tests/unit/cmocka_all.h"

// Instances learn within seconds which sessions have ended elsewhere.
#define REFUSED_MS 10000

static unsigned log_in(const char *email, const char *password)
{
	struct test_reply reply;
	char body[256];
	(void)snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
	test_http_json("POST", "/v1/auth/login", NULL, body, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

static unsigned refresh(const struct test_account *account)
{
	struct test_reply reply;
	char body[512];
	(void)snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", account->refresh_token);
	test_http_json("POST", "/v1/auth/refresh", NULL, body, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

static bool is_refused(void *context)
{
	const struct test_account *account = context;
	struct test_reply reply;
	test_http_json("GET", "/v1/me", account->access_token, NULL, &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status == 401;
}

// What the operator did stands in the audit log once, with who did it.
static void assert_audited(const char *action, const char *user_id)
{
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM audit_log WHERE action = $1 AND subject_kind = 'user' AND "
	                     "subject_id = $2::uuid AND detail->>'by' LIKE '%@%' AND user_agent = 'safelightctl'",
	                     action, user_id, NULL),
	        1);
}

static void make_email(char ret_email[80])
{
	char text[UUID_TEXT_SIZE];
	struct uuid id = uuid_new();
	uuid_format(&id, text);
	(void)snprintf(ret_email, 80, "ctl-%s@example.org", text);
}

static void test_create_and_show(void **state)
{
	(void)state;
	struct control call;
	char email[80], id[37];
	make_email(email);
	control_set_input("a long enough one\n");
	control_run(&call, "user", "create", email, "--name", "Ada", "--json", NULL);
	control_set_input(NULL);
	control_expect(&call, 0);
	assert_null(test_json_at(call.json, "password"));
	(void)snprintf(id, sizeof id, "%s", test_json_text(call.json, "id"));
	control_done(&call);
	assert_int_equal(log_in(email, "a long enough one"), 200);
	assert_int_equal(log_in(email, "another one"), 401);
	assert_audited("user.created", id);

	control_run(&call, "user", "show", email, "--json", NULL);
	control_expect(&call, 0);
	assert_string_equal(test_json_text(call.json, "id"), id);
	assert_string_equal(test_json_text(call.json, "name"), "Ada");
	assert_string_equal(test_json_text(call.json, "class"), "standard");
	assert_int_equal(json_array_size(test_json_at(call.json, "sessions")), 1);
	control_done(&call);
	control_run(&call, "user", "show", id, NULL);
	control_expect(&call, 0);
	control_assert_has(call.out, email);
	control_assert_has(call.out, "standard");
	assert_null(strstr(call.out, "argon2"));
	control_done(&call);

	control_run(&call, "user", "create", email, "--generate", NULL);
	control_expect(&call, 1);
	control_assert_has(call.err, "has an account already");
	assert_null(strstr(call.out, "password"));
	control_done(&call);
	control_run(&call, "user", "create", "nobody", "--generate", NULL);
	control_expect(&call, 64);
	control_done(&call);
	control_set_input("short\n");
	control_run(&call, "user", "create", "x@example.org", NULL);
	control_set_input(NULL);
	control_expect(&call, 64);
	control_done(&call);
	control_run(&call, "user", "create", "x@example.org", NULL); // nothing on standard input
	control_expect(&call, 64);
	control_done(&call);
	control_run(&call, "user", "show", "nobody@example.org", NULL);
	control_expect(&call, 1);
	control_done(&call);
}

static void test_reset_password(void **state)
{
	(void)state;
	struct control call;
	struct test_account account = { 0 };
	test_account_new(&account);
	control_run(&call, "user", "reset-password", account.email, "--generate", "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "sessions_ended"), 1);
	assert_int_equal(log_in(account.email, test_json_text(call.json, "password")), 200);
	control_done(&call);
	assert_int_equal(log_in(account.email, account.password), 401);
	assert_int_equal(refresh(&account), 401);
	test_wait(is_refused, &account, REFUSED_MS, "the access token of before is refused");
	assert_audited("user.password_reset", account.user_id);
	test_account_done(&account);
}

static void test_disable_and_enable(void **state)
{
	(void)state;
	struct control call;
	struct test_account account = { 0 };
	test_account_new(&account);
	control_run(&call, "user", "disable", account.email, "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "sessions_ended"), 1);
	control_done(&call);
	assert_int_equal(log_in(account.email, account.password), 401);
	assert_int_equal(refresh(&account), 401);
	test_wait(is_refused, &account, REFUSED_MS, "the access token of before is refused");
	control_run(&call, "user", "disable", account.email, NULL);
	control_expect(&call, 1);
	control_assert_has(call.err, "disabled already");
	control_done(&call);
	control_run(&call, "user", "show", account.email, NULL);
	control_assert_has(call.out, "DISABLED");
	control_done(&call);
	control_run(&call, "user", "enable", account.email, NULL);
	control_expect(&call, 0);
	control_done(&call);
	assert_int_equal(log_in(account.email, account.password), 200);
	assert_audited("user.disabled", account.user_id);
	assert_audited("user.enabled", account.user_id);
	test_account_done(&account);
}

static void test_end_sessions(void **state)
{
	(void)state;
	struct control call;
	struct test_account account = { 0 };
	char session[37];
	test_account_new(&account);
	assert_int_equal(log_in(account.email, account.password), 200);
	assert_int_equal(log_in(account.email, account.password), 200);
	control_run(&call, "user", "show", account.email, "--json", NULL);
	json_t *sessions = test_json_at(call.json, "sessions");
	assert_int_equal(json_array_size(sessions), 3);
	(void)snprintf(session, sizeof session, "%s", test_json_text(json_array_get(sessions, 0), "id"));
	control_done(&call);
	control_run(&call, "user", "end-sessions", account.email, "--session", session, "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "sessions_ended"), 1);
	control_done(&call);
	control_run(&call, "user", "end-sessions", account.email, "--session", session, NULL);
	control_expect(&call, 1);
	control_assert_has(call.err, "no such session");
	control_done(&call);
	control_run(&call, "user", "end-sessions", account.email, "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "sessions_ended"), 2);
	control_done(&call);
	assert_int_equal(refresh(&account), 401);
	assert_int_equal(log_in(account.email, account.password), 200); // it is not shut out
	test_account_done(&account);
}

static unsigned begin_upload(const struct test_account *account)
{
	struct test_reply reply;
	test_http_json("POST", "/v1/uploads", account->access_token,
	               "{\"filename\":\"a.jpg\",\"content_type\":\"image/jpeg\",\"size\":2000}", &reply);
	unsigned status = reply.status;
	test_reply_done(&reply);
	return status;
}

static void test_quota(void **state)
{
	(void)state;
	struct control call;
	struct test_account account = { 0 };
	test_account_new(&account);
	control_run(&call, "user", "quota", account.email, "--bytes", "1999", "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "bytes_limit"), 1999);
	control_done(&call);
	assert_int_equal(begin_upload(&account), 507);
	// Files alone: the bytes stay as they are.
	control_run(&call, "user", "quota", account.email, "--files", "5", "--json", NULL);
	control_expect(&call, 0);
	assert_int_equal(test_json_int(call.json, "bytes_limit"), 1999);
	assert_int_equal(test_json_int(call.json, "files_limit"), 5);
	control_done(&call);
	control_run(&call, "user", "show", account.email, NULL);
	control_assert_has(call.out, "0 of 5 (its own limit)");
	control_done(&call);
	control_run(&call, "user", "quota", account.email, "--bytes", "default", NULL);
	control_expect(&call, 0);
	control_done(&call);
	assert_int_equal(begin_upload(&account), 201);
	static const char *const WRONG[][2] = { { "--class", "no_such_class" }, { "--bytes", "many" } };
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
		control_run(&call, "user", "quota", account.email, WRONG[i][0], WRONG[i][1], NULL);
		control_expect(&call, 64);
		control_done(&call);
	}
	control_run(&call, "user", "quota", account.email, NULL);
	control_expect(&call, 64);
	control_done(&call);
	test_account_done(&account);
}

static void test_delete(void **state)
{
	(void)state;
	struct control call;
	struct test_account account = { 0 };
	char media_id[37];
	size_t length;
	test_account_new(&account);
	char *data = test_file_read("samples/photos/iris.png", &length);
	test_upload_whole(&account, &(struct test_file){ "iris.png", "image/png", data, length }, media_id);
	free(data);
	control_run(&call, "user", "delete", account.email, NULL);
	control_expect(&call, 64);
	control_done(&call);
	assert_int_equal(log_in(account.email, account.password), 200); // nothing was done
	control_run(&call, "user", "delete", account.email, "--yes", NULL);
	control_expect(&call, 0);
	control_done(&call);
	assert_int_equal(log_in(account.email, account.password), 401);
	test_wait(is_refused, &account, REFUSED_MS, "the access token of before is refused");
	test_sql_await(1, 20000, "SELECT count(*) FROM media WHERE id = $1::uuid AND state = 'deleted'", media_id,
	               NULL);
	assert_int_equal(test_sql_int("SELECT count(*) FROM users WHERE id = $1::uuid AND email IS NULL AND "
	                              "password_hash IS NULL",
	                              account.user_id, NULL),
	                 1);
	assert_audited("user.deleted", account.user_id);
	control_run(&call, "user", "delete", account.user_id, "--yes", NULL);
	control_expect(&call, 1);
	control_done(&call);
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_and_show),
		cmocka_unit_test(test_reset_password),
		cmocka_unit_test(test_disable_and_enable),
		cmocka_unit_test(test_end_sessions),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_delete),
	};
	return cmocka_run_group_tests_name("ctl users", tests, test_stack_setup, test_stack_teardown);
}
