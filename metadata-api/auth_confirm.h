// Asking for the password: at login, and again before what an access token alone must not do. Tries are limited by
// account and address.
#pragma once

#include <stdbool.h>

struct account;
struct http_request;

// Take one of the tries that an address has for an account (`who`: its e-mail address or id). False when there is none
// left: 429 with Retry-After has been answered.
bool auth_take_try(struct http_request *request, const char *who);

// The password was right: all tries are there again.
void auth_give_tries_back(struct http_request *request, const char *who);

// The caller's account, if this is its password. False otherwise, and then the problem has been answered: 403
// wrong-password, 409 when it has none, 429. Hashes: only on a hashing thread.
bool auth_confirm_password(struct http_request *request, const char *password, struct account *ret_account);
