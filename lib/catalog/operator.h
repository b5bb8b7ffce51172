// What operators look at and do by hand, for safelightctl and the console's API alike. Nothing here asks who owns what:
// the callers are operators, and what they change is written into the audit log.
#pragma once

#include <stdint.h>

#include "catalog/catalog.h"
#include "db/statement.h"
#include "media/event.h"

// An SQL expression as RFC 3339 text in UTC with milliseconds, as everywhere in our JSON.
#define SQL_TIME(expression) "to_char((" expression ") AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

// Each gives one row with one JSON document; no row: there is no such thing.
// $1 true: also those redriven or dropped; $2 how many at most; $3 true: those behind the one of $4 (created_at) and $5
// (id). An array, the latest first; and whether there are more, and created_at and id of the last one shown.
extern const struct db_statement catalog_letters_statement;
#define CATALOG_LETTERS_VALUES 5
// $1 a dead letter's id.
extern const struct db_statement catalog_letter_statement;
// $1 an id as of a day ago (uuid_new_at), $2 minutes after which a media counts as unsettled: {outbox, jobs,
// media_last_day, dead_letters, unsettled, deletions_waiting}.
extern const struct db_statement catalog_work_statement;
// What waits, cheap enough to be asked each second: {outbox{waiting, oldest_ms}, running, oldest_queued_ms,
// queued[{pool, lane, jobs}], dead_letters, deletions_waiting}. Counts end at 100000.
extern const struct db_statement catalog_backlog_statement;
// $1 a media's id: its row, variants, jobs and history.
extern const struct db_statement catalog_inspect_statement;
// $1 a media's id: {id, state, uploaded_ms, preview_ms, ready_ms, steps}.
extern const struct db_statement catalog_trace_statement;

// Who acts. All may be NULL; texts go into the audit log.
struct operator_actor {
	const struct uuid *user_id; // an administrator's account
	const char *name;           // "name@host", of who has none
	const char *address;
	const char *user_agent;
	const char *request_id;
};

// Write one row into the audit log. subject_id and detail (a JSON object's text) may be NULL. May write twice after
// RC_UNKNOWN.
enum rc catalog_operator_audit(const struct catalog *catalog, const struct catalog_call *call, const char *action,
                               const char *subject_kind, const struct uuid *subject_id, const char *detail,
                               const struct operator_actor *actor, struct err *err) MUST_CHECK;

// Queue the failed jobs of the dead letter's media anew, attempts from zero, which settles all of its letters.
// RC_NOT_FOUND: no such letter; RC_EXISTS: it was redriven or dropped before; RC_CONFLICT: its media is not failed.
enum rc catalog_letter_redrive(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *id,
                               enum event_lane lane, const struct operator_actor *actor, struct err *err) MUST_CHECK;

// Put it away without trying again. RC_NOT_FOUND, RC_EXISTS as above.
enum rc catalog_letter_drop(const struct catalog *catalog, const struct catalog_call *call, const struct uuid *id,
                            const struct operator_actor *actor, struct err *err) MUST_CHECK;
