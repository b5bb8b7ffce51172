// From the waiting queue into flight: batches, and the segments in them.
#include <stdlib.h>

#include "base/metrics.h"
#include "db/pipeline_private.h"

static const struct db_statement session_statement = { .name = "db_session", .sql = "", .read_only = true };

// A statement whose failure or success must not depend on a neighbour's: a write, or a read that a neighbour has spoilt
// before.
static bool is_alone(const struct pipeline_request *request)
{
	return !request->statement->read_only || request->repeats > 0;
}

// What was spoilt by a neighbour first, then from the queue; deadlines that have passed meanwhile are answered.
static size_t take_batch(struct pipeline_link *link, struct pipeline_request *batch[DB_PIPELINE_BATCH])
{
	struct db_pipeline *pipeline = link->pipeline;
	struct pipeline_request *request;
	size_t count = 0;

	while (count < DB_PIPELINE_BATCH && (request = pipeline_list_take(&link->again)) != NULL) {
		if (!deadline_passed(request->deadline)) {
			batch[count++] = request;
			continue;
		}
		pipeline_refuse(pipeline, request, RC_TIMEOUT, "the deadline passed");
		pipeline_request_free(request);
	}
	(void)pthread_mutex_lock(&pipeline->lock);
	while (count < DB_PIPELINE_BATCH && (request = pipeline_list_take(&pipeline->waiting)) != NULL)
		batch[count++] = request;
	metric_set(pipeline->waiting_gauge, (int64_t)pipeline->waiting.length);
	(void)pthread_mutex_unlock(&pipeline->lock);
	return count;
}

static bool send_request(struct pipeline_link *link, struct pipeline_request *request)
{
	const struct db_statement *statement = request->statement;
	struct db_prepared_entry *entry = db_prepared_find(&link->prepared, statement);
	struct db_arguments arguments;

	if (entry == NULL)
		return false;
	request->latency = entry->latency;
	request->stage = STAGE_EXECUTE;
	if (!entry->is_prepared) {
		if (!PQsendPrepare(link->connection, statement->name, statement->sql, 0, NULL))
			return false;
		// Taken for granted, so that those behind it need not wait; undone when it fails.
		entry->is_prepared = true;
		request->stage = STAGE_PREPARE;
	}
	db_arguments_fill(request->values, request->count, &arguments);
	if (!PQsendQueryPrepared(link->connection, statement->name, (int)request->count, arguments.values,
	                         arguments.lengths, arguments.formats, 1))
		return false;
	return !request->ends_segment || PQpipelineSync(link->connection);
}

void pipeline_link_expect(struct pipeline_link *link)
{
	link->silent_us = deadline_after_ms(link->pipeline->endpoint.statement_ms + PIPELINE_SILENCE_MS).at_us;
}

bool pipeline_link_has_room(const struct pipeline_link *link)
{
	return link->in_flight.length == 0 || (link->has_progressed && link->in_flight.length <= PIPELINE_REFILL);
}

bool pipeline_link_send(struct pipeline_link *link)
{
	struct pipeline_request *batch[DB_PIPELINE_BATCH];
	size_t count;

	if (!pipeline_link_has_room(link))
		return true;
	count = take_batch(link, batch);
	if (count > 0) {
		link->has_progressed = false;
		pipeline_link_expect(link);
	}
	for (size_t i = 0; i < count; i++) {
		batch[i]->is_aborted = false;
		batch[i]->ends_segment = i + 1 == count || is_alone(batch[i]) || is_alone(batch[i + 1]);
		pipeline_list_append(&link->in_flight, batch[i]);
		if (batch[i]->deadline.at_us < link->earliest_us)
			link->earliest_us = batch[i]->deadline.at_us;
		if (send_request(link, batch[i]))
			continue;
		// The rest has surely not been sent.
		for (i++; i < count; i++)
			pipeline_list_append(&link->again, batch[i]);
		return false;
	}
	return true;
}

bool pipeline_link_send_session(struct pipeline_link *link)
{
	struct pipeline_request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return false;
	*request = (struct pipeline_request){ .statement = &session_statement,
		                              .deadline.at_us = INT64_MAX,
		                              .stage = STAGE_EXECUTE,
		                              .ends_segment = true,
		                              .is_answered = true };
	pipeline_list_append(&link->in_flight, request);
	pipeline_link_expect(link);
	return PQsendQueryParams(link->connection, link->pipeline->endpoint.session_sql, 0, NULL, NULL, NULL, NULL,
	                         1) &&
	       PQpipelineSync(link->connection);
}
