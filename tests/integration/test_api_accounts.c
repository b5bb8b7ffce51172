// metadata-api's accounts: sessions listed and ended, passwords and addresses changed, tries and calls limited.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

struct login {
	char *access_token;
	char *refresh_token;
	char session_id[37];
};

static void login_done(struct login *login)
{
	free(login->access_token);
	free(login->refresh_token);
}

// Log in as a phone called `device`, from an address (NULL: our own).
static unsigned try_login(const char *email, const char *password, const char *device, const char *address,
                          struct test_reply *ret_reply)
{
	char json[512], forwarded[80];
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\",\"device\":\"%s\"}", email, password,
	               device);
	(void)snprintf(forwarded, sizeof forwarded, "X-Forwarded-For: %s", address == NULL ? "" : address);
	const char *const headers[] = { address == NULL ? NULL : forwarded, NULL };
	char url[128];
	// Past the edge, which says itself where a request comes from.
	(void)snprintf(url, sizeof url, "http://%s/v1/auth/login", test_stack_settings()->api_listen);
	const struct test_call call = { .method = "POST", .url = url, .json = json, .headers = headers };
	test_http(&call, ret_reply);
	return ret_reply->status;
}

static void log_in(const struct test_account *account, const char *device, struct login *ret_login)
{
	struct test_reply reply;
	assert_int_equal(try_login(account->email, account->password, device, NULL, &reply), 200);
	*ret_login = (struct login){ .access_token = strdup(test_json_text(reply.json, "access_token")),
		                     .refresh_token = strdup(test_json_text(reply.json, "refresh_token")) };
	test_reply_done(&reply);
	char *id = test_sql_text("SELECT id FROM sessions WHERE user_id = $1::uuid AND device = $2", account->user_id,
	                         device, NULL);
	(void)snprintf(ret_login->session_id, sizeof ret_login->session_id, "%s", id);
	free(id);
}

static void call(const char *method, const char *path, const char *token, const char *json, unsigned status)
{
	struct test_reply reply;
	test_http_json(method, path, token, json, &reply);
	test_assert_status(&reply, status);
	test_reply_done(&reply);
}

static void refresh(const char *token, unsigned status)
{
	char json[200];
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", token);
	call("POST", "/v1/auth/refresh", NULL, json, status);
}

static void sessions_are_listed_by_pages_and_only_ones_own(void **state)
{
	(void)state;
	struct test_account account, other;
	struct login phone, tablet;
	struct test_reply reply;
	char path[256];
	test_account_new(&account);
	test_account_new(&other);
	log_in(&account, "phone", &phone);
	log_in(&account, "tablet", &tablet);
	test_http_json("GET", "/v1/auth/sessions?limit=2", phone.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 2);
	assert_string_equal(test_json_text(reply.json, "items.0.device"), "tablet"); // newest first
	assert_true(json_is_false(test_json_at(reply.json, "items.0.current")));
	assert_string_equal(test_json_text(reply.json, "items.1.id"), phone.session_id);
	assert_true(json_is_true(test_json_at(reply.json, "items.1.current")));
	(void)snprintf(path, sizeof path, "/v1/auth/sessions?limit=2&cursor=%s",
	               test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	test_http_json("GET", path, phone.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 1); // the sign-up's
	assert_true(json_is_null(test_json_at(reply.json, "next_cursor")));
	test_reply_done(&reply);
	// Somebody else's cursor is nobody's.
	call("GET", path, other.access_token, NULL, 400);
	login_done(&phone);
	login_done(&tablet);
	test_account_done(&account);
	test_account_done(&other);
}

static void an_ended_session_is_dead_at_once(void **state)
{
	(void)state;
	struct test_account account, other;
	struct login phone;
	char path[80];
	test_account_new(&account);
	test_account_new(&other);
	log_in(&account, "phone", &phone);
	(void)snprintf(path, sizeof path, "/v1/auth/sessions/%s", phone.session_id);
	call("DELETE", path, other.access_token, NULL, 404); // not theirs
	call("GET", "/v1/items", phone.access_token, NULL, 200);
	call("DELETE", path, account.access_token, NULL, 204);
	call("GET", "/v1/items", phone.access_token, NULL, 401);
	refresh(phone.refresh_token, 401);
	call("DELETE", path, account.access_token, NULL, 404);
	call("GET", "/v1/items", account.access_token, NULL, 200); // the others go on
	login_done(&phone);
	test_account_done(&account);
	test_account_done(&other);
}

static void what_another_process_ended_is_dead_within_seconds(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	call("GET", "/v1/items", account.access_token, NULL, 200);
	(void)test_sql_int("UPDATE sessions SET revoked_at = now(), revoke_reason = 'test' WHERE user_id = $1::uuid",
	                   account.user_id, NULL);
	struct deadline deadline = deadline_after_ms(5000);
	unsigned status;
	do {
		struct test_reply reply;
		test_http_json("GET", "/v1/items", account.access_token, NULL, &reply);
		status = reply.status;
		test_reply_done(&reply);
		clock_sleep_ms(50);
	} while (status == 200 && !deadline_passed(deadline));
	assert_int_equal(status, 401);
	test_account_done(&account);
}

static void another_password_ends_the_other_sessions(void **state)
{
	(void)state;
	struct test_account account;
	struct login phone, tablet;
	struct test_reply reply;
	char json[256], weak[256];
	test_account_new(&account);
	log_in(&account, "phone", &phone);
	log_in(&account, "tablet", &tablet);
	(void)snprintf(json, sizeof json, "{\"old_password\":\"%s\",\"new_password\":\"another one\"}",
	               account.password);
	(void)snprintf(weak, sizeof weak, "{\"old_password\":\"%s\",\"new_password\":\"short\"}", account.password);
	call("POST", "/v1/auth/password", phone.access_token,
	     "{\"old_password\":\"wrong\",\"new_password\":\"another one\"}", 403);
	call("POST", "/v1/auth/password", phone.access_token, weak, 422);
	call("GET", "/v1/items", tablet.access_token, NULL, 200); // a refused change changes nothing
	call("POST", "/v1/auth/password", phone.access_token, json, 204);
	call("GET", "/v1/items", tablet.access_token, NULL, 401);
	call("GET", "/v1/items", account.access_token, NULL, 401);
	refresh(tablet.refresh_token, 401);
	call("GET", "/v1/items", phone.access_token, NULL, 200);
	refresh(phone.refresh_token, 200);
	assert_int_equal(try_login(account.email, account.password, "x", NULL, &reply), 401);
	test_reply_done(&reply);
	assert_int_equal(try_login(account.email, "another one", "x", NULL, &reply), 200);
	test_reply_done(&reply);
	assert_int_equal(test_sql_int("SELECT (detail->>'sessions_ended')::bigint FROM audit_log "
	                              "WHERE action = 'account.password' AND owner_id = $1::uuid",
	                              account.user_id, NULL),
	                 2);
	login_done(&phone);
	login_done(&tablet);
	test_account_done(&account);
}

static void another_address_needs_the_password_and_is_ones_own(void **state)
{
	(void)state;
	struct test_account account, other;
	struct test_reply reply;
	char json[256], taken[256], email[80];
	test_account_new(&account);
	test_account_new(&other);
	(void)snprintf(email, sizeof email, "new-%s", account.email);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", email, account.password);
	(void)snprintf(taken, sizeof taken, "{\"email\":\"%s\",\"password\":\"%s\"}", other.email, account.password);
	call("POST", "/v1/auth/email", account.access_token, "{\"email\":\"a@b.example\",\"password\":\"wrong\"}", 403);
	call("POST", "/v1/auth/email", account.access_token, "{\"email\":\"none\",\"password\":\"wrong\"}", 422);
	call("POST", "/v1/auth/email", account.access_token, taken, 409);
	call("POST", "/v1/auth/email", account.access_token, json, 204);
	assert_int_equal(try_login(account.email, account.password, "x", NULL, &reply), 401);
	test_reply_done(&reply);
	assert_int_equal(try_login(email, account.password, "x", NULL, &reply), 200);
	test_reply_done(&reply);
	// The log, which outlives the account, does not hold it.
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_log WHERE action = 'account.email' "
	                              "AND owner_id = $1::uuid AND detail::text NOT LIKE '%@%'",
	                              account.user_id, NULL),
	                 1);
	test_account_done(&account);
	test_account_done(&other);
}

static void the_sixth_wrong_password_is_429_but_not_elsewhere(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char after[16], shouted[64];
	test_account_new(&account);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(try_login(account.email, "wrong", "x", "192.0.2.7", &reply), 401);
		test_reply_done(&reply);
	}
	assert_int_equal(try_login(account.email, "wrong", "x", "192.0.2.7", &reply), 429);
	test_reply_header(&reply, "Retry-After", after, sizeof after);
	assert_in_range(strtol(after, NULL, 10), 1, 60);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/too-many-tries");
	test_reply_done(&reply);
	// Not the right one either, nor in capitals; but from elsewhere, and others from here.
	assert_int_equal(try_login(account.email, account.password, "x", "192.0.2.7", &reply), 429);
	test_reply_done(&reply);
	for (size_t i = 0; i < sizeof shouted; i++)
		shouted[i] = (char)(account.email[i] >= 'a' && account.email[i] <= 'z' ? account.email[i] - 32
		                                                                       : account.email[i]);
	assert_int_equal(try_login(shouted, account.password, "x", "192.0.2.7", &reply), 429);
	test_reply_done(&reply);
	assert_int_equal(try_login(account.email, account.password, "x", "192.0.2.8", &reply), 200);
	test_reply_done(&reply);
	assert_int_equal(try_login("nobody@test.example", "wrong", "x", "192.0.2.7", &reply), 401);
	test_reply_done(&reply);
	test_account_done(&account);
}

static void a_right_password_gives_the_tries_back(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	test_account_new(&account);
	for (int i = 0; i < 12; i++) {
		bool right = i % 4 == 3;
		assert_int_equal(try_login(account.email, right ? account.password : "wrong", "x", "192.0.2.9", &reply),
		                 right ? 200 : 401);
		test_reply_done(&reply);
	}
	test_account_done(&account);
}

static int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

#define SAMPLES 40

// What a wrong password takes, from an address of its own each time.
static int64_t measure_login(const char *email, int sample)
{
	struct test_reply reply;
	char address[32];
	(void)snprintf(address, sizeof address, "198.51.100.%d", sample);
	int64_t begun = clock_monotonic_us();
	assert_int_equal(try_login(email, "wrong", "x", address, &reply), 401);
	int64_t took = clock_monotonic_us() - begun;
	test_reply_done(&reply);
	return took;
}

static void the_time_does_not_tell_whether_an_account_exists(void **state)
{
	(void)state;
	struct test_account account;
	int64_t known[SAMPLES], unknown[SAMPLES];
	test_account_new(&account);
	for (int i = 0; i < SAMPLES; i++) { // by turns, so that a busy machine is busy for both
		known[i] = measure_login(account.email, i);
		unknown[i] = measure_login("nobody@nowhere.example", i);
	}
	qsort(known, SAMPLES, sizeof known[0], compare_times);
	qsort(unknown, SAMPLES, sizeof unknown[0], compare_times);
	print_message("# median of a known account %lld us, of an unknown one %lld us\n", (long long)known[SAMPLES / 2],
	              (long long)unknown[SAMPLES / 2]);
	assert_in_range(unknown[SAMPLES / 2] * 100 / known[SAMPLES / 2], 75, 133);
	test_account_done(&account);
}

static void a_stronger_policy_reaches_an_account_at_its_login(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	test_account_new(&account);
	test_stack_restart_with("api", (const char *const[]){ "SAFELIGHT_API_HASH_PASSES", "3", NULL });
	assert_int_equal(try_login(account.email, "wrong", "x", NULL, &reply), 401);
	test_reply_done(&reply);
	char *hash = test_sql_text("SELECT password_hash FROM users WHERE id = $1::uuid", account.user_id, NULL);
	assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
	free(hash);
	assert_int_equal(try_login(account.email, account.password, "x", NULL, &reply), 200);
	test_reply_done(&reply);
	hash = test_sql_text("SELECT password_hash FROM users WHERE id = $1::uuid", account.user_id, NULL);
	assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=3,p=1$", 31);
	free(hash);
	assert_int_equal(try_login(account.email, account.password, "x", NULL, &reply), 200);
	test_reply_done(&reply);
	test_stack_run("restart", "api");
	test_account_done(&account);
}

static void a_stolen_access_token_cannot_guess_the_password(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	for (int i = 0; i < 5; i++)
		call("POST", "/v1/auth/email", account.access_token,
		     "{\"email\":\"a@b.example\",\"password\":\"wrong\"}", 403);
	call("POST", "/v1/auth/email", account.access_token, "{\"email\":\"a@b.example\",\"password\":\"wrong\"}", 429);
	test_account_done(&account);
}

static void calls_are_limited_by_account_and_told(void **state)
{
	(void)state;
	struct test_account account, other;
	struct test_reply reply;
	char header[120], after[16];
	test_account_new(&account);
	test_account_new(&other);
	test_stack_restart_with("api", (const char *const[]){ "SAFELIGHT_HTTP_ACCOUNT_CALLS", "20",
	                                                      "SAFELIGHT_HTTP_ADDRESS_CALLS", "100000", NULL });
	for (int left = 19; left >= 0; left--) {
		char wanted[40];
		test_http_json("GET", "/v1/items", account.access_token, NULL, &reply);
		test_assert_status(&reply, 200);
		test_reply_header(&reply, "RateLimit", header, sizeof header);
		(void)snprintf(wanted, sizeof wanted, "\"account\";r=%d;t=", left);
		assert_non_null(strstr(header, "\"account\";r="));
		if (left == 19) // later ones may have got one back meanwhile
			assert_non_null(strstr(header, wanted));
		test_reply_header(&reply, "RateLimit-Policy", header, sizeof header);
		assert_string_equal(header, "\"address\";q=100000;w=60, \"account\";q=20;w=60");
		test_reply_done(&reply);
	}
	unsigned status = 200;
	for (int i = 0; i < 20 && status == 200; i++) { // each 3 seconds one comes back
		test_http_json("GET", "/v1/items", account.access_token, NULL, &reply);
		status = reply.status;
		if (status == 429) {
			test_reply_header(&reply, "Retry-After", after, sizeof after);
			assert_in_range(strtol(after, NULL, 10), 1, 3);
			assert_string_equal(test_json_text(reply.json, "type"), "/problems/quota-exceeded");
		}
		test_reply_done(&reply);
	}
	assert_int_equal(status, 429);
	call("GET", "/v1/items", other.access_token, NULL, 200);
	test_stack_run("restart", "api");
	call("GET", "/v1/items", account.access_token, NULL, 200);
	test_account_done(&account);
	test_account_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_listed_by_pages_and_only_ones_own),
		cmocka_unit_test(an_ended_session_is_dead_at_once),
		cmocka_unit_test(what_another_process_ended_is_dead_within_seconds),
		cmocka_unit_test(another_password_ends_the_other_sessions),
		cmocka_unit_test(another_address_needs_the_password_and_is_ones_own),
		cmocka_unit_test(the_sixth_wrong_password_is_429_but_not_elsewhere),
		cmocka_unit_test(a_right_password_gives_the_tries_back),
		cmocka_unit_test(the_time_does_not_tell_whether_an_account_exists),
		cmocka_unit_test(a_stronger_policy_reaches_an_account_at_its_login),
		cmocka_unit_test(a_stolen_access_token_cannot_guess_the_password),
		cmocka_unit_test(calls_are_limited_by_account_and_told),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
