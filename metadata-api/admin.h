// What the console's routes (/v1/admin/…) share. All of them are for administrators alone and run on workers.
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "catalog/operator.h"
#include "db/statement.h"

struct http_request;

// Longest name of a pool in a path.
#define ADMIN_NAME_BYTES 32

// A catalog call's frame for the request.
struct catalog_call admin_call(struct http_request *request);

// Who acts: the caller's account, for the audit log.
struct operator_actor admin_actor(struct http_request *request);

// Run a statement of catalog/operator.h and parse its document. RC_NOT_FOUND: no row. The caller drops *ret_json.
enum rc admin_read(struct http_request *request, const struct db_statement *statement, const struct db_value *values,
                   json_t **ret_json, struct err *err) MUST_CHECK;

// 200 with the document (taken; NULL: 500), or err as a problem: not found, conflicts and bad values in err's words.
void admin_respond(struct http_request *request, enum rc rc, json_t *taken, const struct err *err);
