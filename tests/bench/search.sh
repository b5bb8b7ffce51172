#!/usr/bin/env bash
# Measures search at a million items of one owner: makes a database of its own in a stack's Postgres, fills it
# (some minutes), times kinds of questions through search_items, drops it (KEEP=1 does not, FILL_ONLY=1 ends before the
# questions and keeps it, REUSE=1 takes a kept one). Without SAFELIGHT_CONFIG a stack of its own is started at BENCH_PORT. Beside the times stand
# the pages that a call reads, which do not depend on how busy the machine is.
set -euo pipefail
cd "$(dirname "$0")/../.."
SECONDS_EACH="${SECONDS_EACH:-10}"
CLIENTS="${CLIENTS:-1}"
DATABASE=safelight_bench_search

# shellcheck source-path=SCRIPTDIR
source tests/bench/search_database.sh

fill() {
	make_database >/dev/null
	run_sql -d $DATABASE -v items="$ITEMS" -v owner=$OWNER -f tests/bench/search_items.sql -f - <<'SQL'
SELECT pg_get_indexdef('item_search_keys'::regclass) AS index \gset
DROP INDEX item_search_keys;
-- Buckets as chance makes them: some large, some small.
CREATE TABLE bench_buckets AS SELECT id, created_at, row_number() OVER (ORDER BY created_at) AS n, 1 + sum(CASE WHEN random() * 8192 < 1 THEN 1 ELSE 0 END)
	OVER (ORDER BY created_at) AS bucket FROM items;
INSERT INTO search_buckets (owner_id, id) SELECT DISTINCT :'owner'::uuid, bucket FROM bench_buckets;
INSERT INTO item_search (item_id, owner_id, created_at, bucket, document, is_stale)
	SELECT id, owner_id, created_at, bucket, setweight(to_tsvector('pg_catalog.simple', title), 'A') ||
		setweight(to_tsvector('pg_catalog.simple', array_to_string(bench_tags(n), ' ')), 'B') ||
		setweight(to_tsvector('pg_catalog.simple', body), 'D') ||
		CASE WHEN bench_kind(n) IS NOT NULL THEN array_to_tsvector(ARRAY['=' || bench_kind(n)]) ELSE '' END, false
	FROM items JOIN bench_buckets b USING (id, created_at) ORDER BY created_at;
INSERT INTO item_tags (item_id, owner_id, tag, created_at, updated_at)
	SELECT id, :'owner', tag, created_at, created_at FROM bench_buckets, unnest(bench_tags(n)) tag;
INSERT INTO media (id, owner_id, item_id, state, filename, declared_type, content_type, kind, size, original_key, created_at, updated_at)
	SELECT gen_random_uuid(), :'owner', id, 'ready', 'x', 'x/x', 'x/x', bench_kind(n), 1, 'o/' || id, created_at, created_at
	FROM bench_buckets WHERE bench_kind(n) IS NOT NULL;
SET maintenance_work_mem = '512MB';
:index;
ALTER INDEX item_search_keys ALTER COLUMN 1 SET STATISTICS 0;
INSERT INTO search_words SELECT DISTINCT :'owner'::uuid, word FROM bench_words ORDER BY word;
VACUUM ANALYZE;
SQL
}

SHORT=0
CALL_END="9223372036854775807, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 51)"
# pages SQL-EXPRESSIONS: the median and the most pages that 40 calls read.
pages() {
	local draw
	for draw in $(seq 40); do
		printf 'SELECT (60000 * power(%s / 41.0, 3))::integer AS n \\gset\n' "$draw"
		printf "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM search_items('%s', %s, %s;\n" "$OWNER" "$1" "$CALL_END"
	done >"$work/pages.sql"
	run_sql -A -t -d $DATABASE -f "$work/pages.sql" | awk -F '[ =]+' '
		/^Function Scan/ { wanted = 1 }
		/^ *Buffers: shared/ && wanted { n = 0; for (i = 1; i < NF; i++) if ($i == "hit" || $i == "read") n += $(i + 1); print n; wanted = 0 }' |
		sort -n | awk '{ v[NR] = $1 } END { printf "%d %d\n", v[int((NR + 1) / 2)], v[NR] }'
}
# measure NAME QUESTION [TAG [KIND]], all but the name SQL expressions: percentiles of pgbench's per-call log, in milliseconds, and the pages read.
measure() {
	local median most p95 asked="$2, ${3:-NULL}, ${4:-NULL}"
	printf 'SELECT (60000 * power(random(), 3))::integer %% 60000 AS n \\gset\n%s\n' \
		"SELECT count(*) FROM search_items('$OWNER', $asked, $CALL_END;" >"$work/script"
	rm -f "$work"/log*
	pgbench -n -M extended -c "$CLIENTS" -j 1 -T "$SECONDS_EACH" -l --log-prefix="$work/log" -f "$work/script" $DATABASE \
		>"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
	read -r median most < <(pages "$asked")
	p95=$(cat "$work"/log* | awk '{ print $3 / 1000 }' | sort -n | tee "$work/times" |
		awk '{ v[NR] = $1 } END { i = int(NR * 0.95) + 1; if (i > NR) i = NR; print v[i] }')
	awk -v name="$1" -v p95="$p95" -v median="$median" -v most="$most" '{ v[NR] = $1 }
		END { printf "%-34s %6d calls  p50 %6.1f ms  p95 %6.1f ms  most %6.1f ms  pages: median %5d, most %5d\n", name, NR, v[int((NR + 1) / 2)], p95, v[NR], median, most }' "$work/times"
	echo "ratio search_p95_$(tr -cs a-z\\n _ <<<"$1") $(awk -v p95="$p95" 'BEGIN { printf "%.2f", 50 / p95 }') goal 1.0" >>"$work/ratios"
	awk -v p95="$p95" 'BEGIN { exit !(p95 <= 50) }' || SHORT=1
}

[ -n "${REUSE:-}" ] || fill
[ -z "${FILL_ONLY:-}" ] || exit 0
printf '%s items of one owner, %s clients, %s s each, words drawn as they occur in the texts\n' "$ITEMS" "$CLIENTS" "$SECONDS_EACH"
# Before the first, what all of them read is brought into memory: what a service of some minutes has.
warm_up() { measure 'warming up' 'bench_word(:n)' && rm -f "$work/ratios" && SHORT=0; }
warm_up >/dev/null
measure 'one word' 'bench_word(:n)'
measure 'two words' "bench_word(:n) || ' ' || bench_word(:n / 7)"
measure 'three words' "bench_word(:n) || ' ' || bench_word(:n / 3) || ' ' || bench_word(:n / 50)"
measure 'the most frequent word' 'bench_word(0)'
measure 'prefix of two letters' 'left(bench_word(:n), 2)'
measure 'prefix of four letters' 'left(bench_word(:n), 4)'
measure 'typo: letters swapped' "regexp_replace(bench_word(:n), '(.{3})(.)(.)', '\\1\\3\\2')"
measure 'typo: a letter missing' "substr(bench_word(:n), 1, 3) || substr(bench_word(:n), 5)"
measure 'a word that nobody has' "'qqqqxxxxyy'"
measure 'a frequent tag' 'bench_word(:n)' "'often'"
measure 'a rare tag, a frequent word' 'bench_word(0)' "'seldom'"
measure 'a frequent kind' 'bench_word(:n)' NULL "'photo'"
measure 'a rare kind, a frequent word' 'bench_word(0)' NULL "'document'"
cat "$work/ratios"
exit $SHORT
