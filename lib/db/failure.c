// From SQLSTATE to enum rc.
#include <stdio.h>
#include <string.h>

#include "db/connect.h"
#include "db/statement.h"

// The longest prefix that matches decides, so special cases stand before their class.
static const struct {
	const char *prefix;
	enum rc rc;
} sqlstate_codes[] = {
	{ "23505", RC_EXISTS },      { "23503", RC_CONFLICT }, { "23514", RC_CONFLICT },  { "23P01", RC_CONFLICT },
	{ "23502", RC_INVALID },     { "22", RC_INVALID },     { "42501", RC_DENIED },    { "28", RC_DENIED },
	{ "57014", RC_TIMEOUT },     { "55P03", RC_BUSY },     { "53", RC_BUSY },         { "40001", RC_UNAVAILABLE },
	{ "40P01", RC_UNAVAILABLE }, { "08", RC_UNAVAILABLE }, { "57P", RC_UNAVAILABLE }, { "25006", RC_UNAVAILABLE },
	{ "25P03", RC_TIMEOUT },
};

enum rc db_sqlstate_rc(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(sqlstate_codes) / sizeof(sqlstate_codes[0]); i++) {
		if (strncmp(sqlstate, sqlstate_codes[i].prefix, strlen(sqlstate_codes[i].prefix)) == 0)
			return sqlstate_codes[i].rc;
	}
	return RC_INTERNAL;
}

// libpq's own messages end in a line feed and may have several lines: the first says what happened.
static void copy_line(const char *text, char *ret_line, size_t size)
{
	(void)snprintf(ret_line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

enum rc db_failure_read(const PGresult *result, const PGconn *connection, const char *context,
                        struct db_failure *ret_failure)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	char line[256];

	*ret_failure = (struct db_failure){ .err.rc = RC_OK };
	if (sqlstate == NULL) {
		copy_line(PQerrorMessage(connection), line, sizeof(line));
		return err_set(&ret_failure->err, RC_UNAVAILABLE, "%s: %s", context,
		               line[0] == '\0' ? "the connection was lost" : line);
	}
	(void)snprintf(ret_failure->sqlstate, sizeof(ret_failure->sqlstate), "%s", sqlstate);
	if (constraint != NULL)
		(void)snprintf(ret_failure->constraint, sizeof(ret_failure->constraint), "%s", constraint);
	copy_line(primary == NULL ? "" : primary, line, sizeof(line));
	return err_set(&ret_failure->err, db_sqlstate_rc(sqlstate), "%s: %s (SQLSTATE %s)", context, line, sqlstate);
}
