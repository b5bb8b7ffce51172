// From the waiting queue into flight: batches, and the segments in them.
#include <stdlib.h>

#include "base/metrics.h"
#include "db/pipeline_private.h"

static const struct db_statement session_statement = { .name = "db_session", .sql = "", .read_only = true };

// A statement whose failure or success must not depend on a neighbour's: a write, or a read that a neighbour has spoilt
// before.
static bool is_alone(const struct pipeline_request *request)
{
	return !request->statement->read_only || request->repeats > 0 || request->is_single;
}

// The request goes with one of those taken before that has the same statement, when that has a batch.
static bool join_batch(struct pipeline_request *const batch[], size_t count, struct pipeline_request *request,
                       size_t limit)
{
	if (request->statement->batch == NULL || request->repeats > 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (batch[i]->statement != request->statement || batch[i]->repeats > 0 ||
		    batch[i]->members.length + 1 >= limit)
			continue;
		pipeline_list_append(&batch[i]->members, request);
		return true;
	}
	return false;
}

// Under the pipeline's lock. Each request that others joined has them as members for now.
static size_t take_waiting(struct db_pipeline *pipeline, struct pipeline_request *batch[DB_PIPELINE_BATCH],
                           size_t count)
{
	for (size_t taken = count; taken < DB_PIPELINE_BATCH && pipeline->waiting.first != NULL; taken++) {
		struct pipeline_request *request = pipeline->waiting.first;

		if (request->is_single && taken > 0)
			break;
		request = pipeline_list_take(&pipeline->waiting);
		if (request->is_single || !join_batch(batch, count, request, pipeline->batch_limit))
			batch[count++] = request;
		if (request->is_single)
			break;
	}
	metric_set(pipeline->waiting_gauge, (int64_t)pipeline->waiting.length);
	return count;
}

// Make the batches of those that were joined; without memory they go one by one. Never more than were taken.
static size_t make_batches(struct pipeline_link *link, struct pipeline_request *batch[DB_PIPELINE_BATCH], size_t count)
{
	for (size_t i = count; i-- > 0;) {
		struct pipeline_list joined = batch[i]->members, members = { 0 };
		struct pipeline_request *request, *made;

		if (joined.length == 0)
			continue;
		batch[i]->members = (struct pipeline_list){ 0 };
		pipeline_list_append(&members, batch[i]);
		while ((request = pipeline_list_take(&joined)) != NULL)
			pipeline_list_append(&members, request);
		made = pipeline_batch_new(link, &members);
		batch[i] = made != NULL ? made : pipeline_list_take(&members);
		while ((request = pipeline_list_take(&members)) != NULL)
			batch[count++] = request;
	}
	return count;
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
	count = take_waiting(pipeline, batch, count);
	(void)pthread_mutex_unlock(&pipeline->lock);
	return make_batches(link, batch, count);
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
	bool is_pooled = link->pipeline->endpoint.is_pooled;
	if (!entry->is_prepared && !is_pooled) {
		if (!PQsendPrepare(link->connection, statement->name, statement->sql, 0, NULL))
			return false;
		// Taken for granted, so that those behind it need not wait; undone when it fails.
		entry->is_prepared = true;
		request->stage = STAGE_PREPARE;
	}
	db_arguments_fill(request->values, request->count, &arguments);
	if (!db_arguments_send(link->connection, statement, is_pooled, request->count, &arguments))
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

static void note_deadlines(struct pipeline_link *link, const struct pipeline_request *request)
{
	if (request->deadline.at_us < link->earliest_us)
		link->earliest_us = request->deadline.at_us;
	for (const struct pipeline_request *member = request->members.first; member != NULL; member = member->next)
		if (member->deadline.at_us < link->earliest_us)
			link->earliest_us = member->deadline.at_us;
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
		note_deadlines(link, batch[i]);
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
