// Signing up.
#include "tests/integration/support/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/integration/support/http.h"
#include "tests/unit/cmocka_all.h"

void test_account_new(struct test_account *ret_account)
{
	struct test_account account = { 0 };
	struct test_reply reply;
	uint8_t random[16];
	char hex[2 * sizeof random + 1], json[256];
	random_fill(random, sizeof random);
	encode_hex(random, sizeof random, hex);
	(void)snprintf(account.email, sizeof account.email, "%.16s@test.example", hex);
	(void)snprintf(account.password, sizeof account.password, "p-%s", hex);
	(void)snprintf(json, sizeof json, "{\"email\":\"%s\",\"password\":\"%s\",\"name\":\"Test\"}", account.email,
	               account.password);
	test_http_json("POST", "/v1/auth/signup", NULL, json, &reply);
	test_assert_status(&reply, 201);
	(void)snprintf(account.user_id, sizeof account.user_id, "%s", test_json_text(reply.json, "user.id"));
	account.access_token = strdup(test_json_text(reply.json, "access_token"));
	account.refresh_token = strdup(test_json_text(reply.json, "refresh_token"));
	test_reply_done(&reply);
	*ret_account = account;
}

void test_account_done(struct test_account *account)
{
	free(account->access_token);
	free(account->refresh_token);
	*account = (struct test_account){ 0 };
}
