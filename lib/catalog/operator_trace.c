// The life of a media, out of every table that knows a time of it.
#include "catalog/operator.h"

// Every table that knows a time of this media. Steps of one transaction have one time: place is their order. A message
// was sent when its outbox row says so; those rows go with time.
const struct db_statement catalog_trace_statement = {
	.name = "operator_trace",
	.sql = "WITH m AS (SELECT * FROM media WHERE id = $1), "
	       "o AS MATERIALIZED (SELECT o.subject, o.created_at, o.sent_at, o.attempts FROM outbox o, m WHERE o.created_at >= m.created_at "
	       "    AND o.payload::text LIKE '%' || m.id || '%'), "
	       "steps (place, at, what, detail) AS ("
	       "SELECT 1, created_at, 'begun', filename || ', ' || size || ' bytes' FROM m UNION ALL "
	       "SELECT 2, u.completed_at, 'upload completed', u.method FROM uploads u JOIN m ON u.media_id = m.id UNION ALL "
	       "SELECT 2, u.aborted_at, 'upload aborted', u.method FROM uploads u JOIN m ON u.media_id = m.id UNION ALL "
	       "SELECT 3, d.redriven_at, 'redriven', d.pool FROM dead_letters d JOIN m ON d.media_id = m.id UNION ALL "
	       "SELECT 3, d.dropped_at, 'dead letter dropped', d.pool FROM dead_letters d JOIN m ON d.media_id = m.id "
	       "UNION ALL "
	       "SELECT 3, a.at, a.action, 'audit' FROM audit_log a JOIN m ON a.owner_id = m.owner_id "
	       "    AND a.at >= m.created_at AND a.subject_id = m.id UNION ALL "
	       "SELECT 4, j.started_at, 'job claimed', j.pool || ', attempt ' || j.attempts || coalesce(', ' || j.worker, '') "
	       "    FROM jobs j JOIN m ON j.media_id = m.id UNION ALL "
	       "SELECT 5, min(v.created_at), 'variants written', count(*) || ' of generation ' || v.generation || ', ' || "
	       "    string_agg(DISTINCT v.format, ' ') FROM variants v JOIN m ON v.media_id = m.id "
	       "    GROUP BY v.generation, v.created_at UNION ALL "
	       "SELECT 6, preview_at, 'preview published', '' FROM m UNION ALL "
	       "SELECT 7, j.finished_at, 'job ' || j.state, j.pool || coalesce(', ' || j.last_error_code, '') "
	       "    FROM jobs j JOIN m ON j.media_id = m.id UNION ALL "
	       "SELECT 8, d.created_at, 'dead letter', d.pool || ', ' || d.code FROM dead_letters d "
	       "    JOIN m ON d.media_id = m.id UNION ALL "
	       "SELECT 9, h.at, h.new_state, 'was ' || h.old_state || coalesce(', ' || h.reason_code, '') "
	       "    FROM media_history h JOIN m ON h.media_id = m.id UNION ALL "
	       "SELECT 10, j.queued_at, 'job queued', j.pool || ', ' || j.lane FROM jobs j JOIN m ON j.media_id = m.id "
	       "UNION ALL "
	       "SELECT 11, x.created_at, 'deletion waits', x.kind || coalesce(', ' || x.last_error, '') FROM deletions x "
	       "    JOIN m ON x.media_id = m.id UNION ALL "
	       "SELECT 12, created_at, 'message due', subject FROM o UNION ALL "
	       "SELECT 13, sent_at, 'message sent', subject || CASE WHEN attempts > 0 THEN ', after ' || attempts || "
	       "    ' failures' ELSE '' END FROM o) "
	       "SELECT json_build_object('id', m.id, 'state', m.state, "
	       "'uploaded_ms', (extract(epoch FROM m.uploaded_at - m.created_at) * 1000)::bigint, "
	       "'preview_ms', (extract(epoch FROM m.preview_at - m.uploaded_at) * 1000)::bigint, "
	       "'ready_ms', (extract(epoch FROM m.ready_at - m.uploaded_at) * 1000)::bigint, "
	       "'steps', (SELECT json_agg(json_build_object('at', " SQL_TIME(
	               "s.at") ", 'ms', "
	                       "    (extract(epoch FROM s.at - m.created_at) * 1000)::bigint, 'what', s.what, 'detail', s.detail) "
	                       "    ORDER BY s.at, s.place) FROM steps s WHERE s.at IS NOT NULL)) FROM m",
	.parameter_count = 1,
	.read_only = true,
};
