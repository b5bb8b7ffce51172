#!/usr/bin/env bash
# metadata-api at a million items of one owner, beside the database alone (pgbench running the API's own statements) and
# bare libmicrohttpd: alternated rounds on the same cores, medians of the rounds' pairs. Ends non-zero when short of a goal.
#
# SAFELIGHT_CONFIG: a running stack's configuration (a stack of its own is started without); BUILD; ROUNDS (5),
# SECONDS_EACH (3), CONNECTIONS (64), ITEMS (1000000), BENCH_PORT (25680: four ports), ONLY (a regular expression: lines of
# others are left out); KEEP=1 keeps the databases, FILL_ONLY=1 makes and keeps them and ends, REUSE=1 takes kept ones.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/bench/api
BUILD=$(realpath "${BUILD:-build}")
ROUNDS=${ROUNDS:-5} SECONDS_EACH=${SECONDS_EACH:-3} CONNECTIONS=${CONNECTIONS:-64} ITEMS=${ITEMS:-1000000}
PORT=${BENCH_PORT:-25680}
PORT_SMALL=$((PORT + 1)) PORT_BARE=$((PORT + 2)) PORT_POOL=$((PORT + 3))
LARGE=safelight_bench_api SMALL=safelight_bench_api_small SMALL_ITEMS=10000
OWNER=00000000-0000-7000-8000-000000000001
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"
command -v wrk >/dev/null || { echo "SKIPPED bench-api: no wrk (apt-get install wrk)"; exit 0; }

work=$(mktemp -d)
declare -A PROCESS=()
STACK_DIR=
clean_up() {
	local name
	for name in "${!PROCESS[@]}"; do kill "${PROCESS[$name]}" 2>/dev/null || true; done
	wait 2>/dev/null || true
	if [ -n "$STACK_DIR" ]; then
		FORCE=1 RUN_DIR=$STACK_DIR deploy/local/stack.sh reset >/dev/null 2>&1 || true
	elif [ -z "${KEEP:-}${FILL_ONLY:-}" ]; then
		for name in $LARGE $SMALL; do run_sql -d postgres -c "DROP DATABASE IF EXISTS $name WITH (FORCE)" || true; done
	fi
	rm -rf -- "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

if [ -z "${SAFELIGHT_CONFIG:-}" ]; then
	STACK_DIR=$work/stack
	RUN_DIR=$STACK_DIR PORT_BASE=$((PORT + 10)) BUILD_DIR=$BUILD deploy/local/stack.sh infra
	export SAFELIGHT_CONFIG=$STACK_DIR/safelight.conf
fi
read_setting() { sed -n "/^\[$1\]/,/^\[/s/^$2 *= *//p" "$SAFELIGHT_CONFIG" | head -n 1; }
PGPASSWORD=$(cat "$(read_setting admin database_password_file)")
PGHOST=$(read_setting database host) PGPORT=$(read_setting database port) PGUSER=safelight_admin PGOPTIONS='-c jit=off'
export PGPASSWORD PGHOST PGPORT PGUSER PGOPTIONS
run_sql() { PGOPTIONS="-c client_min_messages=warning" psql -X -q -v ON_ERROR_STOP=1 "$@"; }

fill() {
	run_sql -d postgres -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1"
	SAFELIGHT_DATABASE_NAME=$1 "$BUILD/bin/safelightctl" migrate >/dev/null
	run_sql -d "$1" -v items="$2" -v owner=$OWNER -f "$HERE/fill.sql"
	run_sql -d "$1" -c 'VACUUM (ANALYZE)'
}
[ -n "${REUSE:-}" ] || { fill $LARGE "$ITEMS" && fill $SMALL $SMALL_ITEMS; }
[ -z "${FILL_ONLY:-}" ] || exit 0

# start NAME PORT COMMAND…: returns when the port answers.
start() {
	local name=$1 port=$2 _
	shift 2
	"$@" >"$work/$name.log" 2>&1 &
	PROCESS[$name]=$!
	for _ in $(seq 100); do
		if curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$port/healthz"; then return; fi
		kill -0 "${PROCESS[$name]}" 2>/dev/null || break
		sleep 0.1
	done
	cat "$work/$name.log" >&2
	exit 1
}
stop() {
	kill "${PROCESS[$1]}"
	wait "${PROCESS[$1]}" 2>/dev/null || true
	unset "PROCESS[$1]"
}
# start_api NAME PORT DATABASE [SETTING=VALUE…]
start_api() {
	local name=$1 port=$2 database=$3
	shift 3
	start "$name" "$port" env SAFELIGHT_DATABASE_NAME="$database" SAFELIGHT_API_LISTEN="127.0.0.1:$port" \
		SAFELIGHT_HTTP_ACCOUNT_CALLS=0 SAFELIGHT_HTTP_ADDRESS_CALLS=0 SAFELIGHT_DATABASE_PIPELINES=2 \
		SAFELIGHT_LOG_LEVEL=warning SAFELIGHT_HTTP_CONNECTIONS=2000 "$@" "$BUILD/bin/safelight-api"
}

TOKEN=$("$BUILD/tests/bench/api_keys" token "$(read_setting auth jwt_key_file)" $OWNER)
# pages FILE DATABASE SQL-OF-ROWS: paths of pages behind rows n (of the owner's items from the newest).
pages() {
	run_sql -A -t -F ' ' -d "$2" -c "SELECT (extract(epoch FROM created_at) * 1000000)::bigint, id FROM items WHERE owner_id = '$OWNER' $3" |
		"$BUILD/tests/bench/api_keys" pages "$(read_setting api cursor_key_file)" $OWNER >"$work/$1"
}
NEWEST='ORDER BY created_at DESC, id DESC'
pages list $LARGE "AND created_at > '2026-01-01'::timestamptz - interval '5000 minutes' ORDER BY random() LIMIT 2000"
pages list_small $SMALL "AND created_at > '2026-01-01'::timestamptz - interval '5000 minutes' ORDER BY random() LIMIT 2000"
pages page_50000 $LARGE "$NEWEST OFFSET $((ITEMS - 21)) LIMIT 1"
echo '/v1/items?limit=20' >"$work/page_1"
echo /healthz >"$work/hello"
run_sql -A -t -d $LARGE -c "SELECT '/v1/items/' || id FROM items WHERE created_at > '2026-01-01'::timestamptz - interval '5000 minutes' ORDER BY random() LIMIT 5000" >"$work/item"

# ask PORT FILE [CONNECTIONS [PAUSE_MS [SECONDS]]]: wrk's line of JSON.
ask() {
	wrk -t1 -c"${3:-$CONNECTIONS}" -d"${5:-$SECONDS_EACH}s" --timeout 10s -s "$HERE/load.lua" "http://127.0.0.1:$1" -- \
		"$work/$2" "$TOKEN" "${4:-0}" >"$work/wrk.log" 2>&1 && grep '^{' "$work/wrk.log" ||
		{ echo "bench-api: wrk: $(tail -n 5 "$work/wrk.log")" >&2; return 1; }
}
field() { jq -r ".$1"; }
# rate PORT FILE [CONNECTIONS]: answers a second; any that is not good ends the benchmark.
rate() {
	local line
	line=$(ask "$@")
	[ "$(field bad <<<"$line")" = 0 ] || { echo "bench-api: bad answers: $line" >&2; exit 1; }
	field rate <<<"$line"
}
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
divide() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f\n", a / b }'; }

# The API's statement for pgbench, with the values that the API would bind.
statement() {
	local sql
	sql=$("$BUILD/tests/bench/api_keys" sql "$1")
	shift
	local i=1 value
	for value in "$@"; do sql=${sql//"\$$i"/"$value"} i=$((i + 1)); done
	printf '\\set n random(0, 4999)\n%s;\n' "$sql"
}
LAST="'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"
OF_PAGE=("'$OWNER'::uuid" "('2026-01-01'::timestamptz - :n * interval '1 minute')" "$LAST" 21 NULL)
OF_ITEM=("'$OWNER'::uuid" "(lpad(to_hex($ITEMS - :n), 8, '0') || '-0000-7000-8000-000000000000')::uuid")
# What stands in the answer, and what the API asks of it: the rest is in texts that it keeps.
statement full_list "${OF_PAGE[@]}" >"$work/list.sql"
statement item_list_created_newest "${OF_PAGE[@]}" >"$work/list_keys.sql"
statement full_item "${OF_ITEM[@]}" >"$work/item.sql"
database() {
	pgbench -n -M prepared -c 8 -j 1 -T "$SECONDS_EACH" -f "$work/$1.sql" $LARGE >"$work/pgbench.log" 2>&1 ||
		{ cat "$work/pgbench.log" >&2; return 1; }
	awk '/^tps/ { print $3 }' "$work/pgbench.log"
}

SHORT=0
# ratio NAME VALUE GOAL
ratio() {
	printf 'ratio %s %s goal %s\n' "$1" "$2" "$3"
	awk -v a="$2" -v b="$3" 'BEGIN { exit !(a >= b) }' || SHORT=1
}
# pairs NAME GOAL OURS THEIRS [FACTOR]: ROUNDS rounds of the two commands; the median of the rounds' ratios, times FACTOR.
pairs() {
	local name=$1 goal=$2 ours theirs round
	[[ $name =~ ${ONLY:-.} ]] || return 0
	rm -f "$work/pairs" "$work/ours" "$work/theirs"
	for round in $(seq "$ROUNDS"); do
		if [ $((round % 2)) = 0 ]; then ours=$($3) theirs=$($4); else theirs=$($4) ours=$($3); fi
		divide "$ours" "$theirs" >>"$work/pairs"
		echo "$ours" >>"$work/ours"
		echo "$theirs" >>"$work/theirs"
	done
	printf '%s: %s against %s a second, ratios %s\n' "$name" "$(median <"$work/ours")" "$(median <"$work/theirs")" \
		"$(sort -g "$work/pairs" | tr '\n' ' ')"
	[ -z "$goal" ] || ratio "$name" "$(awk -v r="$(median <"$work/pairs")" -v f="${5:-1}" 'BEGIN { printf "%.4f", f * r }')" "$goal"
}

start_api large $PORT $LARGE
start_api small $PORT_SMALL $SMALL
ask $PORT list >"$work/warm"
ask $PORT_SMALL list_small >/dev/null
ask $PORT item >/dev/null
BYTES=$(field bytes <"$work/warm")
printf '%s items, %s connections, %s rounds of %s s, pages of %s bytes\n' "$ITEMS" "$CONNECTIONS" "$ROUNDS" "$SECONDS_EACH" "$BYTES"

# ---- against the database alone, and bare libmicrohttpd
our_list() { rate $PORT list; }
their_list() { database list; }
pairs listing_to_pgbench 1.0 our_list their_list
PEAK=$({ median <"$work/ours"; } 2>/dev/null || rate $PORT list)
their_list() { database list_keys; }
pairs listing_to_pgbench_of_keys '' our_list their_list
our_item() { rate $PORT item; }
their_item() { database item; }
pairs item_to_pgbench 0.9 our_item their_item
start bare $PORT_BARE "$BUILD/tests/bench/api_bare" hello $PORT_BARE 1 "$(curl -s "http://127.0.0.1:$PORT/healthz" | wc -c)"
our_hello() { rate $PORT hello; }
their_hello() { rate $PORT_BARE hello; }
pairs hello_to_bare 0.8 our_hello their_hello
stop bare

# ---- under half of the load, and twice
pause=$(awk -v c="$CONNECTIONS" -v peak="$PEAK" 'BEGIN { printf "%.2f", 2000 * c / peak }')
half_load() { ask $PORT list "$CONNECTIONS" "$pause" $((2 * SECONDS_EACH)) | tee "$work/half" | field p99; }
ten_ms() { echo 10; }
pairs p99_at_half_load 1.0 ten_ms half_load
OVER=$((8 * CONNECTIONS))
pause=$(awk -v c="$OVER" -v peak="$PEAK" 'BEGIN { printf "%.2f", 500 * c / peak }')
over() { ask $PORT list "$OVER" "$pause" | tee "$work/over" | field rate; }
pairs goodput_at_twice_the_load 0.9 over our_list
[ ! -s "$work/over" ] || printf 'twice the load: %s\n' "$(cat "$work/over")"

# ---- far pages, many rows: one connection after the other's answer, so that rates are times
first_page() { rate $PORT page_1 1; }
far_page() { rate $PORT page_50000 1; }
pairs page_50000_within_1.2 1.0 far_page first_page 1.2
few_rows() { rate $PORT_SMALL list_small 1; }
many_rows() { rate $PORT list 1; }
pairs million_rows_within_1.3 1.0 many_rows few_rows 1.3
stop small

# ---- the design against others, for information
start_api single $PORT_SMALL $LARGE SAFELIGHT_DATABASE_BATCH=1
ask $PORT_SMALL list >/dev/null
# Each batched answer is the single statement's. (URLs are signed anew as time goes on.)
# fetch NAME PORT: the bodies of 300 pages and 300 items, 64 at a time, without what is signed.
fetch() {
	mkdir "$work/$1"
	{ head -n 300 "$work/list" && head -n 300 "$work/item"; } |
		awk -v base="http://127.0.0.1:$2" -v to="$work/$1" '{ printf "url = \"%s%s\"\noutput = \"%s/%d\"\n", base, $0, to, NR }' >"$work/urls"
	curl -s --no-progress-meter -Z --parallel-max 64 -H "Authorization: Bearer $TOKEN" -K "$work/urls"
	sed -i -E 's/[?]e=[^" ]*//g; s/"expires_at":"[^"]*"//g' "$work/$1"/*
}
batched() { curl -s "http://127.0.0.1:$PORT/metrics" | awk '/^safelight_db_batched_total/ { print $2 }'; }
before=$(batched)
fetch many $PORT
after=$(batched)
fetch one $PORT_SMALL
same=$(cd "$work/many" && for file in *; do cmp -s "$file" "../one/$file" && grep -q '"variants"' "$file" && echo "$file"; done | wc -l)
printf 'answers alike: %s of 600, of which %s were batched\n' "$same" $((after - before))
ratio batched_answers_equal "$(divide "$same" 600)" 1.0
single() { rate $PORT_SMALL list; }
pairs batches_to_single_statements '' our_list single
stop single
start_api unkept $PORT_SMALL $LARGE SAFELIGHT_API_VARIANTS_BYTES=0
pairs kept_variants_to_none '' our_list single
stop unkept
"$BUILD/tests/bench/api_keys" sql full_list >"$work/statement"
run_sql -A -t -d $LARGE -c "SELECT '/?p1=$OWNER&p2=' || to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || '&p3=' || id || '&p4=21&p5=' FROM items WHERE created_at > '2026-01-01'::timestamptz - interval '5000 minutes' ORDER BY random() LIMIT 2000" >"$work/pool"
PGDATABASE=$LARGE start pool $PORT_POOL "$BUILD/tests/bench/api_bare" pool $PORT_POOL 8 "$BYTES" "$work/statement"
pool() { rate $PORT_POOL pool; }
pairs batches_to_synchronous_pool '' our_list pool
for name in large pool; do
	line=$(if [ $name = pool ]; then ask $PORT_POOL pool; else ask $PORT list; fi)
	printf '%s at full load: p50 %s ms, p99 %s ms\n' "${name/large/batches}" "$(field p50 <<<"$line")" "$(field p99 <<<"$line")"
done
exit $SHORT
