// Reading, answering and who acts.
#include "metadata-api/admin.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "catalog/run.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/account_store.h"
#include "metadata-api/api.h"
#include "metadata-api/auth_reply.h"

struct catalog_call admin_call(struct http_request *request)
{
	return (struct catalog_call){ .deadline = http_request_deadline(request),
		                      .traceparent = http_request_traceparent(request) };
}

struct operator_actor admin_actor(struct http_request *request)
{
	struct session_origin origin = auth_origin(request, NULL);
	return (struct operator_actor){ .user_id = &http_request_principal(request)->user_id,
		                        .address = origin.address,
		                        .user_agent = origin.user_agent == NULL ? "" : origin.user_agent,
		                        .request_id = origin.request_id };
}

enum rc admin_read(struct http_request *request, const struct db_statement *statement, const struct db_value *values,
                   json_t **ret_json, struct err *err)
{
	const struct catalog_call call = admin_call(request);
	CLEANUP(db_result_free_pointer) struct db_result *result = NULL;
	json_error_t where;
	enum rc rc = catalog_run(&api_of(request)->catalog, &call, statement, values, statement->parameter_count,
	                         &result, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(result) == 0 || db_result_is_null(result, 0, 0))
		return err_set(err, RC_NOT_FOUND, "there is no such thing");
	*ret_json = json_loads(db_result_text(result, 0, 0), JSON_DECODE_ANY, &where);
	return *ret_json == NULL ? err_set(err, RC_CORRUPT, "the database's JSON: %s", where.text) : RC_OK;
}

void admin_respond(struct http_request *request, enum rc rc, json_t *taken, const struct err *err)
{
	if (rc == RC_OK) {
		struct buffer out;
		CLEANUP(free_pointer)
		char *text = taken == NULL ? NULL : json_dumps(taken, JSON_COMPACT | JSON_ENCODE_ANY);
		buffer_init(&out, LIMIT_RESPONSE_BYTES);
		if (text != NULL)
			buffer_append_text(&out, text);
		if (text == NULL)
			http_respond_rc(request, &(struct err){ .rc = RC_NO_MEMORY });
		else
			http_respond_json(request, 200, &out);
	} else if (rc == RC_NOT_FOUND) {
		http_respond_problem(request, 404, "not-found", "%s.", err->text);
	} else if (rc == RC_EXISTS || rc == RC_CONFLICT) {
		http_respond_problem(request, 409, "conflict", "%s.", err->text);
	} else if (rc == RC_INVALID) {
		http_respond_problem(request, 400, "invalid-request", "%s.", err->text);
	} else {
		http_respond_rc(request, err);
	}
	json_decref(taken);
}
