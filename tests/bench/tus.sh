#!/usr/bin/env bash
# What a stream by tus costs ingest, against nginx proxying the same bytes to the same store: CPU time of the process that
# the bytes go through, alternated rounds, the median of the rounds' pairs. Ends non-zero when short of the goal.
#
# BUILD: the build under test; ROUNDS (7), FILES each round (5), FILE_MIB (60, below what goes in parts), PORT_BASE (22800), RUN_DIR.
set -euo pipefail
cd "$(dirname "$0")/../.."
BUILD=$(realpath "${BUILD:-build}")
ROUNDS=${ROUNDS:-7}
FILES=${FILES:-5}
FILE_MIB=${FILE_MIB:-60}
export PORT_BASE=${PORT_BASE:-22800} BUILD_DIR=$BUILD
RUN_DIR=${RUN_DIR:-$(mktemp -d)}
export RUN_DIR
PROXY_PORT=$((PORT_BASE + 35))
EDGE=http://127.0.0.1:$PORT_BASE
PROXY=$RUN_DIR/proxy
MASTER=

stop_all() {
	[ -z "$MASTER" ] || kill "$MASTER" 2>/dev/null || true
	FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1 || true
	rm -rf -- "$RUN_DIR"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# The value of [section] key in the stack's configuration.
configured() { awk -v section="[$1]" -v key="$2" '$0 == section { on = 1; next } /^\[/ { on = 0 } on && $1 == key { print $3 }' "$RUN_DIR/safelight.conf"; }

# CPU ticks (user and system) of a process.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

start_proxy() {
	mkdir -p "$PROXY/tmp"
	cat >"$PROXY/nginx.conf" <<CONF
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 512; }
http {
	client_body_temp_path tmp/body; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/f; uwsgi_temp_path tmp/u; scgi_temp_path tmp/s;
	access_log off;
	upstream store { server ${1#http://}; keepalive 8; }
	server {
		listen 127.0.0.1:$PROXY_PORT;
		client_max_body_size 0;
		proxy_request_buffering off;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_set_header Host \$http_host;
		location / { proxy_pass http://store; }
	}
}
CONF
	chmod 0711 "$PROXY"
	nginx -p "$PROXY" -c nginx.conf -g 'daemon off;' 2>"$PROXY/error.log" &
	MASTER=$!
	for _ in $(seq 50); do
		kill -0 "$MASTER" 2>/dev/null || break
		if curl -s -o /dev/null "http://127.0.0.1:$PROXY_PORT/"; then return; fi
		sleep 0.1
	done
	cat "$PROXY/error.log" >&2
	exit 1
}

begin() { curl -sf -X POST -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "{\"filename\":\"noise\",\"content_type\":\"application/octet-stream\",\"size\":$BYTES}" "$EDGE/v1/uploads"; }

send_by_proxy() {
	local answer host=127.0.0.1:$PORT_BASE url
	answer=$(begin)
	url=$(jq -r .url <<<"$answer")
	curl -sf -o /dev/null -T "$NOISE" -H "Host: $host" -H 'Expect:' -H 'Content-Type: application/octet-stream' \
		-H "If-None-Match: $(jq -r '.headers["if-none-match"] // ""' <<<"$answer")" "${url/$host/127.0.0.1:$PROXY_PORT}"
}

send_by_tus() {
	local path
	path=$(curl -sf -D - -o /dev/null -X POST -H "Authorization: Bearer $TOKEN" -H 'Tus-Resumable: 1.0.0' -H "Upload-Length: $BYTES" \
		"http://$INGEST/files" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
	curl -sf -o /dev/null -X PATCH -T "$NOISE" -H "Authorization: Bearer $TOKEN" -H 'Tus-Resumable: 1.0.0' -H 'Upload-Offset: 0' \
		-H 'Expect:' -H 'Content-Type: application/offset+octet-stream' "http://$INGEST$path"
}

# measure PID COMMAND: CPU milliseconds of the process for a round's files.
measure() {
	local before after _
	before=$(ticks "$1")
	for _ in $(seq "$FILES"); do "$2"; done
	after=$(ticks "$1")
	echo $(((after - before) * 1000 / $(getconf CLK_TCK)))
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

FORCE=1 deploy/local/stack.sh reset >/dev/null 2>&1 || true
deploy/local/stack.sh up >"$RUN_DIR.log" 2>&1 || { tail -5 "$RUN_DIR.log" >&2; exit 1; }
rm -f "$RUN_DIR.log"
INGEST=$(configured ingest listen)
NOISE=$RUN_DIR/noise
BYTES=$((FILE_MIB * 1024 * 1024))
head -c "$BYTES" /dev/urandom >"$NOISE"
TOKEN=$(curl -sf -X POST -H 'Content-Type: application/json' -d "{\"email\":\"bench-$$@example.org\",\"password\":\"a long bench password\"}" "$EDGE/v1/auth/signup" | jq -r .access_token)
start_proxy "$(configured store endpoint)"
sleep 1
PID=$(<"$RUN_DIR/pids/ingest.pid")
printf '%d rounds of %d files of %d MiB; CPU milliseconds of nginx and of ingest\n' "$ROUNDS" "$FILES" "$FILE_MIB"
send_by_proxy
send_by_tus
ratios=
for round in $(seq "$ROUNDS"); do
	proxy=$(measure "$MASTER" send_by_proxy)
	tus=$(measure "$PID" send_by_tus)
	printf '  round %d: nginx %d, ingest %d\n' "$round" "$proxy" "$tus"
	ratios+="$(awk -v a="$proxy" -v b="$tus" 'BEGIN { printf "%.3f\n", a / (b > 0 ? b : 1) }')"$'\n'
done
value=$(printf '%s' "$ratios" | median)
printf 'ratio tus_cpu %s goal 0.77\n' "$value"
awk -v value="$value" 'BEGIN { exit !(value >= 0.77) }'
