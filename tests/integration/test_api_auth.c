// metadata-api's accounts: signing up, logging in, rotating and stealing refresh tokens, hostile access tokens.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

static void post(const char *path, const char *json, unsigned status, struct test_reply *ret_reply)
{
	test_http_json("POST", path, NULL, json, ret_reply);
	test_assert_status(ret_reply, status);
}

static void refresh(const char *token, unsigned status, char ret_next[128])
{
	char json[1024];
	struct test_reply reply;
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", token);
	post("/v1/auth/refresh", json, status, &reply);
	if (status == 200 && ret_next != NULL)
		(void)snprintf(ret_next, 128, "%s", test_json_text(reply.json, "refresh_token"));
	test_reply_done(&reply);
}

static void a_login_needs_the_right_password(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char json[256];
	test_account_new(&account);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account.email, account.password);
	post("/v1/auth/login", json, 200, &reply);
	assert_string_equal(test_json_text(reply.json, "token_type"), "Bearer");
	assert_string_equal(test_json_text(reply.json, "user.email"), account.email);
	assert_in_range(test_json_int(reply.json, "expires_in"), 1, 900);
	test_reply_done(&reply);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"wrong password\"}", account.email);
	post("/v1/auth/login", json, 401, &reply);
	char *wrong = strdup(test_json_text(reply.json, "detail"));
	test_reply_done(&reply);
	post("/v1/auth/login", "{\"email\":\"nobody@nowhere.example\",\"password\":\"wrong password\"}", 401, &reply);
	// An unknown address is answered in the same words.
	assert_string_equal(test_json_text(reply.json, "detail"), wrong);
	free(wrong);
	test_reply_done(&reply);
	test_account_done(&account);
}

static void an_address_has_one_account_in_any_case(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char json[256], email[64];
	test_account_new(&account);
	for (size_t i = 0; i < sizeof email; i++) {
		char letter = account.email[i];
		email[i] = (char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
	}
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"long enough\"}", email);
	post("/v1/auth/signup", json, 409, &reply);
	assert_string_equal(test_json_text(reply.json, "type"), "/problems/email-taken");
	test_reply_done(&reply);
	test_account_done(&account);
}

static void wrong_sign_ups_are_told_field_by_field(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		unsigned status;
		const char *pointer;
	} ROWS[] = {
		{ "{\"email\":\"x@y.example\",\"password\":\"short\"}", 422, "/password" },
		{ "{\"email\":\"no address\",\"password\":\"long enough\"}", 422, "/email" },
		{ "{\"email\":\"a@@b\",\"password\":\"long enough\"}", 422, "/email" },
		{ "{\"email\":\"x@y.example\"}", 422, "/password" },
		{ "{\"email\":\"x@y.example\",\"password\":\"long enough\",\"is_admin\":true}", 400, "/is_admin" },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct test_reply reply;
		post("/v1/auth/signup", ROWS[i].json, ROWS[i].status, &reply);
		assert_string_equal(test_json_text(reply.json, "errors.0.pointer"), ROWS[i].pointer);
		test_reply_done(&reply);
	}
}

static void a_password_beyond_the_limit_is_refused_before_it_is_hashed(void **state)
{
	(void)state;
	struct test_reply reply;
	char *json = malloc(4096);
	int length = snprintf(json, 4096, "{\"email\":\"x@y.example\",\"password\":\"");
	memset(json + length, 'a', 1025);
	(void)snprintf(json + length + 1025, 4096 - (size_t)length - 1025, "\"}");
	post("/v1/auth/login", json, 422, &reply);
	test_reply_done(&reply);
	free(json);
}

static void refresh_tokens_rotate_and_a_stolen_one_ends_the_family(void **state)
{
	(void)state;
	struct test_account account;
	char first[128], again[128], second[128];
	test_account_new(&account);
	refresh(account.refresh_token, 200, first);
	assert_string_not_equal(first, account.refresh_token);
	refresh(account.refresh_token, 200, again); // a lost answer is asked for again
	assert_string_equal(again, first);
	refresh(first, 200, second);
	refresh(account.refresh_token, 401, NULL); // two rotations back: stolen
	refresh(second, 401, NULL);                // so the whole family is dead
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM audit_log WHERE action = 'session.revoke' AND owner_id = $1::uuid "
	                     "AND detail->>'reason' = 'refresh_token_reused'",
	                     account.user_id, NULL),
	        1);
	test_account_done(&account);
}

static void a_forged_refresh_token_does_nothing(void **state)
{
	(void)state;
	struct test_account account;
	char forged[128], next[128];
	test_account_new(&account);
	(void)snprintf(forged, sizeof forged, "%s", account.refresh_token);
	forged[40] = forged[40] == 'A' ? 'B' : 'A';
	refresh(forged, 401, NULL);
	refresh("not-a-token", 401, NULL);
	refresh(account.access_token, 422, NULL); // longer than any refresh token
	refresh(account.refresh_token, 200, next);
	test_account_done(&account);
}

static void after_the_grace_the_one_before_is_stolen_too(void **state)
{
	(void)state;
	struct test_account account;
	char next[128];
	test_account_new(&account);
	refresh(account.refresh_token, 200, next);
	(void)test_sql_int("UPDATE sessions SET rotated_at = rotated_at - interval '1 hour' WHERE user_id = $1::uuid",
	                   account.user_id, NULL);
	refresh(account.refresh_token, 401, NULL);
	refresh(next, 401, NULL);
	test_account_done(&account);
}

struct racer {
	pthread_t thread;
	const char *json;
	unsigned status;
	char next[128];
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	struct test_reply reply;
	test_http_json("POST", "/v1/auth/refresh", NULL, racer->json, &reply);
	racer->status = reply.status;
	const char *next = json_string_value(test_json_at(reply.json, "refresh_token"));
	(void)snprintf(racer->next, sizeof racer->next, "%s", next == NULL ? "" : next);
	test_reply_done(&reply);
	return NULL;
}

static void twenty_racing_refreshes_get_one_successor(void **state)
{
	(void)state;
	struct test_account account;
	struct racer racers[20];
	char json[200];
	test_account_new(&account);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", account.refresh_token);
	for (size_t i = 0; i < 20; i++) {
		racers[i].json = json;
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < 20; i++)
		pthread_join(racers[i].thread, NULL);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(racers[i].status, 200);
		assert_string_equal(racers[i].next, racers[0].next);
	}
	test_account_done(&account);
}

static void logging_out_ends_the_session(void **state)
{
	(void)state;
	struct test_account account;
	struct test_reply reply;
	char json[200];
	test_account_new(&account);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", account.refresh_token);
	post("/v1/auth/logout", json, 204, &reply);
	test_reply_done(&reply);
	refresh(account.refresh_token, 401, NULL);
	post("/v1/auth/logout", json, 204, &reply); // again is no error
	test_reply_done(&reply);
	test_account_done(&account);
}

static void the_database_holds_no_token_and_no_password(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	char *hash = test_sql_text("SELECT password_hash FROM users WHERE id = $1::uuid", account.user_id, NULL);
	assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
	free(hash);
	assert_int_equal(test_sql_int("SELECT octet_length(refresh_hash) FROM sessions WHERE user_id = $1::uuid",
	                              account.user_id, NULL),
	                 32);
	unsigned char bytes[48];
	size_t length = 0;
	char hex[65];
	assert_true(
	        decode_base64url(account.refresh_token, strlen(account.refresh_token), bytes, sizeof bytes, &length));
	encode_hex(bytes + 16, 32, hex);
	assert_int_equal(
	        test_sql_int("SELECT count(*) FROM sessions WHERE encode(refresh_hash, 'hex') = $1", hex, NULL), 0);
	test_account_done(&account);
}

static void hostile_access_tokens_are_401(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	char none[600], bent[600], cut[600];
	const char *claims = strchr(account.access_token, '.');
	// {"alg":"none"} with our claims and no signature.
	(void)snprintf(none, sizeof none, "eyJhbGciOiJub25lIn0%.*s.", (int)(strrchr(claims, '.') - claims), claims);
	(void)snprintf(bent, sizeof bent, "%s", account.access_token);
	size_t middle = strlen(bent) / 2;
	bent[middle] = bent[middle] == 'A' ? 'B' : 'A';
	(void)snprintf(cut, sizeof cut, "%.*s", (int)strlen(account.access_token) - 1, account.access_token);
	const char *const tokens[] = { none, bent, cut, account.refresh_token, "", "a.b.c" };
	for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
		struct test_reply reply;
		test_http_json("GET", "/v1/items", tokens[i], NULL, &reply);
		test_assert_status(&reply, 401);
		test_reply_done(&reply);
	}
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_needs_the_right_password),
		cmocka_unit_test(an_address_has_one_account_in_any_case),
		cmocka_unit_test(wrong_sign_ups_are_told_field_by_field),
		cmocka_unit_test(a_password_beyond_the_limit_is_refused_before_it_is_hashed),
		cmocka_unit_test(refresh_tokens_rotate_and_a_stolen_one_ends_the_family),
		cmocka_unit_test(a_forged_refresh_token_does_nothing),
		cmocka_unit_test(after_the_grace_the_one_before_is_stolen_too),
		cmocka_unit_test(twenty_racing_refreshes_get_one_successor),
		cmocka_unit_test(logging_out_ends_the_session),
		cmocka_unit_test(the_database_holds_no_token_and_no_password),
		cmocka_unit_test(hostile_access_tokens_are_401),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
