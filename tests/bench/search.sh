#!/usr/bin/env bash
# Measures search at a million items of one owner: makes a database of its own in a stack's Postgres, fills it
# (about two minutes), times kinds of questions through search_items, drops it (KEEP=1 does not,
# REUSE=1 takes a kept one). Without SAFELIGHT_CONFIG a stack of its own is started at BENCH_PORT. Beside the times stand
# the pages that a call reads, which do not depend on how busy the machine is.
set -euo pipefail
cd "$(dirname "$0")/../.."
ITEMS="${ITEMS:-1000000}"
SECONDS_EACH="${SECONDS_EACH:-10}"
CLIENTS="${CLIENTS:-1}"
BUILD="${BUILD:-build}"
DATABASE=safelight_bench_search
OWNER=00000000-0000-7000-8000-000000000001
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"

work=$(mktemp -d)
STACK_DIR=
clean_up() {
	if [ -n "$STACK_DIR" ]; then
		FORCE=1 RUN_DIR=$STACK_DIR deploy/local/stack.sh reset >/dev/null 2>&1 || true
	elif [ -z "${KEEP:-}" ]; then
		run_sql -d postgres -c "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)"
	fi
	rm -rf -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
if [ -z "${SAFELIGHT_CONFIG:-}" ]; then
	STACK_DIR=$work/stack
	RUN_DIR=$STACK_DIR PORT_BASE=${BENCH_PORT:-25650} BUILD_DIR=$(realpath "$BUILD") deploy/local/stack.sh infra
	export SAFELIGHT_CONFIG=$STACK_DIR/safelight.conf
fi

read_setting() {
	sed -n "/^\[$1\]/,/^\[/s/^$2 *= *//p" "$SAFELIGHT_CONFIG" | head -n 1
}
PGPASSWORD=$(cat "$(read_setting admin database_password_file)")
PGHOST=$(read_setting database host) PGPORT=$(read_setting database port) PGUSER=safelight_admin
export PGPASSWORD PGHOST PGPORT PGUSER
run_sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

# 60,000 words of three to five syllables; the n-th word of a text is frequent when n is low (cube of a random number).
fill() {
	run_sql -d postgres -c "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)" -c "CREATE DATABASE $DATABASE"
	SAFELIGHT_DATABASE_NAME=$DATABASE "$BUILD/bin/safelightctl" migrate >/dev/null
	run_sql -d $DATABASE -v items="$ITEMS" -v owner=$OWNER <<'SQL'
SET session_replication_role = replica;
SET synchronous_commit = off;
SELECT setseed(0.5);
CREATE FUNCTION bench_word(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg(substr('bcdfglmnprstvz', 1 + (n * 7 + n / power(14, s)::integer) % 14, 1) ||
		substr('aeiou', 1 + (n / power(5, s)::integer) % 5, 1), '' ORDER BY s) FROM generate_series(0, 3 + n % 3) s $$;
CREATE TABLE bench_words AS SELECT n, bench_word(n) AS word FROM generate_series(0, 59999) n;
CREATE FUNCTION bench_text(seed integer, words integer) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE list text := '';
BEGIN
	FOR i IN 1..words LOOP
		list := list || bench_word((60000 * power(random(), 3))::integer % 60000) || ' ';
	END LOOP;
	RETURN list;
END $$;
INSERT INTO users (id, email) VALUES (:'owner', 'bench@example.org');
-- Texts are drawn from 20,000 made ones, so that filling takes minutes.
CREATE TABLE bench_texts AS SELECT n, bench_text(n, 3) AS title, bench_text(n, 12) AS body FROM generate_series(0, 19999) n;
CREATE UNIQUE INDEX ON bench_texts (n);
SELECT pg_get_indexdef('item_search_keys'::regclass) AS index \gset
DROP INDEX item_search_keys;
INSERT INTO items (id, owner_id, title, body, created_at, updated_at)
	SELECT gen_random_uuid(), :'owner', t.title, b.body, time, time
	FROM (SELECT floor(random() * 20000)::integer AS x, floor(random() * 20000)::integer AS y,
		now() - (:items - n) * interval '1 minute' AS time FROM generate_series(1, :items) n) r
	JOIN bench_texts t ON t.n = r.x JOIN bench_texts b ON b.n = r.y ORDER BY time;
-- Buckets as chance makes them: some large, some small.
CREATE TABLE bench_buckets AS SELECT id, 1 + sum(CASE WHEN random() * 8192 < 1 THEN 1 ELSE 0 END)
	OVER (ORDER BY created_at) AS bucket FROM items;
INSERT INTO search_buckets (owner_id, id) SELECT DISTINCT :'owner'::uuid, bucket FROM bench_buckets;
INSERT INTO item_search (item_id, owner_id, created_at, bucket, document, is_stale)
	SELECT id, owner_id, created_at, bucket, setweight(to_tsvector('pg_catalog.simple', title), 'A') ||
		setweight(to_tsvector('pg_catalog.simple', body), 'D'), false
	FROM items JOIN bench_buckets USING (id) ORDER BY created_at;
SET maintenance_work_mem = '512MB';
:index;
ALTER INDEX item_search_keys ALTER COLUMN 1 SET STATISTICS 0;
INSERT INTO search_words SELECT DISTINCT :'owner'::uuid, word FROM bench_words ORDER BY word;
VACUUM ANALYZE;
SQL
}

SHORT=0
CALL_END="NULL, NULL, 9223372036854775807, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 51)"
# pages SQL-EXPRESSION: the median and the most pages that 40 calls read.
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
# measure NAME SQL-EXPRESSION-OF-THE-QUESTION: percentiles of pgbench's per-call log, in milliseconds, and the pages read.
measure() {
	local median most p95
	printf 'SELECT (60000 * power(random(), 3))::integer %% 60000 AS n \\gset\n%s\n' \
		"SELECT count(*) FROM search_items('$OWNER', $2, $CALL_END;" >"$work/script"
	rm -f "$work"/log*
	pgbench -n -M extended -c "$CLIENTS" -j 1 -T "$SECONDS_EACH" -l --log-prefix="$work/log" -f "$work/script" $DATABASE \
		>"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
	read -r median most < <(pages "$2")
	p95=$(cat "$work"/log* | awk '{ print $3 / 1000 }' | sort -n | tee "$work/times" |
		awk '{ v[NR] = $1 } END { i = int(NR * 0.95) + 1; if (i > NR) i = NR; print v[i] }')
	awk -v name="$1" -v p95="$p95" -v median="$median" -v most="$most" '{ v[NR] = $1 }
		END { printf "%-34s %6d calls  p50 %6.1f ms  p95 %6.1f ms  most %6.1f ms  pages: median %5d, most %5d\n", name, NR, v[int((NR + 1) / 2)], p95, v[NR], median, most }' "$work/times"
	echo "ratio search_p95_${1//[^a-z]/_} $(awk -v p95="$p95" 'BEGIN { printf "%.2f", 50 / p95 }') goal 1.0" >>"$work/ratios"
	awk -v p95="$p95" 'BEGIN { exit !(p95 <= 50) }' || SHORT=1
}

[ -n "${REUSE:-}" ] || fill
printf '%s items of one owner, %s clients, %s s each, words drawn as they occur in the texts\n' "$ITEMS" "$CLIENTS" "$SECONDS_EACH"
measure 'one word' 'bench_word(:n)'
measure 'two words' "bench_word(:n) || ' ' || bench_word(:n / 7)"
measure 'three words' "bench_word(:n) || ' ' || bench_word(:n / 3) || ' ' || bench_word(:n / 50)"
measure 'the most frequent word' 'bench_word(0)'
measure 'prefix of two letters' 'left(bench_word(:n), 2)'
measure 'prefix of four letters' 'left(bench_word(:n), 4)'
measure 'typo: letters swapped' "regexp_replace(bench_word(:n), '(.{3})(.)(.)', '\\1\\3\\2')"
measure 'typo: a letter missing' "substr(bench_word(:n), 1, 3) || substr(bench_word(:n), 5)"
measure 'a word that nobody has' "'qqqqxxxxyy'"
cat "$work/ratios"
exit $SHORT
