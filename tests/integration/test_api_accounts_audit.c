// metadata-api's accounts: devices for push messages, and an audit log in which tampering shows.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/support/account.h"
#include "tests/integration/support/database.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

static void call(const char *method, const char *path, const char *token, const char *json, unsigned status)
{
	struct test_reply reply;
	test_http_json(method, path, token, json, &reply);
	test_assert_status(&reply, status);
	test_reply_done(&reply);
}

// ---- devices ------------------------------------------------------------------------------------------------------

static void register_device(const struct test_account *account, const char *token, unsigned status, char ret_id[37])
{
	struct test_reply reply;
	char json[256];
	(void)snprintf(json, sizeof json, "{\"platform\":\"apns\",\"token\":\"%s\",\"name\":\"phone\"}", token);
	test_http_json("POST", "/v1/devices", account->access_token, json, &reply);
	test_assert_status(&reply, status);
	if (ret_id != NULL)
		(void)snprintf(ret_id, 37, "%s", test_json_text(reply.json, "id"));
	assert_null(strstr(reply.body, token));
	test_reply_done(&reply);
}

static int64_t count_devices(const struct test_account *account)
{
	struct test_reply reply;
	test_http_json("GET", "/v1/devices", account->access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	int64_t count = (int64_t)json_array_size(test_json_at(reply.json, "items"));
	test_reply_done(&reply);
	return count;
}

static void a_device_is_registered_once_and_goes_with_its_session(void **state)
{
	(void)state;
	struct test_account account, other;
	char id[37], again[37], path[64], token[80], json[200];
	test_account_new(&account);
	test_account_new(&other);
	(void)snprintf(token, sizeof token, "token-of-%s", account.user_id);
	register_device(&account, token, 201, id);
	register_device(&account, token, 200, again);
	assert_string_equal(id, again);
	assert_int_equal(count_devices(&account), 1);
	assert_int_equal(count_devices(&other), 0);
	(void)snprintf(path, sizeof path, "/v1/devices/%s", id);
	call("DELETE", path, other.access_token, NULL, 404);
	call("DELETE", path, account.access_token, NULL, 204);
	call("DELETE", path, account.access_token, NULL, 404);
	register_device(&account, token, 201, id);
	(void)snprintf(json, sizeof json, "{\"refresh_token\":\"%s\"}", account.refresh_token);
	call("POST", "/v1/auth/logout", NULL, json, 204);
	assert_int_equal(test_sql_int("SELECT count(*) FROM devices WHERE user_id = $1::uuid", account.user_id, NULL),
	                 0);
	test_account_done(&account);
	test_account_done(&other);
}

static void a_phone_that_changes_hands_changes_its_owner(void **state)
{
	(void)state;
	struct test_account account, other;
	char id[37], theirs[37], token[80];
	test_account_new(&account);
	test_account_new(&other);
	(void)snprintf(token, sizeof token, "token-of-%s", account.user_id);
	register_device(&account, token, 201, id);
	register_device(&other, token, 201, theirs);
	assert_string_not_equal(id, theirs);
	assert_int_equal(count_devices(&account), 0);
	assert_int_equal(count_devices(&other), 1);
	test_account_done(&account);
	test_account_done(&other);
}

struct registrar {
	pthread_t thread;
	const char *access_token;
	char json[160];
	unsigned status;
};

static void *register_one(void *argument)
{
	struct registrar *registrar = argument;
	struct test_reply reply;
	test_http_json("POST", "/v1/devices", registrar->access_token, registrar->json, &reply);
	registrar->status = reply.status;
	test_reply_done(&reply);
	return NULL;
}

static void an_account_has_at_most_twenty_devices_however_they_race(void **state)
{
	(void)state;
	struct test_account account;
	struct registrar registrars[30];
	size_t made = 0, refused = 0;
	test_account_new(&account);
	for (size_t i = 0; i < 30; i++) {
		registrars[i] = (struct registrar){ .access_token = account.access_token };
		(void)snprintf(registrars[i].json, sizeof registrars[i].json,
		               "{\"platform\":\"fcm\",\"token\":\"%s-%zu\"}", account.user_id, i);
		assert_int_equal(pthread_create(&registrars[i].thread, NULL, register_one, &registrars[i]), 0);
	}
	for (size_t i = 0; i < 30; i++) {
		(void)pthread_join(registrars[i].thread, NULL);
		made += registrars[i].status == 201;
		refused += registrars[i].status == 409;
	}
	assert_int_equal(made, 20);
	assert_int_equal(refused, 10);
	assert_int_equal(count_devices(&account), 20);
	test_account_done(&account);
}

static void wrong_devices_are_refused(void **state)
{
	(void)state;
	struct test_account account;
	test_account_new(&account);
	call("POST", "/v1/devices", account.access_token, "{\"platform\":\"pager\",\"token\":\"x\"}", 422);
	call("POST", "/v1/devices", account.access_token, "{\"platform\":\"fcm\",\"token\":\"\"}", 422);
	call("POST", "/v1/devices", account.access_token, "{\"platform\":\"fcm\",\"token\":\"x\",\"user_id\":\"y\"}",
	     400);
	test_account_done(&account);
}

// ---- the audit log ------------------------------------------------------------------------------------------------

static void the_history_is_ones_own_by_pages(void **state)
{
	(void)state;
	struct test_account account, other;
	struct test_reply reply;
	char json[256], path[256];
	test_account_new(&account);
	test_account_new(&other);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account.email, account.password);
	call("POST", "/v1/auth/login", NULL, json, 200);
	test_http_json("GET", "/v1/audit?limit=1", account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "items.0.action"), "session.login");
	assert_string_equal(test_json_text(reply.json, "items.0.owner_id"), account.user_id);
	assert_int_equal(test_json_int(reply.json, "items.0.number"), 2);
	(void)snprintf(path, sizeof path, "/v1/audit?limit=5&cursor=%s", test_json_text(reply.json, "next_cursor"));
	test_reply_done(&reply);
	test_http_json("GET", path, account.access_token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_int_equal(json_array_size(test_json_at(reply.json, "items")), 1);
	assert_string_equal(test_json_text(reply.json, "items.0.action"), "account.signup");
	test_reply_done(&reply);
	call("GET", path, other.access_token, NULL, 400);
	call("GET", "/v1/audit?scope=all", account.access_token, NULL, 403);
	call("GET", "/v1/audit?scope=some", account.access_token, NULL, 400);
	test_account_done(&account);
	test_account_done(&other);
}

static void administrators_see_everybodys(void **state)
{
	(void)state;
	struct test_account account, other;
	struct test_reply reply;
	char json[256];
	test_account_new(&account);
	(void)test_sql_int("UPDATE users SET is_admin = true WHERE id = $1::uuid", account.user_id, NULL);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\"}", account.email, account.password);
	test_http_json("POST", "/v1/auth/login", NULL, json, &reply);
	test_assert_status(&reply, 200);
	char *token = strdup(test_json_text(reply.json, "access_token"));
	test_reply_done(&reply);
	test_account_new(&other);
	test_http_json("GET", "/v1/audit?scope=all&limit=1", token, NULL, &reply);
	test_assert_status(&reply, 200);
	assert_string_equal(test_json_text(reply.json, "items.0.owner_id"), other.user_id);
	test_reply_done(&reply);
	(void)test_sql_int("UPDATE users SET is_admin = false WHERE id = $1::uuid", account.user_id, NULL);
	free(token);
	test_account_done(&account);
	test_account_done(&other);
}

// A database of its own, where an owner's chain of five may be bent.
static struct test_database database;

static int make_database(void **state)
{
	(void)state;
	return test_database_create(&database, true);
}

static int drop_database(void **state)
{
	(void)state;
	test_database_drop(&database);
	return 0;
}

#define OWNER "'01a20c61-3596-7752-a017-fb5176d3700c'::uuid"
#define OTHER "'01a20c61-3596-7752-a017-000000000001'::uuid"

static void write_chain(void)
{
	test_database_run(&database, "DELETE FROM audit_log; DELETE FROM audit_chains;"
	                             "INSERT INTO audit_log (owner_id, actor_id, action, address, user_agent, detail) "
	                             "SELECT o, o, 'step', '192.0.2.1', 'test', jsonb_build_object('n', n) "
	                             "FROM generate_series(1, 5) n, unnest(ARRAY[" OWNER ", " OTHER "]) o;"
	                             "INSERT INTO audit_log (action) VALUES ('nobody'), ('nobody')");
}

static int64_t count_problems(void)
{
	return test_database_count(&database, "SELECT count(*) FROM audit_verify(NULL)");
}

static void a_tampered_row_is_found(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		int64_t number; // of the row that is named
	} ROWS[] = {
		{ "UPDATE audit_log SET action = 'other' WHERE owner_id = " OWNER " AND number = 3", 3 },
		{ "UPDATE audit_log SET detail = '{}' WHERE owner_id = " OWNER " AND number = 5", 5 },
		{ "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE owner_id = " OWNER " AND number = 1",
		  1 },
		{ "UPDATE audit_log SET actor_id = NULL WHERE owner_id = " OWNER " AND number = 2", 2 },
		{ "UPDATE audit_log SET address = '192.0.2.2' WHERE owner_id = " OWNER " AND number = 2", 2 },
		{ "UPDATE audit_log SET user_agent = NULL WHERE owner_id = " OWNER " AND number = 4", 4 },
		{ "DELETE FROM audit_log WHERE owner_id = " OWNER " AND number = 3", 4 },
		{ "DELETE FROM audit_log WHERE owner_id = " OWNER " AND number = 1", 2 },
		{ "DELETE FROM audit_log WHERE owner_id = " OWNER " AND number = 5", 5 },
		{ "DELETE FROM audit_log WHERE owner_id = " OWNER, 5 },
		// Hashed anew, as one would who knows how: it no longer fits its neighbour.
		{ "UPDATE audit_log SET action = 'other' WHERE owner_id = " OWNER " AND number = 3;"
		  "UPDATE audit_log a SET hash = audit_hash(a) WHERE owner_id = " OWNER " AND number = 3",
		  4 },
		{ "UPDATE audit_log SET owner_id = " OTHER " WHERE owner_id = " OWNER " AND number = 3", 3 },
	};
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		char sql[160];
		write_chain();
		assert_int_equal(count_problems(), 0);
		test_database_run(&database, ROWS[i].sql);
		(void)snprintf(sql, sizeof sql,
		               "SELECT count(*) FROM audit_verify(" OWNER ") WHERE number = %lld AND chain = " OWNER,
		               (long long)ROWS[i].number);
		if (test_database_count(&database, sql) == 0)
			fail_msg("not found: %s", ROWS[i].sql);
		assert_int_equal(test_database_count(&database, "SELECT count(*) FROM audit_verify(" OTHER ")"), 0);
	}
}

static void what_is_forgotten_or_expired_leaves_the_chain_whole(void **state)
{
	(void)state;
	write_chain();
	test_database_run(&database, "INSERT INTO users (id, deleted_at) VALUES (" OWNER ", now());"
	                             "SELECT audit_forget(" OWNER ")");
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM audit_log WHERE owner_id = " OWNER
	                                                " AND (address IS NOT NULL OR user_agent IS NOT NULL)"),
	                 0);
	assert_int_equal(count_problems(), 0);
	test_database_run(&database, "UPDATE audit_log SET user_agent = 'x' WHERE owner_id = " OWNER " AND number = 1");
	assert_int_equal(count_problems(), 1); // nor may anything be put in its place
	// An account that lives is not forgotten.
	test_database_run(&database, "SELECT audit_forget(" OTHER ")");
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM audit_log WHERE owner_id = " OTHER
	                                                " AND address IS NOT NULL"),
	                 5);
	test_database_run(&database, "DELETE FROM users WHERE id = " OWNER);

	// Three of five are old, by a clock that was wrong when they were written.
	write_chain();
	test_database_run(&database, "DELETE FROM audit_log; DELETE FROM audit_chains;"
	                             "INSERT INTO audit_log (owner_id, action, at) SELECT " OWNER ", 'step', "
	                             "  now() - CASE WHEN n <= 3 THEN interval '100 days' ELSE interval '1 day' END "
	                             "FROM generate_series(1, 5) n");
	assert_int_equal(test_database_count(&database, "SELECT audit_expire(interval '60 days', 2)"), 2);
	assert_int_equal(count_problems(), 0);
	assert_int_equal(test_database_count(&database, "SELECT audit_expire(interval '60 days', 100)"), 1);
	assert_int_equal(test_database_count(&database, "SELECT audit_expire(interval '60 days', 100)"), 0);
	assert_int_equal(test_database_count(&database, "SELECT count(*) FROM audit_log"), 2);
	assert_int_equal(count_problems(), 0);
	test_database_run(&database, "DELETE FROM audit_log WHERE number = 4");
	assert_int_equal(count_problems(), 1); // what was cut off otherwise is still missed
	test_database_run(&database, "DO $$ BEGIN PERFORM audit_expire(interval '29 days', 1); "
	                             "RAISE EXCEPTION 'a month is the least'; "
	                             "EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$");
}

struct writer {
	pthread_t thread;
	char json[160];
	unsigned status;
};

static void *log_in(void *argument)
{
	struct writer *writer = argument;
	struct test_reply reply;
	test_http_json("POST", "/v1/auth/login", NULL, writer->json, &reply);
	writer->status = reply.status;
	test_reply_done(&reply);
	return NULL;
}

static void writers_that_race_make_one_chain(void **state)
{
	(void)state;
	struct test_account account;
	struct writer writers[5];
	test_account_new(&account);
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < 5; i++) {
			(void)snprintf(writers[i].json, sizeof writers[i].json,
			               "{\"email\":\"%s\",\"password\":\"%s\"}", account.email, account.password);
			assert_int_equal(pthread_create(&writers[i].thread, NULL, log_in, &writers[i]), 0);
		}
		for (size_t i = 0; i < 5; i++) {
			(void)pthread_join(writers[i].thread, NULL);
			assert_int_equal(writers[i].status, 200);
		}
	}
	assert_int_equal(
	        test_sql_int("SELECT last_number FROM audit_chains WHERE chain = $1::uuid", account.user_id, NULL), 21);
	assert_int_equal(test_sql_int("SELECT count(*) FROM audit_verify($1::uuid)", account.user_id, NULL), 0);
	test_account_done(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_registered_once_and_goes_with_its_session),
		cmocka_unit_test(a_phone_that_changes_hands_changes_its_owner),
		cmocka_unit_test(an_account_has_at_most_twenty_devices_however_they_race),
		cmocka_unit_test(wrong_devices_are_refused),
		cmocka_unit_test(the_history_is_ones_own_by_pages),
		cmocka_unit_test(administrators_see_everybodys),
		cmocka_unit_test_setup_teardown(a_tampered_row_is_found, make_database, drop_database),
		cmocka_unit_test_setup_teardown(what_is_forgotten_or_expired_leaves_the_chain_whole, make_database,
		                                drop_database),
		cmocka_unit_test(writers_that_race_make_one_chain),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
