#!/usr/bin/env bash
# How long the migrations of search take on a million items of one owner: a database at the one before them is filled, then
# `safelightctl migrate` does the rest and says how long each took. They hold their tables' locks meanwhile, so this is how
# long nobody can write items. Ends non-zero when all together come near migrate's own limit. ITEMS, BENCH_PORT, KEEP as search.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
DATABASE=safelight_bench_migrate
FIRST=18         # that is timed
LIMIT_MS=3600000 # safelightctl/migrate.c, MIGRATE_MS
# shellcheck source-path=SCRIPTDIR
source tests/bench/search_database.sh

mkdir "$work/before"
for file in lib/db/migrations/*.sql; do
	number=$(basename "$file" | cut -d _ -f 1)
	[ "$((10#$number))" -ge $FIRST ] || cp "$file" "$work/before/"
done
SAFELIGHT_MIGRATIONS=$work/before make_database >/dev/null
run_sql -d $DATABASE -v items="$ITEMS" -v owner=$OWNER -f tests/bench/search_items.sql -f - <<'SQL'
SELECT pg_get_indexdef('item_search_document'::regclass) AS index \gset
DROP INDEX item_search_document;
INSERT INTO item_search (item_id, owner_id, created_at, document, is_stale)
	SELECT id, owner_id, created_at, setweight(to_tsvector('pg_catalog.simple', title), 'A') ||
		setweight(to_tsvector('pg_catalog.simple', body), 'D'), false FROM items ORDER BY created_at;
INSERT INTO media (id, owner_id, item_id, state, filename, declared_type, content_type, kind, size, original_key, created_at, updated_at)
	SELECT gen_random_uuid(), :'owner', id, 'ready', 'x', 'x/x', 'x/x', bench_kind(n), 1, 'o/' || id, created_at, created_at
	FROM (SELECT id, created_at, row_number() OVER (ORDER BY created_at) AS n FROM items) i WHERE bench_kind(n) IS NOT NULL;
SET maintenance_work_mem = '512MB';
:index;
VACUUM ANALYZE;
SQL
printf '%s items of one owner\n' "$ITEMS"
SAFELIGHT_DATABASE_NAME=$DATABASE "$BUILD/bin/safelightctl" migrate | tee "$work/applied"
awk -v limit=$LIMIT_MS 'match($0, /\([0-9]+ ms/) { all += substr($0, RSTART + 1) }
	END { printf "ratio migrate_within_a_quarter_of_its_limit %.2f goal 1.0\n", limit / 4 / all; exit all > limit / 4 }' "$work/applied"
