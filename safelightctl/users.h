// What the user commands share: finding the account, and acting on it.
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/uuid.h"

struct call;
struct db_pool;
struct db_statement;
struct db_value;
struct settings;

// What an operator did to an account, as the last part of a statement's WITH list; $1 the account, $2 who did it.
// detail: an SQL expression of type jsonb. from: what the row comes from; no row: nothing is written.
#define SQL_USER_AUDIT(action, detail, from)                                                                      \
	"logged AS (INSERT INTO audit_log (action, subject_kind, subject_id, user_agent, detail) SELECT '" action \
	"', 'user', $1, 'safelightctl', " detail " || jsonb_build_object('by', $2::text) FROM " from ")"

// The account of an e-mail address in any case, or of an id. RC_NOT_FOUND.
enum rc users_find(struct db_pool *database, const char *name, struct uuid *ret_id, struct err *err) MUST_CHECK;

// True when the configuration has that class.
bool users_has_class(const struct settings *settings, const char *name);

// Find the account that the call's first argument names, run a statement on it ($1 its id, $2 who calls, then `more`),
// and print what that says: as JSON, or `told` behind the account's name. RC_NOT_FOUND; RC_CONFLICT with `refused`
// when the statement gave no row.
struct users_act {
	const struct db_statement *statement;
	const struct db_value *more;
	const char *told;
	const char *refused;
};
enum rc users_act(const struct call *call, const struct users_act *act, struct err *err) MUST_CHECK;
