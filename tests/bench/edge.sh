#!/usr/bin/env bash
# Signed hits of the edge (our module, the rendered configuration) against nginx's plain proxy_cache on the same file:
# alternated rounds, one worker each, medians of the rounds' pairs. Ends non-zero when short of a goal. For information beside
# it: plain with the edge's open_file_cache (what the check, headers and log cost by themselves), and the check in njs.
#
# BUILD: where the module is; ROUNDS (15), SECONDS_EACH (2), CONNECTIONS (32), OBJECT_BYTES (20000), BENCH_PORT (22600),
# BENCH_KEEP=1 keeps the folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
HERE=$PWD/tests/bench
BUILD=$(realpath "${BUILD:-build}")
ROUNDS=${ROUNDS:-15}
SECONDS_EACH=${SECONDS_EACH:-2}
CONNECTIONS=${CONNECTIONS:-32}
OBJECT_BYTES=${OBJECT_BYTES:-20000}
PORT=${BENCH_PORT:-22600}
JS_MODULE=/usr/lib/nginx/modules/ngx_http_js_module.so
MEDIA=0193a5e0-7c1b-7abc-8def-0123456789ab

say() { printf '%s\n' "$*"; }
skip() {
	say "SKIPPED bench-edge: $*"
	exit 0
}
command -v nginx >/dev/null || skip "no nginx (apt-get install nginx-light)"
command -v wrk >/dev/null || skip "no wrk (apt-get install wrk)"

FOLDER=$(mktemp -d)
chmod 0711 "$FOLDER"
declare -A MASTER=()
stop_all() {
	local name
	for name in "${!MASTER[@]}"; do kill "${MASTER[$name]}" 2>/dev/null || true; done
	wait 2>/dev/null || true
	[ -n "${BENCH_KEEP:-}" ] || rm -rf -- "$FOLDER"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# fill TEMPLATE NAME=VALUE…: prints the template with each @NAME@ filled in.
fill() {
	local text pair
	text=$(<"$1")
	shift
	for pair in "$@"; do text=${text//"@${pair%%=*}@"/"${pair#*=}"}; done
	printf '%s\n' "$text"
}

# start_nginx NAME PORT: its folder holds the configuration; returns when the port answers.
start_nginx() {
	mkdir -p "$FOLDER/$1/tmp"
	nginx -p "$FOLDER/$1" -c nginx.conf -g 'daemon off;' 2>"$FOLDER/$1/error.log" &
	MASTER[$1]=$!
	local _
	for _ in $(seq 100); do
		if curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$2/"; then return; fi
		sleep 0.1
	done
	cat "$FOLDER/$1/error.log" >&2
	exit 1
}

# ---- the store, the edge, and what it is compared with

mkdir -p "$FOLDER"/{origin/files,plain,open,njs,edge}
head -c "$OBJECT_BYTES" /dev/urandom >"$FOLDER/origin/files/picture.jpg"
chmod -R a+rX "$FOLDER/origin"
fill "$HERE/edge_origin.conf" PORT=$((PORT + 3)) >"$FOLDER/origin/nginx.conf"
start_nginx origin $((PORT + 3))

fill "$HERE/edge_plain.conf" PORT="$PORT" ORIGIN=$((PORT + 3)) LOAD= HTTP= LOCATION= >"$FOLDER/plain/nginx.conf"
start_nginx plain "$PORT"
fill "$HERE/edge_plain.conf" PORT=$((PORT + 5)) ORIGIN=$((PORT + 3)) LOAD= HTTP= \
	LOCATION="$(grep -o 'open_file_cache.*;' cdn-config/nginx.conf.template)" >"$FOLDER/open/nginx.conf"
start_nginx open $((PORT + 5))

printf 'k1:%s\n' "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >"$FOLDER/keys"
printf 'secret-of-the-bench\n' >"$FOLDER/secret"
chmod 0600 "$FOLDER/keys" "$FOLDER/secret"
cat >"$FOLDER/safelight.conf" <<CONFIG
[store]
endpoint = http://127.0.0.1:$((PORT + 3))
public_endpoint = http://127.0.0.1:$((PORT + 3))
[cdn]
keys_file = $FOLDER/keys
purge_token_file = $FOLDER/secret
[edge]
listen = 127.0.0.1:$((PORT + 1))
admin_listen = 127.0.0.1:$((PORT + 2))
secret_key_file = $FOLDER/secret
; All of the load has one address: the limits count, but let it through.
media_per_second = 1000000
CONFIG
cdn-config/render.sh --config "$FOLDER/safelight.conf" --out "$FOLDER/edge" --module "$BUILD/lib/ngx_http_safelight_module.so" 2>&1 |
	grep -v WARNING >&2 || true
start_nginx edge $((PORT + 1))

CONTENDERS=(plain edge open)
if [ -f "$JS_MODULE" ]; then
	sed "s|'KEY'|'$(cut -d: -f2 "$FOLDER/keys")'|" "$HERE/edge_verify.js" >"$FOLDER/njs/verify.js"
	fill "$HERE/edge_plain.conf" PORT=$((PORT + 4)) ORIGIN=$((PORT + 3)) LOAD="load_module $JS_MODULE;" \
		HTTP="js_import verify from $FOLDER/njs/verify.js; js_set \$verdict verify.verdict;" \
		LOCATION="if (\$verdict != 1) { return 403; }" >"$FOLDER/njs/nginx.conf"
	start_nginx njs $((PORT + 4))
	CONTENDERS+=(njs)
else
	say "SKIPPED njs: $JS_MODULE is not there (apt-get install libnginx-mod-http-js)"
fi

SIGNED=$("$BUILD/tests/bench/edge_sign" "$FOLDER/keys" "$MEDIA" w640 jpg)
declare -A URL=([plain]=http://127.0.0.1:$PORT$SIGNED [edge]=http://127.0.0.1:$((PORT + 1))$SIGNED [njs]=http://127.0.0.1:$((PORT + 4))$SIGNED
	[open]=http://127.0.0.1:$((PORT + 5))$SIGNED)

# All of them answer the same bytes from their cache (the store is stopped then), and those that check refuse a changed URL;
# else there is nothing to compare.
declare -A ETAG=()
for name in "${CONTENDERS[@]}"; do curl -s -o /dev/null --max-time 5 "${URL[$name]}"; done
kill "${MASTER[origin]}"
wait "${MASTER[origin]}" || true
unset "MASTER[origin]"
for name in "${CONTENDERS[@]}"; do
	curl -s -D "$FOLDER/head" -o "$FOLDER/body" --max-time 5 "${URL[$name]}"
	cmp -s "$FOLDER/body" "$FOLDER/origin/files/picture.jpg" ||
		{ say "$name does not answer the picture from its cache" && cat "$FOLDER/head" && exit 1; }
	ETAG[$name]=$(sed -n 's/^[Ee][Tt]ag: *\(.*\)\r$/\1/p' "$FOLDER/head")
	status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "${URL[$name]%?}_")
	case $name in
	edge | njs) [ "$status" = 403 ] || { say "$name answers a changed URL with $status" && exit 1; } ;;
	esac
done

# ---- rounds

# worker_time NAME: processor time that the contender's worker has used, in nanoseconds.
worker_time() {
	local worker
	worker=$(pgrep -P "${MASTER[$1]}" -f 'worker process' | head -n 1)
	cut -d' ' -f1 "/proc/$worker/schedstat"
}

# round NAME KIND HEADER: appends "requests/s p99_us worker_us_per_request busy" to the contender's file.
round() {
	local before after answer
	before=$(worker_time "$1")
	answer=$(wrk -t1 -c"$CONNECTIONS" -d"${SECONDS_EACH}s" --timeout 5s -H "$3" -s "$HERE/edge_report.lua" "${URL[$1]}" | grep '^round ')
	after=$(worker_time "$1")
	read -r _ requests microseconds p99 failures <<<"$answer"
	[ "$failures" -eq 0 ] || { say "$1: $failures of $requests requests failed" && exit 1; }
	awk -v requests="$requests" -v us="$microseconds" -v p99="$p99" -v cpu=$(((after - before) / 1000)) \
		'BEGIN { printf "%.0f %d %.3f %.2f\n", requests * 1000000 / us, p99, cpu / requests, cpu / us }' >>"$FOLDER/$2.$1"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
column() { awk -v column="$3" '{ print $column }' "$FOLDER/$1.$2"; }
# ratio KIND NAME COLUMN [ANCHOR]: the median of the rounds' own ratios to the anchor (plain).
ratio() { paste -d' ' <(column "$1" "$2" "$3") <(column "$1" "${4:-plain}" "$3") | awk '{ printf "%.4f\n", $1 / $2 }' | median; }

measure() {
	local kind=$1 header=$2 number name i
	for ((number = 0; number < ROUNDS; number++)); do
		for ((i = 0; i < ${#CONTENDERS[@]}; i++)); do
			name=${CONTENDERS[(number + i) % ${#CONTENDERS[@]}]}
			round "$name" "$kind" "${header//ETAG/${ETAG[$name]}}"
		done
	done
	for name in "${CONTENDERS[@]}"; do
		printf '%-12s %-6s %8.0f requests/s  p99 %6.0f us  worker %6.2f us a request, %3.0f %% busy\n' "$kind" "$name" \
			"$(column "$kind" "$name" 1 | median)" "$(column "$kind" "$name" 2 | median)" "$(column "$kind" "$name" 3 | median)" \
			"$(column "$kind" "$name" 4 | median | awk '{ print $1 * 100 }')"
	done
}

short=0
# judge NAME VALUE least|most GOAL
judge() {
	printf 'ratio %s %.3f goal %s%s\n' "$1" "$2" "$([ "$3" = least ] || printf '<= ')" "$4"
	awk -v value="$2" -v goal="$4" -v sense="$3" 'BEGIN { exit sense == "least" ? value < goal : value > goal }' || short=1
}

say "$ROUNDS alternated rounds of $SECONDS_EACH s, $CONNECTIONS connections, $OBJECT_BYTES bytes, URLs of ${#SIGNED} characters"
measure hits 'Accept: image/jpeg'
measure revalidated 'If-None-Match: ETAG'
judge edge_signed_hits "$(ratio hits edge 1)" least 0.95
judge edge_signed_hits_p99 "$(ratio hits edge 2)" most 1.2
judge edge_signed_304 "$(ratio revalidated edge 1)" least 0.95
judge edge_signed_304_p99 "$(ratio revalidated edge 2)" most 1.2
for name in "${CONTENDERS[@]:1}"; do
	say "note $name, of plain: hits $(ratio hits "$name" 1), 304 $(ratio revalidated "$name" 1);" \
		"the worker's processor time a request: hits $(ratio hits "$name" 3), 304 $(ratio revalidated "$name" 3)"
done
say "note edge, of plain with open_file_cache: hits $(ratio hits edge 1 open), 304 $(ratio revalidated edge 1 open);" \
	"the worker's processor time a request: hits $(ratio hits edge 3 open), 304 $(ratio revalidated edge 3 open)"
[ "$short" -eq 0 ] || say "bench-edge: short of a goal"
exit "$short"
