#!/usr/bin/env bash
# safelight-roll against the running test stack: twenty rolls under load without a failed request, and both ways back. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/tap.sh
: "${SAFELIGHT_CONFIG:?has to name the configuration of the running stack}" "${BUILD_DIR:?}" "${PORT_BASE:?}"
export SAFELIGHT_CONFIG BUILD_DIR
ROLLS=${ROLLS:-20}
A=$((PORT_BASE + 42)) B=$((PORT_BASE + 43))
export SAFELIGHT_EDGE_LISTEN=127.0.0.1:$((PORT_BASE + 40)) SAFELIGHT_EDGE_ADMIN_LISTEN=127.0.0.1:$((PORT_BASE + 41))
export SAFELIGHT_API_LISTEN=127.0.0.1:$A SAFELIGHT_EDGE_CALLS_PER_SECOND=0 SAFELIGHT_EDGE_MODULE=$BUILD_DIR/lib/ngx_http_safelight_module.so
WORK=$(mktemp -d)
chmod 0755 "$WORK"
export WORK SAFELIGHT_EDGE=$PWD/cdn-config/safelight-edge.sh SAFELIGHT_EDGE_DIR=$WORK/edge SAFELIGHT_ROLL_DRIVER=$PWD/tests/deploy/driver.sh

finish() {
	local file
	for file in "$WORK"/*.pid "$WORK"/edge/nginx.pid; do kill -TERM "$(cat "$file" 2>/dev/null)" 2>/dev/null; done
	rm -rf "$WORK"
}
trap finish EXIT

roll() { deploy/blue-green/safelight-roll.sh api --ports "$A,$B" "$@"; }
where() { "$SAFELIGHT_EDGE" upstream api; }
edge_ok() { curl --silent --fail --max-time 3 --noproxy '*' --output /dev/null "http://$SAFELIGHT_EDGE_LISTEN$1"; }

start() {
	mkdir -p "$SAFELIGHT_EDGE_DIR"
	"$SAFELIGHT_ROLL_DRIVER" start api "$A"
	"$SAFELIGHT_EDGE" run >"$WORK/edge.log" 2>&1 &
	for _ in {1..100}; do
		edge_ok /openapi.json || edge_ok /healthz && curl -sf --noproxy '*' "http://127.0.0.1:$A/readyz" >/dev/null && return 0
		sleep 0.1
	done
	cat "$WORK"/*.log
	return 1
}

sign_up() {
	local email
	email=roll-$(od -An -tx1 -N8 /dev/urandom | tr -d ' \n')@example.org
	TOKEN=$(curl --silent --fail --noproxy '*' -H 'Content-Type: application/json' -d "{\"email\":\"$email\",\"password\":\"correct horse battery staple\"}" \
		"http://127.0.0.1:$A/v1/auth/signup" | jq -er .access_token) || return 1
	export TOKEN
}

# Twenty rolls while four clients call without a pause.
roll_under_load() {
	local load turn answered wrong broken
	wrk --threads 1 --connections 4 --duration 600s --timeout 10s --script tests/deploy/count.lua "http://$SAFELIGHT_EDGE_LISTEN" >"$WORK/load" 2>&1 &
	load=$!
	for ((turn = 1; turn <= ROLLS; turn++)); do
		roll --watch 0 || { kill "$load"; echo "roll $turn failed"; return 1; }
	done
	kill -INT "$load"
	wait "$load"
	read -r _ answered _ wrong _ broken < <(grep '^answered' "$WORK/load") || { cat "$WORK/load"; return 1; }
	echo "answered $answered, otherwise than 2xx $wrong, broken $broken"
	[ "$answered" -gt $((ROLLS * 20)) ] && [ "$wrong" -eq 0 ] && [ "$broken" -eq 0 ] && [ "$(where)" = "127.0.0.1:$A" ]
}

refuses_unready() {
	if BREAK=unready roll --gate 2; then return 1; fi
	[ "$(where)" = "127.0.0.1:$A" ] && curl -sf --noproxy '*' "http://127.0.0.1:$A/readyz" >/dev/null && ! kill -0 "$(cat "$WORK/api.$B.pid")" 2>/dev/null
}

goes_back() {
	if BREAK=dying roll --watch 10; then return 1; fi
	[ "$(where)" = "127.0.0.1:$A" ] && curl -sf --noproxy '*' "http://127.0.0.1:$A/readyz" >/dev/null
}

refuses_bad_address() {
	! "$SAFELIGHT_EDGE" upstream api 'nowhere;' && [ "$(where)" = "127.0.0.1:$A" ] && "$SAFELIGHT_EDGE" reload
}

if ! command -v wrk >/dev/null; then
	echo "not ok 1 - wrk is missing"
	exit 1
fi
check 'edge and first colour start' start
check 'an account' sign_up
sign_up
check "$ROLLS rolls under load, no failed request" roll_under_load
check 'a colour that never gets ready changes nothing' refuses_unready
check 'a colour that dies while it is watched is left again' goes_back
check 'the edge refuses a wrong address and keeps the present one' refuses_bad_address
end_checks
