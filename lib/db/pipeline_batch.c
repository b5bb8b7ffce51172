// Batches in flight: made of waiting requests, and taken apart again.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/metrics.h"
#include "db/batch_private.h"
#include "db/pipeline_private.h"
#include "db/result_private.h"

#define ARRAYS_BYTES (16 * 1024 * 1024)

// The arrays of all parameters, one behind the other; *ret_ends says where each ends.
static bool write_arrays(const struct pipeline_list *members, struct buffer *out,
                         size_t ret_ends[DB_BATCH_PARAMETERS_MAX])
{
	const struct db_statement *statement = members->first->statement;
	const struct db_value *value_sets[DB_PIPELINE_BATCH];
	size_t count = 0;

	assert(members->length <= DB_PIPELINE_BATCH);
	for (const struct pipeline_request *member = members->first; member != NULL; member = member->next)
		value_sets[count++] = member->values;
	for (unsigned i = 0; i < statement->parameter_count; i++) {
		db_batch_write_array(statement->batch, i, value_sets, count, out);
		ret_ends[i] = out->length;
	}
	return buffer_ok(out);
}

static struct pipeline_request *make(const struct db_statement *many, const struct buffer *arrays,
                                     const size_t ends[DB_BATCH_PARAMETERS_MAX])
{
	unsigned count = many->parameter_count;
	struct pipeline_request *batch = malloc(sizeof(*batch) + count * sizeof(batch->values[0]) + arrays->length);
	char *bytes;

	if (batch == NULL)
		return NULL;
	*batch = (struct pipeline_request){
		.statement = many, .deadline.at_us = INT64_MAX, .submitted_us = clock_monotonic_us(), .count = count
	};
	bytes = (char *)&batch->values[count];
	memcpy(bytes, arrays->data, arrays->length);
	for (unsigned i = 0; i < count; i++) {
		size_t begin = i == 0 ? 0 : ends[i - 1];

		batch->values[i] = db_bytes(bytes + begin, ends[i] - begin);
	}
	return batch;
}

struct pipeline_request *pipeline_batch_new(struct pipeline_link *link, struct pipeline_list *members)
{
	const struct db_statement *statement = members->first->statement;
	const struct db_statement *many = db_prepared_many(&link->prepared, statement);
	struct pipeline_request *batch = NULL;
	struct metric *latency;
	struct buffer arrays;
	size_t ends[DB_BATCH_PARAMETERS_MAX] = { 0 };

	if (many == NULL)
		return NULL;
	latency = db_prepared_find(&link->prepared, statement)->latency;
	buffer_init(&arrays, ARRAYS_BYTES);
	if (write_arrays(members, &arrays, ends))
		batch = make(many, &arrays, ends);
	buffer_done(&arrays);
	if (batch == NULL)
		return NULL;
	for (struct pipeline_request *member = members->first; member != NULL; member = member->next)
		member->latency = latency;
	batch->members = *members;
	*members = (struct pipeline_list){ 0 };
	return batch;
}

static void fail_all(struct db_pipeline *pipeline, struct pipeline_request *batch, const struct db_failure *failure)
{
	for (struct pipeline_request *member = batch->members.first; member != NULL; member = member->next)
		if (!member->is_answered)
			pipeline_answer(pipeline, member, failure);
}

void pipeline_batch_answer(struct db_pipeline *pipeline, struct pipeline_request *batch,
                           const struct db_failure *failure)
{
	struct db_result *result = batch->result;
	size_t rows = result == NULL ? 0 : db_result_rows(result), row = 0;
	int64_t place = 0;
	int64_t now_us = clock_monotonic_us();

	if (failure != NULL) {
		fail_all(pipeline, batch, failure);
		return;
	}
	for (struct pipeline_request *member = batch->members.first; member != NULL; member = member->next) {
		size_t first = row;

		place++;
		while (row < rows && db_result_int64(result, row, db_result_columns(result) - 1) == place)
			row++;
		if (member->is_answered)
			continue;
		metric_observe_us(member->latency, now_us - member->submitted_us);
		metric_add(pipeline->batched, 1);
		member->result = db_result_slice(result, first, row - first);
		if (member->result == NULL)
			pipeline_refuse(pipeline, member, RC_NO_MEMORY, "no memory for its rows");
		else
			pipeline_answer(pipeline, member, NULL);
	}
	assert(row == rows);
	db_result_free(result);
	batch->result = NULL;
}

void pipeline_batch_dissolve(struct pipeline_link *link, struct pipeline_request *batch)
{
	struct pipeline_list left = { 0 };
	struct pipeline_request *member;

	metric_add(link->pipeline->unbatched, 1);
	while ((member = pipeline_list_take(&batch->members)) != NULL) {
		if (member->is_answered) {
			pipeline_request_free(member);
			continue;
		}
		member->is_single = true;
		pipeline_list_append(&left, member);
	}
	pipeline_requeue(link->pipeline, &left);
}
