// What services other than metadata-api need to know of an account.
#pragma once

#include <stdbool.h>

#include "catalog/catalog.h"

#define ACCOUNT_CLASS_SIZE 64

// True of "name@example.org", as far as one can tell without sending a message there.
bool catalog_account_address_ok(const char *email);

// The class of an account, which decides what it may upload; cut to fit. RC_NOT_FOUND.
enum rc catalog_account_class(const struct catalog *catalog, const struct catalog_call *call,
                              const struct uuid *user_id, char ret_class[ACCOUNT_CLASS_SIZE],
                              struct err *err) MUST_CHECK;
