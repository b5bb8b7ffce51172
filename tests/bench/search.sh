#!/usr/bin/env bash
# Measures search at a million items of one owner: makes a database of its own in the running stack's Postgres, fills it
# (about two minutes), times kinds of questions through search_items, drops it (KEEP=1 does not,
# REUSE=1 takes a kept one). Needs SAFELIGHT_CONFIG and BUILD.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${SAFELIGHT_CONFIG:?names the configuration of a running stack}"
ITEMS="${ITEMS:-1000000}"
SECONDS_EACH="${SECONDS_EACH:-10}"
CLIENTS="${CLIENTS:-1}"
BUILD="${BUILD:-build}"
DATABASE=safelight_bench_search
OWNER=00000000-0000-7000-8000-000000000001
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"

read_setting() {
	sed -n "/^\[$1\]/,/^\[/s/^$2 *= *//p" "$SAFELIGHT_CONFIG" | head -n 1
}
PGPASSWORD=$(cat "$(read_setting admin database_password_file)")
PGHOST=$(read_setting database host) PGPORT=$(read_setting database port) PGUSER=safelight_admin
export PGPASSWORD PGHOST PGPORT PGUSER
run_sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

work=$(mktemp -d)
clean_up() {
	rm -rf "$work"
	[ -n "${KEEP:-}" ] || run_sql -d postgres -c "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)"
}
trap clean_up EXIT

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
DROP INDEX item_search_document;
INSERT INTO items (id, owner_id, title, body, created_at, updated_at)
	SELECT gen_random_uuid(), :'owner', t.title, b.body, time, time
	FROM (SELECT floor(random() * 20000)::integer AS x, floor(random() * 20000)::integer AS y,
		now() - (:items - n) * interval '1 minute' AS time FROM generate_series(1, :items) n) r
	JOIN bench_texts t ON t.n = r.x JOIN bench_texts b ON b.n = r.y ORDER BY time;
INSERT INTO item_search (item_id, owner_id, created_at, document, is_stale)
	SELECT id, owner_id, created_at, setweight(to_tsvector('pg_catalog.simple', title), 'A') ||
		setweight(to_tsvector('pg_catalog.simple', body), 'D'), false FROM items ORDER BY created_at;
SET maintenance_work_mem = '512MB';
CREATE INDEX item_search_document ON item_search USING gin (owner_id, document) WITH (fastupdate = off);
INSERT INTO search_words SELECT DISTINCT :'owner'::uuid, word FROM bench_words ORDER BY word;
VACUUM ANALYZE;
SQL
}

# measure NAME SQL-EXPRESSION-OF-THE-QUESTION: percentiles of pgbench's per-call log, in milliseconds.
measure() {
	printf 'SELECT (60000 * power(random(), 3))::integer %% 60000 AS n \\gset\n%s\n' \
		"SELECT count(*) FROM search_items('$OWNER', $2, NULL, NULL, 9223372036854775807, 'ffffffff-ffff-ffff-ffff-ffffffffffff', 51);" \
		>"$work/script"
	rm -f "$work"/log*
	pgbench -n -M extended -c "$CLIENTS" -j 1 -T "$SECONDS_EACH" -l --log-prefix="$work/log" -f "$work/script" $DATABASE \
		>"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
	cat "$work"/log* | awk '{ print $3 / 1000 }' | sort -n | awk -v name="$1" '
		function at(part) { i = int(NR * part) + 1; return i > NR ? v[NR] : v[i] }
		{ v[NR] = $1 }
		END { printf "%-34s %7d calls  p50 %7.1f ms  p95 %7.1f ms  p99 %7.1f ms\n", name, NR, at(0.5), at(0.95), at(0.99) }'
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
