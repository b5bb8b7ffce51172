// People of tests: signed up for real, by metadata-api through the edge.
#pragma once

struct test_account {
	char email[64];
	char password[48];
	char user_id[37];
	char *access_token;
	char *refresh_token;
};

// A new account with a random address and its first session; fails the test when that does not work. Main thread.
void test_account_new(struct test_account *ret_account);
// Accepts a zeroed one.
void test_account_done(struct test_account *account);
