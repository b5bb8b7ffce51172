// Locking a job and its media.
#include "catalog/job_lock.h"

#include <string.h>

#include "base/cleanup.h"
#include "catalog/read.h"

static const struct db_statement lock_media_statement = {
	.name = "job_lock_media",
	.sql = "SELECT id, owner_id, item_id, state, generation, published_generation, preview_at IS NOT NULL FROM media "
	       "WHERE id = (SELECT media_id FROM jobs WHERE id = $1) FOR NO KEY UPDATE",
	.parameter_count = 1,
};

static const struct db_statement lock_job_statement = {
	.name = "job_lock_job",
	.sql = "SELECT j.state, j.fencing_token, j.generation, j.required, j.attempts, "
	       "  coalesce(j.lease_until < now(), false), j.last_error_code, "
	       "  (SELECT count(*) FROM jobs o WHERE o.media_id = j.media_id AND o.generation = j.generation "
	       "    AND o.required AND o.state <> 'done' AND o.id <> j.id) "
	       "FROM jobs j WHERE j.id = $1 FOR UPDATE",
	.parameter_count = 1,
};

static enum job_state read_job_state(const char *name)
{
	if (strcmp(name, "queued") == 0)
		return JOB_QUEUED;
	if (strcmp(name, "running") == 0)
		return JOB_RUNNING;
	return strcmp(name, "done") == 0 ? JOB_DONE : JOB_FAILED;
}

static void read_media(const struct db_result *result, struct job_lock *lock)
{
	lock->media_id = db_result_uuid(result, 0, 0);
	lock->owner_id = db_result_uuid(result, 0, 1);
	lock->has_item = !db_result_is_null(result, 0, 2);
	lock->item_id = db_result_uuid(result, 0, 2);
	lock->media_state = read_state(result, 0, 3);
	lock->media_generation = read_number(result, 0, 4);
	lock->published_generation = read_number(result, 0, 5);
	lock->has_preview = db_result_bool(result, 0, 6);
}

static void read_job(const struct db_result *result, struct job_lock *lock)
{
	lock->state = read_job_state(db_result_text(result, 0, 0));
	lock->token = db_result_int64(result, 0, 1);
	lock->generation = read_number(result, 0, 2);
	lock->required = db_result_bool(result, 0, 3);
	lock->attempts = read_number(result, 0, 4);
	lock->is_lapsed = lock->state == JOB_RUNNING && db_result_bool(result, 0, 5);
	lock->last_reason = read_reason(result, 0, 6);
	lock->required_left = read_number(result, 0, 7);
}

enum rc job_lock_take(struct db_connection *connection, const struct uuid *job_id, struct job_lock *ret_lock,
                      struct err *err)
{
	const struct db_value value = db_uuid(job_id);
	struct deadline deadline = db_connection_deadline(connection);
	struct job_lock lock = { .job_id = *job_id };
	CLEANUP(db_result_free_pointer) struct db_result *media = NULL;
	CLEANUP(db_result_free_pointer) struct db_result *job = NULL;
	enum rc rc = db_execute(connection, &lock_media_statement, &value, 1, deadline, &media, err);

	if (rc != RC_OK)
		return rc;
	if (db_result_rows(media) == 0)
		return err_set(err, RC_NOT_FOUND, "there is no such job");
	read_media(media, &lock);
	if (lock.media_state == MEDIA_DELETED)
		return err_set(err, RC_NOT_FOUND, "the job's media was deleted");
	rc = db_execute(connection, &lock_job_statement, &value, 1, deadline, &job, err);
	if (rc != RC_OK)
		return rc;
	if (db_result_rows(job) == 0)
		return err_set(err, RC_NOT_FOUND, "there is no such job");
	read_job(job, &lock);
	*ret_lock = lock;
	return RC_OK;
}

struct event job_lock_event(const struct job_lock *lock, enum event_media_verb verb, enum media_state state,
                            enum media_reason reason)
{
	struct event event = { .kind = EVENT_MEDIA };

	event.media = (struct event_media){ .verb = verb,
		                            .media_id = lock->media_id,
		                            .owner_id = lock->owner_id,
		                            .state = state,
		                            .generation = lock->published_generation,
		                            .reason = reason,
		                            .has_item = lock->has_item,
		                            .item_id = lock->item_id };
	return event;
}
