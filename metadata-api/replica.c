// Following a replica's progress, and telling clients where they stand.
#include "metadata-api/replica.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/background.h"
#include "base/metrics.h"
#include "base/settings.h"
#include "db/pipeline.h"
#include "http/request.h"
#include "http/respond.h"
#include "metadata-api/api.h"

#define HEADER "Safelight-Position"
#define LOOK_PAUSE_MS 20
#define LOOK_MS 1000
#define POSITION_MS 2000
#define QUEUE 1024

struct replica {
	struct db_pipeline *pipeline;
	struct background *follower;
	_Atomic uint64_t replayed; // position of the primary's log; 0: not known now
	struct metric *served, *behind;
};

// After a commit, on any connection, this is at or behind it.
static const struct db_statement WRITTEN = {
	.name = "position_written",
	.sql = "SELECT pg_current_wal_insert_lsn()::text",
	.read_only = true,
};
static const struct db_statement REPLAYED = {
	.name = "position_replayed",
	.sql = "SELECT pg_last_wal_replay_lsn()::text",
	.read_only = true,
};

// Postgres' text of a log position: two hexadecimal halves. False for anything else.
static bool parse_position(const char *text, uint64_t *ret_position)
{
	uint32_t high = 0, low = 0;
	int length = 0;
	if (text == NULL || strlen(text) > 17 || strspn(text, "0123456789ABCDEF/") != strlen(text) ||
	    sscanf(text, "%" SCNx32 "/%" SCNx32 "%n", &high, &low, &length) != 2 || text[length] != '\0')
		return false;
	*ret_position = (uint64_t)high << 32 | low;
	return true;
}

// A replica that cannot be asked has replayed nothing: reads go to the primary.
static bool follow(void *context)
{
	struct replica *replica = context;
	struct db_result *result = NULL;
	uint64_t position = 0;
	enum rc rc =
	        db_pipeline_query(replica->pipeline, &REPLAYED, NULL, 0, deadline_after_ms(LOOK_MS), &result, NULL);
	if (rc == RC_OK && !parse_position(db_result_text(result, 0, 0), &position))
		position = 0; // not a replica
	atomic_store(&replica->replayed, rc == RC_OK ? position : 0);
	db_result_free(result);
	return false;
}

enum rc replica_new(struct api *api, const struct db_options *options, struct replica **ret_replica, struct err *err)
{
	const struct settings *settings = api->settings;
	*ret_replica = NULL;
	if (settings->database_replica_host[0] == '\0')
		return RC_OK;
	struct replica *replica = calloc(1, sizeof *replica);
	if (replica == NULL)
		return err_set(err, RC_NO_MEMORY, "no memory for the replica");
	struct db_options theirs = *options;
	theirs.host = settings->database_replica_host;
	if (settings->database_replica_port != 0)
		theirs.port = settings->database_replica_port;
	theirs.accept_standby = true;
	theirs.is_pooled = false;
	replica->served = metrics_add(api->metrics, METRIC_COUNTER, "safelight_replica_reads_total",
	                              "Reads by where they went.", "to=\"replica\"");
	replica->behind = metrics_add(api->metrics, METRIC_COUNTER, "safelight_replica_reads_total",
	                              "Reads by where they went.", "to=\"primary\"");
	enum rc rc = db_pipeline_new(&theirs, (unsigned)settings->database_pipelines, QUEUE, &replica->pipeline, err);
	if (rc == RC_OK)
		rc = background_new("replica", LOOK_PAUSE_MS, follow, replica, &replica->follower, err);
	if (rc != RC_OK) {
		replica_free(replica);
		return rc == RC_INVALID ? err_prefix(err, rc, "[database] replica") : rc;
	}
	*ret_replica = replica;
	return RC_OK;
}

void replica_free(struct replica *replica)
{
	if (replica == NULL)
		return;
	background_free(replica->follower);
	db_pipeline_free(replica->pipeline, LOOK_MS);
	free(replica);
}

struct db_pipeline *replica_choose(struct api *api, const struct http_request *request)
{
	struct replica *replica = api->replica;
	uint64_t wanted = 0;
	if (replica == NULL)
		return api->pipeline;
	bool fits = parse_position(http_request_header(request, HEADER), &wanted) &&
	            atomic_load(&replica->replayed) >= wanted && db_pipeline_is_up(replica->pipeline);
	metric_add(fits ? replica->served : replica->behind, 1);
	return fits ? replica->pipeline : api->pipeline;
}

static void on_written(void *context, struct db_result *result, const struct db_failure *failure)
{
	struct http_request *request = context;
	uint64_t position;
	// Without a position the client's next reads go to the primary, or to what its last position allows: so none
	// may stand here that is older than the write.
	if (failure == NULL && parse_position(db_result_text(result, 0, 0), &position))
		http_respond_header(request, HEADER, db_result_text(result, 0, 0));
	else
		http_respond_header(request, HEADER, "FFFFFFFF/FFFFFFFF"); // only the primary
	db_result_free(result);
	http_respond_release(request);
}

bool replica_hold(void *context, struct http_request *request)
{
	struct api *api = context;
	if (api->replica == NULL)
		return false;
	if (db_pipeline_submit(api->pipeline, &WRITTEN, NULL, 0, deadline_after_ms(POSITION_MS), on_written, request,
	                       NULL) == RC_OK)
		return true;
	http_respond_header(request, HEADER, "FFFFFFFF/FFFFFFFF");
	return false;
}
