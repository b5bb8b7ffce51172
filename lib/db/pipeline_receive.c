// From results to callbacks, and what becomes of statements in flight when the connection is lost.
#include <assert.h>
#include <string.h>

#include "base/metrics.h"
#include "db/pipeline_private.h"
#include "db/result_private.h"

// A statement is sent again at most so often (spoilt by a neighbour, or its preparation was).
#define REPEATS_MAX 3

static bool is_operator_shutdown(const char *sqlstate)
{
	return strncmp(sqlstate, "57P", 3) == 0;
}

static void note_failure(struct pipeline_link *link, struct pipeline_request *request, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (link->failure.err.rc != RC_OK)
		return;
	(void)db_failure_read(result, link->connection, request->statement->name, &link->failure);
	if (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		link->is_farewell = true;
	// After its result but before its commit was confirmed: the session's end leaves the question open.
	if (request->stage == STAGE_SYNC && !request->statement->read_only &&
	    is_operator_shutdown(link->failure.sqlstate))
		link->failure.err.rc = RC_UNKNOWN;
}

static void unprepare(struct pipeline_link *link, const struct pipeline_request *request)
{
	struct db_prepared_entry *entry = db_prepared_find(&link->prepared, request->statement);

	if (entry != NULL)
		entry->is_prepared = false;
}

// True when the request must and may be sent once more: it had no effect through no fault of its own.
static bool may_repeat(struct pipeline_link *link, const struct pipeline_request *request)
{
	// invalid_sql_statement_name: the PREPARE that it relied on failed with a neighbour.
	bool is_unprepared = strcmp(link->failure.sqlstate, "26000") == 0;

	if (is_unprepared)
		unprepare(link, request);
	return (is_unprepared || (request->is_aborted && link->failure.err.rc == RC_OK)) &&
	       request->repeats < REPEATS_MAX;
}

// The first request in flight has had all its results. False: the connection is of no use.
static bool finish_first(struct pipeline_link *link)
{
	struct pipeline_request *request = pipeline_list_take(&link->in_flight);
	bool has_failed = link->failure.err.rc != RC_OK;
	bool is_session = request->callback == NULL && request->members.length == 0;

	link->has_progressed = true;
	pipeline_link_expect(link);
	if (!request->is_answered && may_repeat(link, request)) {
		request->repeats++;
		pipeline_list_append(&link->again, request);
		link->failure = (struct db_failure){ .err.rc = RC_OK };
		return true;
	}
	metric_observe_us(request->latency, clock_monotonic_us() - request->submitted_us);
	if (!request->is_answered && request->members.length > 0 && (has_failed || request->is_aborted))
		pipeline_batch_dissolve(link, request);
	else if (!request->is_answered && has_failed)
		pipeline_answer(link->pipeline, request, &link->failure);
	else if (!request->is_answered && request->is_aborted)
		pipeline_refuse(link->pipeline, request, RC_UNAVAILABLE, "it was skipped too often");
	else if (!request->is_answered)
		pipeline_answer(link->pipeline, request, NULL);
	pipeline_request_free(request);
	if (has_failed)
		link->failure = (struct db_failure){ .err.rc = RC_OK };
	return !(is_session && has_failed);
}

// Take in the result of a PREPARE or EXECUTE; it is owned here.
static bool take_result(struct pipeline_link *link, struct pipeline_request *request, PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		if (request->stage == STAGE_EXECUTE && !request->is_answered) {
			request->result = db_result_wrap(&result);
			if (request->result == NULL)
				(void)err_set(&link->failure.err, RC_NO_MEMORY, "%s: no memory for its rows",
				              request->statement->name);
		}
		PQclear(result);
		break;
	case PGRES_PIPELINE_ABORTED:
		if (request->stage == STAGE_PREPARE)
			unprepare(link, request);
		request->is_aborted = true;
		PQclear(result);
		break;
	case PGRES_FATAL_ERROR:
		note_failure(link, request, result);
		if (request->stage == STAGE_PREPARE)
			unprepare(link, request);
		PQclear(result);
		break;
	default:
		PQclear(result);
		return false;
	}
	request->stage++;
	return true;
}

// A read needs no commit: it may be answered before the end of its segment.
static void answer_early(struct pipeline_link *link, struct pipeline_request *request)
{
	if (request->statement->read_only && !request->is_answered && !request->is_aborted &&
	    link->failure.err.rc == RC_OK)
		pipeline_answer(link->pipeline, request, NULL);
}

// Go on by one result (NULL ends a statement's results). False when the connection is lost or out of step.
static bool advance(struct pipeline_link *link, struct pipeline_request *request, PGresult *result)
{
	switch (request->stage) {
	case STAGE_PREPARE:
	case STAGE_EXECUTE:
		return result != NULL && take_result(link, request, result);
	case STAGE_PREPARE_END:
	case STAGE_EXECUTE_END:
		PQclear(result);
		if (result != NULL)
			return false;
		request->stage++;
		if (request->stage != STAGE_SYNC)
			return true;
		if (!request->ends_segment)
			return finish_first(link);
		answer_early(link, request);
		return true;
	case STAGE_SYNC:
		break;
	}
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		return finish_first(link);
	}
	// The commit itself failed (a deferred constraint, a serialisation failure): an error, then the sync.
	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		note_failure(link, request, result);
	PQclear(result);
	return PQstatus(link->connection) == CONNECTION_OK;
}

bool pipeline_link_receive(struct pipeline_link *link)
{
	bool is_connected = PQconsumeInput(link->connection) != 0;

	// What had arrived before the end is still to be had.
	while (link->in_flight.first != NULL && !PQisBusy(link->connection)) {
		if (!advance(link, link->in_flight.first, PQgetResult(link->connection)))
			return false;
	}
	return is_connected && PQstatus(link->connection) == CONNECTION_OK;
}

// What a lost connection means for one request in flight.
static void answer_lost(struct pipeline_link *link, struct pipeline_request *request, bool is_first)
{
	bool has_verdict = is_first && link->failure.err.rc != RC_OK && link->failure.sqlstate[0] != '\0';

	if (has_verdict) {
		pipeline_answer(link->pipeline, request, &link->failure);
		return;
	}
	db_result_free(request->result);
	request->result = NULL;
	// The server ended the session in the first one's time: it had not begun with those behind it.
	if (request->statement->read_only || (link->is_farewell && !is_first))
		pipeline_refuse(link->pipeline, request, RC_UNAVAILABLE, "the connection was lost");
	else
		pipeline_refuse(link->pipeline, request, RC_UNKNOWN,
		                "the connection was lost before the commit was confirmed");
}

void pipeline_link_lose(struct pipeline_link *link)
{
	struct pipeline_request *request;
	bool is_first = true;

	PQfinish(link->connection);
	link->connection = NULL;
	while ((request = pipeline_list_take(&link->in_flight)) != NULL) {
		if (!request->is_answered)
			answer_lost(link, request, is_first);
		is_first = false;
		pipeline_request_free(request);
	}
	while ((request = pipeline_list_take(&link->again)) != NULL) {
		pipeline_refuse(link->pipeline, request, RC_UNAVAILABLE, "the connection was lost");
		pipeline_request_free(request);
	}
	db_prepared_forget(&link->prepared);
	link->failure = (struct db_failure){ .err.rc = RC_OK };
	link->is_farewell = false;
	link->earliest_us = INT64_MAX;
}

static void expire_one(struct pipeline_link *link, struct pipeline_request *request, int64_t now_us)
{
	if (request->is_answered)
		return;
	if (request->deadline.at_us <= now_us)
		pipeline_refuse(link->pipeline, request, RC_TIMEOUT, "the deadline passed");
	else if (request->deadline.at_us < link->earliest_us)
		link->earliest_us = request->deadline.at_us;
}

void pipeline_link_expire(struct pipeline_link *link)
{
	int64_t now_us = clock_monotonic_us();

	if (now_us < link->earliest_us)
		return;
	link->earliest_us = INT64_MAX;
	for (struct pipeline_request *request = link->in_flight.first; request != NULL; request = request->next) {
		if (request->is_answered)
			continue;
		for (struct pipeline_request *member = request->members.first; member != NULL; member = member->next)
			expire_one(link, member, now_us);
		if (request->members.length == 0)
			expire_one(link, request, now_us);
	}
}
