// What operators read: one JSON document a statement.
#include "catalog/operator.h"

#define LETTER_MEMBERS                                                                                     \
	"'id', d.id, 'media_id', d.media_id, 'job_id', d.job_id, 'owner_id', d.owner_id, 'pool', d.pool, " \
	"'generation', d.generation, 'attempts', d.attempts, 'code', d.code, 'detail', d.detail, "         \
	"'created_at', " SQL_TIME("d.created_at") ", 'redriven_at', " SQL_TIME(                            \
	        "d.redriven_at") ", 'dropped_at', " SQL_TIME("d.dropped_at")

const struct db_statement catalog_letters_statement = {
	.name = "operator_letters",
	.sql = "WITH page AS (SELECT json_build_object(" LETTER_MEMBERS
	       ", 'media_state', m.state) AS letter, d.created_at, d.id "
	       "FROM dead_letters d LEFT JOIN media m ON m.id = d.media_id "
	       "WHERE ($1 OR (d.redriven_at IS NULL AND d.dropped_at IS NULL)) "
	       "AND (NOT $3 OR (d.created_at, d.id) < ($4::timestamptz, $5::uuid)) "
	       "ORDER BY d.created_at DESC, d.id DESC LIMIT $2::bigint + 1), "
	       "shown AS (SELECT * FROM page ORDER BY created_at DESC, id DESC LIMIT $2::bigint) "
	       "SELECT coalesce(json_agg(letter ORDER BY created_at DESC, id DESC), '[]'), "
	       "(SELECT count(*) FROM page) > $2::bigint, min(created_at), "
	       "(array_agg(id ORDER BY created_at, id))[1] FROM shown",
	.parameter_count = CATALOG_LETTERS_VALUES,
	.read_only = true,
};

const struct db_statement catalog_letter_statement = {
	.name = "operator_letter",
	.sql = "SELECT json_build_object(" LETTER_MEMBERS ", "
	       "'media', (SELECT json_build_object('state', m.state, 'reason_code', m.reason_code, 'filename', "
	       "    m.filename, 'content_type', m.content_type, 'size', m.size, 'uploaded_at', "
	       "    " SQL_TIME(
	               "m.uploaded_at") ") FROM media m WHERE m.id = d.media_id), "
	                                "'job', (SELECT json_build_object('state', j.state, 'lane', j.lane, 'attempts', j.attempts, 'worker', "
	                                "    j.worker, 'last_error', j.last_error) FROM jobs j WHERE j.id = d.job_id)) "
	                                "FROM dead_letters d WHERE d.id = $1",
	.parameter_count = 1,
	.read_only = true,
};

// Ids are UUIDv7, so that the last day's rows are a range of the primary key; the rest are partial indexes.
const struct db_statement catalog_work_statement = {
	.name = "operator_work",
	.sql = "SELECT json_build_object("
	       "'outbox', (SELECT json_build_object('waiting', count(*), 'oldest_ms', coalesce((extract(epoch FROM "
	       "    max(now() - created_at)) * 1000)::bigint, 0)) FROM outbox WHERE sent_at IS NULL), "
	       "'jobs', json_build_object("
	       "    'queued', (SELECT count(*) FROM jobs WHERE state = 'queued'), "
	       "    'running', (SELECT count(*) FROM jobs WHERE state = 'running'), "
	       "    'oldest_queued_ms', (SELECT coalesce((extract(epoch FROM max(now() - queued_at)) * 1000)::bigint, 0) "
	       "        FROM jobs WHERE state = 'queued' AND not_before <= now()), "
	       "    'last_day', (SELECT json_object_agg(s.state, coalesce(c.count, 0) ORDER BY s.place) "
	       "        FROM unnest(ARRAY['queued', 'running', 'done', 'failed']) WITH ORDINALITY AS s(state, place) LEFT JOIN "
	       "        (SELECT state, count(*) FROM jobs WHERE id >= $1 GROUP BY state) c USING (state))), "
	       "'media_last_day', (SELECT json_object_agg(s.state, coalesce(c.count, 0) ORDER BY s.place) "
	       "    FROM unnest(ARRAY['awaiting_upload', 'uploaded', 'processing', 'ready', 'expired', 'rejected', "
	       "    'failed', 'deleted']) WITH ORDINALITY AS s(state, place) LEFT JOIN "
	       "    (SELECT state, count(*) FROM media WHERE id >= $1 GROUP BY state) c USING (state)), "
	       "'dead_letters', (SELECT count(*) FROM dead_letters WHERE redriven_at IS NULL AND dropped_at IS NULL), "
	       "'unsettled', (SELECT count(*) FROM media WHERE state IN ('uploaded', 'processing') "
	       "    AND uploaded_at < now() - $2::bigint * interval '1 minute'), "
	       "'deletions_waiting', (SELECT count(*) FROM deletions WHERE not_before <= now()))",
	.parameter_count = 2,
	.read_only = true,
};

const struct db_statement catalog_inspect_statement = {
	.name = "operator_media",
	.sql = "SELECT json_build_object('id', m.id, 'owner_id', m.owner_id, 'owner_email', u.email, 'item_id', "
	       "m.item_id, 'state', m.state, 'reason_code', m.reason_code, 'reason_detail', m.reason_detail, "
	       "'filename', m.filename, 'declared_type', m.declared_type, 'content_type', m.content_type, 'kind', "
	       "m.kind, 'size', m.size, 'sha256', encode(m.sha256, 'hex'), 'original_key', m.original_key, "
	       "'generation', m.generation, 'published_generation', m.published_generation, 'width', m.width, "
	       "'height', m.height, 'orientation', m.orientation, 'visibility', m.visibility, 'version', m.version, "
	       "'created_at', " SQL_TIME("m.created_at") ", 'uploaded_at', " SQL_TIME("m.uploaded_at") ", 'preview_at', " SQL_TIME("m.preview_at") ", 'ready_at', " SQL_TIME("m.ready_at") ", 'deleted_at', " SQL_TIME(
	               "m.deleted_at") ", "
	                               "'variants', coalesce((SELECT json_agg(json_build_object('name', v.name, 'format', v.format, "
	                               "    'generation', v.generation, 'state', v.state, 'reason_code', v.reason_code, 'width', v.width, "
	                               "    'height', v.height, 'bytes', v.bytes, 'object_key', v.object_key) ORDER BY v.generation, v.width, "
	                               "    v.name, v.format) FROM variants v WHERE v.media_id = m.id), '[]'), "
	                               "'jobs', coalesce((SELECT json_agg(json_build_object('id', j.id, 'pool', j.pool, 'lane', j.lane, "
	                               "    'generation', j.generation, 'required', j.required, 'state', j.state, 'attempts', j.attempts, "
	                               "    'worker', j.worker, 'last_error_code', j.last_error_code, 'last_error', j.last_error, 'rings', "
	                               "    j.rings, 'queued_at', " SQL_TIME("j.queued_at") ", 'started_at', " SQL_TIME("j.started_at") ", 'finished_at', " SQL_TIME(
	                                       "j.finished_at") ") ORDER BY j.id) FROM jobs j "
	                                                        "    WHERE j.media_id = m.id), '[]'), "
	                                                        "'history', coalesce((SELECT json_agg(json_build_object('at', " SQL_TIME(
	                                                                "h.at") ", 'from', "
	                                                                        "    h.old_state, 'to', h.new_state, 'reason_code', h.reason_code) ORDER BY h.id) "
	                                                                        "    FROM media_history h WHERE h.media_id = m.id), '[]')) "
	                                                                        "FROM media m LEFT JOIN users u ON u.id = m.owner_id WHERE m.id = $1",
	.parameter_count = 1,
	.read_only = true,
};

// Partial indexes, each looked at for as many rows as a person can still tell apart.
#define COUNTED(what) "(SELECT count(*) FROM (SELECT FROM " what " LIMIT 100000) AS counted)"

const struct db_statement catalog_backlog_statement = {
	.name = "operator_backlog",
	.sql = "WITH q AS MATERIALIZED (SELECT pool, lane, queued_at, not_before FROM jobs WHERE state = 'queued' "
	       "  LIMIT 100000) SELECT json_build_object("
	       "'outbox', json_build_object('waiting', " COUNTED(
	               "outbox WHERE sent_at IS NULL") ", 'oldest_ms', "
	                                               "    coalesce((SELECT (extract(epoch FROM now() - created_at) * 1000)::bigint FROM outbox "
	                                               "      WHERE sent_at IS NULL ORDER BY id LIMIT 1), 0)), "
	                                               "'running', " COUNTED(
	                                                       "jobs WHERE state = 'running'") ", "
	                                                                                       "'oldest_queued_ms', (SELECT coalesce((extract(epoch FROM max(now() - queued_at)) * 1000)::bigint, 0) FROM q "
	                                                                                       "    WHERE not_before <= now()), "
	                                                                                       "'queued', coalesce((SELECT json_agg(json_build_object('pool', pool, 'lane', lane, 'jobs', jobs) "
	                                                                                       "    ORDER BY pool, lane) FROM (SELECT pool, lane, count(*) AS jobs FROM q GROUP BY pool, lane) g), '[]'), "
	                                                                                       "'dead_letters', " COUNTED(
	                                                                                               "dead_letters WHERE redriven_at IS NULL AND dropped_at IS NULL") ", "
	                                                                                                                                                                "'deletions_waiting', " COUNTED(
	                                                                                                                                                                        "deletions WHERE not_before <= now()") ")",
	.read_only = true,
};
