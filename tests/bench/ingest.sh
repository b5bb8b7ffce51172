#!/usr/bin/env bash
# POST /v1/uploads against pgbench doing the same transaction: same Postgres, same cores, as many connections to it,
# alternated rounds, median of the rounds' ratios; then p99 at half the measured rate. Ends non-zero when short of a goal.
#
# A stack of its own: BUILD, RUN_DIR (a temporary folder), PORT_BASE (24700); ROUNDS (7), SECONDS_EACH (4), OWNERS (64),
# CONNECTIONS (8, to Postgres; four times as many callers).
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/bench
BUILD_DIR=$(realpath "${BUILD:-build}")
ROUNDS=${ROUNDS:-7}
SECONDS_EACH=${SECONDS_EACH:-4}
OWNERS=${OWNERS:-64}
CONNECTIONS=${CONNECTIONS:-8}
CALLERS=$((CONNECTIONS * 4))
FOLDER=$(mktemp -d)
RUN_DIR=${RUN_DIR:-$FOLDER/run}
PORT_BASE=${PORT_BASE:-24700}
export BUILD_DIR RUN_DIR PORT_BASE
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"
command -v wrk >/dev/null || { printf 'SKIPPED bench-ingest: no wrk (apt-get install wrk)\n'; exit 0; }
chmod 0711 "$FOLDER"

clean_up() {
	FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1 || true
	rm -rf -- "$FOLDER"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# No limit on calls; the reconciler and the transcoder have nothing to do meanwhile.
export SAFELIGHT_HTTP_ACCOUNT_CALLS=0 SAFELIGHT_HTTP_ADDRESS_CALLS=0 SAFELIGHT_DATABASE_CONNECTIONS=$CONNECTIONS \
	SAFELIGHT_HTTP_WORKERS=$CONNECTIONS SAFELIGHT_INGEST_OVERDUE_MS=3600000 SAFELIGHT_CLASS_STANDARD_OPEN_UPLOADS=1000000 \
	SAFELIGHT_LOG_LEVEL=warning
deploy/local/stack.sh up >/dev/null

read_setting() {
	sed -n "/^\[$1\]/,/^\[/s/^$2 *= *//p" "$RUN_DIR/safelight.conf" | head -n 1
}
PGPASSWORD=$(cat "$(read_setting ingest database_password_file)")
PGHOST=$(read_setting database host) PGPORT=$(read_setting database port) PGUSER=safelight_ingest PGDATABASE=$(read_setting database name)
export PGPASSWORD PGHOST PGPORT PGUSER PGDATABASE
INGEST=http://$(read_setting ingest listen)
API=http://$(read_setting api listen)

# The same accounts for both sides, each with the id that pgbench counts to.
make_owners() {
	local n
	for n in $(seq "$OWNERS"); do
		curl -sf -H 'Content-Type: application/json' -d "{\"email\":\"bench-$n@example.org\",\"password\":\"long enough $n\"}" \
			"$API/v1/auth/signup" | jq -r .access_token >>"$FOLDER/tokens"
	done
	[ "$(wc -l <"$FOLDER/tokens")" -eq "$OWNERS" ]
	PGPASSWORD=$(cat "$(read_setting admin database_password_file)") psql -X -q -U safelight_admin -v ON_ERROR_STOP=1 -c \
		"INSERT INTO users (id, email) SELECT ('b0000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
			'pgbench-' || n || '@example.org' FROM generate_series(1, $OWNERS) n"
}

pgbench_round() {
	pgbench -n -M simple -D ready=0 -c "$CONNECTIONS" -j 1 -T "$1" -f "$FOLDER/script" 2>"$FOLDER/pgbench.err" |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

# ingest_round SECONDS RATE: prints "requests/s p99-ms wrong".
ingest_round() {
	TOKENS=$FOLDER/tokens RATE=$2 CONNECTIONS=$CALLERS wrk -t1 -c "$CALLERS" -d "${1}s" --latency -s "$HERE/ingest.lua" "$INGEST" |
		sed -n 's/^result //p'
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

make_owners
"$BUILD_DIR/tests/bench/ingest_sql" "$OWNERS" >"$FOLDER/script"
pgbench_round 2 >/dev/null
ingest_round 2 0 >/dev/null
printf 'begins of uploads by %s accounts, %s connections to Postgres, %s callers, %s rounds of %s s each way\n' \
	"$OWNERS" "$CONNECTIONS" "$CALLERS" "$ROUNDS" "$SECONDS_EACH"
for round in $(seq "$ROUNDS"); do
	base=$(pgbench_round "$SECONDS_EACH")
	[ -n "$base" ] || { cat "$FOLDER/pgbench.err" >&2; exit 1; }
	read -r rate p99 wrong _ < <(ingest_round "$SECONDS_EACH" 0)
	[ "$wrong" -eq 0 ] || { printf 'round %s: %s wrong answers\n' "$round" "$wrong" >&2; exit 1; }
	awk -v r="$round" -v a="$rate" -v b="$base" -v p="$p99" \
		'BEGIN { printf "round %d: ingest %.0f/s (p99 %.1f ms), pgbench %.0f/s, ratio %.3f\n", r, a, p, b, a / b }'
	awk -v a="$rate" -v b="$base" 'BEGIN { print a / b }' >>"$FOLDER/ratios"
	printf '%s\n' "$rate" >>"$FOLDER/rates"
done
ratio=$(median <"$FOLDER/ratios")
half=$(median <"$FOLDER/rates" | awk '{ printf "%.0f", $1 / 2 }')
for round in 1 2 3; do
	read -r rate p99 wrong _ < <(ingest_round $((SECONDS_EACH * 2)) "$half")
	printf 'half load, round %s: %s/s, p99 %s ms, %s wrong answers\n' "$round" "$rate" "$p99" "$wrong"
	printf '%s\n' "$p99" >>"$FOLDER/p99"
done
p99=$(median <"$FOLDER/p99")
pgbench -n -M simple -D ready=0 -c "$CONNECTIONS" -j 1 -T "$SECONDS_EACH" -R "$half" -l --log-prefix="$FOLDER/log" -f "$FOLDER/script" \
	>/dev/null 2>&1
printf 'for information: pgbench at the same rate, p99 %s ms\n' \
	"$(cat "$FOLDER"/log* | awk '{ print $3 / 1000 }' | sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", v[int(NR * 0.99)] }')"

# Memory: a hundred thousand requests (an upload looked up and its URL signed) after as many as it takes to warm up.
resident() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cat "$RUN_DIR/pids/ingest.pid")/status"; }
look_up() {
	local sum=0 count
	while [ "$sum" -lt "$1" ]; do
		read -r _ _ wrong count < <(UPLOAD=$upload ingest_round "$SECONDS_EACH" 0)
		[ "$wrong" -eq 0 ]
		sum=$((sum + count))
	done
	printf '%s' "$sum"
}
upload=$(curl -sf -H "Authorization: Bearer $(head -n 1 "$FOLDER/tokens")" -H 'Content-Type: application/json' \
	-d '{"filename":"a","content_type":"image/jpeg","size":1}' "$INGEST/v1/uploads" | jq -r .upload_id)
look_up 20000 >/dev/null
before=$(resident)
count=$(look_up 100000)
after=$(resident)
printf 'resident memory of ingest: %s kB, after %s more requests %s kB\n' "$before" "$count" "$after"
awk -v r="$ratio" -v p="$p99" -v b="$before" -v a="$after" 'BEGIN {
	printf "ratio ingest_begin_to_pgbench %.3f goal 0.7\n", r
	printf "ratio ingest_25ms_to_p99_at_half_load %.3f goal 1.0\n", 25 / p
	printf "ratio ingest_memory_before_to_after_100k %.3f goal 0.95\n", b / a
	exit !(r >= 0.7 && p < 25 && b / a >= 0.95) }'
