// Which `since` GET /v1/changes goes on from, and which it sends back to the start.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/settings.h"
#include "media/cursor.h"
#include "tests/integration/support/account.h"
#include "tests/integration/support/http.h"
#include "tests/integration/support/stack.h"
#include "tests/unit/cmocka_all.h"

static void forge(const struct test_account *account, int64_t transaction, int64_t issued_at, char ret_text[100])
{
	struct hmac_key key;
	struct err err = { 0 };
	const char *const parts[] = { account->user_id };
	const int64_t numbers[] = { 0, issued_at };
	struct cursor cursor = { .list = CURSOR_CHANGES,
		                 .sort_key = transaction,
		                 .filter = cursor_filter_hash(parts, 1) };
	assert_int_equal(cursor_key_parse(test_stack_settings()->api_cursor_key, &key, &err), RC_OK);
	memcpy(cursor.id.bytes, numbers, sizeof numbers);
	cursor_encode(&key, &cursor, ret_text);
}

static void assert_since(const struct test_account *account, const char *since, unsigned status)
{
	struct test_reply reply;
	char path[200];
	(void)snprintf(path, sizeof path, "/v1/changes?since=%s", since);
	test_http_json("GET", path, account->access_token, NULL, &reply);
	if (reply.status != status)
		fail_msg("%s: %u instead of %u: %s", path, reply.status, status, reply.body);
	test_reply_done(&reply);
}

static void a_since_that_is_too_old_begins_again(void **state)
{
	(void)state;
	struct test_account account, stranger;
	char since[100];
	int64_t now = clock_now_us(), days = test_stack_settings()->api_changes_days;
	test_account_new(&account);
	test_account_new(&stranger);
	forge(&account, 3, now, since); // as metadata-api makes it
	assert_since(&account, since, 200);
	assert_since(&stranger, since, 400);
	since[20] = since[20] == 'A' ? 'B' : 'A';
	assert_since(&account, since, 400);
	forge(&account, 3, now - (days * 86400 - 60) * 1000000, since);
	assert_since(&account, since, 200);
	forge(&account, 3, now - (days * 86400 + 60) * 1000000, since);
	assert_since(&account, since, 410);
	forge(&account, INT64_C(1) << 60, now, since); // of a database that was lost
	assert_since(&account, since, 410);
	assert_since(&account, "x", 400);
	test_account_done(&account);
	test_account_done(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_since_that_is_too_old_begins_again),
	};
	return cmocka_run_group_tests(tests, test_stack_setup, test_stack_teardown);
}
