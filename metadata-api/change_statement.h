// The statement of GET /v1/changes: apart from its route, so that the test of plans can take it.
#pragma once

#include "db/statement.h"

// $1 owner, $2 and $3 behind which transaction and place, $4 limit. Always at least one row: the watermark (the oldest
// transaction still running) with the changes below it, or with NULLs. Migration 0006 proves why that misses nothing.
static const struct db_statement CHANGES_PAGE = {
	.name = "changes_page",
	.sql = "SELECT w.running, c.object_id, c.kind, c.transaction, c.place, c.made_transaction, c.is_deleted, "
	       "c.changed_at FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS running) w "
	       "LEFT JOIN LATERAL (SELECT * FROM changes n WHERE n.owner_id = $1 "
	       "AND (n.transaction, n.place) > ($2::bigint, $3::bigint) AND n.transaction < w.running "
	       "ORDER BY n.transaction, n.place LIMIT $4::bigint) c ON true",
	.parameter_count = 4,
	.read_only = true,
};
