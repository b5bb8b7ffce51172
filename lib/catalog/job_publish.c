// Publishing what a job made: the preview on the way, everything at its end.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json_write.h"
#include "catalog/job.h"
#include "catalog/job_lock.h"

// How long the files of an older generation stay for pages that still name them.
#define OLD_GENERATION_GRACE "interval '1 day'"

#define FACT_VALUES 16
#define PUBLISH_VALUES (9 + FACT_VALUES)

// Variants, facts, state and events at once. Facts that are NULL leave the column as it is; what the client said about
// the time of the picture goes before EXIF.
static const struct db_statement publish_statement = {
	.name = "job_publish",
	.sql = "WITH v AS (INSERT INTO variants (media_id, generation, name, format, state, width, height, bytes, "
	       "    object_key, sha256) "
	       "  SELECT $1::uuid, $2::integer, made.name, made.format, 'ready', made.width, made.height, made.bytes, "
	       "    made.key, decode(made.sha256, 'hex') FROM json_to_recordset($3::json) "
	       "    AS made(name text, format text, width integer, height integer, bytes bigint, key text, sha256 text) "
	       "  ON CONFLICT (media_id, generation, name, format) DO UPDATE SET state = 'ready', reason_code = NULL, "
	       "    width = excluded.width, height = excluded.height, bytes = excluded.bytes, "
	       "    object_key = excluded.object_key, sha256 = excluded.sha256), "
	       "o AS (INSERT INTO outbox " CATALOG_EVENT_COLUMNS " SELECT " CATALOG_EVENT_VALUES
	       "  FROM json_to_recordset($4::json) AS " CATALOG_EVENT_RECORD "), "
	       "p AS (INSERT INTO media_positions (media_id, owner_id, latitude_e6, longitude_e6, altitude_mm) "
	       "  SELECT id, owner_id, $23::integer, $24::integer, $25::integer FROM media "
	       "  WHERE id = $1 AND $23 IS NOT NULL ON CONFLICT (media_id) DO NOTHING), "
	       "j AS (UPDATE jobs SET state = 'done', lease_until = NULL, finished_at = now() WHERE id = $5 AND $6) "
	       "UPDATE media SET state = $7, published_generation = $8, "
	       "  preview_at = CASE WHEN $9 THEN now() ELSE preview_at END, "
	       "  ready_at = CASE WHEN state <> 'ready' AND $7 = 'ready' THEN now() ELSE ready_at END, "
	       "  width = coalesce($10, width), height = coalesce($11, height), "
	       "  orientation = coalesce($12, orientation), frames = coalesce($13, frames), "
	       "  pages = coalesce($14, pages), has_alpha = coalesce($15, has_alpha), "
	       "  thumbhash = coalesce($16, thumbhash), blurhash = coalesce($17, blurhash), "
	       "  dominant_color = coalesce($18, dominant_color), exif = coalesce($19::jsonb, exif), "
	       "  captured_at = coalesce(captured_at, $20), sha256 = coalesce($21, sha256), "
	       "  perceptual_hash = coalesce($22, perceptual_hash), "
	       "  version = version + 1, updated_at = now() WHERE id = $1",
	.parameter_count = PUBLISH_VALUES,
};

static const struct db_statement retire_statement = {
	.name = "job_retire_generations",
	.sql = "WITH old AS (DELETE FROM variants WHERE media_id = $1 AND generation < $2 RETURNING object_key) "
	       "INSERT INTO deletions (kind, target, media_id, not_before) "
	       "SELECT 'variant', object_key, $1, now() + " OLD_GENERATION_GRACE
	       " FROM old WHERE object_key IS NOT NULL",
	.parameter_count = 2,
};

struct publishing {
	const struct catalog *catalog;
	const struct catalog_call *call;
	const struct job_publish *publish;
	bool is_end; // the job is done with it
	struct job_published published;
};

// What the publication changes.
struct change {
	bool sets_preview;
	uint32_t published_generation;
	enum media_state state;
	struct event events[2];
	size_t event_count;
};

static void add_event(struct change *change, const struct job_lock *lock, enum event_media_verb verb)
{
	struct event *event = &change->events[change->event_count++];

	*event = job_lock_event(lock, verb, change->state, REASON_NONE);
	event->media.generation = change->published_generation;
}

static void decide(const struct job_lock *lock, struct publishing *publishing, struct change *change)
{
	bool has_variants = publishing->publish->variant_count > 0;
	bool was_ready = lock->media_state == MEDIA_READY;
	// Nothing that is required is left: the generation is complete.
	bool is_complete = publishing->is_end && lock->required && lock->required_left == 0 &&
	                   lock->generation == lock->media_generation;
	struct job_published *published = &publishing->published;

	*change = (struct change){ .state = lock->media_state, .published_generation = lock->published_generation };
	// The first generation shows as it grows, a later one when it is complete.
	if (is_complete || (lock->published_generation == 0 && has_variants))
		change->published_generation = lock->generation;
	if (is_complete && !was_ready)
		change->state = MEDIA_READY;
	change->sets_preview = !lock->has_preview && has_variants;
	published->is_ready = is_complete && !was_ready;
	published->is_first_preview = change->sets_preview && !published->is_ready;
	published->is_updated = was_ready && publishing->is_end &&
	                        (is_complete || (has_variants && lock->generation == lock->published_generation));
	published->media_state = change->state;
	if (published->is_first_preview)
		add_event(change, lock, MEDIA_VERB_PREVIEW);
	if (published->is_ready)
		add_event(change, lock, MEDIA_VERB_READY);
	if (published->is_updated)
		add_event(change, lock, MEDIA_VERB_UPDATED);
}

static void write_variants(const struct job_publish *publish, struct buffer *out)
{
	struct json_write json;

	json_write_init(&json, out);
	json_write_array_begin(&json, NULL);
	for (size_t i = 0; i < publish->variant_count; i++) {
		const struct variant_new *variant = &publish->variants[i];
		char sha256[2 * 32 + 1];

		encode_hex(variant->sha256, 32, sha256);
		json_write_object_begin(&json, NULL);
		json_write_text(&json, "name", variant->name);
		json_write_text(&json, "format", media_format_info(variant->format)->name);
		json_write_int(&json, "width", variant->width);
		json_write_int(&json, "height", variant->height);
		json_write_int(&json, "bytes", variant->bytes);
		json_write_text(&json, "key", variant->object_key);
		json_write_text(&json, "sha256", sha256);
		json_write_object_end(&json);
	}
	json_write_array_end(&json);
}

static struct db_value number_or_null(uint32_t number)
{
	return number == 0 ? db_null() : db_int64(number);
}

static void fill_facts(const struct media_facts *facts, struct db_value ret_values[FACT_VALUES])
{
	static const struct media_facts none = { .dominant_rgb = -1 };
	bool has_size;

	if (facts == NULL)
		facts = &none;
	has_size = facts->width != 0;
	ret_values[0] = number_or_null(facts->width);
	ret_values[1] = number_or_null(facts->height);
	ret_values[2] = number_or_null(facts->orientation);
	ret_values[3] = number_or_null(facts->frames);
	ret_values[4] = number_or_null(facts->pages);
	ret_values[5] = has_size ? db_bool(facts->has_alpha) : db_null();
	ret_values[6] = db_bytes(facts->thumbhash, facts->thumbhash_length);
	ret_values[7] = db_text(facts->blurhash);
	ret_values[8] = has_size && facts->dominant_rgb >= 0 ? db_int64(facts->dominant_rgb) : db_null();
	ret_values[9] = db_text(facts->exif);
	ret_values[10] = facts->captured_at == 0 ? db_null() : db_time_us(facts->captured_at);
	ret_values[11] = db_bytes(facts->sha256, 32);
	ret_values[12] = facts->has_likeness ? db_int64((int64_t)facts->likeness) : db_null();
	ret_values[13] = facts->has_position ? db_int64(facts->latitude_e6) : db_null();
	ret_values[14] = facts->has_position ? db_int64(facts->longitude_e6) : db_null();
	ret_values[15] = facts->has_position && facts->has_altitude ? db_int64(facts->altitude_mm) : db_null();
}

static enum rc write_change(struct db_connection *connection, const struct job_lock *lock,
                            const struct publishing *publishing, struct change *change, struct err *err)
{
	struct db_value values[PUBLISH_VALUES] = { db_uuid(&lock->media_id), db_int64(lock->generation) };
	struct buffer variants, events;
	enum rc rc;

	buffer_init(&variants, CATALOG_ARGUMENT_BYTES);
	buffer_init(&events, CATALOG_ARGUMENT_BYTES);
	write_variants(publishing->publish, &variants);
	rc = catalog_events_write(publishing->catalog, publishing->call, change->events, change->event_count, &events,
	                          err);
	if (rc == RC_OK && !buffer_ok(&variants))
		rc = err_set(err, RC_NO_MEMORY, "job: no memory");
	if (rc == RC_OK) {
		values[2] = db_text(buffer_text(&variants));
		values[3] = db_text(buffer_text(&events));
		values[4] = db_uuid(&lock->job_id);
		values[5] = db_bool(publishing->is_end);
		values[6] = db_text(media_state_name(change->state));
		values[7] = db_int64(change->published_generation);
		values[8] = db_bool(change->sets_preview);
		fill_facts(publishing->publish->facts, values + 9);
		rc = db_execute(connection, &publish_statement, values, PUBLISH_VALUES,
		                db_connection_deadline(connection), NULL, err);
	}
	buffer_done(&variants);
	buffer_done(&events);
	return rc;
}

static enum rc retire_generations(struct db_connection *connection, const struct job_lock *lock,
                                  const struct change *change, struct err *err)
{
	const struct db_value values[] = { db_uuid(&lock->media_id), db_int64(change->published_generation) };

	if (lock->published_generation == 0 || change->published_generation == lock->published_generation)
		return RC_OK;
	return db_execute(connection, &retire_statement, values, 2, db_connection_deadline(connection), NULL, err);
}

static enum rc publish_in(struct db_connection *connection, void *context, struct err *err)
{
	struct publishing *publishing = context;
	struct job_lock lock;
	struct change change;
	enum rc rc = job_lock_take(connection, &publishing->publish->job_id, &lock, err);

	publishing->published = (struct job_published){ 0 };
	if (rc != RC_OK)
		return rc;
	if (lock.token == publishing->publish->token && lock.state == JOB_DONE && publishing->is_end) {
		publishing->published.media_state = lock.media_state;
		return RC_OK;
	}
	if (lock.token != publishing->publish->token || lock.state != JOB_RUNNING)
		return err_set(err, RC_CONFLICT, JOB_LOST_TEXT);
	decide(&lock, publishing, &change);
	rc = write_change(connection, &lock, publishing, &change, err);
	return rc == RC_OK ? retire_generations(connection, &lock, &change, err) : rc;
}

static enum rc run_publishing(const struct catalog *catalog, const struct catalog_call *call,
                              const struct job_publish *publish, bool is_end, struct job_published *ret_published,
                              struct err *err)
{
	struct publishing publishing = { .catalog = catalog, .call = call, .publish = publish, .is_end = is_end };
	enum rc rc = db_transaction(catalog->pool, call->deadline, publish_in, &publishing, err);

	if (rc == RC_OK)
		*ret_published = publishing.published;
	return rc;
}

enum rc catalog_job_publish_preview(const struct catalog *catalog, const struct catalog_call *call,
                                    const struct job_publish *publish, struct job_published *ret_published,
                                    struct err *err)
{
	return run_publishing(catalog, call, publish, false, ret_published, err);
}

enum rc catalog_job_finish(const struct catalog *catalog, const struct catalog_call *call,
                           const struct job_publish *publish, struct job_published *ret_published, struct err *err)
{
	return run_publishing(catalog, call, publish, true, ret_published, err);
}
