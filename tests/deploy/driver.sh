#!/usr/bin/env bash
# Starts and stops single instances of a service for safelight-roll, in the place of systemd: driver.sh start|stop SERVICE PORT.
# WORK: where pids and logs lie. BREAK=unready: the instance cannot reach the database. BREAK=dying: it dies soon after it was ready.
set -euo pipefail
: "${WORK:?}" "${BUILD_DIR:?}" "${SAFELIGHT_CONFIG:?}"
action=$1 service=$2 port=$3
pid_file=$WORK/$service.$port.pid

start() {
	if [ "${BREAK-}" = unready ]; then export SAFELIGHT_DATABASE_PORT=9; fi
	env "SAFELIGHT_${service^^}_LISTEN=127.0.0.1:$port" setsid "$BUILD_DIR/bin/safelight-$service" >>"$WORK/$service.$port.log" 2>&1 9>&- &
	local pid=$!
	printf '%s\n' "$pid" >"$pid_file"
	if [ "${BREAK-}" = dying ]; then (sleep 2.5 && kill -KILL "$pid") >/dev/null 2>&1 & fi
}

stop() {
	local pid
	pid=$(cat "$pid_file")
	kill -TERM "$pid" 2>/dev/null || return 0
	for _ in {1..400}; do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

"$action"
