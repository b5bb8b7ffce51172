// From where something is done, for the audit log: the first four parameters of statements that write it.
#pragma once

#include "db/statement.h"

struct http_request;

#define AUDIT_ORIGIN_COUNT 4

// $1 the caller, $2 address, $3 user agent, $4 request id. The values point into the request.
void audit_origin_values(const struct http_request *request, struct db_value ret_values[AUDIT_ORIGIN_COUNT]);

// A statement's part that logs what the caller did to each row of `rows` (which has an id), as the owner's.
#define AUDIT_LOGGED(rows, action, kind)                                                                                \
	"logged AS (INSERT INTO audit_log (actor_id, owner_id, action, subject_kind, subject_id, address, user_agent, " \
	"request_id) SELECT $1, $1, '" action "', '" kind "', id, $2::inet, $3, $4 FROM " rows ") "
