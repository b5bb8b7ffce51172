// Accounts, as far as their class.
#include "catalog/account.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "catalog/run.h"

static const struct db_statement class_statement = {
	.name = "account_class",
	.sql = "SELECT account_class FROM users WHERE id = $1 AND deleted_at IS NULL",
	.parameter_count = 1,
	.read_only = true,
};

bool catalog_account_address_ok(const char *email)
{
	const char *at = strchr(email, '@');
	size_t length = strlen(email);
	return at != NULL && at != email && at[1] != '\0' && strchr(at + 1, '@') == NULL && length >= 3 &&
	       length <= LIMIT_EMAIL_BYTES && strpbrk(email, " \t\n\r,;<>\"") == NULL;
}

enum rc catalog_account_class(const struct catalog *catalog, const struct catalog_call *call,
                              const struct uuid *user_id, char ret_class[ACCOUNT_CLASS_SIZE], struct err *err)
{
	const struct db_value value = db_uuid(user_id);
	struct db_result *result = NULL;
	enum rc rc = catalog_run(catalog, call, &class_statement, &value, 1, &result, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0)
		rc = err_set(err, RC_NOT_FOUND, "there is no such account");
	else
		(void)snprintf(ret_class, ACCOUNT_CLASS_SIZE, "%s", db_result_text(result, 0, 0));
	db_result_free(result);
	return rc;
}
